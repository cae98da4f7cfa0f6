//! Which traffic pods may receive and send.

#[cfg(test)]
mod tests;
mod validate;

use crate::{Cell, Column, Names, Strategy, columns, prepare};
use jiff::Timestamp;
use k8s_openapi::api::networking::v1 as upstream;
use machinery::field::ErrorList;

/// The law of NetworkPolicy.
pub(crate) struct NetworkPolicy;

impl Strategy for NetworkPolicy {
    type Object = upstream::NetworkPolicy;

    fn names(&self) -> Names {
        Names::namespaced("networkpolicies", "networkpolicy").short(&["netpol"])
    }

    fn default(&self, object: &mut upstream::NetworkPolicy) {
        let spec = object.spec.get_or_insert_default();
        if spec.policy_types.as_ref().is_none_or(Vec::is_empty) {
            let egress = spec.egress.as_ref().is_some_and(|it| !it.is_empty());
            let types = if egress {
                &["Ingress", "Egress"][..]
            } else {
                &["Ingress"]
            };
            spec.policy_types = Some(types.iter().map(ToString::to_string).collect());
        }
        let ingress = spec
            .ingress
            .iter_mut()
            .flatten()
            .flat_map(|it| it.ports.iter_mut().flatten());
        let egress = spec
            .egress
            .iter_mut()
            .flatten()
            .flat_map(|it| it.ports.iter_mut().flatten());
        for port in ingress.chain(egress) {
            port.protocol.get_or_insert_with(|| "TCP".to_owned());
        }
    }

    prepare::generation!(spec);

    fn validate(&self, object: &upstream::NetworkPolicy) -> ErrorList {
        validate::policy(object, &[])
    }

    fn validate_update(
        &self,
        new: &upstream::NetworkPolicy,
        old: &upstream::NetworkPolicy,
    ) -> ErrorList {
        let known: Vec<_> = validate::ranges(old).map(|it| it.1.as_str()).collect();
        validate::policy(new, &known)
    }

    fn warnings(
        &self,
        new: &upstream::NetworkPolicy,
        _: Option<&upstream::NetworkPolicy>,
    ) -> Vec<String> {
        let ranges = validate::ranges(new);
        ranges
            .flat_map(|it| machinery::addresses::network_warnings(&it.0, it.1))
            .collect()
    }

    fn columns(&self) -> &'static [Column] {
        const {
            &[
                Column::NAME,
                Column::text(
                    "Pod-Selector",
                    "podSelector selects the pods to which this NetworkPolicy object applies. The array of rules is applied to any pods selected by this field. An empty selector matches all pods in the policy's namespace. Multiple network policies can select the same set of pods. In this case, the ingress rules for each are combined additively. This field is optional. If it is not specified, it defaults to an empty selector.",
                ),
                Column::AGE,
            ]
        }
    }

    fn row(&self, object: &upstream::NetworkPolicy, now: Timestamp) -> Vec<Cell> {
        vec![
            columns::name(&object.metadata),
            machinery::labels::describe(
                object.spec.as_ref().and_then(|it| it.pod_selector.as_ref()),
            )
            .into(),
            columns::age(&object.metadata, now),
        ]
    }
}
