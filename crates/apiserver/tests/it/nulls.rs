//! What Go writes of what an object does not have: nulls and empty structs. Saying them is no change, and nobody
//! comes to own them.

use crate::door::{Tested, open};
use serde_json::{Value, json};

/// A kind's path, what is sent of an object, what is answered of it, and the fields that its writer owns.
fn rows() -> Vec<(&'static str, Value, Value, Value)> {
    let port = json!({ "name": "a", "port": 1, "protocol": "TCP" });
    vec![
        (
            "rbac.authorization.k8s.io/v1/clusterroles",
            json!({ "aggregationRule": { "clusterRoleSelectors": [{ "matchLabels": { "a": "b" } }] } }),
            json!({ "aggregationRule": { "clusterRoleSelectors": [{ "matchLabels": { "a": "b" } }] }, "rules": null }),
            json!({ "f:aggregationRule": { ".": {}, "f:clusterRoleSelectors": {} } }),
        ),
        (
            "rbac.authorization.k8s.io/v1/namespaces/default/roles",
            json!({ "rules": null }),
            json!({ "rules": null }),
            Value::Null,
        ),
        (
            "discovery.k8s.io/v1/namespaces/default/endpointslices",
            json!({ "addressType": "IPv4", "endpoints": [{ "addresses": ["10.0.0.1"], "zone": "z" }] }),
            json!({ "addressType": "IPv4", "endpoints": [{ "addresses": ["10.0.0.1"], "conditions": {}, "zone": "z" }], "ports": null }),
            json!({ "f:addressType": {}, "f:endpoints": {} }),
        ),
        (
            "discovery.k8s.io/v1/namespaces/default/endpointslices",
            json!({ "addressType": "IPv4", "ports": [port] }),
            json!({ "addressType": "IPv4", "endpoints": null, "ports": [port] }),
            json!({ "f:addressType": {}, "f:ports": {} }),
        ),
        (
            "coordination.k8s.io/v1/namespaces/default/leases",
            json!({}),
            json!({ "spec": {} }),
            Value::Null,
        ),
        (
            "networking.k8s.io/v1/namespaces/default/networkpolicies",
            json!({}),
            json!({ "spec": { "podSelector": {}, "policyTypes": ["Ingress"] } }),
            json!({ "f:spec": { "f:policyTypes": {} } }),
        ),
        (
            "policy/v1/namespaces/default/poddisruptionbudgets",
            json!({}),
            json!({ "spec": {}, "status": {
                "currentHealthy": 0, "desiredHealthy": 0, "disruptionsAllowed": 0, "expectedPods": 0 } }),
            Value::Null,
        ),
        (
            "v1/namespaces/default/limitranges",
            json!({ "spec": {} }),
            json!({ "spec": { "limits": null } }),
            Value::Null,
        ),
        (
            "storage.k8s.io/v1/csinodes",
            json!({ "spec": { "drivers": [{ "name": "d", "nodeID": "n" }] } }),
            json!({ "spec": { "drivers": [{ "name": "d", "nodeID": "n", "topologyKeys": null }] } }),
            json!({ "f:spec": { "f:drivers": { "k:{\"name\":\"d\"}": {
                ".": {}, "f:name": {}, "f:nodeID": {}, "f:topologyKeys": {} } } } }),
        ),
    ]
}

fn path(of: &str) -> String {
    match of.strip_prefix("v1/") {
        Some(rest) => format!("/api/v1/{rest}"),
        None => format!("/apis/{of}"),
    }
}

fn without_head(object: &Value) -> Value {
    let mut rest = object.clone();
    for name in ["apiVersion", "kind", "metadata"] {
        rest.as_object_mut().unwrap().remove(name);
    }
    rest
}

async fn put(door: &Tested, one: &str, object: &Value, before: &Value, how: &str) {
    let (code, after) = door.put(one, object).await;
    assert_eq!(code, 200, "{one} {how}: {after}");
    assert_eq!(&after, before, "{one} {how}");
}

#[tokio::test]
async fn nulls_are_answered_as_go_writes_them_and_are_no_change() {
    let door = open().await;
    for (number, (of, sent, answered, owned)) in rows().into_iter().enumerate() {
        let (all, name) = (path(of), format!("x{number}"));
        let one = format!("{all}/{name}");
        let mut object = sent;
        object["metadata"] = json!({ "name": name });
        let (code, made) = door.post(&all, &object).await;
        assert_eq!(code, 201, "{made}");
        assert_eq!(without_head(&made), answered, "{of}");
        assert_eq!(
            made["metadata"]["managedFields"][0]["fieldsV1"], owned,
            "{of}"
        );
        assert_eq!(door.get(&one).await.1, made);
        object["metadata"]["resourceVersion"] = made["metadata"]["resourceVersion"].clone();
        put(&door, &one, &object, &made, "as it was sent").await;
        put(&door, &one, &made, &made, "as it was answered").await;
        let mut listed = made.clone();
        for pointer in [
            "/rules",
            "/endpoints",
            "/ports",
            "/spec/limits",
            "/spec/drivers/0/topologyKeys",
        ] {
            if let Some(value) = listed.pointer_mut(pointer).filter(|it| it.is_null()) {
                *value = json!([]);
            }
        }
        put(&door, &one, &listed, &made, "with empty lists").await;
    }
}

#[tokio::test]
async fn patches_find_a_list_where_there_was_null() {
    let driver = json!({ "name": "d", "nodeID": "n", "topologyKeys": null });
    for kind in [
        "application/merge-patch+json",
        "application/strategic-merge-patch+json",
        "application/apply-patch+yaml",
    ] {
        let door = open().await;
        let object = json!({ "apiVersion": "storage.k8s.io/v1", "kind": "CSINode",
            "metadata": { "name": "a" }, "spec": { "drivers": [] } });
        let (_, made) = door.post("/apis/storage.k8s.io/v1/csinodes", &object).await;
        assert_eq!(made["spec"], json!({ "drivers": null }), "{made}");
        let mut patch = object.clone();
        patch["spec"]["drivers"] = json!([{ "name": "d", "nodeID": "n" }]);
        let force = if kind.contains("apply") {
            "&force=true"
        } else {
            ""
        };
        let one = &format!("/apis/storage.k8s.io/v1/csinodes/a?fieldManager=b{force}");
        let (code, patched) = door.patch(one, kind, &patch).await;
        assert_eq!(code, 200, "{kind}: {patched}");
        assert_eq!(patched["spec"]["drivers"], json!([driver]), "{kind}");
        let (_, again) = door.patch(one, kind, &patch).await;
        assert_eq!(again, patched, "{kind}");
    }
}

/// An object that was stored with neither nulls nor empty structs.
#[tokio::test]
async fn what_was_stored_without_nulls_has_not_changed() {
    let door = open().await;
    let head = r#""metadata":{"creationTimestamp":"2025-01-01T00:00:00Z","generation":1,"name":"a","namespace":"default","uid":"u"}"#;
    let object = format!(
        r#"{{"apiVersion":"policy/v1","kind":"PodDisruptionBudget",{head},"status":{{"currentHealthy":0,"desiredHealthy":0,"disruptionsAllowed":0,"expectedPods":0}}}}"#
    );
    door.write("/registry/policy/poddisruptionbudgets/default/a", object)
        .await;
    let one = "/apis/policy/v1/namespaces/default/poddisruptionbudgets/a";
    let (_, mut made) = door.get(one).await;
    assert_eq!(made["metadata"]["generation"], 1);
    for spec in [json!({}), Value::Null] {
        made["spec"] = spec;
        let (code, after) = door.put(one, &made).await;
        assert_eq!(code, 200, "{after}");
        assert_eq!(
            (&after["spec"], &after["metadata"]["generation"]),
            (&json!({}), &json!(1))
        );
        made["metadata"] = after["metadata"].clone();
    }
    made["spec"] = json!({ "minAvailable": 1 });
    let (_, after) = door.put(one, &made).await;
    assert_eq!(after["metadata"]["generation"], 2, "{after}");
}
