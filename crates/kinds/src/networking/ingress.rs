//! HTTP routes from outside to services.

#[cfg(test)]
mod tests;
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

    crate::prepare::spec_and_status!(upstream::IngressStatus {
        load_balancer: Some(upstream::IngressLoadBalancerStatus::default()),
    });

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
