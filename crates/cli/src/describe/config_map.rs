//! `describe configmap`, and namespaces, whose description is as short.

use super::text::{Text, items, text};
use serde_json::Value;

fn head(out: &mut Text, object: &Value) {
    let metadata = &object["metadata"];
    out.field(0, "Name", text(&metadata["name"]));
    if !text(&metadata["namespace"]).is_empty() {
        out.field(0, "Namespace", text(&metadata["namespace"]));
    }
    out.map(0, "Labels", &metadata["labels"], "=");
    out.map(0, "Annotations", &metadata["annotations"], ": ");
}

pub(super) fn describe(out: &mut Text, map: &Value) {
    head(out, map);
    out.line(0, "");
    out.line(0, "Data");
    out.line(0, "====");
    for (key, value) in map["data"].as_object().into_iter().flatten() {
        out.line(0, &format!("{key}:"));
        out.line(0, "----");
        for line in text(value).split('\n') {
            out.line(0, &line.replace('\t', "    "));
        }
        out.line(0, "");
    }
    out.line(0, "");
    out.line(0, "BinaryData");
    out.line(0, "====");
    for (key, value) in map["binaryData"].as_object().into_iter().flatten() {
        out.line(0, &format!("{key}: {} bytes", decoded_bytes(value)));
    }
    out.line(0, "");
}

pub(super) fn secret(out: &mut Text, secret: &Value) {
    head(out, secret);
    out.line(0, "");
    out.line(0, &format!("Type:  {}", text(&secret["type"])));
    out.line(0, "");
    out.line(0, "Data");
    out.line(0, "====");
    for (key, value) in secret["data"].as_object().into_iter().flatten() {
        out.line(0, &format!("{key}:\t{} bytes", decoded_bytes(value)));
    }
}

/// How long base64 is once decoded.
fn decoded_bytes(value: &Value) -> usize {
    let encoded = text(value);
    let padding = encoded.len() - encoded.trim_end_matches('=').len();
    (encoded.len() / 4 * 3).saturating_sub(padding)
}

pub(super) fn namespace(out: &mut Text, namespace: &Value) {
    head(out, namespace);
    out.field(0, "Status", text(&namespace["status"]["phase"]));
    let conditions: Vec<&Value> = items(&namespace["status"]["conditions"]).collect();
    if !conditions.is_empty() {
        out.line(0, "Conditions:");
        out.line(1, "Type\tStatus\tLastTransitionTime\tReason\tMessage");
        out.line(1, "----\t------\t------------------\t------\t-------");
        for it in conditions {
            let cells = ["type", "status", "lastTransitionTime", "reason", "message"];
            out.line(1, &cells.map(|cell| text(&it[cell])).join("\t"));
        }
    }
    for line in ["", "No resource quota.", "", "No LimitRange resource."] {
        out.line(0, line);
    }
}
