//! A scope for names, and its life cycle.

use crate::{Cell, Column, Context, Names, Strategy, Subresource, check, columns};
use jiff::Timestamp;
use k8s_openapi::api::core::v1 as upstream;
use machinery::{
    apply::Resets,
    field::{Error, ErrorList, Path},
    names,
};

/// The law of Namespace.
pub(crate) struct Namespace;

/// Selectors find namespaces by name through this label.
const NAME_LABEL: &str = "kubernetes.io/metadata.name";
/// Held by a namespace until everything in it is gone.
const FINALIZER: &str = "kubernetes";
/// Finalizers whose names need no domain.
const STANDARD: &[&str] = &[FINALIZER, "orphan", "foregroundDeletion"];

impl Strategy for Namespace {
    type Object = upstream::Namespace;

    fn names(&self) -> Names {
        Names::cluster("namespaces", "namespace")
            .short(&["ns"])
            .verbs(&[
                "create", "delete", "get", "list", "patch", "update", "watch",
            ])
    }

    fn default(&self, object: &mut upstream::Namespace) {
        label(object);
        let status = object.status.get_or_insert_default();
        crate::pod_spec::defaults::text(&mut status.phase, "Active");
    }

    fn prepare_for_create(&self, _: &Context<'_>, object: &mut upstream::Namespace) {
        label(object);
        object.status = Some(upstream::NamespaceStatus {
            phase: Some("Active".to_owned()),
            conditions: None,
        });
        let finalizers = object
            .spec
            .get_or_insert_default()
            .finalizers
            .get_or_insert_default();
        if !finalizers.iter().any(|it| it == FINALIZER) {
            finalizers.push(FINALIZER.to_owned());
        }
    }

    fn prepare_for_update(
        &self,
        _: &Context<'_>,
        new: &mut upstream::Namespace,
        old: &upstream::Namespace,
    ) {
        label(new);
        new.spec.clone_from(&old.spec);
        new.status.clone_from(&old.status);
    }

    fn validate(&self, object: &upstream::Namespace) -> ErrorList {
        let mut errors = ErrorList::new();
        let path = Path::new("spec").child("finalizers");
        for finalizer in finalizers(object) {
            finalizer_name(&mut errors, &path, finalizer);
        }
        errors
    }

    fn name_errors(&self, name: &str) -> Vec<String> {
        machinery::names::label_errors(name)
    }

    fn columns(&self) -> &'static [Column] {
        const {
            &[
                Column::NAME,
                Column::text("Status", "The status of the namespace"),
                Column::AGE,
            ]
        }
    }

    fn row(&self, object: &upstream::Namespace, now: Timestamp) -> Vec<Cell> {
        vec![
            columns::name(&object.metadata),
            phase(object).into(),
            columns::age(&object.metadata, now),
        ]
    }

    fn selectable_fields(&self, object: &upstream::Namespace) -> Vec<(&'static str, String)> {
        vec![("status.phase", phase(object))]
    }

    fn selectable_field_names(&self) -> &'static [&'static str] {
        &["status.phase"]
    }

    fn subresources(&self) -> &'static [Subresource] {
        const {
            &[
                Subresource::part("finalize", "Namespace", &["update"]).resetting(Resets::STATUS),
                Subresource::status("Namespace"),
            ]
        }
    }

    fn prepare_for_subresource(
        &self,
        subresource: &str,
        _: &Context<'_>,
        new: &mut upstream::Namespace,
        old: &upstream::Namespace,
    ) {
        if subresource == "finalize" {
            new.status.clone_from(&old.status);
        } else {
            new.spec.clone_from(&old.spec);
        }
    }

    fn validate_subresource(
        &self,
        subresource: &str,
        new: &upstream::Namespace,
        _: &upstream::Namespace,
    ) -> ErrorList {
        let mut errors = ErrorList::new();
        if subresource == "finalize" {
            let path = Path::new("spec").child("finalizers");
            for (index, finalizer) in finalizers(new).iter().enumerate() {
                finalizer_name(&mut errors, &path.index(index), finalizer);
            }
            return errors;
        }
        let (wanted, when) = match new.metadata.deletion_timestamp {
            None => ("Active", "empty"),
            Some(_) => ("Terminating", "not empty"),
        };
        let phase = phase(new);
        if phase != wanted {
            let path = Path::new("status").child("Phase");
            let text = format!("may only be '{wanted}' if `deletionTimestamp` is {when}");
            errors.push(Error::invalid(&path, phase, &text));
        }
        errors
    }

    fn begin_deletion(&self, object: &mut upstream::Namespace) {
        object.status.get_or_insert_default().phase = Some("Terminating".to_owned());
    }

    fn holds_deletion(&self, object: &upstream::Namespace) -> bool {
        !finalizers(object).is_empty()
    }
}

fn finalizers(object: &upstream::Namespace) -> &[String] {
    let list = object.spec.as_ref().and_then(|it| it.finalizers.as_deref());
    list.unwrap_or_default()
}

/// Qualified, or one of the few that came before qualified names.
fn finalizer_name(errors: &mut ErrorList, path: &Path, name: &str) {
    check::messages(errors, path, name, names::qualified_name_errors(name));
    if !name.contains('/') && !STANDARD.contains(&name) {
        let text = "name is neither a standard finalizer name nor is it fully qualified";
        errors.push(Error::invalid(path, name, text));
    }
}

fn phase(object: &upstream::Namespace) -> String {
    object
        .status
        .as_ref()
        .and_then(|it| it.phase.clone())
        .unwrap_or_default()
}

fn label(object: &mut upstream::Namespace) {
    if let Some(name) = object.metadata.name.clone().filter(|it| !it.is_empty()) {
        object
            .metadata
            .labels
            .get_or_insert_default()
            .insert(NAME_LABEL.to_owned(), name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases;
    use serde_json::json;

    #[test]
    fn finalizers_are_qualified_and_phases_follow_deletion() {
        let base = json!({"metadata": {"name": "a"}, "spec": {"finalizers": ["kubernetes"]}});
        const BAD: &str = "name is neither a standard finalizer name nor is it fully qualified";
        cases::creates(
            &Namespace,
            base.clone(),
            &[
                (json!({}), &[]),
                (json!({"spec": {"finalizers": ["example.com/a"]}}), &[]),
                (
                    json!({"spec": {"finalizers": ["b"]}}),
                    &[&format!("spec.finalizers: Invalid value: \"b\": {BAD}")],
                ),
            ],
        );
        cases::changes(
            &Namespace,
            "finalize",
            base.clone(),
            &[
                (json!({"spec": {"finalizers": []}}), &[]),
                (
                    json!({"spec": {"finalizers": ["b"]}}),
                    &[&format!("spec.finalizers[0]: Invalid value: \"b\": {BAD}")],
                ),
            ],
        );
        cases::changes(
            &Namespace,
            "status",
            base,
            &[
                (json!({"status": {"phase": "Active"}}), &[]),
                (
                    json!({"status": {"phase": "Terminating"}}),
                    &[
                        "status.Phase: Invalid value: \"Terminating\": may only be 'Active' if `deletionTimestamp` is empty",
                    ],
                ),
                (
                    json!({"metadata": {"deletionTimestamp": "2020-01-01T00:00:00Z"}}),
                    &[
                        "status.Phase: Invalid value: \"Active\": may only be 'Terminating' if `deletionTimestamp` is not empty",
                    ],
                ),
            ],
        );
    }

    #[test]
    fn lives_until_its_finalizer_goes() {
        let context = Context {
            now: Timestamp::UNIX_EPOCH,
            user: "",
            user_uid: "",
            groups: &[],
        };
        let mut it = upstream::Namespace::default();
        it.metadata.name = Some("a".to_owned());
        Namespace.prepare_for_create(&context, &mut it);
        assert_eq!(phase(&it), "Active");
        assert!(Namespace.holds_deletion(&it));
        assert_eq!(it.metadata.labels.as_ref().unwrap()[NAME_LABEL], "a");
        Namespace.begin_deletion(&mut it);
        assert_eq!(phase(&it), "Terminating");
        let mut done = it.clone();
        done.spec = None;
        done.status = None;
        Namespace.prepare_for_subresource("finalize", &context, &mut done, &it);
        assert!(!Namespace.holds_deletion(&done));
        assert_eq!(phase(&done), "Terminating");
    }
}
