//! What is left in, conditions out.

use super::*;

fn check(remaining: &Remaining, at: usize, status: &str, reason: &str, message: &str) {
    let it = &conditions(remaining)[at];
    assert_eq!(
        (it.status.as_str(), it.reason(), it.message()),
        (status, reason, message)
    );
}

#[test]
fn conditions_say_what_is_left() {
    let counts = |all: &[(&str, usize)]| {
        let all = all.iter().map(|(name, count)| ((*name).to_owned(), *count));
        all.collect::<BTreeMap<_, _>>()
    };
    let nothing = Remaining::default();
    assert!(nothing.is_empty());
    check(
        &nothing,
        0,
        FALSE,
        "ResourcesDiscovered",
        "All resources successfully discovered",
    );
    check(
        &nothing,
        4,
        FALSE,
        "ContentHasNoFinalizers",
        "All content-preserving finalizers finished",
    );
    let much = Remaining {
        counts: counts(&[("pods.", 2), ("deployments.apps", 1)]),
        finalizers: counts(&[("example.test/hold", 3)]),
        content_failures: vec!["a".to_owned(), "b".to_owned()],
        discovery_failed: None,
        discovery_failures: vec!["example.test/v1: the server is out".to_owned()],
        parsing_failures: vec!["unexpected GroupVersion string: a/b/c".to_owned()],
    };
    let text = "Discovery failed for some groups, 1 failing: unable to retrieve the complete list of server APIs: example.test/v1: the server is out";
    check(&much, 0, TRUE, "DiscoveryFailed", text);
    check(
        &much,
        1,
        TRUE,
        "GroupVersionParsingFailed",
        "unexpected GroupVersion string: a/b/c",
    );
    check(
        &much,
        2,
        TRUE,
        "ContentDeletionFailed",
        "Failed to delete all resource types, 2 remaining: a, b",
    );
    let text = "Some resources are remaining: deployments.apps has 1 resource instances, pods. has 2 resource instances";
    check(&much, 3, TRUE, "SomeResourcesRemain", text);
    let text = "Some content in the namespace has finalizers remaining: example.test/hold in 3 resource instances";
    check(&much, 4, TRUE, "SomeFinalizersRemain", text);
    let broken = Remaining {
        discovery_failed: Some("no answer".to_owned()),
        ..Remaining::default()
    };
    assert!(!broken.is_empty());
    check(&broken, 0, TRUE, "DiscoveryFailed", "no answer");
}

#[test]
fn times_move_with_the_status() {
    let at = |second| Timestamp::from_second(second).unwrap();
    let mut status = NamespaceStatus::default();
    assert!(set(&mut status, &Remaining::default(), at(1)));
    assert!(!set(&mut status, &Remaining::default(), at(2)));
    let left = Remaining {
        counts: BTreeMap::from([("pods.".to_owned(), 1)]),
        ..Remaining::default()
    };
    assert!(set(&mut status, &left, at(3)));
    let times = status.conditions.unwrap();
    let times: Vec<_> = times
        .iter()
        .map(|it| it.changed_at().unwrap().as_second())
        .collect();
    assert_eq!(times, [1, 1, 1, 3, 1]);
}
