//! Webhooks of admissionregistration.k8s.io/v1beta1: what must be said today had a default, and other defaults
//! were more lenient.

use super::{
    Notes, Older, Shape,
    tree::{fill, items},
};
use serde_json::{Value, json};

const GROUP: &str = "admissionregistration.k8s.io";

const fn row(kind: &'static str) -> Older {
    Older {
        group: GROUP,
        version: "v1beta1",
        kind,
        current: (GROUP, "v1"),
        releases: (16, 22),
        shape: Shape {
            upgrade,
            ..Shape::SAME
        },
    }
}

pub(super) static ROWS: &[Older] = &[
    row("MutatingWebhookConfiguration"),
    row("ValidatingWebhookConfiguration"),
];

fn upgrade(tree: &mut Value, notes: &mut Notes) {
    let Some(object) = tree.as_object_mut() else {
        return;
    };
    for (index, webhook) in items(object, "webhooks").enumerate() {
        let defaults = [
            ("failurePolicy", json!("Ignore")),
            ("matchPolicy", json!("Exact")),
            ("timeoutSeconds", json!(30)),
            ("admissionReviewVersions", json!(["v1beta1"])),
            ("sideEffects", json!("Unknown")),
        ];
        for (field, value) in defaults {
            if fill(webhook, field, value.clone()) && field != "sideEffects" {
                notes.set(format!("webhooks[{index}].{field}"), &value);
            }
        }
        // Nothing else that v1 can say lets a webhook be asked; a dry run asks it too now.
        let effects = webhook.get("sideEffects").and_then(Value::as_str);
        if matches!(effects, Some("Unknown" | "Some")) {
            let effects = json!("NoneOnDryRun");
            notes.set(format!("webhooks[{index}].sideEffects"), &effects);
            webhook.insert("sideEffects".to_owned(), effects);
            notes.say("make sure that the webhook has no effects when dryRun is true");
        }
    }
}
