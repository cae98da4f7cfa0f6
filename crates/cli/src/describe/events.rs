//! The events of an object, newest last.

use super::text::{Text, items, text};
use crate::{
    selection::Item,
    session::{JSON, Session},
};
use anyhow::Result;
use client::Path;
use jiff::Timestamp;
use machinery::durations;
use serde_json::Value;

pub(super) async fn describe(session: &Session, item: &Item, out: &mut Text) -> Result<()> {
    let uid = text(&item.object["metadata"]["uid"]);
    // Events of a node carry its name as UID, as the kubelet writes them.
    let mut selector = format!(
        "involvedObject.name={},involvedObject.kind={}",
        item.name, item.resource.kind
    );
    if item.resource.kind != "Node" {
        selector.push_str(&format!(",involvedObject.uid={uid}"));
    }
    let path =
        Path::collection("", "v1", &item.namespace, "events").query("fieldSelector", &selector);
    let list = session.get(&path, JSON).await?;
    let mut events: Vec<&Value> = items(&list["items"]).collect();
    if events.is_empty() {
        out.line(0, "Events:\t<none>");
        return Ok(());
    }
    events.sort_by_key(|event| last_seen(event));
    out.line(0, "Events:");
    out.line(1, "Type\tReason\tAge\tFrom\tMessage");
    out.line(1, "----\t------\t----\t----\t-------");
    let now = Timestamp::now();
    for event in events {
        let from = match text(&event["source"]["component"]) {
            "" => text(&event["reportingComponent"]),
            component => component,
        };
        let message = text(&event["message"]).trim().replace(['\n', '\t'], " ");
        out.line(
            1,
            &format!(
                "{}\t{}\t{}\t{from}\t{message}",
                text(&event["type"]),
                text(&event["reason"]),
                age(event, now)
            ),
        );
    }
    Ok(())
}

fn time_of(value: &Value) -> Option<Timestamp> {
    text(value).parse().ok()
}

fn last_seen(event: &Value) -> Option<Timestamp> {
    time_of(&event["series"]["lastObservedTime"])
        .or(time_of(&event["lastTimestamp"]))
        .or(time_of(&event["eventTime"]))
        .or(time_of(&event["metadata"]["creationTimestamp"]))
}

fn age(event: &Value, now: Timestamp) -> String {
    let last = durations::age(last_seen(event), now);
    let count = event["series"]["count"]
        .as_i64()
        .or(event["count"].as_i64())
        .unwrap_or(1);
    if count <= 1 {
        return last;
    }
    let first = time_of(&event["firstTimestamp"]).or(time_of(&event["eventTime"]));
    format!("{last} (x{count} over {})", durations::age(first, now))
}
