//! Which traffic pods may receive and send.

mod validate;

use crate::{Cell, Column, Names, Strategy, columns};
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

    fn prepare_for_create(&self, _: &crate::Context<'_>, object: &mut upstream::NetworkPolicy) {
        crate::prepare::first_generation(&mut object.metadata);
    }

    fn prepare_for_update(
        &self,
        _: &crate::Context<'_>,
        new: &mut upstream::NetworkPolicy,
        old: &upstream::NetworkPolicy,
    ) {
        crate::prepare::next_generation(&mut new.metadata, &old.metadata, new.spec != old.spec);
    }

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases;
    use serde_json::{Value, json};

    #[test]
    fn errors_and_warnings() {
        let base = json!({"metadata": {"name": "a"}, "spec": {"podSelector": {}}});
        let from = |peer: Value| json!({"spec": {"ingress": [{"from": [peer]}]}});
        let port = |port: Value| json!({"spec": {"egress": [{"ports": [port]}]}});
        let block = |cidr: &str, except: &[&str]| {
            from(json!({"ipBlock": {"cidr": cidr, "except": except}}))
        };
        const FROM: &str = "spec.ingress[0].from[0]";
        const PORT: &str = "spec.egress[0].ports[0]";
        cases::creates(
            &NetworkPolicy,
            base.clone(),
            &[
                (json!({}), &[]),
                (block("10.0.0.0/8", &["10.1.0.0/16"]), &[]),
                (
                    block("", &[]),
                    &[&format!("{FROM}.ipBlock.cidr: Required value")],
                ),
                (
                    block("10.0.0.1/8", &[]),
                    &[&format!(
                        "{FROM}.ipBlock.cidr: Invalid value: \"10.0.0.1/8\": must not have bits set beyond the prefix length"
                    )],
                ),
                (
                    block("10.0.0.0/8", &["11.0.0.0/16"]),
                    &[&format!(
                        "{FROM}.ipBlock.except[0]: Invalid value: \"11.0.0.0/16\": must be a strict subset of `cidr`"
                    )],
                ),
                (
                    from(json!({})),
                    &[&format!("{FROM}: Required value: must specify a peer")],
                ),
                (
                    from(json!({"podSelector": {}, "ipBlock": {"cidr": "10.0.0.0/8"}})),
                    &[&format!(
                        "{FROM}: Forbidden: may not specify both ipBlock and another peer"
                    )],
                ),
                (port(json!({"port": 1, "endPort": 2})), &[]),
                (
                    port(json!({"port": 2, "endPort": 1})),
                    &[&format!(
                        "{PORT}.endPort: Invalid value: 1: must be greater than or equal to `port`"
                    )],
                ),
                (
                    port(json!({"port": "a", "endPort": 1})),
                    &[&format!(
                        "{PORT}.endPort: Invalid value: 1: may not be specified when `port` is non-numeric"
                    )],
                ),
                (
                    port(json!({"endPort": 1})),
                    &[&format!(
                        "{PORT}.endPort: Invalid value: 1: may not be specified when `port` is not specified"
                    )],
                ),
                (
                    port(json!({"protocol": "Foo"})),
                    &[&format!(
                        "{PORT}.protocol: Unsupported value: \"Foo\": supported values: \"TCP\", \"UDP\", \"SCTP\""
                    )],
                ),
                (
                    json!({"spec": {"policyTypes": ["Foo"]}}),
                    &[
                        "spec.policyTypes[0]: Unsupported value: \"Foo\": supported values: \"Ingress\", \"Egress\"",
                    ],
                ),
            ],
        );
        let old = cases::merged(&base, &block("10.0.0.1/8", &[]));
        cases::updates(&NetworkPolicy, old, &[(json!({}), &[])]);
        cases::warns(
            &NetworkPolicy,
            base,
            &[(
                block("10.0.0.1/8", &[]),
                &[&format!(
                    "{FROM}.ipBlock.cidr: CIDR value \"10.0.0.1/8\" is ambiguous in this context (should be \"10.0.0.0/8\" or \"10.0.0.1/32\"?)"
                )],
            )],
        );
    }
}
