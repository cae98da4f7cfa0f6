//! A machine that runs pods.

#[cfg(test)]
mod tests;
mod validate;

use crate::{
    Cell, Column, Context, Destination, Names, ProxyName, Route, Strategy, Subresource,
    columns::{self, NONE},
};
use jiff::Timestamp;
use k8s_openapi::api::core::v1 as upstream;
use machinery::{field::ErrorList, status::Status};
use std::collections::BTreeSet;

/// The law of Node.
pub(crate) struct Node;

const ROLE_PREFIX: &str = "node-role.kubernetes.io/";
const ROLE_LABEL: &str = "kubernetes.io/role";

impl Strategy for Node {
    type Object = upstream::Node;

    fn names(&self) -> Names {
        Names::cluster("nodes", "node").short(&["no"])
    }

    fn default(&self, object: &mut upstream::Node) {
        // Upstream's nodes have these parts from the beginning, empty as they are.
        let status = object.status.get_or_insert_default();
        status.node_info.get_or_insert_default();
        let daemons = status.daemon_endpoints.get_or_insert_default();
        daemons.kubelet_endpoint.get_or_insert_default();
        if status.allocatable.is_none() {
            status.allocatable.clone_from(&status.capacity);
        }
        if let Some(spec) = &mut object.spec {
            one_range_list(spec);
        }
    }

    fn prepare_for_create(&self, _: &Context<'_>, object: &mut upstream::Node) {
        drop_configuration(object, None);
    }

    fn prepare_for_update(&self, _: &Context<'_>, new: &mut upstream::Node, old: &upstream::Node) {
        new.status.clone_from(&old.status);
        drop_configuration(new, Some(old));
    }

    fn validate(&self, object: &upstream::Node) -> ErrorList {
        validate::node(object, &[])
    }

    fn validate_update(&self, new: &upstream::Node, old: &upstream::Node) -> ErrorList {
        validate::update(new, old)
    }

    fn warnings(&self, new: &upstream::Node, _: Option<&upstream::Node>) -> Vec<String> {
        validate::warnings(new)
    }

    fn columns(&self) -> &'static [Column] {
        const {
            &[
                Column::NAME,
                Column::text("Status", "The status of the node"),
                Column::text("Roles", "The roles of the node"),
                Column::AGE,
                Column::text("Version", "Kubelet Version reported by the node."),
                Column::text("Internal-IP", "List of addresses reachable to the node. Queried from cloud provider, if available. More info: https://kubernetes.io/docs/reference/node/node-status/#addresses Note: This field is declared as mergeable, but the merge key is not sufficiently unique, which can cause data corruption when it is merged. Callers should instead use a full-replacement patch. See https://pr.k8s.io/79391 for an example. Consumers should assume that addresses can change during the lifetime of a Node. However, there are some exceptions where this may not be possible, such as Pods that inherit a Node's address in its own status or consumers of the downward API (status.hostIP).").wide(),
                Column::text("External-IP", "List of addresses reachable to the node. Queried from cloud provider, if available. More info: https://kubernetes.io/docs/reference/node/node-status/#addresses Note: This field is declared as mergeable, but the merge key is not sufficiently unique, which can cause data corruption when it is merged. Callers should instead use a full-replacement patch. See https://pr.k8s.io/79391 for an example. Consumers should assume that addresses can change during the lifetime of a Node. However, there are some exceptions where this may not be possible, such as Pods that inherit a Node's address in its own status or consumers of the downward API (status.hostIP).").wide(),
                Column::text("OS-Image", "OS Image reported by the node from /etc/os-release (e.g. Debian GNU/Linux 7 (wheezy)).").wide(),
                Column::text("Kernel-Version", "Kernel Version reported by the node from 'uname -r' (e.g. 3.16.0-0.bpo.4-amd64).").wide(),
                Column::text("Container-Runtime", "ContainerRuntime Version reported by the node through runtime remote API (e.g. containerd://1.4.2).").wide(),
            ]
        }
    }

    fn row(&self, object: &upstream::Node, now: Timestamp) -> Vec<Cell> {
        let system = object
            .status
            .as_ref()
            .and_then(|it| it.node_info.clone())
            .unwrap_or_default();
        vec![
            columns::name(&object.metadata),
            status(object).into(),
            roles(object).into(),
            columns::age(&object.metadata, now),
            system.kubelet_version.clone().into(),
            columns::or(address(object, "InternalIP"), NONE),
            columns::or(address(object, "ExternalIP"), NONE),
            columns::or(Some(&system.os_image), "<unknown>"),
            columns::or(Some(&system.kernel_version), "<unknown>"),
            columns::or(Some(&system.container_runtime_version), "<unknown>"),
        ]
    }

    fn selectable_fields(&self, object: &upstream::Node) -> Vec<(&'static str, String)> {
        vec![("spec.unschedulable", unschedulable(object).to_string())]
    }

    fn selectable_field_names(&self) -> &'static [&'static str] {
        &["spec.unschedulable"]
    }

    fn subresources(&self) -> &'static [Subresource] {
        const {
            &[
                Subresource::connect("proxy", "NodeProxyOptions", Subresource::PROXY_VERBS),
                Subresource::status("Node"),
            ]
        }
    }

    fn prepare_for_subresource(
        &self,
        _: &str,
        _: &Context<'_>,
        new: &mut upstream::Node,
        old: &upstream::Node,
    ) {
        new.spec.clone_from(&old.spec);
        drop_configuration(new, Some(old));
    }

    fn validate_subresource(
        &self,
        _: &str,
        new: &upstream::Node,
        old: &upstream::Node,
    ) -> ErrorList {
        validate::update(new, old)
    }

    fn proxy(
        &self,
        object: &upstream::Node,
        name: &ProxyName,
        rest: &str,
        query: &str,
    ) -> Result<Destination, Status> {
        let path_and_query = crate::query::joined(rest, query);
        let endpoints = object
            .status
            .as_ref()
            .and_then(|it| it.daemon_endpoints.as_ref());
        let kubelet = endpoints
            .and_then(|it| it.kubelet_endpoint.as_ref())
            .map(|it| it.port);
        let route = match name.port_number()? {
            Some(port) if Some(i32::from(port)) != kubelet => {
                let Some(host) = address(object, "InternalIP").cloned() else {
                    return Err(Status::bad_request("address not allowed"));
                };
                Route::Address {
                    host,
                    port,
                    tls: name.is_tls(),
                }
            }
            _ => Route::Kubelet {
                node: object.metadata.name.clone().unwrap_or_default(),
            },
        };
        Ok(Destination {
            route,
            path_and_query,
        })
    }
}

/// The old single range and the list say the same; the single one wins.
fn one_range_list(spec: &mut upstream::NodeSpec) {
    let single = spec.pod_cidr.clone().filter(|it| !it.is_empty());
    let ranges = spec.pod_cidrs.as_deref().unwrap_or_default();
    if single.is_some() && ranges.first() != single.as_ref() {
        spec.pod_cidrs = single.map(|it| vec![it]);
    } else if single.is_none() {
        spec.pod_cidr = ranges.first().cloned();
    }
}

/// Configuration by ConfigMap is no more; what an old node still has is left to it.
fn drop_configuration(new: &mut upstream::Node, old: Option<&upstream::Node>) {
    let used = old.is_some_and(|it| {
        it.spec
            .as_ref()
            .is_some_and(|it| it.config_source.is_some())
    });
    if used {
        return;
    }
    if let Some(spec) = &mut new.spec {
        spec.config_source = None;
    }
    if let Some(status) = &mut new.status {
        status.config = None;
    }
}

fn unschedulable(object: &upstream::Node) -> bool {
    object.spec.as_ref().and_then(|it| it.unschedulable) == Some(true)
}

fn address<'a>(object: &'a upstream::Node, kind: &str) -> Option<&'a String> {
    let addresses = object.status.as_ref().and_then(|it| it.addresses.as_ref());
    addresses
        .into_iter()
        .flatten()
        .find(|it| it.type_ == kind)
        .map(|it| &it.address)
}

fn status(object: &upstream::Node) -> String {
    let conditions = object.status.as_ref().and_then(|it| it.conditions.as_ref());
    let ready = conditions
        .into_iter()
        .flatten()
        .find(|it| it.type_ == "Ready");
    let ready = ready.map_or("Unknown", |it| {
        if it.status == "True" {
            "Ready"
        } else {
            "NotReady"
        }
    });
    if unschedulable(object) {
        format!("{ready},SchedulingDisabled")
    } else {
        ready.to_owned()
    }
}

fn roles(object: &upstream::Node) -> String {
    let labels = object.metadata.labels.iter().flatten();
    let roles: BTreeSet<_> = labels
        .filter_map(|(key, value)| match key.strip_prefix(ROLE_PREFIX) {
            Some(role) => Some(role.to_owned()),
            None => (key == ROLE_LABEL).then(|| value.clone()),
        })
        .filter(|role| !role.is_empty())
        .collect();
    columns::joined_or_none(&roles.into_iter().collect::<Vec<_>>())
}
