//! Which controller implements an Ingress.

use super::ingress::validate::segment;
use crate::{Cell, Column, Names, Strategy, check, columns, prepare};
use jiff::Timestamp;
use k8s_openapi::api::networking::v1 as upstream;
use machinery::{
    field::{Error, ErrorList, Path},
    names,
};

/// The law of IngressClass.
pub(crate) struct IngressClass;

const CONTROLLER_LIMIT_BYTES: usize = 250;
const CLUSTER: &str = "Cluster";
const SCOPES: &[&str] = &[CLUSTER, "Namespace"];

impl Strategy for IngressClass {
    type Object = upstream::IngressClass;

    fn names(&self) -> Names {
        Names::cluster("ingressclasses", "ingressclass")
    }

    fn default(&self, object: &mut upstream::IngressClass) {
        let spec = object.spec.as_mut();
        if let Some(it) = spec.and_then(|it| it.parameters.as_mut()) {
            it.scope.get_or_insert_with(|| CLUSTER.to_owned());
        }
    }

    prepare::generation!(spec);

    fn validate(&self, object: &upstream::IngressClass) -> ErrorList {
        let mut errors = ErrorList::new();
        let e = &mut errors;
        let path = Path::new("spec");
        let controller = controller(object);
        let at = path.child("controller");
        if controller.is_empty() {
            e.push(Error::required(&at, ""));
        } else {
            if controller.len() > CONTROLLER_LIMIT_BYTES {
                e.push(Error::too_long(&at, CONTROLLER_LIMIT_BYTES));
            }
            check::domain_prefixed_path(e, &at, &controller);
        }
        let spec = object.spec.as_ref();
        if let Some(it) = spec.and_then(|it| it.parameters.as_ref()) {
            parameters(e, &path.child("parameters"), it);
        }
        errors
    }

    fn validate_update(
        &self,
        new: &upstream::IngressClass,
        old: &upstream::IngressClass,
    ) -> ErrorList {
        let mut errors = ErrorList::new();
        let path = Path::new("spec").child("controller");
        let same = controller(new) == controller(old);
        check::immutable(&mut errors, &path, same, controller(new));
        errors.extend(self.validate(new));
        errors
    }

    fn columns(&self) -> &'static [Column] {
        const {
            &[
                Column::NAME,
                Column::text(
                    "Controller",
                    "Controller that is responsible for handling this class",
                ),
                Column::text(
                    "Parameters",
                    "A reference to a resource with additional parameters",
                ),
                Column::AGE,
            ]
        }
    }

    fn row(&self, object: &upstream::IngressClass, now: Timestamp) -> Vec<Cell> {
        let spec = object.spec.clone().unwrap_or_default();
        let parameters = spec.parameters.as_ref().map_or_else(
            || columns::NONE.to_owned(),
            |it| match &it.api_group {
                Some(group) => format!("{}.{group}/{}", it.kind, it.name),
                None => format!("{}/{}", it.kind, it.name),
            },
        );
        vec![
            columns::name(&object.metadata),
            columns::or(spec.controller.as_ref(), ""),
            parameters.into(),
            columns::age(&object.metadata, now),
        ]
    }
}

fn controller(object: &upstream::IngressClass) -> String {
    let spec = object.spec.as_ref();
    spec.and_then(|it| it.controller.clone())
        .unwrap_or_default()
}

fn parameters(e: &mut ErrorList, path: &Path, it: &upstream::IngressClassParametersReference) {
    if let Some(group) = &it.api_group {
        let found = names::subdomain_errors(group);
        check::messages(e, &path.child("apiGroup"), group, found);
    }
    segment(e, &path.child("kind"), &it.kind, "kind is required");
    segment(e, &path.child("name"), &it.name, "name is required");
    let at = path.child("namespace");
    match (it.scope.as_deref(), &it.namespace) {
        (None, _) => e.push(Error::required(&path.child("scope"), "")),
        (Some("Namespace"), None) => {
            e.push(Error::required(
                &at,
                "`parameters.scope` is set to 'Namespace'",
            ));
        }
        (Some("Namespace"), Some(name)) => {
            check::messages(e, &at, name, names::label_errors(name));
        }
        (Some(CLUSTER), Some(_)) => {
            e.push(Error::forbidden(
                &at,
                "`parameters.scope` is set to 'Cluster'",
            ));
        }
        (Some(CLUSTER), None) => {}
        (Some(other), _) => e.push(Error::not_supported(&path.child("scope"), other, SCOPES)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases;
    use serde_json::json;

    #[test]
    fn errors() {
        let base = json!({"metadata": {"name": "a"}, "spec": {"controller": "example.com/c"}});
        let of = |it| json!({"spec": {"parameters": it}});
        cases::creates(
            &IngressClass,
            base.clone(),
            &[
                (json!({}), &[]),
                (
                    json!({"spec": {"controller": null}}),
                    &["spec.controller: Required value"],
                ),
                (
                    json!({"spec": {"controller": "c"}}),
                    &[
                        "spec.controller: Invalid value: \"c\": must be a domain-prefixed path (such as \"acme.io/foo\")",
                    ],
                ),
                (
                    json!({"spec": {"controller": "_/a b"}}),
                    &[
                        "spec.controller: Invalid value: \"_\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
                        "spec.controller: Invalid value: \"a b\": Invalid path (regex used for validation is '[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')",
                    ],
                ),
                (of(json!({"kind": "K", "name": "n"})), &[]),
                (
                    of(json!({"kind": "", "name": "n/m"})),
                    &[
                        "spec.parameters.kind: Required value: kind is required",
                        "spec.parameters.name: Invalid value: \"n/m\": may not contain '/'",
                    ],
                ),
                (
                    of(json!({"kind": "K", "name": "n", "scope": "Namespace"})),
                    &[
                        "spec.parameters.namespace: Required value: `parameters.scope` is set to 'Namespace'",
                    ],
                ),
                (
                    of(json!({"kind": "K", "name": "n", "namespace": "a"})),
                    &[
                        "spec.parameters.namespace: Forbidden: `parameters.scope` is set to 'Cluster'",
                    ],
                ),
                (
                    of(json!({"kind": "K", "name": "n", "scope": "Foo"})),
                    &[
                        "spec.parameters.scope: Unsupported value: \"Foo\": supported values: \"Cluster\", \"Namespace\"",
                    ],
                ),
            ],
        );
        cases::updates(
            &IngressClass,
            base,
            &[(
                json!({"spec": {"controller": "example.com/d"}}),
                &["spec.controller: Invalid value: \"example.com/d\": field is immutable"],
            )],
        );
    }
}
