//! Bindings of rbac.authorization.k8s.io/v1alpha1: a subject named an `apiVersion` where it names its API group
//! today, and the user `*` meant everybody who is authenticated.

use super::{
    Notes, Older, Shape,
    tree::{items, take},
};
use serde_json::Value;

const GROUP: &str = "rbac.authorization.k8s.io";
const AUTHENTICATED: &str = "system:authenticated";

const fn row(kind: &'static str) -> Older {
    Older {
        group: GROUP,
        version: "v1alpha1",
        kind,
        current: (GROUP, "v1"),
        releases: (17, 22),
        shape: Shape { upgrade, downgrade },
    }
}

pub(super) static ROWS: &[Older] = &[row("ClusterRoleBinding"), row("RoleBinding")];

fn upgrade(tree: &mut Value, notes: &mut Notes) {
    let Some(object) = tree.as_object_mut() else {
        return;
    };
    for (index, subject) in items(object, "subjects").enumerate() {
        let version = take(subject, "apiVersion").unwrap_or_default();
        let version = version.as_str().unwrap_or_default();
        let kind = subject
            .get("kind")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let group = match kind {
            "ServiceAccount" => "",
            "User" | "Group" => GROUP,
            _ => version.split_once('/').map_or("", |(group, _)| group),
        };
        let everybody = kind == "User" && subject.get("name").is_some_and(|it| it == "*");
        if !group.is_empty() {
            subject.insert("apiGroup".to_owned(), group.into());
        }
        if everybody {
            subject.insert("kind".to_owned(), "Group".into());
            subject.insert("name".to_owned(), AUTHENTICATED.into());
        }
        if everybody || !version.is_empty() {
            notes.set(
                format!("subjects[{index}]"),
                &Value::Object(subject.clone()),
            );
        }
    }
}

fn downgrade(tree: &mut Value) {
    let Some(object) = tree.as_object_mut() else {
        return;
    };
    for subject in items(object, "subjects") {
        let group = take(subject, "apiGroup").unwrap_or_default();
        let group = group.as_str().unwrap_or_default();
        let kind = subject
            .get("kind")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let version = match (kind, group) {
            ("ServiceAccount", "") => "v1".to_owned(),
            ("User" | "Group", GROUP) => format!("{GROUP}/v1alpha1"),
            (_, "") => continue,
            (_, group) => format!("{group}/"),
        };
        subject.insert("apiVersion".to_owned(), version.into());
    }
}
