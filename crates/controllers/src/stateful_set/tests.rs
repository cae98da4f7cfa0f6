//! Tables of pods, and what a StatefulSet does next.

use super::{
    identity::{claims, new_pod, with_retention},
    plan::{Facts, Plan, plan},
};
use api::Object;
use k8s_openapi::api::{apps::v1::StatefulSet, core::v1::Pod};
use serde_json::{Value, json};
use std::sync::Arc;

fn set(spec: Value) -> StatefulSet {
    let mut tree = json!({"metadata": {"name": "db", "namespace": "d", "uid": "u"}, "spec": {"replicas": 3, "serviceName": "dbs",
        "selector": {"matchLabels": {"app": "db"}}, "template": {"metadata": {"labels": {"app": "db"}}, "spec": {"containers": []}},
        "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {}}]}});
    for (key, value) in spec.as_object().unwrap() {
        tree["spec"][key] = value.clone();
    }
    StatefulSet::decode(tree.to_string().as_bytes()).unwrap()
}

/// `0 new ready`, `1 old unready`, `2 old gone`, `0 new Failed`
fn pods(lines: &[&str]) -> Vec<Arc<Pod>> {
    let pod = |line: &&str| {
        let [ordinal, revision, state] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        let phase = if state == "Failed" { state } else { "Running" };
        let ready = if state == "ready" { "True" } else { "False" };
        let mut tree = json!({"metadata": {"name": format!("db-{ordinal}"), "namespace": "d", "uid": ordinal,
            "labels": {"app": "db", "controller-revision-hash": revision}}, "spec": {"containers": []},
            "status": {"phase": phase, "conditions": [{"type": "Ready", "status": ready}]}});
        if state == "gone" {
            tree["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        }
        Arc::new(Pod::decode(tree.to_string().as_bytes()).unwrap())
    };
    lines.iter().map(pod).collect()
}

fn decide(set: &StatefulSet, lines: &[&str]) -> Plan {
    plan(&Facts {
        set,
        spec: set.spec.as_ref().unwrap(),
        pods: &pods(lines),
        current: "old",
        update: "new",
        collisions: None,
        now: "2026-01-01T00:00:00Z".parse().unwrap(),
    })
}

fn check(set: &StatefulSet, lines: &[&str], create: &[(i32, bool)], delete: &[&str]) {
    let plan = decide(set, lines);
    let deleted: Vec<_> = plan
        .delete
        .iter()
        .map(|pod| pod.metadata.name.as_deref().unwrap())
        .collect();
    assert_eq!(
        (&plan.create[..], &deleted[..]),
        (create, delete),
        "{lines:?}"
    );
}

#[test]
fn pods_start_and_stop_in_order() {
    let ordered = set(json!({}));
    check(&ordered, &[], &[(0, true)], &[]);
    check(&ordered, &["0 new unready"], &[], &[]);
    check(&ordered, &["0 new ready"], &[(1, true)], &[]);
    check(&ordered, &["0 new ready", "1 new gone"], &[], &[]);
    check(&ordered, &["0 new Failed"], &[], &["db-0"]);
    let one = set(json!({"replicas": 1}));
    check(
        &one,
        &["0 new ready", "1 new ready", "2 new ready"],
        &[],
        &["db-2"],
    );
    check(
        &one,
        &["0 new ready", "1 new ready", "2 new gone"],
        &[],
        &[],
    );
    check(
        &one,
        &["0 new unready", "1 new ready", "2 new ready"],
        &[],
        &[],
    );
    let shifted = set(json!({"replicas": 1, "ordinals": {"start": 5}}));
    check(&shifted, &[], &[(5, true)], &[]);
}

#[test]
fn parallel_pods_do_not_wait() {
    let parallel = set(json!({"podManagementPolicy": "Parallel"}));
    check(&parallel, &["1 new unready"], &[(0, true), (2, true)], &[]);
    let one = set(json!({"podManagementPolicy": "Parallel", "replicas": 1}));
    check(
        &one,
        &["0 new unready", "1 new ready", "2 new ready"],
        &[],
        &["db-2", "db-1"],
    );
}

#[test]
fn updates_go_from_the_highest_down_to_the_partition() {
    let rolling = set(json!({}));
    check(
        &rolling,
        &["0 old ready", "1 old ready", "2 old ready"],
        &[],
        &["db-2"],
    );
    check(
        &rolling,
        &["0 old ready", "1 old ready", "2 new ready"],
        &[],
        &["db-1"],
    );
    check(
        &rolling,
        &["0 old ready", "1 old ready", "2 new unready"],
        &[],
        &[],
    );
    let parted = set(
        json!({"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}}),
    );
    check(
        &parted,
        &["0 old ready", "1 old ready", "2 new ready"],
        &[],
        &[],
    );
    check(&parted, &["0 old ready"], &[(1, false)], &[]);
    let on_delete = set(json!({"updateStrategy": {"type": "OnDelete"}}));
    check(
        &on_delete,
        &["0 old ready", "1 old ready", "2 old ready"],
        &[],
        &[],
    );
    check(
        &on_delete,
        &["0 old ready", "1 old ready"],
        &[(2, true)],
        &[],
    );
    let two = set(json!({"podManagementPolicy": "Parallel",
        "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 2}}}));
    check(
        &two,
        &["0 old ready", "1 old ready", "2 old ready"],
        &[],
        &["db-2", "db-1"],
    );
}

#[test]
fn the_update_revision_becomes_current_when_all_pods_have_it() {
    let set = set(json!({}));
    let half = decide(&set, &["0 old ready", "1 old ready", "2 new ready"]).status;
    assert_eq!(
        (
            half.current_revision.as_deref(),
            half.current_replicas,
            half.updated_replicas
        ),
        (Some("old"), Some(2), Some(1))
    );
    let done = decide(&set, &["0 new ready", "1 new ready", "2 new ready"]).status;
    assert_eq!(
        (
            done.current_revision.as_deref(),
            done.current_replicas,
            done.ready_replicas
        ),
        (Some("new"), Some(3), Some(3))
    );
}

#[test]
fn pods_have_names_and_claims() {
    let set = set(json!({}));
    let pod = new_pod(&set, 2, &set.spec.as_ref().unwrap().template, "db-abc");
    let spec = pod.spec.as_ref().unwrap();
    assert_eq!(pod.metadata.name.as_deref(), Some("db-2"));
    assert_eq!(
        (spec.hostname.as_deref(), spec.subdomain.as_deref()),
        (Some("db-2"), Some("dbs"))
    );
    let volume = &spec.volumes.as_ref().unwrap()[0];
    let claim = volume.persistent_volume_claim.as_ref().unwrap();
    assert_eq!(
        (volume.name.as_str(), claim.claim_name.as_str()),
        ("data", "data-db-2")
    );
    let claims = claims(&set, 2);
    assert_eq!(claims[0].metadata.labels.as_ref().unwrap()["app"], "db");
}

#[test]
fn claims_go_with_their_set_or_their_pod() {
    let owners = |deleted: &str, scaled: &str, ordinal: i32| {
        let set = set(
            json!({"persistentVolumeClaimRetentionPolicy": {"whenDeleted": deleted, "whenScaled": scaled}}),
        );
        let pod = &pods(&[&format!("{ordinal} new ready")])[0];
        let claim = with_retention(&set, pod, &claims(&set, ordinal)[0]);
        claim.map(|it| {
            let owners = it.metadata.owner_references.unwrap();
            owners.into_iter().map(|it| it.kind).collect::<Vec<_>>()
        })
    };
    let one = |kind: &str| Some(vec![kind.to_owned()]);
    assert_eq!(owners("Retain", "Retain", 0), None);
    assert_eq!(owners("Delete", "Retain", 0), one("StatefulSet"));
    assert_eq!(owners("Delete", "Retain", 7), one("StatefulSet"));
    assert_eq!(owners("Retain", "Delete", 0), None);
    assert_eq!(owners("Retain", "Delete", 7), one("Pod"));
    assert_eq!(owners("Delete", "Delete", 7), one("Pod"));
}
