//! The rules that the questions about access share. Upstream: `pkg/apis/authorization/validation`.

use k8s_openapi::{
    api::authorization::v1::{NonResourceAttributes, ResourceAttributes, SubjectAccessReviewSpec},
    apimachinery::pkg::apis::meta::v1::{FieldSelectorRequirement, ObjectMeta},
};
use machinery::{
    field::{Error, ErrorList, Path, Value},
    labels,
};
use serde_json::json;

/// One of both is asked about.
pub(super) fn one_of(
    e: &mut ErrorList,
    resource: Option<&ResourceAttributes>,
    path: Option<&NonResourceAttributes>,
) {
    let spec = Path::new("spec");
    match (resource, path) {
        (Some(_), Some(path)) => {
            let text = "cannot be specified in combination with resourceAttributes";
            let at = spec.child("nonResourceAttributes");
            e.push(Error::invalid(&at, shown(path), text));
        }
        (None, None) => {
            let text =
                "exactly one of nonResourceAttributes or resourceAttributes must be specified";
            let at = spec.child("resourceAttributes");
            e.push(Error::invalid(&at, serde_json::Value::Null, text));
        }
        _ => {}
    }
}

/// The selectors that narrow down what is asked about.
pub(super) fn selectors(e: &mut ErrorList, resource: Option<&ResourceAttributes>) {
    let at = Path::new("spec.resourceAttributes");
    if let Some(fields) = resource.and_then(|it| it.field_selector.as_ref()) {
        let (at, all) = (at.child("fieldSelector"), fields.requirements.as_deref());
        one_form(
            e,
            &at,
            fields.raw_selector.as_deref(),
            all.unwrap_or_default(),
        );
        for (index, it) in all.into_iter().flatten().enumerate() {
            requirement(e, &at.child("requirements").index(index), it);
        }
    }
    if let Some(labels) = resource.and_then(|it| it.label_selector.as_ref()) {
        let (at, all) = (at.child("labelSelector"), labels.requirements.as_deref());
        one_form(
            e,
            &at,
            labels.raw_selector.as_deref(),
            all.unwrap_or_default(),
        );
        for (index, it) in all.into_iter().flatten().enumerate() {
            let path = at.child("requirements").index(index);
            // Clients may know operators that are newer than this server.
            labels::validate_requirement(e, it, &path, labels::Operators::Any);
        }
    }
}

/// Who is asked about, and what.
pub(super) fn spec(e: &mut ErrorList, spec: &SubjectAccessReviewSpec) {
    let resource = spec.resource_attributes.as_ref();
    one_of(e, resource, spec.non_resource_attributes.as_ref());
    let is_named = spec.user.as_deref().is_some_and(|it| !it.is_empty());
    if !is_named && spec.groups.as_ref().is_none_or(Vec::is_empty) {
        let text = "at least one of user or group must be specified";
        e.push(Error::invalid(&Path::new("spec.user"), "", text));
    }
    selectors(e, resource);
}

/// A question has no metadata but, where it is asked within one, its namespace.
pub(super) fn metadata(e: &mut ErrorList, metadata: &ObjectMeta, is_local: bool) {
    let bare = ObjectMeta {
        managed_fields: None,
        namespace: None,
        ..metadata.clone()
    };
    if bare == ObjectMeta::default() {
        return;
    }
    let text = match is_local {
        true => "must be empty except for namespace",
        false => "must be empty",
    };
    e.push(Error::invalid(
        &Path::new("metadata"),
        json!(metadata),
        text,
    ));
}

/// Upstream shows its internal type.
pub(super) fn shown(path: &NonResourceAttributes) -> Value {
    let [path, verb] = [&path.path, &path.verb].map(|it| json!(it.as_deref().unwrap_or_default()));
    Value::shown(format!(r#"{{"Path":{path},"Verb":{verb}}}"#))
}

/// A selector is text or requirements.
fn one_form<T>(e: &mut ErrorList, path: &Path, raw: Option<&str>, requirements: &[T]) {
    match (raw.unwrap_or_default(), requirements) {
        ("", []) => {
            let text = format!("when {path} is specified, requirements or rawSelector is required");
            e.push(Error::required(&path.child("requirements"), &text));
        }
        (raw, [_, ..]) if !raw.is_empty() => {
            let text = "may not specified at the same time as requirements";
            e.push(Error::invalid(&path.child("rawSelector"), raw, text));
        }
        _ => {}
    }
}

fn requirement(e: &mut ErrorList, path: &Path, it: &FieldSelectorRequirement) {
    if it.key.is_empty() {
        e.push(Error::required(&path.child("key"), "must be specified"));
    }
    let values = it.values.as_deref().unwrap_or_default();
    labels::validate_values(e, &it.operator, values, path);
}
