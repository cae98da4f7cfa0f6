//! Who owns what after a write: what each way of writing may own, what is nobody's, and what is written
//! without books.

use crate::door::{Tested, open};
use serde_json::{Value, json};

const APPLY: &str = "application/apply-patch+yaml";
const MERGE: &str = "application/merge-patch+json";
const PODS: &str = "/api/v1/namespaces/default/pods";
const MAPS: &str = "/api/v1/namespaces/default/configmaps";

fn fields(object: &Value, manager: &str, operation: &str) -> Value {
    let entries = object["metadata"]["managedFields"].as_array();
    let mut entries = entries.into_iter().flatten();
    let own = entries.find(|it| it["manager"] == manager && it["operation"] == operation);
    own.map_or(Value::Null, |it| it["fieldsV1"].clone())
}

async fn with_account() -> Tested {
    let door = open().await;
    let account = json!({ "metadata": { "name": "default" } });
    let (code, _) = door
        .post("/api/v1/namespaces/default/serviceaccounts", &account)
        .await;
    assert_eq!(code, 201);
    door
}

fn pod() -> Value {
    json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "p" },
        "spec": { "containers": [{ "name": "c", "image": "i", "resources": { "requests": { "cpu": "1" } } }] } })
}

/// What is applied through a part of an object, and what the applier owns then.
#[tokio::test]
async fn a_part_owns_what_it_may_change() {
    let door = with_account().await;
    let owner = json!([{ "apiVersion": "v1", "kind": "ConfigMap", "name": "o", "uid": "u" }]);
    let labels = json!({ "a": "b" });
    let flow = json!({ "metadata": { "name": "f" }, "spec": { "priorityLevelConfiguration": { "name": "exempt" }, "matchingPrecedence": 9 } });
    let deployment = json!({ "metadata": { "name": "d" }, "spec": { "selector": { "matchLabels": { "a": "b" } },
        "template": { "metadata": { "labels": { "a": "b" } }, "spec": { "containers": [{ "name": "c", "image": "i" }] } } } });
    let quota = json!({ "metadata": { "name": "q" }, "spec": { "hard": { "pods": "9" } } });
    let table = [
        (
            (PODS, "p", "v1", "Pod", pod()),
            "status",
            json!({ "metadata": { "labels": labels, "ownerReferences": owner }, "spec": { "nodeName": "n" }, "status": { "phase": "Running" } }),
            json!({ "f:metadata": { "f:labels": { "f:a": {} } }, "f:status": { "f:phase": {} } }),
        ),
        (
            (PODS, "p", "v1", "Pod", pod()),
            "resize",
            json!({ "metadata": { "labels": labels }, "spec": { "containers": [{ "name": "c", "image": "i", "resources": { "requests": { "cpu": "2" } } }] } }),
            json!({ "f:spec": { "f:containers": { r#"k:{"name":"c"}"#: { "f:resources": { "f:requests": { "f:cpu": {} } } } } } }),
        ),
        (
            (PODS, "p", "v1", "Pod", pod()),
            "ephemeralcontainers",
            json!({ "metadata": { "labels": labels }, "spec": { "ephemeralContainers": [{ "name": "e", "image": "i" }] } }),
            json!({ "f:spec": { "f:ephemeralContainers": { r#"k:{"name":"e"}"#: { ".": {}, "f:image": {}, "f:name": {} } } } }),
        ),
        (
            (
                "/apis/apps/v1/namespaces/default/deployments",
                "d",
                "apps/v1",
                "Deployment",
                deployment,
            ),
            "status",
            json!({ "metadata": { "labels": labels, "annotations": labels }, "status": { "replicas": 1 } }),
            json!({ "f:metadata": { "f:annotations": { "f:a": {} } }, "f:status": { "f:replicas": {} } }),
        ),
        (
            (
                "/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas",
                "f",
                "flowcontrol.apiserver.k8s.io/v1",
                "FlowSchema",
                flow,
            ),
            "status",
            json!({ "metadata": { "labels": labels }, "status": { "conditions": [{ "type": "Dangling", "status": "False" }] } }),
            json!({ "f:status": { "f:conditions": { r#"k:{"type":"Dangling"}"#: { ".": {}, "f:status": {}, "f:type": {} } } } }),
        ),
        (
            (
                "/api/v1/namespaces/default/resourcequotas",
                "q",
                "v1",
                "ResourceQuota",
                quota,
            ),
            "status",
            json!({ "metadata": { "labels": labels }, "spec": { "hard": { "pods": "1" } }, "status": { "used": { "pods": "0" } } }),
            json!({ "f:metadata": { "f:labels": { "f:a": {} } }, "f:status": { "f:used": { "f:pods": {} } } }),
        ),
    ];
    for ((all, name, version, kind, first), part, mut applied, expected) in table {
        let (code, made) = door.post(all, &first).await;
        assert!(code == 201 || code == 409, "{made}");
        applied["apiVersion"] = version.into();
        applied["kind"] = kind.into();
        applied["metadata"]["name"] = name.into();
        let path = format!("{all}/{name}/{part}?fieldManager={part}&force=true");
        let (code, object) = door.patch(&path, APPLY, &applied).await;
        assert_eq!(code, 200, "{object}");
        assert_eq!(fields(&object, part, "Apply"), expected, "{kind} {part}");
        let owned = |field: &str| expected["f:metadata"].get(format!("f:{field}")).is_some();
        for field in ["labels", "annotations", "ownerReferences"] {
            let there = !object["metadata"][field].is_null();
            assert!(
                !there || owned(field) || kind == "Pod",
                "{kind} {part} {field}: {object}"
            );
        }
    }
}

#[tokio::test]
async fn what_a_status_puts_back_is_not_lost_either() {
    let door = open().await;
    let all = "/apis/apps/v1/namespaces/default/replicasets";
    let set = json!({ "metadata": { "name": "r", "labels": { "a": "b" } }, "spec": { "selector": { "matchLabels": { "a": "b" } },
        "template": { "metadata": { "labels": { "a": "b" } }, "spec": { "containers": [{ "name": "c", "image": "i" }] } } } });
    let (_, made) = door.post(&format!("{all}?fieldManager=maker"), &set).await;
    let before = fields(&made, "maker", "Update");
    assert_eq!(before.get("f:status"), None);
    let mut changed = made.clone();
    changed["spec"]["replicas"] = 7.into();
    changed["status"]["replicas"] = 3.into();
    let path = format!("{all}/r/status?fieldManager=controller");
    let (code, after) = door.put(&path, &changed).await;
    assert_eq!(
        (code, &after["spec"]["replicas"]),
        (200, &json!(1)),
        "{after}"
    );
    assert_eq!(fields(&after, "maker", "Update"), before);
    assert_eq!(
        fields(&after, "controller", "Update"),
        json!({ "f:status": { "f:replicas": {} } })
    );
}

#[tokio::test]
async fn what_the_server_completes_is_nobodys() {
    let door = with_account().await;
    let (code, made) = door
        .post(&format!("{PODS}?fieldManager=kubectl-run"), &pod())
        .await;
    assert_eq!(code, 201, "{made}");
    assert!(
        made["spec"]["tolerations"].is_array() && made["spec"]["serviceAccountName"] == "default"
    );
    // As upstream's `kubectl run` shows it.
    let container = json!({ ".": {}, "f:image": {}, "f:imagePullPolicy": {}, "f:name": {},
        "f:resources": { ".": {}, "f:requests": { ".": {}, "f:cpu": {} } },
        "f:terminationMessagePath": {}, "f:terminationMessagePolicy": {} });
    let expected = json!({ "f:spec": {
        "f:containers": { r#"k:{"name":"c"}"#: container },
        "f:dnsPolicy": {}, "f:enableServiceLinks": {}, "f:restartPolicy": {}, "f:schedulerName": {},
        "f:securityContext": {}, "f:terminationGracePeriodSeconds": {} } });
    assert_eq!(fields(&made, "kubectl-run", "Update"), expected);
    let books = made["metadata"]["managedFields"].clone();
    let binding = json!({ "metadata": { "name": "p" }, "target": { "kind": "Node", "name": "n" } });
    let (code, answer) = door.post(&format!("{PODS}/p/binding"), &binding).await;
    assert_eq!(code, 201, "{answer}");
    let (_, bound) = door.get(&format!("{PODS}/p")).await;
    assert_eq!(bound["spec"]["nodeName"], "n");
    assert_eq!(bound["metadata"]["managedFields"], books);
    // Whoever applies what admission has set meets nobody.
    let mut applied = pod();
    applied["spec"]["tolerations"] = bound["spec"]["tolerations"].clone();
    applied["spec"]["containers"][0] = json!({ "name": "c" });
    let (code, object) = door
        .patch(&format!("{PODS}/p?fieldManager=me"), APPLY, &applied)
        .await;
    assert_eq!(code, 200, "{object}");
}

#[tokio::test]
async fn what_is_too_large_with_its_books_is_kept_without() {
    let door = open().await;
    // Twice the keys are more than a value of the store, once is less.
    let data: serde_json::Map<String, Value> = (0..6000)
        .map(|number| (format!("{number:0>200}"), "".into()))
        .collect();
    let large = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "large" }, "data": data });
    let path = format!("{MAPS}/large");
    let (code, made) = door.post(MAPS, &large).await;
    assert_eq!(
        (code, &made["metadata"]["managedFields"]),
        (201, &Value::Null)
    );
    door.delete(&path, &Value::Null).await;

    let small = json!({ "metadata": { "name": "large" }, "data": { "k": "v" } });
    for verb in ["update", "patch", "apply"] {
        let (code, made) = door.post(MAPS, &small).await;
        assert_eq!(code, 201, "{made}");
        assert!(made["metadata"]["managedFields"].is_array());
        let (code, object) = match verb {
            "update" => door.put(&path, &large).await,
            "patch" => door.patch(&path, MERGE, &large).await,
            _ => {
                door.patch(&format!("{path}?fieldManager=me"), APPLY, &large)
                    .await
            }
        };
        // Who applies wants to own it.
        match verb {
            "apply" => assert_eq!(
                (code, &object["reason"]),
                (413, &json!("RequestEntityTooLarge"))
            ),
            _ => assert_eq!(
                (code, &object["metadata"]["managedFields"]),
                (200, &Value::Null),
                "{verb}"
            ),
        }
        door.delete(&path, &Value::Null).await;
    }
}

#[tokio::test]
async fn owners_in_other_versions_are_met_by_other_names() {
    let door = open().await;
    let at = |version: &str, manager: &str| {
        format!(
            "/apis/networking.k8s.io/{version}/namespaces/default/ingresses/i?fieldManager={manager}"
        )
    };
    let old = json!({ "apiVersion": "networking.k8s.io/v1beta1", "kind": "Ingress", "metadata": { "name": "i" },
        "spec": { "backend": { "serviceName": "a", "servicePort": 80 } } });
    let (code, made) = door.patch(&at("v1beta1", "old"), APPLY, &old).await;
    assert_eq!(code, 201, "{made}");
    let new = json!({ "apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": { "name": "i" },
        "spec": { "defaultBackend": { "service": { "name": "b", "port": { "number": 80 } } } } });
    let (code, status) = door.patch(&at("v1", "new"), APPLY, &new).await;
    let conflict =
        r#"Apply failed with 1 conflict: conflict with "old": .spec.backend.serviceName"#;
    assert_eq!((code, &status["message"]), (409, &json!(conflict)));
    let forced = format!("{}&force=true", at("v1", "new"));
    let (code, object) = door.patch(&forced, APPLY, &new).await;
    assert_eq!(code, 200, "{object}");
    assert_eq!(
        fields(&object, "old", "Apply"),
        json!({ "f:spec": { "f:backend": { "f:servicePort": {} } } })
    );
    // The other way round, and for a form that is only a view.
    let (code, status) = door.patch(&at("v1beta1", "old"), APPLY, &old).await;
    assert_eq!(code, 409, "{status}");
    let of = r#"conflict with "new": .spec.defaultBackend.service.name"#;
    assert!(status["message"].as_str().unwrap().contains(of), "{status}");

    let scaler = |version: &str, metrics: Value| {
        let mut object = json!({ "apiVersion": format!("autoscaling/{version}"), "kind": "HorizontalPodAutoscaler", "metadata": { "name": "h" },
            "spec": { "maxReplicas": 9, "scaleTargetRef": { "apiVersion": "apps/v1", "kind": "Deployment", "name": "d" } } });
        object["spec"]
            .as_object_mut()
            .unwrap()
            .extend(metrics.as_object().unwrap().clone());
        object
    };
    let at = |version: &str, manager: &str| {
        format!(
            "/apis/autoscaling/{version}/namespaces/default/horizontalpodautoscalers/h?fieldManager={manager}"
        )
    };
    let first = scaler("v1", json!({ "targetCPUUtilizationPercentage": 50 }));
    let (code, made) = door.patch(&at("v1", "old"), APPLY, &first).await;
    assert_eq!(code, 201, "{made}");
    let cpu = json!({ "metrics": [{ "type": "Resource", "resource": { "name": "cpu", "target": { "type": "Utilization", "averageUtilization": 70 } } }] });
    let (code, status) = door
        .patch(&at("v2", "new"), APPLY, &scaler("v2", cpu))
        .await;
    let conflict = r#"Apply failed with 1 conflict: conflict with "old": .spec.targetCPUUtilizationPercentage"#;
    assert_eq!((code, &status["message"]), (409, &json!(conflict)));
}
