//! HorizontalPodAutoscaler of autoscaling/v2beta1, which wrote metrics in flat fields and had no behaviour, and
//! of v2beta2, which is the current form.

use super::{
    Notes, Older, Shape,
    tree::{Object, annotate, annotation, at, fill, items, put, take},
};
use serde_json::Value;

const BEHAVIOR: &str = "autoscaling.alpha.kubernetes.io/behavior";

const fn row(version: &'static str, releases: (u8, u8), shape: Shape) -> Older {
    Older {
        group: "autoscaling",
        version,
        kind: "HorizontalPodAutoscaler",
        current: ("autoscaling", "v2"),
        releases,
        shape,
    }
}

pub(super) static ROWS: &[Older] = &[
    row("v2beta1", (22, 25), Shape { upgrade, downgrade }),
    row("v2beta2", (23, 26), Shape::SAME),
];

/// One source of metrics: where v2beta1 and v2 put what it says.
struct Source {
    name: &'static str,
    /// Fields of `metric`: v2beta1's, and the current name.
    metric: &'static [(&'static str, &'static str)],
    /// Fields of `target`.
    target: &'static [(&'static str, &'static str)],
    /// Fields of `current` in the status.
    current: &'static [(&'static str, &'static str)],
    /// Whether `target` named the object that the metric describes.
    describes: bool,
}

const AVERAGES: &[(&str, &str)] = &[
    ("targetAverageUtilization", "averageUtilization"),
    ("targetAverageValue", "averageValue"),
];
const CURRENT_AVERAGES: &[(&str, &str)] = &[
    ("currentAverageUtilization", "averageUtilization"),
    ("currentAverageValue", "averageValue"),
];
const BY_NAME: &[(&str, &str)] = &[("metricName", "name"), ("selector", "selector")];

const SOURCES: &[Source] = &[
    Source {
        name: "resource",
        metric: &[],
        target: AVERAGES,
        current: CURRENT_AVERAGES,
        describes: false,
    },
    Source {
        name: "containerResource",
        metric: &[],
        target: AVERAGES,
        current: CURRENT_AVERAGES,
        describes: false,
    },
    Source {
        name: "pods",
        metric: BY_NAME,
        target: &[("targetAverageValue", "averageValue")],
        current: &[("currentAverageValue", "averageValue")],
        describes: false,
    },
    Source {
        name: "object",
        metric: BY_NAME,
        target: &[("targetValue", "value"), ("averageValue", "averageValue")],
        current: &[("currentValue", "value"), ("averageValue", "averageValue")],
        describes: true,
    },
    Source {
        name: "external",
        metric: &[("metricName", "name"), ("metricSelector", "selector")],
        target: &[
            ("targetValue", "value"),
            ("targetAverageValue", "averageValue"),
        ],
        current: &[
            ("currentValue", "value"),
            ("currentAverageValue", "averageValue"),
        ],
        describes: false,
    },
];

/// Moves fields to a new object, under new names; an empty one is none.
fn gather(from: &mut Object, fields: &[(&str, &str)], forth: bool) -> Object {
    let mut into = Object::new();
    for (older, current) in fields {
        let (here, there) = if forth {
            (older, current)
        } else {
            (current, older)
        };
        put(&mut into, there, take(from, here));
    }
    into
}

fn upgrade_source(kind: &Source, source: &mut Object, status: bool) {
    let described = kind.describes.then(|| take(source, "target")).flatten();
    let metric = gather(source, kind.metric, true);
    let values = gather(
        source,
        if status { kind.current } else { kind.target },
        true,
    );
    put(source, "describedObject", described);
    if !metric.is_empty() {
        source.insert("metric".to_owned(), metric.into());
    }
    if status {
        source.insert("current".to_owned(), values.into());
    } else if !values.is_empty() {
        source.insert("target".to_owned(), typed(kind, values).into());
    }
}

/// The target says of which type it is.
fn typed(kind: &Source, mut values: Object) -> Object {
    let has = |name: &str| values.contains_key(name);
    let of = match kind.name {
        "object" if has("averageValue") => "AverageValue",
        _ if has("averageUtilization") => "Utilization",
        _ if has("value") => "Value",
        _ => "AverageValue",
    };
    if of == "AverageValue" && values.get("value").is_some_and(|it| *it == 0 || *it == "0") {
        // What could not be left out is no target of its own.
        values.remove("value");
    }
    values.insert("type".to_owned(), of.into());
    values
}

fn downgrade_source(kind: &Source, source: &mut Object, status: bool) {
    let mut within = |name: &str| match take(source, name) {
        Some(Value::Object(object)) => object,
        _ => Object::new(),
    };
    let mut metric = within("metric");
    let mut values = within(if status { "current" } else { "target" });
    let described = take(source, "describedObject");
    source.extend(gather(&mut metric, kind.metric, false));
    let fields = if status { kind.current } else { kind.target };
    source.extend(gather(&mut values, fields, false));
    if kind.describes {
        put(source, "target", described);
    }
}

fn each(tree: &mut Value, act: &mut dyn FnMut(usize, &Source, &mut Object, bool)) {
    for (path, field, status) in [
        ("spec", "metrics", false),
        ("status", "currentMetrics", true),
    ] {
        let Some(part) = at(tree, &[path]) else {
            continue;
        };
        for (index, metric) in items(part, field).enumerate() {
            for kind in SOURCES {
                if let Some(source) = metric.get_mut(kind.name).and_then(Value::as_object_mut) {
                    act(index, kind, source, status);
                }
            }
        }
    }
}

fn upgrade(tree: &mut Value, notes: &mut Notes) {
    each(tree, &mut |index, kind, source, status| {
        upgrade_source(kind, source, status);
        if !status {
            let shown = Value::Object(source.clone());
            notes.set(format!("spec.metrics[{index}].{}", kind.name), &shown);
        }
    });
    let behavior = annotation(tree, BEHAVIOR).and_then(|it| serde_json::from_str(&it).ok());
    if let (Some(behavior), Some(spec)) = (behavior, at(tree, &["spec"])) {
        notes.set("spec.behavior", &behavior);
        fill(spec, "behavior", behavior);
    }
}

fn downgrade(tree: &mut Value) {
    each(tree, &mut |_, kind, source, status| {
        downgrade_source(kind, source, status);
    });
    let behavior = at(tree, &["spec"]).and_then(|spec| take(spec, "behavior"));
    if let Some(behavior) = behavior {
        annotate(tree, BEHAVIOR, behavior.to_string());
    }
}
