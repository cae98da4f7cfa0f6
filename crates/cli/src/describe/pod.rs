//! `describe pod`, and the pod template that workloads show.

mod container;
mod volume;

use super::text::{Text, controlled_by, items, text, time};
use serde_json::Value;

pub(super) fn describe(out: &mut Text, pod: &Value) {
    let (metadata, spec, status) = (&pod["metadata"], &pod["spec"], &pod["status"]);
    out.field(0, "Name", text(&metadata["name"]));
    out.field(0, "Namespace", text(&metadata["namespace"]));
    if let Some(priority) = spec["priority"].as_i64() {
        out.field(0, "Priority", &priority.to_string());
        if !text(&spec["priorityClassName"]).is_empty() {
            out.field(0, "Priority Class Name", text(&spec["priorityClassName"]));
        }
    }
    if !text(&spec["runtimeClassName"]).is_empty() {
        out.field(0, "Runtime Class Name", text(&spec["runtimeClassName"]));
    }
    out.field(0, "Service Account", text(&spec["serviceAccountName"]));
    match text(&spec["nodeName"]) {
        "" => out.field(0, "Node", ""),
        node => out.field(0, "Node", &format!("{node}/{}", text(&status["hostIP"]))),
    }
    if !text(&status["startTime"]).is_empty() {
        out.field(0, "Start Time", &time(&status["startTime"]));
    }
    out.map(0, "Labels", &metadata["labels"], "=");
    out.map(0, "Annotations", &metadata["annotations"], ": ");
    if text(&metadata["deletionTimestamp"]).is_empty() {
        out.field(0, "Status", text(&status["phase"]));
    } else {
        let since = text(&metadata["deletionTimestamp"]).parse().ok();
        let age = machinery::durations::age(since, jiff::Timestamp::now());
        out.line(0, &format!("Status:\tTerminating (lasts {age})"));
        let grace = metadata["deletionGracePeriodSeconds"].as_i64().unwrap_or(0);
        out.line(0, &format!("Termination Grace Period:\t{grace}s"));
    }
    for (title, field) in [("Reason", "reason"), ("Message", "message")] {
        if !text(&status[field]).is_empty() {
            out.field(0, title, text(&status[field]));
        }
    }
    out.line(0, &format!("IP:\t{}", text(&status["podIP"])));
    let addresses: Vec<_> = items(&status["podIPs"]).map(|it| text(&it["ip"])).collect();
    if addresses.is_empty() {
        out.line(0, "IPs:\t<none>");
    } else {
        out.line(0, "IPs:");
        for address in addresses {
            out.line(1, &format!("IP:\t{address}"));
        }
    }
    if let Some(owner) = controlled_by(pod) {
        out.field(0, "Controlled By", &owner);
    }
    containers(out, 0, spec, Some(status));
    conditions(out, status);
    volume::describe(out, 0, &spec["volumes"]);
    out.field(0, "QoS Class", text(&status["qosClass"]));
    out.map(0, "Node-Selectors", &spec["nodeSelector"], "=");
    out.list(0, "Tolerations", &tolerations(spec));
}

fn containers(out: &mut Text, level: usize, spec: &Value, status: Option<&Value>) {
    for (title, list, statuses) in [
        ("Init Containers", "initContainers", "initContainerStatuses"),
        ("Containers", "containers", "containerStatuses"),
        (
            "Ephemeral Containers",
            "ephemeralContainers",
            "ephemeralContainerStatuses",
        ),
    ] {
        let mut any = false;
        for each in items(&spec[list]) {
            if !any {
                out.line(level, &format!("{title}:"));
                any = true;
            }
            let state = status
                .and_then(|status| items(&status[statuses]).find(|it| it["name"] == each["name"]));
            container::describe(out, each, state, if level > 0 { " " } else { "" });
        }
    }
}

fn conditions(out: &mut Text, status: &Value) {
    if items(&status["conditions"]).next().is_some() {
        out.line(0, "Conditions:");
        out.line(1, "Type\tStatus");
        for condition in items(&status["conditions"]) {
            out.line(
                1,
                &format!(
                    "{} \t{} ",
                    text(&condition["type"]),
                    text(&condition["status"])
                ),
            );
        }
    }
}

/// The tolerations of a pod, one text each, as kubectl words them.
pub(super) fn tolerations(spec: &Value) -> Vec<String> {
    let mut all: Vec<String> = items(&spec["tolerations"])
        .map(|it| {
            let (key, value, effect) = (text(&it["key"]), text(&it["value"]), text(&it["effect"]));
            let mut shown = key.to_owned();
            if !value.is_empty() {
                shown.push_str(&format!("={value}"));
            }
            if !effect.is_empty() {
                shown.push_str(&format!(":{effect}"));
            }
            if it["operator"] == "Exists" && value.is_empty() {
                shown.push_str(if key.is_empty() && effect.is_empty() {
                    "op=Exists"
                } else {
                    " op=Exists"
                });
            }
            if let Some(seconds) = it["tolerationSeconds"].as_i64() {
                shown.push_str(&format!(" for {seconds}s"));
            }
            shown
        })
        .collect();
    all.sort();
    all
}

/// `Pod Template:` of workloads.
pub(crate) fn template(out: &mut Text, level: usize, template: &Value) {
    out.line(level, "Pod Template:");
    let (metadata, spec) = (&template["metadata"], &template["spec"]);
    out.map(level + 1, "Labels", &metadata["labels"], "=");
    if metadata["annotations"]
        .as_object()
        .is_some_and(|it| !it.is_empty())
    {
        out.map(level + 1, "Annotations", &metadata["annotations"], ": ");
    }
    if !text(&spec["serviceAccountName"]).is_empty() {
        out.field(
            level + 1,
            "Service Account",
            text(&spec["serviceAccountName"]),
        );
    }
    containers(out, level + 1, spec, None);
    volume::describe(out, level + 1, &spec["volumes"]);
    out.map(level + 1, "Node-Selectors", &spec["nodeSelector"], "=");
    out.list(level + 1, "Tolerations", &tolerations(spec));
}
