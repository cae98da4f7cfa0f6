//! Zeros that Go's types leave out: gone from what is stored, whichever way they came.

use crate::door::{Tested, open};
use serde_json::{Value, json};

const ALL: &str = "/apis/apps/v1/namespaces/default/deployments";
const ONE: &str = "/apis/apps/v1/namespaces/default/deployments/a";

fn deployment() -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": { "name": "a", "labels": {}, "generateName": "" },
        "spec": {
            "replicas": 0, "paused": false, "minReadySeconds": 0,
            "selector": { "matchLabels": { "a": "b" }, "matchExpressions": [] },
            "template": {
                "metadata": { "labels": { "a": "b" }, "annotations": {} },
                "spec": { "hostNetwork": false, "terminationGracePeriodSeconds": 0, "volumes": [],
                    "containers": [{ "name": "c", "image": "i", "args": [], "imagePullPolicy": "", "tty": false,
                        "env": [{ "name": "A", "value": "" }] }] },
            },
        },
    })
}

/// Fields that are there, and those that are not.
async fn check(door: &Tested, how: &str) {
    let (code, made) = door.get(ONE).await;
    assert_eq!(code, 200, "{how}");
    let gone = [
        "/metadata/labels",
        "/metadata/generateName",
        "/spec/paused",
        "/spec/minReadySeconds",
        "/spec/selector/matchExpressions",
        "/spec/template/metadata/annotations",
        "/spec/template/spec/hostNetwork",
        "/spec/template/spec/volumes",
        "/spec/template/spec/containers/0/args",
        "/spec/template/spec/containers/0/tty",
        "/spec/template/spec/containers/0/env/0/value",
    ];
    for pointer in gone {
        assert_eq!(made.pointer(pointer), None, "{how}: {pointer}");
    }
    let spec = &made["spec"]["template"]["spec"];
    assert_eq!(made["spec"]["replicas"], 0, "{how}");
    assert_eq!(spec["terminationGracePeriodSeconds"], 0, "{how}");
    // A zero is an absent one, which has a default.
    assert_eq!(spec["containers"][0]["imagePullPolicy"], "Always", "{how}");
}

#[tokio::test]
async fn zeros_that_upstream_leaves_out_are_not_kept() {
    let door = open().await;
    let (code, made) = door.post(ALL, &deployment()).await;
    assert_eq!(code, 201, "{made}");
    check(&door, "create").await;
    door.put(ONE, &deployment()).await;
    check(&door, "update").await;
    for kind in [
        "application/merge-patch+json",
        "application/strategic-merge-patch+json",
    ] {
        let (code, patched) = door.patch(ONE, kind, &deployment()).await;
        assert_eq!(code, 200, "{patched}");
        check(&door, kind).await;
    }
    let applied = format!("{ONE}?fieldManager=a&force=true");
    let (code, made) = door
        .patch(&applied, "application/apply-patch+yaml", &deployment())
        .await;
    assert_eq!(code, 200, "{made}");
    check(&door, "apply").await;
}

#[tokio::test]
async fn a_field_of_a_named_type_is_told_of_by_that_name() {
    let door = open().await;
    let mut wrong = deployment();
    wrong["spec"]["template"]["spec"]["containers"][0]["imagePullPolicy"] = json!(7);
    let (code, status) = door.post(ALL, &wrong).await;
    let expected = "Deployment in version \"v1\" cannot be handled as a Deployment: json: cannot unmarshal number into Go struct field Container.spec.template.spec.containers.imagePullPolicy of type v1.PullPolicy";
    assert_eq!((code, &status["message"]), (400, &json!(expected)));
}
