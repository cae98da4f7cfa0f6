//! Server-side apply over the door: upstream's conformance stories, who owns what, and who conflicts.

use crate::door::{Tested, open, request};
use http::Method;
use serde_json::{Value, json};

const APPLY: &str = "application/apply-patch+yaml";
const MERGE: &str = "application/merge-patch+json";
const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments";

fn deployment(containers: &Value) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": { "name": "web", "labels": { "app": "nginx" } },
        "spec": {
            "replicas": 3,
            "selector": { "matchLabels": { "app": "nginx" } },
            "template": {
                "metadata": { "labels": { "app": "nginx" } },
                "spec": { "containers": containers }
            }
        }
    })
}

fn nginx() -> Value {
    json!([{ "name": "nginx", "image": "nginx:1" }])
}

async fn apply(door: &Tested, path: &str, manager: &str, object: &Value) -> (u16, Value) {
    let path = format!("{path}?fieldManager={manager}");
    door.patch(&path, APPLY, object).await
}

fn entry(object: &Value, manager: &str, operation: &str) -> Value {
    let entries = object["metadata"]["managedFields"].as_array();
    entries
        .into_iter()
        .flatten()
        .find(|it| it["manager"] == manager && it["operation"] == operation)
        .cloned()
        .unwrap_or_default()
}

#[tokio::test]
async fn it_creates_what_is_absent_and_shares_ownership() {
    let door = open().await;
    let table = [
        (
            "/api/v1/namespaces/default/pods/test-pod",
            json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "test-pod" },
                "spec": { "containers": [{ "name": "test-container", "image": "test-image" }] } }),
            r#"{"f:spec":{"f:containers":{"k:{\"name\":\"test-container\"}":{".":{},"f:image":{},"f:name":{}}}}}"#,
        ),
        (
            "/api/v1/namespaces/default/services/test-svc",
            json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": "test-svc" },
                "spec": { "ports": [{ "port": 8080, "protocol": "UDP" }] } }),
            r#"{"f:spec":{"f:ports":{"k:{\"port\":8080,\"protocol\":\"UDP\"}":{".":{},"f:port":{},"f:protocol":{}}}}}"#,
        ),
    ];
    door.post(
        "/api/v1/namespaces/default/serviceaccounts",
        &json!({ "metadata": { "name": "default" } }),
    )
    .await;
    for (path, object, fields) in table {
        let (code, made) = apply(&door, path, "apply_test", &object).await;
        assert_eq!(code, 201, "{made}");
        let (code, again) = apply(&door, path, "apply_test_2", &object).await;
        assert_eq!(code, 200, "{again}");
        for manager in ["apply_test", "apply_test_2"] {
            let entry = entry(&again, manager, "Apply");
            assert_eq!(entry["fieldsV1"].to_string(), fields);
            assert_eq!(entry["fieldsType"], "FieldsV1");
        }
    }
}

#[tokio::test]
async fn status_belongs_to_its_subresource() {
    let door = open().await;
    let path = format!("{DEPLOYMENTS}/web");
    apply(&door, &path, "one", &deployment(&nginx())).await;
    let status = json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web" },
        "status": { "conditions": [{ "type": "MyStatus", "status": "True" }] } });
    let (code, object) = apply(&door, &path, "two", &status).await;
    assert_eq!(
        (code, &object["status"]["conditions"]),
        (200, &Value::Null),
        "{object}"
    );
    let (code, object) = apply(&door, &format!("{path}/status"), "two", &status).await;
    assert_eq!(code, 200, "{object}");
    assert_eq!(object["status"]["conditions"][0]["type"], "MyStatus");
    let two = entry(&object, "two", "Apply");
    assert_eq!(two["subresource"], "status");
    assert_eq!(
        two["fieldsV1"],
        json!({ "f:status": { "f:conditions": { r#"k:{"type":"MyStatus"}"#: { ".": {}, "f:status": {}, "f:type": {} } } } })
    );
}

#[tokio::test]
async fn a_field_no_longer_applied_goes_unless_shared() {
    let door = open().await;
    let path = format!("{DEPLOYMENTS}/web");
    let ports =
        json!([{ "name": "nginx", "image": "nginx:1", "ports": [{ "containerPort": 80 }] }]);
    apply(&door, &path, "one", &deployment(&ports)).await;
    let (code, object) = apply(&door, &path, "one", &deployment(&nginx())).await;
    assert_eq!(code, 200);
    let container = &object["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["ports"], Value::Null, "{container}");

    let mut hosted = deployment(&nginx());
    hosted["spec"]["template"]["spec"]["hostname"] = "test-hostname".into();
    apply(&door, &path, "one", &hosted).await;
    apply(&door, &path, "two", &hosted).await;
    let mut less = deployment(&nginx());
    less["spec"].as_object_mut().unwrap().remove("replicas");
    let (_, object) = apply(&door, &path, "one", &less).await;
    assert_eq!(object["spec"]["replicas"], 3);
    assert_eq!(
        object["spec"]["template"]["spec"]["hostname"],
        "test-hostname"
    );
    // When the last owner leaves, a default takes the value's place and the hostname goes.
    let (_, object) = apply(&door, &path, "two", &less).await;
    assert_eq!(object["spec"]["replicas"], 1);
    assert_eq!(object["spec"]["template"]["spec"]["hostname"], Value::Null);
}

#[tokio::test]
async fn an_item_goes_with_its_owner_whoever_changed_it() {
    let door = open().await;
    let path = format!("{DEPLOYMENTS}/web");
    let two =
        json!([{ "name": "nginx", "image": "nginx:1" }, { "name": "side", "image": "side:1" }]);
    apply(&door, &path, "one", &deployment(&two)).await;
    let patch = json!([{ "op": "replace", "path": "/spec/template/spec/containers/1/image", "value": "side:2" }]);
    let (code, object) = door
        .patch(
            &format!("{path}?fieldManager=setter"),
            "application/json-patch+json",
            &patch,
        )
        .await;
    assert_eq!(code, 200, "{object}");
    let (code, object) = apply(&door, &path, "one", &deployment(&nginx())).await;
    assert_eq!(code, 200, "{object}");
    let containers = object["spec"]["template"]["spec"]["containers"].as_array();
    assert_eq!(containers.unwrap().len(), 1);
}

#[tokio::test]
async fn conflicts_say_who_and_force_takes() {
    let door = open().await;
    let path = format!("{DEPLOYMENTS}/web");
    apply(&door, &path, "apply_test", &deployment(&nginx())).await;
    let scaled = json!({ "spec": { "replicas": 5 } });
    let (code, _) = door.patch(&path, MERGE, &scaled).await;
    assert_eq!(code, 200);
    let (code, status) = apply(&door, &path, "apply_test", &deployment(&nginx())).await;
    assert_eq!((code, &status["reason"]), (409, &json!("Conflict")));
    assert_eq!(
        status["message"],
        r#"Apply failed with 1 conflict: conflict with "test" using apps/v1: .spec.replicas"#
    );
    assert_eq!(
        status["details"]["causes"],
        json!([{ "reason": "FieldManagerConflict", "message": r#"conflict with "test" using apps/v1"#, "field": ".spec.replicas" }])
    );
    let mut other = deployment(&nginx());
    other["metadata"]["labels"]["app"] = "x".into();
    let (_, status) = apply(&door, &path, "third", &other).await;
    assert_eq!(
        status["message"],
        "Apply failed with 2 conflicts: conflicts with \"apply_test\":\n- .metadata.labels.app\nconflicts with \"test\" using apps/v1:\n- .spec.replicas"
    );
    let forced = format!("{path}?fieldManager=apply_test&force=true");
    let (code, object) = door.patch(&forced, APPLY, &deployment(&nginx())).await;
    assert_eq!((code, &object["spec"]["replicas"]), (200, &json!(3)));
    assert_eq!(entry(&object, "test", "Update"), Value::Null);
}

#[tokio::test]
async fn kubectl_moves_from_client_side_apply() {
    let door = open().await;
    let mut object = deployment(&nginx());
    let applied = object.to_string();
    object["metadata"]["annotations"] =
        json!({ "kubectl.kubernetes.io/last-applied-configuration": applied });
    let create = format!("{DEPLOYMENTS}?fieldManager=kubectl-client-side-apply");
    assert_eq!(door.post(&create, &object).await.0, 201);
    let path = format!("{DEPLOYMENTS}/web");
    let mut next = deployment(&nginx());
    next["spec"]["replicas"] = 7.into();
    // Another name conflicts; kubectl's own annotation says that the field was kubectl's.
    let (code, status) = apply(&door, &path, "flux", &next).await;
    assert_eq!(code, 409, "{status}");
    let (code, object) = apply(&door, &path, "kubectl", &next).await;
    assert_eq!(
        (code, &object["spec"]["replicas"]),
        (200, &json!(7)),
        "{object}"
    );
    let annotation =
        object["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"]
            .as_str()
            .unwrap();
    assert!(annotation.contains(r#""replicas":7"#), "{annotation}");
}

#[tokio::test]
async fn what_does_not_fit_the_schema_is_refused() {
    let door = open().await;
    let path = format!("{DEPLOYMENTS}/web");
    let with = |pointer: &str, value: Value| {
        let mut object = deployment(&nginx());
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        object.pointer_mut(parent).unwrap()[name] = value;
        object
    };
    let table = [
        (
            with("/spec/unknownField", json!("foo")),
            ".spec.unknownField: field not declared in schema",
        ),
        (
            with("/spec/replicas", json!("x")),
            ".spec.replicas: expected numeric (int or float), got string",
        ),
        (
            with("/spec/paused", json!(1)),
            ".spec.paused: expected boolean, got &{1}",
        ),
        (
            with(
                "/spec/template/spec/containers",
                json!([{ "name": "a" }, { "name": "a" }]),
            ),
            r#".spec.template.spec.containers: duplicate entries for key [name="a"]"#,
        ),
        (
            with("/spec/template/spec/containers", json!([{ "image": "a" }])),
            r#".spec.template.spec.containers: element 0: associative list with keys has an element that omits key field "name" (and doesn't have default value)"#,
        ),
    ];
    for (object, wrong) in table {
        let (code, status) = apply(&door, &path, "one", &object).await;
        let expected = format!(
            "failed to create typed patch object (/web; apps/v1, Kind=Deployment): {wrong}"
        );
        assert_eq!((code, &status["message"]), (500, &json!(expected)));
    }
    let wrong = with("/apiVersion", json!("apps/v1beta1"));
    let (code, status) = apply(&door, &path, "one", &wrong).await;
    assert_eq!(
        (code, &status["message"]),
        (
            400,
            &json!("invalid object type: apps/v1beta1, Kind=Deployment")
        )
    );
    let (code, status) = apply(
        &door,
        &path,
        "one",
        &with("/metadata/managedFields", json!([])),
    )
    .await;
    assert_eq!(
        (code, &status["message"]),
        (400, &json!("metadata.managedFields must be nil"))
    );
    let (code, status) = apply(&door, &path, "one", &with("/metadata/uid", json!("u"))).await;
    assert_eq!(code, 409);
    assert!(
        status["message"].as_str().unwrap().contains("uid mismatch"),
        "{status}"
    );
}

#[tokio::test]
async fn yaml_with_duplicate_keys() {
    let door = open().await;
    let body = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  k: a\n  k: b\n";
    let path = "/api/v1/namespaces/default/configmaps/a?fieldManager=me";
    let strict = request(
        Method::PATCH,
        &format!("{path}&fieldValidation=Strict"),
        APPLY,
        body,
    );
    let (code, status) = door.send(strict).await;
    assert_eq!(
        (code, &status["message"]),
        (
            400,
            &json!(
                "error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:\n  line 7: key \"k\" already set in map"
            )
        )
    );
    let response = door
        .door
        .handle(request(Method::PATCH, path, APPLY, body))
        .await;
    assert_eq!(response.status(), 201);
    let warning = response.headers()["warning"].to_str().unwrap().to_owned();
    assert!(warning.contains("already set in map"), "{warning}");
    let all = "/api/v1/namespaces/default/configmaps?fieldValidation=Strict";
    let named = body.replace("name: a", "name: b");
    let (code, status) = door
        .send(request(Method::POST, all, "application/yaml", named))
        .await;
    assert_eq!(
        (code, &status["message"]),
        (
            400,
            &json!(
                "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: strict decoding error: yaml: unmarshal errors:\n  line 7: key \"k\" already set in map"
            )
        )
    );
}

#[tokio::test]
async fn the_books_of_updates() {
    let door = open().await;
    let (_, made) = door.post(DEPLOYMENTS, &deployment(&nginx())).await;
    let fields = &entry(&made, "test", "Update")["fieldsV1"];
    assert_eq!(
        fields["f:spec"]["f:strategy"],
        json!({ "f:rollingUpdate": { ".": {}, "f:maxSurge": {}, "f:maxUnavailable": {} }, "f:type": {} }),
        "{fields}"
    );
    assert_eq!(
        fields["f:spec"]["f:template"]["f:spec"]["f:containers"],
        json!({ r#"k:{"name":"nginx"}"#: { ".": {}, "f:image": {}, "f:imagePullPolicy": {}, "f:name": {}, "f:resources": {}, "f:terminationMessagePath": {}, "f:terminationMessagePolicy": {} } })
    );
    assert_eq!(
        fields["f:metadata"],
        json!({ "f:labels": { ".": {}, "f:app": {} } })
    );
    assert_eq!(fields.get("f:status"), None);
    // Cleared books stay empty until the next apply opens them.
    let path = format!("{DEPLOYMENTS}/web");
    let (_, cleared) = door
        .patch(
            &path,
            MERGE,
            &json!({ "metadata": { "managedFields": [{}] } }),
        )
        .await;
    assert_eq!(cleared["metadata"]["managedFields"], Value::Null);
    let (_, scaled) = door
        .patch(&path, MERGE, &json!({ "spec": { "replicas": 4 } }))
        .await;
    assert_eq!(scaled["metadata"]["managedFields"], Value::Null);
    let (code, status) = apply(&door, &path, "me", &deployment(&nginx())).await;
    assert_eq!(code, 409);
    assert_eq!(
        status["message"],
        r#"Apply failed with 1 conflict: conflict with "before-first-apply" using apps/v1: .spec.replicas"#
    );
    // Through a subresource nobody rewrites the books.
    let (_, object) = door
        .patch(
            &format!("{path}/status"),
            MERGE,
            &json!({ "metadata": { "managedFields": [{}] }, "status": { "replicas": 1 } }),
        )
        .await;
    assert_eq!(object["status"]["replicas"], 1);
}

#[tokio::test]
async fn replicas_are_applied_through_scale() {
    let door = open().await;
    let path = format!("{DEPLOYMENTS}/web");
    apply(&door, &path, "one", &deployment(&nginx())).await;
    let scale = json!({ "apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": { "name": "web" }, "spec": { "replicas": 9 } });
    let at = format!("{path}/scale");
    let (code, status) = apply(&door, &at, "scaler", &scale).await;
    assert_eq!(
        (code, &status["message"]),
        (
            409,
            &json!(r#"Apply failed with 1 conflict: conflict with "one": .spec.replicas"#)
        )
    );
    let (code, scaled) = door
        .patch(
            &format!("{at}?fieldManager=scaler&force=true"),
            APPLY,
            &scale,
        )
        .await;
    assert_eq!(
        (code, &scaled["kind"], &scaled["spec"]["replicas"]),
        (200, &json!("Scale"), &json!(9)),
        "{scaled}"
    );
    let (_, object) = door.get(&path).await;
    let scaler = entry(&object, "scaler", "Apply");
    assert_eq!(
        (&scaler["subresource"], &scaler["fieldsV1"]),
        (&json!("scale"), &json!({ "f:spec": { "f:replicas": {} } }))
    );
    assert_eq!(
        entry(&object, "one", "Apply")["fieldsV1"]["f:spec"].get("f:replicas"),
        None
    );
}
