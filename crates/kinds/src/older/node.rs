//! RuntimeClass of node.k8s.io/v1alpha1: everything was in a `spec`, and the handler was `runtimeHandler`.

use super::{
    Notes, Older, Shape,
    tree::{Object, fill, put, rename, take},
};
use serde_json::Value;

pub(super) static ROWS: &[Older] = &[Older {
    group: "node.k8s.io",
    version: "v1alpha1",
    kind: "RuntimeClass",
    current: ("node.k8s.io", "v1"),
    releases: (20, 22),
    shape: Shape { upgrade, downgrade },
}];

const MOVED: [&str; 3] = ["handler", "overhead", "scheduling"];

fn upgrade(tree: &mut Value, notes: &mut Notes) {
    let Some(object) = tree.as_object_mut() else {
        return;
    };
    let Some(Value::Object(mut spec)) = object.remove("spec") else {
        return;
    };
    rename(&mut spec, "runtimeHandler", "handler");
    for field in MOVED {
        if let Some(value) = take(&mut spec, field) {
            notes.set(field, &value);
            object.insert(field.to_owned(), value);
        }
    }
}

fn downgrade(tree: &mut Value) {
    let Some(object) = tree.as_object_mut() else {
        return;
    };
    let mut spec = Object::new();
    for field in MOVED {
        put(&mut spec, field, take(object, field));
    }
    rename(&mut spec, "handler", "runtimeHandler");
    fill(&mut spec, "runtimeHandler", "");
    object.insert("spec".to_owned(), spec.into());
}
