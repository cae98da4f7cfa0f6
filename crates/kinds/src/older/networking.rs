//! Ingress of extensions/v1beta1 and networking.k8s.io/v1beta1: a backend was `serviceName` and `servicePort`,
//! the default one was called `backend`, and a path needed no type.

use super::{
    Notes, Older, Shape,
    tree::{Object, at, fill, items, put, rename, take},
};
use serde_json::{Value, json};

const fn row(group: &'static str, releases: (u8, u8)) -> Older {
    Older {
        group,
        version: "v1beta1",
        kind: "Ingress",
        current: ("networking.k8s.io", "v1"),
        releases,
        shape: Shape { upgrade, downgrade },
    }
}

pub(super) static ROWS: &[Older] = &[
    row("extensions", (14, 22)),
    row("networking.k8s.io", (19, 22)),
];

fn upgrade(tree: &mut Value, notes: &mut Notes) {
    let Some(spec) = at(tree, &["spec"]) else {
        return;
    };
    if rename(spec, "backend", "defaultBackend")
        && let Some(backend) = spec.get_mut("defaultBackend")
    {
        upgrade_backend(backend);
        notes.set("spec.defaultBackend", backend);
    }
    for (rule_index, rule) in items(spec, "rules").enumerate() {
        let Some(http) = rule.get_mut("http").and_then(Value::as_object_mut) else {
            continue;
        };
        for (path_index, path) in items(http, "paths").enumerate() {
            let shown = format!("spec.rules[{rule_index}].http.paths[{path_index}]");
            if let Some(backend) = path.get_mut("backend")
                && upgrade_backend(backend)
            {
                notes.set(format!("{shown}.backend"), backend);
            }
            if fill(path, "pathType", "ImplementationSpecific") {
                notes.set(format!("{shown}.pathType"), &path["pathType"]);
            }
        }
    }
}

/// Whether the backend was of the older form.
fn upgrade_backend(backend: &mut Value) -> bool {
    let Some(backend) = backend.as_object_mut() else {
        return false;
    };
    let (name, port) = (take(backend, "serviceName"), take(backend, "servicePort"));
    if name.is_none() && port.is_none() {
        return false;
    }
    let mut service = Object::new();
    put(&mut service, "name", name);
    let port = port.filter(|port| *port != 0 && *port != "").map(|port| {
        if port.is_number() {
            json!({ "number": port })
        } else {
            json!({ "name": port })
        }
    });
    put(&mut service, "port", port);
    backend.insert("service".to_owned(), service.into());
    true
}

fn downgrade(tree: &mut Value) {
    let Some(spec) = at(tree, &["spec"]) else {
        return;
    };
    rename(spec, "defaultBackend", "backend");
    if let Some(backend) = spec.get_mut("backend") {
        downgrade_backend(backend);
    }
    for rule in items(spec, "rules") {
        let Some(http) = rule.get_mut("http").and_then(Value::as_object_mut) else {
            continue;
        };
        for path in items(http, "paths") {
            if let Some(backend) = path.get_mut("backend") {
                downgrade_backend(backend);
            }
        }
    }
}

fn downgrade_backend(backend: &mut Value) {
    let Some(backend) = backend.as_object_mut() else {
        return;
    };
    let Some(mut service) = take(backend, "service") else {
        return;
    };
    let Some(service) = service.as_object_mut() else {
        return;
    };
    put(backend, "serviceName", take(service, "name"));
    let port = take(service, "port").unwrap_or_default();
    let port = ["number", "name"]
        .into_iter()
        .find_map(|field| port.get(field).filter(|it| !it.is_null()).cloned());
    put(
        backend,
        "servicePort",
        Some(port.unwrap_or_else(|| 0.into())),
    );
}
