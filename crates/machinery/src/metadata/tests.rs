//! Metadata as tables of a change to a good object and the errors it gives.

use super::*;
use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};

fn good() -> ObjectMeta {
    ObjectMeta {
        name: Some("a".to_owned()),
        namespace: Some("default".to_owned()),
        uid: Some("u".to_owned()),
        generation: Some(2),
        creation_timestamp: Some(Time(Timestamp::UNIX_EPOCH)),
        ..ObjectMeta::default()
    }
}

fn texts(errors: &ErrorList) -> Vec<String> {
    errors.iter().map(ToString::to_string).collect()
}

fn check(change: impl Fn(&mut ObjectMeta)) -> Vec<String> {
    let mut metadata = good();
    change(&mut metadata);
    texts(&validate(
        &metadata,
        true,
        &names::subdomain_errors,
        &Path::new("metadata"),
    ))
}

#[test]
fn of_a_new_object() {
    assert!(check(|_| {}).is_empty());
    assert_eq!(
        check(|it| it.name = None),
        ["metadata.name: Required value: name or generateName is required"]
    );
    assert_eq!(
        check(|it| it.namespace = None),
        ["metadata.namespace: Required value"]
    );
    assert!(
        check(|it| it.name = Some("A".to_owned()))[0]
            .starts_with("metadata.name: Invalid value: \"A\": a lowercase RFC 1123 subdomain")
    );
    assert!(check(|it| it.generate_name = Some("web-".to_owned())).is_empty());
    assert_eq!(
        check(|it| it.annotations = Some([("k".to_owned(), "x".repeat(300_000))].into())),
        ["metadata.annotations: Too long: may not be more than 262144 bytes"]
    );
    assert_eq!(
        check(|it| it.finalizers = Some(vec!["mine".to_owned()])),
        [
            "metadata.finalizers[0]: Invalid value: \"mine\": name is neither a standard finalizer name nor is it fully qualified"
        ]
    );
    let owner = |name: &str| OwnerReference {
        api_version: "apps/v1".to_owned(),
        kind: "ReplicaSet".to_owned(),
        name: name.to_owned(),
        uid: name.to_owned(),
        controller: Some(true),
        block_owner_deletion: None,
    };
    assert!(check(|it| it.owner_references = Some(vec![owner("x")])).is_empty());
    let two = check(|it| it.owner_references = Some(vec![owner("x"), owner("y")]));
    assert!(
        two[0].ends_with("Found \"true\" in references for x and y"),
        "{two:?}"
    );
    assert_eq!(
        check(|it| it.owner_references = Some(vec![owner("")])),
        [
            "metadata.ownerReferences[0].name: Invalid value: \"\": name must not be empty",
            "metadata.ownerReferences[0].uid: Invalid value: \"\": uid must not be empty"
        ]
    );
}

#[test]
fn of_a_change() {
    let update = |change: &dyn Fn(&mut ObjectMeta, &mut ObjectMeta)| {
        let (mut new, mut old) = (good(), good());
        change(&mut new, &mut old);
        texts(&validate_update(&new, &old, &Path::new("metadata")))
    };
    assert!(update(&|_, _| {}).is_empty());
    assert_eq!(
        update(&|new, _| new.name = Some("b".to_owned())),
        ["metadata.name: Invalid value: \"b\": field is immutable"]
    );
    assert_eq!(
        update(&|new, _| new.generation = Some(1)),
        ["metadata.generation: Invalid value: 1: must not be decremented"]
    );
    assert_eq!(
        update(&|new, old| {
            new.deletion_timestamp = Some(Time(Timestamp::UNIX_EPOCH));
            old.deletion_timestamp = new.deletion_timestamp.clone();
            new.finalizers = Some(vec!["a.b/c".to_owned()]);
        }),
        [
            "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers {\"a.b/c\"}"
        ]
    );
}

#[test]
fn generated_names_fit() {
    let random = Random::from_seed(1);
    assert_eq!(generate_name("web-", &random).len(), 9);
    assert_eq!(generate_name(&"x".repeat(100), &random).len(), 63);
    assert!(generate_name(&"é".repeat(100), &random).len() <= 63);
}
