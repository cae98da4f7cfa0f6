//! Workloads of extensions/v1beta1 and apps/v1beta1. Their selector and labels default to the labels of
//! the pod template; they roll out with other defaults; a few fields live in annotations today.

use super::{
    Notes, Older, Shape,
    tree::{annotate, annotation, at, fill, is_absent, made},
};
use serde_json::{Value, json};

/// Upstream keeps the whole history, and waits for ever, by the largest number.
const WITHOUT_LIMIT: i64 = i32::MAX as i64;
const ROLLBACK_TO: &str = "deprecated.deployment.rollback.to";
const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";

const fn row(group: &'static str, kind: &'static str, shape: Shape) -> Older {
    Older {
        group,
        version: "v1beta1",
        kind,
        current: ("apps", "v1"),
        releases: (8, 16),
        shape,
    }
}

pub(super) static ROWS: &[Older] = &[
    row(
        "apps",
        "Deployment",
        Shape {
            upgrade: apps_deployment,
            ..DEPLOYMENT
        },
    ),
    row(
        "apps",
        "StatefulSet",
        Shape {
            upgrade: stateful_set,
            ..Shape::SAME
        },
    ),
    row(
        "extensions",
        "DaemonSet",
        Shape {
            upgrade: daemon_set,
            downgrade: daemon_set_back,
        },
    ),
    row("extensions", "Deployment", DEPLOYMENT),
    row(
        "extensions",
        "ReplicaSet",
        Shape {
            upgrade: replica_set,
            ..Shape::SAME
        },
    ),
];

const DEPLOYMENT: Shape = Shape {
    upgrade: extensions_deployment,
    downgrade: deployment_back,
};

/// The labels that select, and those of the object, from the labels of the template.
fn labels_from_template(tree: &mut Value, notes: &mut Notes) {
    let labels = at(tree, &["spec", "template", "metadata", "labels"]).cloned();
    let Some(labels) = labels.filter(|it| !it.is_empty()) else {
        return;
    };
    if let Some(spec) = at(tree, &["spec"]) {
        let selector = json!({ "matchLabels": labels });
        if is_absent(spec, "selector") {
            notes.set("spec.selector", &selector);
            spec.insert("selector".to_owned(), selector);
        }
    }
    let metadata = tree.as_object_mut().and_then(|it| made(it, "metadata"));
    if let Some(own) = metadata.and_then(|it| made(it, "labels"))
        && own.is_empty()
    {
        *own = labels;
    }
}

fn default(
    tree: &mut Value,
    path: &[&str],
    field: &str,
    value: impl Into<Value>,
    notes: &mut Notes,
) {
    let value = value.into();
    let object = path.iter().try_fold(tree, |tree, step| {
        let object = tree.as_object_mut()?;
        made(object, step)?;
        object.get_mut(*step)
    });
    if let Some(object) = object.and_then(Value::as_object_mut)
        && fill(object, field, value.clone())
    {
        notes.set(format!("{}.{field}", path.join(".")), &value);
    }
}

/// Defaults of a rollout; `step` is how many pods it takes away or adds at once.
fn rollout(tree: &mut Value, step: &Value, notes: &mut Notes) {
    let strategy = tree.pointer("/spec/strategy/type").and_then(Value::as_str);
    if strategy.is_none_or(|it| it.is_empty() || it == "RollingUpdate") {
        let path = &["spec", "strategy", "rollingUpdate"];
        default(tree, path, "maxUnavailable", step.clone(), notes);
        default(tree, path, "maxSurge", step.clone(), notes);
    }
}

fn rollback_to(tree: &mut Value, notes: &mut Notes) {
    let revision = at(tree, &["spec"]).and_then(|spec| spec.remove("rollbackTo"));
    if let Some(revision) = revision.filter(Value::is_object) {
        let revision = revision["revision"].as_i64().unwrap_or(0).to_string();
        notes.say(format!("metadata.annotations[{ROLLBACK_TO}]: \"{revision}\" (kubectl rollout undo does the same)"));
        annotate(tree, ROLLBACK_TO, revision);
    }
}

fn extensions_deployment(tree: &mut Value, notes: &mut Notes) {
    labels_from_template(tree, notes);
    rollout(tree, &1.into(), notes);
    default(
        tree,
        &["spec"],
        "progressDeadlineSeconds",
        WITHOUT_LIMIT,
        notes,
    );
    default(
        tree,
        &["spec"],
        "revisionHistoryLimit",
        WITHOUT_LIMIT,
        notes,
    );
    rollback_to(tree, notes);
}

fn apps_deployment(tree: &mut Value, notes: &mut Notes) {
    labels_from_template(tree, notes);
    default(tree, &["spec"], "revisionHistoryLimit", 2, notes);
    rollback_to(tree, notes);
}

fn deployment_back(tree: &mut Value) {
    let revision = annotation(tree, ROLLBACK_TO).and_then(|it| it.parse::<i64>().ok());
    if let (Some(revision), Some(spec)) = (revision, at(tree, &["spec"])) {
        spec.insert("rollbackTo".to_owned(), json!({ "revision": revision }));
    }
}

fn replica_set(tree: &mut Value, notes: &mut Notes) {
    labels_from_template(tree, notes);
}

fn stateful_set(tree: &mut Value, notes: &mut Notes) {
    labels_from_template(tree, notes);
    default(tree, &["spec", "updateStrategy"], "type", "OnDelete", notes);
}

fn daemon_set(tree: &mut Value, notes: &mut Notes) {
    labels_from_template(tree, notes);
    default(tree, &["spec", "updateStrategy"], "type", "OnDelete", notes);
    let generation = at(tree, &["spec"]).and_then(|spec| spec.remove("templateGeneration"));
    if let Some(generation) = generation.and_then(|it| it.as_i64()).filter(|it| *it != 0) {
        annotate(tree, TEMPLATE_GENERATION, generation.to_string());
    }
}

fn daemon_set_back(tree: &mut Value) {
    let generation = annotation(tree, TEMPLATE_GENERATION).and_then(|it| it.parse::<i64>().ok());
    if let (Some(generation), Some(spec)) = (generation, at(tree, &["spec"])) {
        spec.insert("templateGeneration".to_owned(), generation.into());
    }
}
