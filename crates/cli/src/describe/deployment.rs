//! `describe deployment`.

use super::{
    pod,
    text::{Text, items, plain, text, time},
};
use machinery::workloads::REVISION;
use serde_json::Value;

pub(super) fn describe(out: &mut Text, deployment: &Value, sets: &[Value]) {
    let (metadata, spec, status) = (
        &deployment["metadata"],
        &deployment["spec"],
        &deployment["status"],
    );
    let number = |value: &Value| value.as_i64().unwrap_or(0);
    out.field(0, "Name", text(&metadata["name"]));
    out.field(0, "Namespace", text(&metadata["namespace"]));
    out.field(
        0,
        "CreationTimestamp",
        &time(&metadata["creationTimestamp"]),
    );
    out.map(0, "Labels", &metadata["labels"], "=");
    out.map(0, "Annotations", &metadata["annotations"], ": ");
    let selector = crate::verbs::selector_text(deployment).unwrap_or_default();
    out.field(0, "Selector", &selector);
    out.line(
        0,
        &format!(
            "Replicas:\t{} desired | {} updated | {} total | {} available | {} unavailable",
            spec["replicas"].as_i64().unwrap_or(1),
            number(&status["updatedReplicas"]),
            number(&status["replicas"]),
            number(&status["availableReplicas"]),
            number(&status["unavailableReplicas"])
        ),
    );
    out.field(0, "StrategyType", text(&spec["strategy"]["type"]));
    out.field(
        0,
        "MinReadySeconds",
        &number(&spec["minReadySeconds"]).to_string(),
    );
    if let Some(rolling) = spec["strategy"].get("rollingUpdate") {
        out.line(
            0,
            &format!(
                "RollingUpdateStrategy:\t{} max unavailable, {} max surge",
                plain(&rolling["maxUnavailable"]),
                plain(&rolling["maxSurge"])
            ),
        );
    }
    pod::template(out, 0, &spec["template"]);
    if items(&status["conditions"]).next().is_some() {
        out.line(0, "Conditions:");
        out.line(1, "Type\tStatus\tReason");
        out.line(1, "----\t------\t------");
        for it in items(&status["conditions"]) {
            out.line(
                1,
                &format!(
                    "{} \t{}\t{}",
                    text(&it["type"]),
                    text(&it["status"]),
                    text(&it["reason"])
                ),
            );
        }
    }
    replica_sets(out, deployment, sets);
}

fn replica_sets(out: &mut Text, deployment: &Value, sets: &[Value]) {
    let uid = &deployment["metadata"]["uid"];
    let mut owned: Vec<(i64, &Value)> = sets
        .iter()
        .filter(|set| items(&set["metadata"]["ownerReferences"]).any(|it| it["uid"] == *uid))
        .map(|set| {
            (
                text(&set["metadata"]["annotations"][REVISION])
                    .parse()
                    .unwrap_or(0),
                set,
            )
        })
        .collect();
    owned.sort_by_key(|(revision, _)| *revision);
    let shown = |set: &Value| {
        format!(
            "{} ({}/{} replicas created)",
            text(&set["metadata"]["name"]),
            set["status"]["replicas"].as_i64().unwrap_or(0),
            set["spec"]["replicas"].as_i64().unwrap_or(0)
        )
    };
    let newest = owned.pop();
    let old: Vec<String> = owned.iter().map(|(_, set)| shown(set)).collect();
    out.field(0, "OldReplicaSets", &old.join(", "));
    out.field(
        0,
        "NewReplicaSet",
        &newest.map(|(_, set)| shown(set)).unwrap_or_default(),
    );
}
