//! One container of a pod's description.

use super::super::text::{Text, items, plain, text, time};
use serde_json::Value;

/// The level of a container's fields.
const FIELDS: usize = 2;

pub(super) fn describe(
    out: &mut Text,
    container: &Value,
    status: Option<&Value>,
    name_indent: &str,
) {
    out.line(1, &format!("{name_indent}{}:", text(&container["name"])));
    image_and_ports(out, container, status);
    for (title, field) in [("Command", "command"), ("Args", "args")] {
        if items(&container[field]).next().is_some() {
            out.line(FIELDS, &format!("{title}:"));
            let words = items(&container[field]);
            for line in words.flat_map(|word| text(word).lines()) {
                out.line(FIELDS + 1, line);
            }
        }
    }
    if let Some(status) = status {
        life(out, status);
    }
    resources(out, FIELDS, container);
    for (title, field) in [
        ("Liveness", "livenessProbe"),
        ("Readiness", "readinessProbe"),
        ("Startup", "startupProbe"),
    ] {
        if container[field].is_object() {
            out.line(FIELDS, &format!("{title}:\t{}", probe(&container[field])));
        }
    }
    environment(out, FIELDS, container);
    let mut mounts: Vec<String> = items(&container["volumeMounts"]).map(mount).collect();
    mounts.sort();
    if mounts.is_empty() {
        out.line(FIELDS, "Mounts:\t<none>");
    } else {
        out.line(FIELDS, "Mounts:");
        mounts.iter().for_each(|it| out.line(FIELDS + 1, it));
    }
}

fn image_and_ports(out: &mut Text, container: &Value, status: Option<&Value>) {
    if let Some(status) = status {
        out.line(
            FIELDS,
            &format!("Container ID:\t{}", text(&status["containerID"])),
        );
    }
    out.line(FIELDS, &format!("Image:\t{}", text(&container["image"])));
    if let Some(status) = status {
        out.line(FIELDS, &format!("Image ID:\t{}", text(&status["imageID"])));
    }
    let ports = |field: &str| -> String {
        let shown = items(&container["ports"]).map(|port| {
            let protocol = port["protocol"].as_str().unwrap_or("TCP");
            format!("{}/{protocol}", port[field].as_i64().unwrap_or(0))
        });
        shown.collect::<Vec<_>>().join(", ")
    };
    let many = container["ports"].as_array().is_some_and(|it| it.len() > 1);
    let plural = if many { "s" } else { "" };
    out.field(FIELDS, &format!("Port{plural}"), &ports("containerPort"));
    out.field(FIELDS, &format!("Host Port{plural}"), &ports("hostPort"));
}

fn life(out: &mut Text, status: &Value) {
    state(out, FIELDS, "State", &status["state"]);
    if status["lastState"]
        .as_object()
        .is_some_and(|it| !it.is_empty())
    {
        state(out, FIELDS, "Last State", &status["lastState"]);
    }
    let ready = if status["ready"] == true {
        "True"
    } else {
        "False"
    };
    out.line(FIELDS, &format!("Ready:\t{ready}"));
    let restarts = status["restartCount"].as_i64().unwrap_or(0);
    out.line(FIELDS, &format!("Restart Count:\t{restarts}"));
}

fn state(out: &mut Text, level: usize, title: &str, state: &Value) {
    if let Some(running) = state.get("running") {
        out.line(level, &format!("{title}:\tRunning"));
        out.line(
            level + 1,
            &format!("Started:\t{}", time(&running["startedAt"])),
        );
    } else if let Some(ended) = state.get("terminated") {
        out.line(level, &format!("{title}:\tTerminated"));
        for (title, field) in [("Reason", "reason"), ("Message", "message")] {
            if !text(&ended[field]).is_empty() {
                out.line(
                    level + 1,
                    &format!("{title}:\t{}", text(&ended[field]).trim_end()),
                );
            }
        }
        out.line(
            level + 1,
            &format!("Exit Code:\t{}", ended["exitCode"].as_i64().unwrap_or(0)),
        );
        if let Some(signal) = ended["signal"].as_i64().filter(|it| *it > 0) {
            out.line(level + 1, &format!("Signal:\t{signal}"));
        }
        out.line(
            level + 1,
            &format!("Started:\t{}", time(&ended["startedAt"])),
        );
        out.line(
            level + 1,
            &format!("Finished:\t{}", time(&ended["finishedAt"])),
        );
    } else {
        out.line(level, &format!("{title}:\tWaiting"));
        let reason = text(&state["waiting"]["reason"]);
        if !reason.is_empty() {
            out.line(level + 1, &format!("Reason:\t{reason}"));
        }
    }
}

fn resources(out: &mut Text, level: usize, container: &Value) {
    for (title, field) in [("Limits", "limits"), ("Requests", "requests")] {
        let amounts = &container["resources"][field];
        if amounts.as_object().is_some_and(|it| !it.is_empty()) {
            out.line(level, &format!("{title}:"));
            for (name, amount) in amounts.as_object().into_iter().flatten() {
                out.line(level + 1, &format!("{name}:\t{}", text(amount)));
            }
        }
    }
}

fn probe(probe: &Value) -> String {
    let number = |field: &str, default: i64| probe[field].as_i64().unwrap_or(default);
    let attributes = format!(
        "delay={}s timeout={}s period={}s #success={} #failure={}",
        number("initialDelaySeconds", 0),
        number("timeoutSeconds", 1),
        number("periodSeconds", 10),
        number("successThreshold", 1),
        number("failureThreshold", 3)
    );
    let action = if let Some(exec) = probe.get("exec") {
        let words: Vec<_> = items(&exec["command"]).map(text).collect();
        format!("exec [{}]", words.join(" "))
    } else if let Some(get) = probe.get("httpGet") {
        let scheme = get["scheme"].as_str().unwrap_or("HTTP").to_lowercase();
        format!(
            "http-get {scheme}://{}:{}{}",
            text(&get["host"]),
            plain(&get["port"]),
            text(&get["path"])
        )
    } else if let Some(socket) = probe.get("tcpSocket") {
        format!(
            "tcp-socket {}:{}",
            text(&socket["host"]),
            plain(&socket["port"])
        )
    } else if let Some(grpc) = probe.get("grpc") {
        format!(
            "grpc <pod>:{} {}",
            plain(&grpc["port"]),
            text(&grpc["service"])
        )
    } else {
        "unknown".to_owned()
    };
    format!("{action} {attributes}")
}

fn environment(out: &mut Text, level: usize, container: &Value) {
    if items(&container["envFrom"]).next().is_some() {
        out.line(level, "Environment Variables from:");
        for from in items(&container["envFrom"]) {
            let (kind, source) = match from.get("configMapRef") {
                Some(source) => ("ConfigMap", source),
                None => ("Secret", &from["secretRef"]),
            };
            let optional = source["optional"] == true;
            out.line(
                level + 1,
                &format!("{}\t{kind}\tOptional: {optional}", text(&source["name"])),
            );
        }
    }
    if items(&container["env"]).next().is_none() {
        out.line(level, "Environment:\t<none>");
        return;
    }
    out.line(level, "Environment:");
    for variable in items(&container["env"]) {
        let name = text(&variable["name"]);
        let from = &variable["valueFrom"];
        let reference = |field: &str, word: &str| {
            let source = &from[field];
            format!(
                "<set to the key '{}' {word} '{}'>\tOptional: {}",
                text(&source["key"]),
                text(&source["name"]),
                source["optional"] == true
            )
        };
        let value = if from.get("configMapKeyRef").is_some() {
            reference("configMapKeyRef", "of config map")
        } else if from.get("secretKeyRef").is_some() {
            reference("secretKeyRef", "in secret")
        } else if let Some(field) = from.get("fieldRef") {
            format!(
                " ({}:{})",
                text(&field["apiVersion"]),
                text(&field["fieldPath"])
            )
        } else if let Some(field) = from.get("resourceFieldRef") {
            format!(" ({})", text(&field["resource"]))
        } else {
            text(&variable["value"]).replace('\n', "\\n")
        };
        out.line(level + 1, &format!("{name}:\t{value}"));
    }
}

fn mount(mount: &Value) -> String {
    let mut flags = vec![
        if mount["readOnly"] == true {
            "ro"
        } else {
            "rw"
        }
        .to_owned(),
    ];
    if !text(&mount["subPath"]).is_empty() {
        flags.push(format!("path={:?}", text(&mount["subPath"])));
    }
    format!(
        "{} from {} ({})",
        text(&mount["mountPath"]),
        text(&mount["name"]),
        flags.join(",")
    )
}
