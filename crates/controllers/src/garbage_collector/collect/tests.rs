//! Judgements as a table, and circles of owners.

use super::*;

fn resource() -> Arc<Resource> {
    Arc::new(Resource {
        group: String::new(),
        version: "v1".into(),
        plural: "pods".into(),
        kind: "Pod".into(),
        namespaced: true,
        verbs: vec![],
    })
}

fn graph(objects: &[serde_json::Value]) -> Graph {
    let mut graph = Graph::default();
    for object in objects {
        let json = object.to_string();
        graph.put(&resource(), &serde_json::from_str(&json).unwrap());
    }
    graph
}

fn check(graph: &Graph, uid: &str, owners: &[(&str, Owner)], expected: &Judgement) {
    let owners: Vec<_> = owners
        .iter()
        .map(|(uid, owner)| ((*uid).to_owned(), *owner))
        .collect();
    let object = Found::of(&Uid::of(uid), graph).unwrap();
    assert_eq!(&judge(&object, &owners, graph), expected);
}

#[test]
fn a_circle_of_owners_is_broken_where_it_closes() {
    let pod = |name: &str, owner: &str, blocks: bool, deleting: bool| {
        let mut it = json!({"uid": name, "name": name, "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": owner, "uid": owner, "blockOwnerDeletion": blocks}]});
        if deleting {
            it["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
            it["finalizers"] = json!([FOREGROUND]);
        }
        it
    };
    let circle = |blocks| {
        graph(&[
            pod("a", "c", true, true),
            pod("b", "a", true, true),
            pod("c", "b", blocks, false),
        ])
    };
    check(
        &circle(true),
        "c",
        &[("b", Owner::Waiting)],
        &Judgement::Unblock,
    );
    check(
        &circle(false),
        "c",
        &[("b", Owner::Waiting)],
        &Judgement::Delete("Foreground"),
    );
    check(&circle(false), "b", &[], &Judgement::FinishForeground);
    check(&circle(true), "b", &[], &Judgement::Stays);
}

#[test]
fn judgements() {
    let owned = json!({"uid": "p", "name": "p", "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "o", "uid": "o", "blockOwnerDeletion": true}]});
    let only = graph(std::slice::from_ref(&owned));
    check(&only, "p", &[("o", Owner::Solid)], &Judgement::Stays);
    check(
        &only,
        "p",
        &[("o", Owner::Absent)],
        &Judgement::Delete("Background"),
    );
    check(
        &only,
        "p",
        &[("o", Owner::Absent), ("x", Owner::Solid)],
        &Judgement::LoseOwners(vec!["o".into()]),
    );
    check(
        &only,
        "p",
        &[("o", Owner::LetGo), ("x", Owner::Absent)],
        &Judgement::LoseOwners(vec!["o".into()]),
    );
    let foreground = json!({"uid": "o", "name": "o", "deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": [FOREGROUND]});
    check(
        &graph(&[foreground.clone(), owned]),
        "o",
        &[],
        &Judgement::Stays,
    );
    check(
        &graph(&[foreground]),
        "o",
        &[],
        &Judgement::FinishForeground,
    );
    let orphan = json!({"uid": "o", "name": "o", "deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": [ORPHAN]});
    check(&graph(&[orphan]), "o", &[], &Judgement::Orphan);
}
