//! A pod: containers that share a network, run together on one node.

mod binding;
mod columns;
mod connect;
mod prepare;
mod resize;
mod status;
#[cfg(test)]
mod tests;
mod update;

use crate::{
    Action, Cell, Column, Context, Destination, Names, ProxyName, Strategy, Subresource,
    SubresourceKind,
    gates::{self, Gated},
    pod_spec,
};
use jiff::Timestamp;
use k8s_openapi::api::core::v1 as upstream;
use machinery::{apply::Resets, field::ErrorList, status::Status};

/// The law of Pod.
pub(crate) struct Pod;

const STREAM_VERBS: &[&str] = &["create", "get"];

impl Strategy for Pod {
    type Object = upstream::Pod;

    fn names(&self) -> Names {
        Names::namespaced("pods", "pod")
            .returning_deleted()
            .short(&["po"])
            .categories(&["all"])
    }

    fn default(&self, pod: &mut upstream::Pod) {
        let spec = pod.spec.get_or_insert_default();
        pod_spec::defaults::spec(spec);
        pod_spec::defaults::pod_only(spec);
    }

    fn prepare_for_create(&self, context: &Context<'_>, pod: &mut upstream::Pod) {
        prepare::for_create(context, pod);
    }

    fn prepare_for_update(&self, _: &Context<'_>, new: &mut upstream::Pod, old: &upstream::Pod) {
        new.status = old.status.clone();
        crate::prepare::next_generation(&mut new.metadata, &old.metadata, new.spec != old.spec);
    }

    fn pod_spec<'a>(&self, object: &'a mut upstream::Pod) -> Option<&'a mut upstream::PodSpec> {
        object.spec.as_mut()
    }

    fn gated(&self) -> &'static [Gated<upstream::Pod>] {
        gates::POD
    }

    fn validate(&self, pod: &upstream::Pod) -> ErrorList {
        pod_spec::validate::pod(pod)
    }

    fn validate_update(&self, new: &upstream::Pod, old: &upstream::Pod) -> ErrorList {
        update::validate(new, old)
    }

    fn warnings(&self, new: &upstream::Pod, old: Option<&upstream::Pod>) -> Vec<String> {
        // Kubelets and controllers change pods all the time, and read no warnings.
        if old.is_some() {
            return Vec::new();
        }
        let name = pod_spec::warnings::name(&new.metadata, "the Pod's hostname");
        name.into_iter()
            .chain(pod_spec::warnings::pod(new))
            .collect()
    }

    fn columns(&self) -> &'static [Column] {
        columns::COLUMNS
    }

    fn row(&self, pod: &upstream::Pod, now: Timestamp) -> Vec<Cell> {
        columns::row(pod, now)
    }

    fn selectable_fields(&self, pod: &upstream::Pod) -> Vec<(&'static str, String)> {
        let spec = pod.spec.as_ref();
        let status = pod.status.as_ref();
        let text = |value: Option<&String>| value.cloned().unwrap_or_default();
        let host_network = spec.and_then(|it| it.host_network) == Some(true);
        let values = [
            text(spec.and_then(|it| it.node_name.as_ref())),
            text(spec.and_then(|it| it.restart_policy.as_ref())),
            text(spec.and_then(|it| it.scheduler_name.as_ref())),
            text(spec.and_then(|it| it.service_account_name.as_ref())),
            host_network.to_string(),
            text(status.and_then(|it| it.phase.as_ref())),
            text(status.and_then(|it| it.pod_ip.as_ref())),
            text(status.and_then(|it| it.nominated_node_name.as_ref())),
        ];
        FIELDS.iter().copied().zip(values).collect()
    }

    fn selectable_field_names(&self) -> &'static [&'static str] {
        FIELDS
    }

    fn subresources(&self) -> &'static [Subresource] {
        SUBRESOURCES
    }

    fn prepare_for_subresource(
        &self,
        subresource: &str,
        _: &Context<'_>,
        new: &mut upstream::Pod,
        old: &upstream::Pod,
    ) {
        prepare::for_subresource(subresource, new, old);
    }

    fn validate_subresource(
        &self,
        subresource: &str,
        new: &upstream::Pod,
        old: &upstream::Pod,
    ) -> ErrorList {
        update::through(subresource, new, old)
    }

    fn act(
        &self,
        _: &str,
        context: &Context<'_>,
        pod: &mut upstream::Pod,
        body: &[u8],
    ) -> Result<Action, Status> {
        binding::bind(context, pod, body)
    }

    fn connect(
        &self,
        subresource: &str,
        pod: &upstream::Pod,
        rest: &str,
        query: &str,
    ) -> Result<Destination, Status> {
        connect::destination(subresource, pod, rest, query)
    }

    fn proxy(
        &self,
        pod: &upstream::Pod,
        name: &ProxyName,
        rest: &str,
        query: &str,
    ) -> Result<Destination, Status> {
        connect::proxy(pod, name, rest, query)
    }

    fn grace_seconds(&self, pod: &upstream::Pod, requested: Option<i64>) -> Option<i64> {
        let spec = pod.spec.as_ref()?;
        let phase = pod.status.as_ref().and_then(|it| it.phase.as_deref());
        let unscheduled = spec.node_name.as_ref().is_none_or(String::is_empty);
        let terminal = matches!(phase, Some("Succeeded" | "Failed"));
        if unscheduled || terminal {
            return Some(0);
        }
        let seconds = requested
            .or(spec.termination_grace_period_seconds)
            .unwrap_or(30);
        // A negative period is read as the shortest one that is still graceful.
        Some(if seconds < 0 { 1 } else { seconds })
    }
}

const FIELDS: &[&str] = &[
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.schedulerName",
    "spec.serviceAccountName",
    "spec.hostNetwork",
    "status.phase",
    "status.podIP",
    "status.nominatedNodeName",
];

const SUBRESOURCES: &[Subresource] = &[
    Subresource::connect("attach", "PodAttachOptions", STREAM_VERBS),
    Subresource::action("binding", "Binding"),
    Subresource::part("ephemeralcontainers", "Pod", Subresource::PART_VERBS)
        .resetting(Resets::AllBut(&[&["spec", "ephemeralContainers"]])),
    Subresource {
        group: "policy",
        version: "v1",
        serves: SubresourceKind::Eviction,
        ..Subresource::action("eviction", "Eviction")
    },
    Subresource::connect("exec", "PodExecOptions", STREAM_VERBS),
    Subresource::connect("log", "Pod", &["get"]),
    Subresource::connect("portforward", "PodPortForwardOptions", STREAM_VERBS),
    Subresource::connect("proxy", "PodProxyOptions", Subresource::PROXY_VERBS),
    Subresource::part("resize", "Pod", Subresource::PART_VERBS).resetting(Resets::AllBut(&[
        &["spec", "containers", "*", "resources"],
        &["spec", "containers", "*", "resizePolicy"],
        &["spec", "initContainers", "*", "resources"],
        &["spec", "initContainers", "*", "resizePolicy"],
    ])),
    Subresource::status("Pod").resetting(Resets::These(&[
        &["spec"],
        &["metadata", "deletionTimestamp"],
        &["metadata", "ownerReferences"],
    ])),
];
