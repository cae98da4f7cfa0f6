//! `describe service`.

use super::text::{Text, items, plain, text};
use machinery::addresses::with_port;
use serde_json::Value;

pub(super) fn describe(out: &mut Text, service: &Value, slices: &[Value]) {
    let (metadata, spec) = (&service["metadata"], &service["spec"]);
    out.field(0, "Name", text(&metadata["name"]));
    out.field(0, "Namespace", text(&metadata["namespace"]));
    out.map(0, "Labels", &metadata["labels"], "=");
    out.map(0, "Annotations", &metadata["annotations"], ": ");
    let selector: Vec<String> = spec["selector"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", text(value)))
        .collect();
    out.field(0, "Selector", &selector.join(","));
    out.field(0, "Type", text(&spec["type"]));
    if !text(&spec["ipFamilyPolicy"]).is_empty() {
        out.field(0, "IP Family Policy", text(&spec["ipFamilyPolicy"]));
    }
    let join = |field: &str| items(&spec[field]).map(text).collect::<Vec<_>>().join(",");
    out.field(0, "IP Families", &join("ipFamilies"));
    out.field(0, "IP", text(&spec["clusterIP"]));
    out.field(0, "IPs", &join("clusterIPs"));
    for (title, field) in [
        ("External IPs", "externalIPs"),
        ("LoadBalancer Ingress", ""),
    ] {
        let values = if field.is_empty() {
            items(&service["status"]["loadBalancer"]["ingress"])
                .map(|it| {
                    it["ip"]
                        .as_str()
                        .unwrap_or(text(&it["hostname"]))
                        .to_owned()
                })
                .collect::<Vec<_>>()
                .join(", ")
        } else {
            join(field)
        };
        if !values.is_empty() {
            out.field(0, title, &values);
        }
    }
    if !text(&spec["externalName"]).is_empty() {
        out.field(0, "External Name", text(&spec["externalName"]));
    }
    ports(out, spec, slices);
    out.field(0, "Session Affinity", text(&spec["sessionAffinity"]));
    for (title, field) in [
        ("External Traffic Policy", "externalTrafficPolicy"),
        ("Internal Traffic Policy", "internalTrafficPolicy"),
    ] {
        if !text(&spec[field]).is_empty() {
            out.field(0, title, text(&spec[field]));
        }
    }
}

fn ports(out: &mut Text, spec: &Value, slices: &[Value]) {
    for port in items(&spec["ports"]) {
        let name = port["name"].as_str().unwrap_or("<unset>");
        let protocol = port["protocol"].as_str().unwrap_or("TCP");
        let shown = plain(&port["targetPort"]);
        out.line(
            0,
            &format!(
                "Port:\t{name}\t{}/{protocol}",
                port["port"].as_i64().unwrap_or(0)
            ),
        );
        out.line(0, &format!("TargetPort:\t{shown}/{protocol}"));
        if let Some(number) = port["nodePort"].as_i64().filter(|it| *it > 0) {
            out.line(0, &format!("NodePort:\t{name}\t{number}/{protocol}"));
        }
        let behind = endpoints(slices, port["name"].as_str().unwrap_or_default());
        out.line(0, &format!("Endpoints:\t{behind}"));
    }
}

/// The first ready addresses behind a port: `10.0.0.1:80,10.0.0.2:80 + 3 more...`.
fn endpoints(slices: &[Value], port: &str) -> String {
    const SHOWN: usize = 3;
    let mut all = Vec::new();
    for slice in slices {
        let Some(number) = items(&slice["ports"])
            .find(|it| text(&it["name"]) == port)
            .and_then(|it| it["port"].as_i64())
        else {
            continue;
        };
        for endpoint in items(&slice["endpoints"]).filter(|it| it["conditions"]["ready"] != false) {
            all.extend(items(&endpoint["addresses"]).map(|it| with_port(text(it), number)));
        }
    }
    let more = all.len().saturating_sub(SHOWN);
    all.truncate(SHOWN);
    let shown = all.join(",");
    if more > 0 {
        format!("{shown} + {more} more...")
    } else {
        shown
    }
}
