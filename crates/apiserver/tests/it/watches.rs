//! Watches: order, selections, bookmarks, ends.

use crate::door::open;
use serde_json::{Value, json};

const ALL: &str = "/api/v1/namespaces/default/configmaps";

fn config_map(name: &str, label: &str) -> Value {
    json!({ "metadata": { "name": name, "labels": { "l": label } } })
}

#[tokio::test]
async fn changes_arrive_in_order_from_a_revision() {
    let door = open().await;
    let (_, list) = door.get(ALL).await;
    let from = list["metadata"]["resourceVersion"]
        .as_str()
        .unwrap()
        .to_owned();
    door.post(ALL, &config_map("a", "x")).await;
    let mut watch = door
        .watch(&format!("{ALL}?watch=true&resourceVersion={from}"))
        .await;
    assert_eq!(watch.short().await, "ADDED a");
    door.patch(
        &format!("{ALL}/a"),
        "application/merge-patch+json",
        &json!({ "data": { "k": "v" } }),
    )
    .await;
    assert_eq!(watch.short().await, "MODIFIED a");
    door.delete(&format!("{ALL}/a"), &Value::Null).await;
    let last = watch.next().await.unwrap();
    assert_eq!(last["type"], "DELETED");
    let (_, list) = door.get(ALL).await;
    assert_eq!(
        last["object"]["metadata"]["resourceVersion"],
        list["metadata"]["resourceVersion"]
    );
}

#[tokio::test]
async fn an_object_enters_and_leaves_a_selection() {
    let door = open().await;
    let mut watch = door
        .watch(&format!("{ALL}?watch=true&labelSelector=l%3Dx"))
        .await;
    door.post(ALL, &config_map("other", "y")).await;
    door.post(ALL, &config_map("a", "y")).await;
    let label = |to: &str| json!({ "metadata": { "labels": { "l": to } } });
    let (path, merge) = (format!("{ALL}/a"), "application/merge-patch+json");
    door.patch(&path, merge, &label("x")).await;
    assert_eq!(watch.short().await, "ADDED a");
    door.patch(&path, merge, &label("z")).await;
    let gone = watch.next().await.unwrap();
    assert_eq!(
        (&gone["type"], &gone["object"]["metadata"]["labels"]["l"]),
        (&json!("DELETED"), &json!("x"))
    );
}

#[tokio::test]
async fn initial_events_end_with_a_bookmark() {
    let door = open().await;
    door.post(ALL, &config_map("a", "x")).await;
    let query = "watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
    let mut watch = door.watch(&format!("{ALL}?{query}")).await;
    assert_eq!(watch.short().await, "ADDED a");
    let mark = watch.next().await.unwrap();
    assert_eq!(mark["type"], "BOOKMARK");
    assert_eq!(
        mark["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"],
        "true"
    );
}

#[tokio::test]
async fn a_reader_that_stalls_is_told_to_list_again() {
    let door = open().await;
    let (_, list) = door.get(ALL).await;
    let from = list["metadata"]["resourceVersion"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut watch = door
        .watch(&format!("{ALL}?watch=true&resourceVersion={from}"))
        .await;
    door.post(ALL, &config_map("a", "x")).await;
    door.churn().await;
    let event = watch.next().await.unwrap();
    assert_eq!(
        (&event["type"], &event["object"]["code"]),
        (&json!("ERROR"), &json!(410))
    );
    assert_eq!(watch.next().await, None);
    let mut late = door
        .watch(&format!("{ALL}?watch=true&resourceVersion=1"))
        .await;
    assert_eq!(late.next().await.unwrap()["object"]["reason"], "Expired");
}

#[tokio::test]
async fn a_watch_ends_in_time() {
    let door = open().await;
    let mut watch = door
        .watch(&format!("{ALL}?watch=true&timeoutSeconds=1"))
        .await;
    assert_eq!(watch.next().await, None);
}

#[tokio::test]
async fn a_transaction_is_seen_whole() {
    let door = open().await;
    let (_, list) = door.get(ALL).await;
    let from = list["metadata"]["resourceVersion"].as_str().unwrap();
    // A watch takes its events in steps that no transaction ends with.
    door.write_directly(7, 100).await;
    door.get(ALL).await;
    let path = format!("/api/v1/configmaps?watch=true&resourceVersion={from}");
    let mut watch = door.watch(&path).await;
    let (mut count, mut last) = (0, 0);
    while count < 700 {
        let event = watch.next().await.unwrap();
        let version = event["object"]["metadata"]["resourceVersion"].as_str();
        let version: u64 = version.unwrap().parse().unwrap();
        assert!(version == last || count % 100 == 0, "{count}");
        last = version;
        count += 1;
    }
}

#[tokio::test]
async fn tables_and_metadata_are_watched() {
    let door = open().await;
    door.post(ALL, &config_map("a", "x")).await;
    let watch = |accept: &str, include: &str| {
        let path = format!("{ALL}?watch=true&includeObject={include}");
        let mut asked = crate::door::request(http::Method::GET, &path, "", "");
        asked
            .headers_mut()
            .insert("accept", accept.parse().unwrap());
        door.door.handle(asked)
    };
    let table = "application/json;as=Table;v=v1;g=meta.k8s.io";
    for (include, kind) in [
        ("None", Value::Null),
        ("Metadata", json!("PartialObjectMetadata")),
        ("Object", json!("ConfigMap")),
    ] {
        let mut events = crate::door::Frames::of(watch(table, include).await);
        let event = events.next().await.unwrap();
        assert_eq!(
            (
                &event["type"],
                &event["object"]["kind"],
                &event["object"]["rows"][0]["object"]["kind"]
            ),
            (&json!("ADDED"), &json!("Table"), &kind)
        );
        assert!(event["object"]["columnDefinitions"].is_array());
        if include == "None" {
            door.post(ALL, &config_map("b", "x")).await;
            let event = events.next().await.unwrap();
            assert_eq!(event["object"]["columnDefinitions"], Value::Null);
            door.delete(&format!("{ALL}/b"), &Value::Null).await;
        }
    }
    let partial = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io";
    let mut events = crate::door::Frames::of(watch(partial, "Object").await);
    let event = events.next().await.unwrap();
    assert_eq!(event["object"]["kind"], "PartialObjectMetadata");
    let response = watch(table, "Some").await;
    assert_eq!(response.status(), 400);
}
