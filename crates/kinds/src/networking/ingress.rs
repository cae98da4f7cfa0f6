//! HTTP routes from outside to services.

use crate::{Cell, Column, Names, Strategy, Subresource, check, columns};
use jiff::Timestamp;
use k8s_openapi::api::networking::v1 as upstream;

use machinery::field::{Error, ErrorList, Path};

/// The law of Ingress.
pub(crate) struct Ingress;

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
        let mut errors = ErrorList::new();
        let path = Path::new("spec");
        let spec = object.spec.clone().unwrap_or_default();
        if spec.default_backend.is_none() && spec.rules.as_ref().is_none_or(Vec::is_empty) {
            errors.push(Error::invalid(
                &path,
                serde_json::json!({}),
                "either `defaultBackend` or `rules` must be specified",
            ));
        }
        for (index, rule) in spec.rules.iter().flatten().enumerate() {
            let path = path.child("rules").index(index);
            if let Some(host) = rule.host.as_ref().filter(|it| !it.is_empty()) {
                let found = if host.contains('*') {
                    machinery::names::wildcard_subdomain_errors(host)
                } else {
                    machinery::names::subdomain_errors(host)
                };
                check::messages(&mut errors, &path.child("host"), host, found);
            }
            for (at, it) in rule.http.iter().flat_map(|it| &it.paths).enumerate() {
                let path = path.child("http").child("paths").index(at);
                let kinds = &["Exact", "ImplementationSpecific", "Prefix"];
                check::one_of(
                    &mut errors,
                    &path.child("pathType"),
                    Some(&it.path_type),
                    kinds,
                );
                let text = it.path.as_deref().unwrap_or_default();
                if it.path_type != "ImplementationSpecific" && !text.starts_with('/') {
                    errors.push(Error::invalid(
                        &path.child("path"),
                        text,
                        "must be an absolute path",
                    ));
                }
                if let Some(service) = &it.backend.service {
                    let path = path.child("backend").child("service");
                    check::required(&mut errors, &path.child("name"), Some(&service.name));
                }
            }
        }
        errors
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
        let addresses: Vec<_> = balancer
            .into_iter()
            .flatten()
            .filter_map(|it| it.ip.clone().or_else(|| it.hostname.clone()))
            .collect();
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
            if spec.tls.is_none() { "80" } else { "80, 443" }.into(),
            columns::age(&object.metadata, now),
        ]
    }
}
