//! Quantities at the door: refused when they are none, else kept as upstream writes them.

use crate::door::open;
use serde_json::{Value, json};

const ALL: &str = "/api/v1/namespaces/default/resourcequotas";
const ONE: &str = "/api/v1/namespaces/default/resourcequotas/a";
const WRONG: &str =
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

fn quota(cpu: Value) -> Value {
    json!({ "apiVersion": "v1", "kind": "ResourceQuota", "metadata": { "name": "a" }, "spec": { "hard": { "cpu": cpu } } })
}

#[tokio::test]
async fn quantities_come_back_canonical() {
    let door = open().await;
    for (given, kept) in [
        (json!("1000m"), "1"),
        (json!("0.5"), "500m"),
        (json!(" 1024Ki "), "1Mi"),
        (json!(1.5), "1500m"),
        (json!(2), "2"),
        (json!("100000k"), "100M"),
    ] {
        let (code, made) = door.post(&format!("{ALL}?dryRun=All"), &quota(given)).await;
        assert_eq!(code, 201, "{made}");
        assert_eq!(made["spec"]["hard"]["cpu"], kept);
    }
    door.post(ALL, &quota(json!("1"))).await;
    let (_, put) = door.put(ONE, &quota(json!("2000m"))).await;
    assert_eq!(put["spec"]["hard"]["cpu"], "2");
    let patch = json!({ "spec": { "hard": { "cpu": "3000m" } } });
    for kind in [
        "application/merge-patch+json",
        "application/strategic-merge-patch+json",
    ] {
        let (_, patched) = door.patch(ONE, kind, &patch).await;
        assert_eq!(patched["spec"]["hard"]["cpu"], "3", "{patched}");
    }
}

#[tokio::test]
async fn what_is_no_quantity_is_refused() {
    let door = open().await;
    let (code, status) = door.post(ALL, &quota(json!("many"))).await;
    let expected =
        format!("ResourceQuota in version \"v1\" cannot be handled as a ResourceQuota: {WRONG}");
    assert_eq!((code, &status["message"]), (400, &json!(expected)));
    door.post(ALL, &quota(json!("1"))).await;
    let patch = json!({ "spec": { "hard": { "cpu": "" } } });
    let (code, status) = door
        .patch(ONE, "application/merge-patch+json", &patch)
        .await;
    assert_eq!(code, 422, "{status}");
    let message = status["message"].as_str().unwrap();
    assert!(message.ends_with(WRONG), "{message}");
}
