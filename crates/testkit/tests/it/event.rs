//! Events: repeats, series, and their end.

use crate::pod;
use client::ListOptions;
use k8s_openapi::api::core::v1::{Event, Pod};
use serde_json::json;
use std::time::Duration;
use testkit::Cluster;

async fn events(cluster: &Cluster) -> Vec<Event> {
    let all = ListOptions::default();
    cluster
        .client()
        .list::<Event>("default", &all)
        .await
        .unwrap()
        .items
}

#[tokio::test(start_paused = true)]
async fn the_scheduler_tells_in_the_new_form() {
    let cluster = Cluster::start().await.unwrap();
    cluster
        .apply(&pod("lost", ", nodeSelector: {disk: none}"))
        .await
        .unwrap();
    cluster
        .wait_event("default", "lost", "FailedScheduling")
        .await
        .unwrap();
    let path = client::Path::collection("events.k8s.io", "v1", "default", "events");
    let form = client::Form::Json;
    let body = cluster
        .client()
        .call(http::Method::GET, &path, "", Default::default(), form)
        .await
        .unwrap();
    let list: serde_json::Value = serde_json::from_slice(&body).unwrap();
    let event = &list["items"][0];
    assert_eq!(event["reportingController"], json!("default-scheduler"));
    assert_eq!(event["reportingInstance"], json!("default-scheduler"));
    assert_eq!(event["action"], json!("Scheduling"));
    assert_eq!(event["regarding"]["name"], json!("lost"));
    assert!(event["eventTime"].is_string(), "{event}");
    cluster.delete::<Pod>("default", "lost", "").await.unwrap();
    cluster.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_event_goes_an_hour_after_its_last_repeat() {
    let cluster = Cluster::start().await.unwrap();
    let event = |name: &str| {
        let mut event = Event::default();
        event.metadata.name = Some(name.to_owned());
        event.metadata.namespace = Some("default".to_owned());
        event.involved_object.namespace = Some("default".to_owned());
        event
    };
    cluster.client().create(&event("once")).await.unwrap();
    cluster.client().create(&event("again")).await.unwrap();
    cluster.pass(Duration::from_secs(3000)).await;
    cluster
        .patch::<Event>("default", "again", json!({ "count": 2 }))
        .await
        .unwrap();
    cluster.pass(Duration::from_secs(500)).await;
    assert_eq!(events(&cluster).await.len(), 2, "not yet an hour");
    cluster.wait_gone::<Event>("default", "once").await.unwrap();
    assert_eq!(
        events(&cluster).await.len(),
        1,
        "the other was written later"
    );
    cluster.pass(Duration::from_secs(2400)).await;
    cluster
        .wait_gone::<Event>("default", "again")
        .await
        .unwrap();
    cluster.stop().await.unwrap();
}
