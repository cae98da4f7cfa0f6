//! CustomResourceDefinition of apiextensions.k8s.io/v1beta1: one version could be named beside the list of versions,
//! one schema, one set of subresources and columns could hold for all of them, and fields without a schema
//! were kept.

mod structural;

use super::{
    Notes, Older, Shape,
    tree::{Object, at, fill, is_absent, items, made, put, rename, take},
};
use serde_json::{Value, json};

const GROUP: &str = "apiextensions.k8s.io";

pub(super) static ROWS: &[Older] = &[Older {
    group: GROUP,
    version: "v1beta1",
    kind: "CustomResourceDefinition",
    current: (GROUP, "v1"),
    releases: (16, 22),
    shape: Shape { upgrade, downgrade },
}];

/// What all versions could share: the field of the spec, and that of a version.
const SHARED: [(&str, &str); 3] = [
    ("validation", "schema"),
    ("subresources", "subresources"),
    ("additionalPrinterColumns", "additionalPrinterColumns"),
];

fn upgrade(tree: &mut Value, notes: &mut Notes) {
    let Some(spec) = at(tree, &["spec"]) else {
        return;
    };
    fill(spec, "scope", "Namespaced");
    let named = take(spec, "version");
    let listed = spec.get("versions").and_then(Value::as_array);
    if listed.is_none_or(Vec::is_empty)
        && let Some(name) = named
    {
        let version = json!({ "name": name, "served": true, "storage": true });
        spec.insert("versions".to_owned(), json!([version]));
    }
    let keeps = take(spec, "preserveUnknownFields") != Some(Value::Bool(false));
    let shared: Vec<_> = SHARED
        .iter()
        .map(|(older, current)| (*current, take(spec, older)))
        .collect();
    for (index, version) in items(spec, "versions").enumerate() {
        for (field, value) in &shared {
            if is_absent(version, field) {
                put(version, field, value.clone());
            }
        }
        upgrade_version(version, keeps);
        let shown = Value::Object(version.clone());
        notes.set(format!("spec.versions[{index}]"), &shown);
    }
    if keeps {
        notes.say("unknown fields are kept by x-kubernetes-preserve-unknown-fields in the schema");
    }
    upgrade_conversion(spec, notes);
}

fn upgrade_version(version: &mut Object, keeps: bool) {
    for column in items(version, "additionalPrinterColumns") {
        rename(column, "JSONPath", "jsonPath");
    }
    let Some(schema) = made(version, "schema") else {
        return;
    };
    if (keeps || !is_absent(schema, "openAPIV3Schema"))
        && let Some(root) = made(schema, "openAPIV3Schema")
    {
        fill(root, "type", "object");
        structural::complete(root, keeps);
    }
}

fn upgrade_conversion(spec: &mut Object, notes: &mut Notes) {
    let Some(conversion) = spec.get_mut("conversion").and_then(Value::as_object_mut) else {
        return;
    };
    let client = take(conversion, "webhookClientConfig");
    let versions = take(conversion, "conversionReviewVersions");
    if conversion.get("strategy").is_none_or(|it| it != "Webhook") {
        return;
    }
    if let Some(webhook) = made(conversion, "webhook") {
        put(webhook, "clientConfig", client);
        let versions = versions.unwrap_or_else(|| json!(["v1beta1"]));
        fill(webhook, "conversionReviewVersions", versions);
        notes.set("spec.conversion.webhook", &conversion["webhook"]);
    }
}

fn downgrade(tree: &mut Value) {
    let Some(spec) = at(tree, &["spec"]) else {
        return;
    };
    // The current form says it when it drops them, which v1beta1 does not unless told to.
    fill(spec, "preserveUnknownFields", false);
    for version in items(spec, "versions") {
        for column in items(version, "additionalPrinterColumns") {
            rename(column, "jsonPath", "JSONPath");
        }
    }
    for (older, current) in SHARED {
        let found: Vec<_> = items(spec, "versions")
            .map(|it| it.get(current).cloned())
            .collect();
        let first = found.first().cloned().flatten();
        let same = found.iter().all(|it| *it == first);
        if same && first.is_some() {
            for version in items(spec, "versions") {
                version.remove(current);
            }
            put(spec, older, first);
        }
    }
    let name = items(spec, "versions")
        .next()
        .and_then(|it| it.get("name").cloned());
    put(spec, "version", name);
    if let Some(conversion) = spec.get_mut("conversion").and_then(Value::as_object_mut)
        && let Some(Value::Object(mut webhook)) = take(conversion, "webhook")
    {
        put(
            conversion,
            "webhookClientConfig",
            take(&mut webhook, "clientConfig"),
        );
        let versions = take(&mut webhook, "conversionReviewVersions");
        put(conversion, "conversionReviewVersions", versions);
    }
}
