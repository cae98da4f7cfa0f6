//! HTTP routes from outside to services.

pub(super) mod validate;

use crate::{Cell, Column, Names, Strategy, Subresource, columns};
use jiff::Timestamp;
use k8s_openapi::api::networking::v1 as upstream;
use machinery::field::{Error, ErrorList, Path};
use std::collections::BTreeSet;

/// The law of Ingress.
pub(crate) struct Ingress;

/// The annotation that named a class before the field did.
const CLASS: &str = "kubernetes.io/ingress.class";

impl Strategy for Ingress {
    type Object = upstream::Ingress;

    fn names(&self) -> Names {
        Names::namespaced("ingresses", "ingress").short(&["ing"])
    }

    fn subresources(&self) -> &'static [Subresource] {
        const { &[Subresource::status("Ingress")] }
    }

    fn default(&self, object: &mut upstream::Ingress) {
        object
            .status
            .get_or_insert_default()
            .load_balancer
            .get_or_insert_default();
    }

    crate::prepare::spec_and_status!();

    fn validate(&self, object: &upstream::Ingress) -> ErrorList {
        let mut errors = validate::ingress(object);
        let spec = object.spec.as_ref();
        let class = spec.and_then(|it| it.ingress_class_name.as_ref());
        if let (Some(old), Some(class)) = (annotation(object), class)
            && old != class
        {
            let path = Path::new("annotations").child(CLASS);
            let text = "must match `ingressClassName` when both are specified";
            errors.push(Error::invalid(&path, old, text));
        }
        errors
    }

    fn validate_update(&self, new: &upstream::Ingress, _: &upstream::Ingress) -> ErrorList {
        validate::ingress(new)
    }

    fn validate_subresource(
        &self,
        _: &str,
        new: &upstream::Ingress,
        old: &upstream::Ingress,
    ) -> ErrorList {
        validate::status(new, old)
    }

    fn warnings(&self, new: &upstream::Ingress, old: Option<&upstream::Ingress>) -> Vec<String> {
        let spec = new.spec.as_ref();
        let named = spec.is_some_and(|it| it.ingress_class_name.is_some());
        if old.is_some() || named || annotation(new).is_none() {
            return Vec::new();
        }
        vec![format!(
            "annotation \"{CLASS}\" is deprecated, please use 'spec.ingressClassName' instead"
        )]
    }

    fn columns(&self) -> &'static [Column] {
        const {
            &[
                Column::NAME,
                Column::text(
                    "Class",
                    "The name of the IngressClass resource that should be used for additional configuration",
                ),
                Column::text(
                    "Hosts",
                    "Hosts that incoming requests are matched against before the ingress rule",
                ),
                Column::text(
                    "Address",
                    "Address is a list containing ingress points for the load-balancer",
                ),
                Column::text("Ports", "Ports of TLS configurations that open"),
                Column::AGE,
            ]
        }
    }

    fn row(&self, object: &upstream::Ingress, now: Timestamp) -> Vec<Cell> {
        let spec = object.spec.clone().unwrap_or_default();
        let hosts: Vec<_> = spec
            .rules
            .iter()
            .flatten()
            .filter_map(|it| it.host.clone())
            .filter(|it| !it.is_empty())
            .collect();
        let balancer = object
            .status
            .as_ref()
            .and_then(|it| it.load_balancer.as_ref())
            .and_then(|it| it.ingress.as_ref());
        let given = |it: &Option<String>| it.clone().filter(|it| !it.is_empty());
        let addresses = balancer.into_iter().flatten();
        let addresses: BTreeSet<_> = addresses
            .filter_map(|it| given(&it.ip).or_else(|| given(&it.hostname)))
            .collect();
        let addresses: Vec<_> = addresses.into_iter().collect();
        let open = spec.tls.is_some_and(|it| !it.is_empty());
        vec![
            columns::name(&object.metadata),
            columns::or(spec.ingress_class_name.as_ref(), columns::NONE),
            if hosts.is_empty() {
                "*".to_owned()
            } else {
                columns::some_of(&hosts)
            }
            .into(),
            addresses.join(",").into(),
            if open { "80, 443" } else { "80" }.into(),
            columns::age(&object.metadata, now),
        ]
    }
}

fn annotation(object: &upstream::Ingress) -> Option<&String> {
    object.metadata.annotations.as_ref()?.get(CLASS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases;
    use serde_json::{Value, json};

    #[test]
    fn errors_and_warnings() {
        let service = json!({"service": {"name": "s", "port": {"number": 80}}});
        let base = json!({"metadata": {"name": "a"}, "spec": {"defaultBackend": service}});
        let rule = |host: &str, path: Value| json!({"spec": {"rules": [{"host": host, "http": {"paths": [cases::merged(&json!({"pathType": "Prefix", "path": "/", "backend": service}), &path)]}}]}});
        let backend = |it: Value| json!({"spec": {"defaultBackend": it}});
        const AT: &str = "spec.rules[0].http.paths[0]";
        cases::creates(
            &Ingress,
            base.clone(),
            &[
                (json!({}), &[]),
                (rule("a.b", json!({})), &[]),
                (
                    json!({"spec": {"defaultBackend": null}}),
                    &[
                        "spec: Invalid value: null: either `defaultBackend` or `rules` must be specified",
                    ],
                ),
                (
                    rule("10.0.0.1", json!({})),
                    &[
                        "spec.rules[0].host: Invalid value: \"10.0.0.1\": must be a DNS name, not an IP address",
                    ],
                ),
                (
                    rule("", json!({"path": "a"})),
                    &[&format!(
                        "{AT}.path: Invalid value: \"a\": must be an absolute path"
                    )],
                ),
                (
                    rule("", json!({"path": "/a//b/.."})),
                    &[
                        &format!("{AT}.path: Invalid value: \"/a//b/..\": must not contain '//'"),
                        &format!("{AT}.path: Invalid value: \"/a//b/..\": cannot end with '/..'"),
                    ],
                ),
                (
                    rule("", json!({"pathType": "Foo"})),
                    &[&format!(
                        "{AT}.pathType: Unsupported value: \"Foo\": supported values: \"Exact\", \"ImplementationSpecific\", \"Prefix\""
                    )],
                ),
                (
                    rule("", json!({"backend": {"service": null}})),
                    &[&format!(
                        "{AT}.backend: Invalid value: \"\": resource or service backend is required"
                    )],
                ),
                (
                    backend(json!({"service": {"port": {"number": null}}})),
                    &["spec.defaultBackend: Required value: port name or number is required"],
                ),
                (
                    backend(json!({"service": {"port": {"name": "p"}}})),
                    &[
                        "spec.defaultBackend: Invalid value: \"\": cannot set both port name & port number",
                    ],
                ),
                (
                    backend(json!({"resource": {"kind": "K", "name": "n"}})),
                    &[
                        "spec.defaultBackend: Invalid value: \"\": cannot set both resource and service backends",
                    ],
                ),
                (
                    json!({"metadata": {"annotations": {CLASS: "a"}}, "spec": {"ingressClassName": "b"}}),
                    &[
                        "annotations.kubernetes.io/ingress.class: Invalid value: \"a\": must match `ingressClassName` when both are specified",
                    ],
                ),
            ],
        );
        cases::changes(
            &Ingress,
            "status",
            base.clone(),
            &[
                (
                    json!({"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}}),
                    &[],
                ),
                (
                    json!({"status": {"loadBalancer": {"ingress": [{"hostname": "192.0.2.1"}]}}}),
                    &[
                        "status.loadBalancer.ingress[0].hostname: Invalid value: \"192.0.2.1\": must be a DNS name, not an IP address",
                    ],
                ),
            ],
        );
        cases::warns(
            &Ingress,
            base.clone(),
            &[(
                json!({"metadata": {"annotations": {CLASS: "a"}}}),
                &[
                    "annotation \"kubernetes.io/ingress.class\" is deprecated, please use 'spec.ingressClassName' instead",
                ],
            )],
        );
        assert_eq!(cases::row(&Ingress, base), "a|<none>|*||80|<unknown>");
    }
}
