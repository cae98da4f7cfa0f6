//! Versions in which one field had another name.

use super::{
    Notes, Older, Shape,
    tree::{at, rename},
};
use serde_json::Value;

const AUTHORIZATION: &str = "authorization.k8s.io";
const FLOW_CONTROL: &str = "flowcontrol.apiserver.k8s.io";

pub(super) static ROWS: &[Older] = &[
    review("LocalSubjectAccessReview"),
    review("SubjectAccessReview"),
    priority_level("v1beta1", (23, 26)),
    priority_level("v1beta2", (26, 29)),
];

const fn review(kind: &'static str) -> Older {
    Older {
        group: AUTHORIZATION,
        version: "v1beta1",
        kind,
        current: (AUTHORIZATION, "v1"),
        releases: (19, 22),
        shape: Shape {
            upgrade: |tree, notes| forth(tree, &["spec"], "group", "groups", notes),
            downgrade: |tree| back(tree, &["spec"], "group", "groups"),
        },
    }
}

const LIMITED: &[&str] = &["spec", "limited"];

const fn priority_level(version: &'static str, releases: (u8, u8)) -> Older {
    Older {
        group: FLOW_CONTROL,
        version,
        kind: "PriorityLevelConfiguration",
        current: (FLOW_CONTROL, "v1"),
        releases,
        shape: Shape {
            upgrade: |tree, notes| {
                forth(
                    tree,
                    LIMITED,
                    "assuredConcurrencyShares",
                    "nominalConcurrencyShares",
                    notes,
                );
            },
            downgrade: |tree| {
                back(
                    tree,
                    LIMITED,
                    "assuredConcurrencyShares",
                    "nominalConcurrencyShares",
                );
            },
        },
    }
}

fn forth(tree: &mut Value, path: &[&str], older: &str, current: &str, notes: &mut Notes) {
    if let Some(object) = at(tree, path)
        && rename(object, older, current)
    {
        notes.set(format!("{}.{current}", path.join(".")), &object[current]);
    }
}

fn back(tree: &mut Value, path: &[&str], older: &str, current: &str) {
    if let Some(object) = at(tree, path) {
        rename(object, current, older);
    }
}
