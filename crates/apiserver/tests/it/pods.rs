//! What belongs to pods, Services and workloads: admission, grace, scale, reviews, authorisation.

use crate::door::{body, open, read, request};
use apiserver::User;
use http::Method;
use serde_json::{Value, json};

const PODS: &str = "/api/v1/namespaces/default/pods";
const SERVICES: &str = "/api/v1/namespaces/default/services";

fn pod(name: &str) -> Value {
    json!({ "metadata": { "name": name }, "spec": { "containers": [{ "name": "c", "image": "i" }] } })
}

fn service(name: &str, spec: &Value) -> Value {
    let mut all = json!({ "ports": [{ "port": 80 }], "selector": { "a": "b" } });
    for (key, value) in spec.as_object().unwrap() {
        all[key] = value.clone();
    }
    json!({ "metadata": { "name": name }, "spec": all })
}

#[tokio::test]
async fn a_pod_needs_its_account_and_gets_its_token() {
    let door = open().await;
    let (code, status) = door.post(PODS, &pod("p")).await;
    assert_eq!(code, 403);
    assert_eq!(
        status["message"],
        r#"pods "p" is forbidden: error looking up service account default/default: serviceaccount "default" not found"#
    );
    door.post(
        "/api/v1/namespaces/default/serviceaccounts",
        &json!({ "metadata": { "name": "default" } }),
    )
    .await;
    let (code, made) = door.post(PODS, &pod("p")).await;
    assert_eq!(code, 201, "{made}");
    assert!(
        made["spec"]["volumes"][0]["name"]
            .as_str()
            .unwrap()
            .starts_with("kube-api-access-")
    );
    assert_eq!(
        made["spec"]["containers"][0]["volumeMounts"][0]["mountPath"],
        "/var/run/secrets/kubernetes.io/serviceaccount"
    );
    assert_eq!(made["spec"]["tolerations"].as_array().unwrap().len(), 2);
    assert_eq!(made["spec"]["priority"], 0);
}

#[tokio::test]
async fn service_addresses_are_claimed_and_released() {
    let door = open().await;
    let (code, one) = door
        .post(SERVICES, &service("one", &json!({ "type": "NodePort" })))
        .await;
    assert_eq!(code, 201, "{one}");
    let address = one["spec"]["clusterIP"].clone();
    let port = one["spec"]["ports"][0]["nodePort"].clone();
    assert!(address.as_str().unwrap().starts_with("10.43.0.") && port.as_i64().unwrap() >= 30000);
    let (code, status) = door
        .post(SERVICES, &service("two", &json!({ "clusterIP": address })))
        .await;
    assert_eq!(code, 422);
    assert!(
        status["message"]
            .as_str()
            .unwrap()
            .contains("provided IP is already allocated"),
        "{status}"
    );
    door.delete(&format!("{SERVICES}/one"), &Value::Null).await;
    let (code, two) = door
        .post(SERVICES, &service("two", &json!({ "clusterIP": address })))
        .await;
    assert_eq!((code, &two["spec"]["clusterIP"]), (201, &address));
    let (_, none) = door
        .post(SERVICES, &service("none", &json!({ "clusterIP": "None" })))
        .await;
    assert_eq!(none["spec"]["clusterIPs"], json!(["None"]));
}

#[tokio::test]
async fn every_address_can_be_given_once() {
    let door = open().await;
    let mut seen = std::collections::BTreeSet::new();
    for number in 0..100 {
        let (code, made) = door
            .post(SERVICES, &service(&format!("s{number}"), &json!({})))
            .await;
        assert_eq!(code, 201, "{made}");
        assert!(seen.insert(made["spec"]["clusterIP"].to_string()));
    }
}

#[tokio::test]
async fn scale_changes_replicas_only() {
    let door = open().await;
    let path = "/apis/apps/v1/namespaces/default/deployments";
    let labels = json!({ "a": "b" });
    let deployment = json!({ "metadata": { "name": "d" }, "spec": { "selector": { "matchLabels": labels },
        "template": { "metadata": { "labels": labels }, "spec": { "containers": [{ "name": "c", "image": "i" }] } } } });
    let (code, made) = door.post(path, &deployment).await;
    assert_eq!(code, 201, "{made}");
    let scale = format!("{path}/d/scale");
    let (_, seen) = door.get(&scale).await;
    assert_eq!(
        (&seen["kind"], &seen["spec"]["replicas"]),
        (&json!("Scale"), &json!(1))
    );
    let (code, seen) = door
        .patch(
            &scale,
            "application/merge-patch+json",
            &json!({ "spec": { "replicas": 4 } }),
        )
        .await;
    assert_eq!(
        (code, &seen["spec"]["replicas"]),
        (200, &json!(4)),
        "{seen}"
    );
    let (_, now) = door.get(&format!("{path}/d")).await;
    assert_eq!(
        (&now["spec"]["replicas"], &now["metadata"]["generation"]),
        (&json!(4), &json!(2))
    );
    let (code, now) = door
        .patch(
            &format!("{path}/d/status"),
            "application/merge-patch+json",
            &json!({ "spec": { "replicas": 9 }, "status": { "replicas": 4 } }),
        )
        .await;
    assert_eq!(
        (code, &now["spec"]["replicas"], &now["status"]["replicas"]),
        (200, &json!(4), &json!(4)),
        "{now}"
    );
}

#[tokio::test]
async fn strangers_are_refused() {
    let door = open().await;
    let mut asked = request(Method::GET, PODS, "", "");
    asked.extensions_mut().insert(User::new("jane", &[]));
    let (code, status) = door.send(asked).await;
    assert_eq!(code, 403);
    assert_eq!(
        status["message"],
        r#"pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "default""#
    );
    let mut asked = request(Method::GET, PODS, "", "");
    let headers = asked.headers_mut();
    headers.insert("impersonate-user", "jane".parse().unwrap());
    assert_eq!(door.send(asked).await.0, 403);
    let nobody = |path: &str| http::Request::builder().uri(path).body(body("")).unwrap();
    assert_eq!(read(door.door.handle(nobody(PODS)).await).await.0, 401);
    assert_eq!(
        read(door.door.handle(nobody("/readyz")).await).await.1,
        json!("ok")
    );
    let review =
        json!({ "spec": { "resourceAttributes": { "verb": "list", "resource": "pods" } } });
    let (_, answer) = door
        .post(
            "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
            &review,
        )
        .await;
    assert_eq!(answer["status"]["allowed"], true);
}
