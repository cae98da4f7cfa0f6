//! Which resizes a node has room for.

use super::*;
use api::Object;
use machinery::quantity::Quantity;

/// A pod that has `held` and asks for `asked`; empty for a pod that does not run yet.
fn pod(asked: &str, held: &str) -> Arc<Pod> {
    let state = match held {
        "" => String::new(),
        _ => format!(r#","resources":{{"requests":{held}}}"#),
    };
    let text = format!(
        r#"{{"metadata":{{"name":"p"}},"spec":{{"containers":[{{"name":"c","resources":{{"requests":{asked}}}}}]}},
        "status":{{"phase":"Running","containerStatuses":[{{"name":"c","image":"","imageID":"","ready":true,"restartCount":0{state}}}]}}}}"#
    );
    Arc::new(Pod::decode(text.as_bytes()).unwrap())
}

#[test]
fn there_is_room_or_there_is_not() {
    let allocatable: Amounts = [("cpu", "2"), ("memory", "1Gi")]
        .map(|(name, amount)| (name.to_owned(), Quantity::parse(amount).unwrap()))
        .into();
    const ONE: &str = r#"{"cpu":"1","memory":"256Mi"}"#;
    const SAME: &str = r#"{"cpu":"1000m","memory":"268435456"}"#;
    for (asked, held, other, expected, uses) in [
        (ONE, "", ONE, None, ONE),
        (ONE, SAME, ONE, None, ONE),
        (
            r#"{"cpu":"1500m"}"#,
            ONE,
            r#"{"cpu":"500m"}"#,
            None,
            r#"{"cpu":"1500m"}"#,
        ),
        (
            r#"{"cpu":"1500m","memory":"1Mi"}"#,
            ONE,
            ONE,
            Some(
                "Deferred: Node didn't have enough resource: cpu, requested: 1500, used: 1000, capacity: 2000",
            ),
            ONE,
        ),
        (
            r#"{"cpu":"3","memory":"2Gi"}"#,
            ONE,
            ONE,
            Some(
                "Infeasible: Node didn't have enough capacity: memory, requested: 2147483648, capacity: 1073741824",
            ),
            ONE,
        ),
        (
            r#"{"cpu":"3"}"#,
            ONE,
            ONE,
            Some(
                "Infeasible: Node didn't have enough capacity: cpu, requested: 3000, capacity: 2000",
            ),
            ONE,
        ),
    ] {
        let others = || vec![pod(other, "")];
        let (admitted, pending) = admit(pod(asked, held), others, &allocatable);
        let told = pending.map(|it| format!("{}: {}", it.reason, it.message));
        assert_eq!(told.as_deref(), expected, "{asked} {held} {other}");
        let requests = |pod: &Pod| pods::requests(pod);
        assert_eq!(
            requests(&admitted),
            requests(&pod(uses, "")),
            "{asked} {held} {other}"
        );
    }
}

/// What another pod asks for in vain takes no room.
#[test]
fn others_count_with_what_they_have() {
    let allocatable: Amounts = [("cpu".to_owned(), Quantity::parse("2").unwrap())].into();
    let others = || vec![pod(r#"{"cpu":"9"}"#, r#"{"cpu":"500m"}"#)];
    let (_, pending) = admit(
        pod(r#"{"cpu":"1500m"}"#, r#"{"cpu":"1"}"#),
        others,
        &allocatable,
    );
    assert_eq!(pending, None);
}
