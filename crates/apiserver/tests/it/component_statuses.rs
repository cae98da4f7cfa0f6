//! What is seen in the server itself: listed and read like any object, stored nowhere.

use crate::door::{config, open, open_configured};
use serde_json::json;
use std::sync::Arc;

const ALL: &str = "/api/v1/componentstatuses";

#[tokio::test]
async fn parts_of_the_control_plane_are_told_as_they_are() {
    let mut parts = config(
        Arc::new(store::Memory::new()),
        &["10.43.0.0/24"],
        "192.0.2.1",
    );
    parts.parts = Arc::new(|| {
        vec![
            ("controller-manager", None),
            ("scheduler", Some("gone".into())),
        ]
    });
    let door = open_configured(parts).await;
    let (code, list) = door.get(ALL).await;
    assert_eq!(code, 200, "{list}");
    let of = |index: usize| {
        let item = &list["items"][index];
        let condition = &item["conditions"][0];
        json!([
            item["metadata"]["name"],
            condition["type"],
            condition["status"],
            condition["message"]
        ])
    };
    assert_eq!(
        of(0),
        json!(["controller-manager", "Healthy", "True", "ok"])
    );
    assert_eq!(of(1), json!(["scheduler", "Healthy", "False", "gone"]));
    assert_eq!(of(2), json!(["etcd-0", "Healthy", "True", "ok"]));
    let (_, one) = door.get(&format!("{ALL}/scheduler")).await;
    assert_eq!(one["conditions"], list["items"][1]["conditions"]);
    let (_, some) = door
        .get(&format!("{ALL}?fieldSelector=metadata.name%3Detcd-0"))
        .await;
    assert_eq!(some["items"].as_array().map(Vec::len), Some(1), "{some}");
    let (code, none) = door.get(&format!("{ALL}/other")).await;
    assert_eq!((code, &none["reason"]), (404, &json!("NotFound")));
}

#[tokio::test]
async fn a_door_alone_tells_of_its_store() {
    let (_, list) = open().await.get(ALL).await;
    assert_eq!(list["items"].as_array().map(Vec::len), Some(1), "{list}");
}
