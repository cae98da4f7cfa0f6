//! A stable name and address for a set of pods.

mod columns;
mod prepare;
#[cfg(test)]
mod tests;
mod validate;
mod warnings;

use crate::{
    Cell, Column, Context, Destination, Names, ProxyName, Route, Strategy, Subresource,
    pod_spec::defaults::text,
};
use jiff::Timestamp;
use k8s_openapi::{api::core::v1 as upstream, apimachinery::pkg::util::intstr::IntOrString};
use machinery::{field::ErrorList, status::Status};

/// The law of Service.
pub(crate) struct Service;

const AFFINITY_SECONDS: i32 = 3 * 60 * 60;

impl Strategy for Service {
    type Object = upstream::Service;

    fn names(&self) -> Names {
        Names::namespaced("services", "service")
            .returning_deleted()
            .short(&["svc"])
            .categories(&["all"])
    }

    fn default(&self, object: &mut upstream::Service) {
        let Some(spec) = &mut object.spec else { return };
        text(&mut spec.session_affinity, "None");
        text(&mut spec.type_, "ClusterIP");
        match spec.session_affinity.as_deref() {
            Some("ClientIP") => {
                let config = spec.session_affinity_config.get_or_insert_default();
                let config = config.client_ip.get_or_insert_default();
                config.timeout_seconds.get_or_insert(AFFINITY_SECONDS);
            }
            Some("None") => spec.session_affinity_config = None,
            _ => {}
        }
        for port in spec.ports.iter_mut().flatten() {
            text(&mut port.protocol, "TCP");
            match &mut port.target_port {
                None | Some(IntOrString::Int(0)) => {
                    port.target_port = Some(IntOrString::Int(port.port))
                }
                Some(IntOrString::String(name)) if name.is_empty() => {
                    port.target_port = Some(IntOrString::Int(port.port))
                }
                Some(_) => {}
            }
        }
        let kind = spec.type_.clone().unwrap_or_default();
        if validate::is_external(spec) {
            text(&mut spec.external_traffic_policy, "Cluster");
        }
        if matches!(kind.as_str(), "ClusterIP" | "NodePort" | "LoadBalancer") {
            spec.internal_traffic_policy
                .get_or_insert_with(|| "Cluster".to_owned());
        }
        let balancer = kind == "LoadBalancer";
        if balancer {
            spec.allocate_load_balancer_node_ports.get_or_insert(true);
        }
        // Clients read `status.loadBalancer` without asking whether it is there.
        let status = object.status.get_or_insert_default();
        let status = status.load_balancer.get_or_insert_default();
        let ingress = status.ingress.iter_mut().flatten();
        let has_address = |it: &&mut upstream::LoadBalancerIngress| {
            it.ip.as_ref().is_some_and(|it| !it.is_empty())
        };
        for it in ingress.filter(has_address).filter(|_| balancer) {
            it.ip_mode.get_or_insert_with(|| "VIP".to_owned());
        }
    }

    fn prepare_for_create(&self, _: &Context<'_>, object: &mut upstream::Service) {
        object.status = Some(empty_status());
    }

    fn prepare_for_update(
        &self,
        _: &Context<'_>,
        new: &mut upstream::Service,
        old: &upstream::Service,
    ) {
        new.status = old.status.clone();
        if let (Some(new), Some(old)) = (&mut new.spec, &old.spec) {
            prepare::drop_unused(new, old);
        }
    }

    fn validate(&self, object: &upstream::Service) -> ErrorList {
        validate::service(object)
    }

    fn validate_update(&self, new: &upstream::Service, old: &upstream::Service) -> ErrorList {
        validate::update(new, old)
    }

    fn name_errors(&self, name: &str) -> Vec<String> {
        machinery::names::label_errors(name)
    }

    fn columns(&self) -> &'static [Column] {
        columns::COLUMNS
    }

    fn row(&self, object: &upstream::Service, now: Timestamp) -> Vec<Cell> {
        columns::row(object, now)
    }

    fn selectable_fields(&self, object: &upstream::Service) -> Vec<(&'static str, String)> {
        let spec = object.spec.clone().unwrap_or_default();
        vec![
            ("spec.clusterIP", spec.cluster_ip.unwrap_or_default()),
            ("spec.type", spec.type_.unwrap_or_default()),
        ]
    }

    fn selectable_field_names(&self) -> &'static [&'static str] {
        &["spec.clusterIP", "spec.type"]
    }

    fn subresources(&self) -> &'static [Subresource] {
        const {
            &[
                Subresource::connect("proxy", "ServiceProxyOptions", Subresource::PROXY_VERBS),
                Subresource::status("Service"),
            ]
        }
    }

    fn prepare_for_subresource(
        &self,
        _: &str,
        _: &Context<'_>,
        new: &mut upstream::Service,
        old: &upstream::Service,
    ) {
        new.spec = old.spec.clone();
        new.status.get_or_insert_with(empty_status);
    }

    fn validate_subresource(
        &self,
        _: &str,
        new: &upstream::Service,
        old: &upstream::Service,
    ) -> ErrorList {
        validate::status(new, old)
    }

    fn warnings(&self, new: &upstream::Service, _: Option<&upstream::Service>) -> Vec<String> {
        warnings::of(new)
    }

    fn proxy(
        &self,
        object: &upstream::Service,
        name: &ProxyName,
        rest: &str,
        query: &str,
    ) -> Result<Destination, Status> {
        Ok(Destination {
            route: Route::Service {
                namespace: object.metadata.namespace.clone().unwrap_or_default(),
                name: object.metadata.name.clone().unwrap_or_default(),
                port: endpoint_port(object, &name.port)?,
                tls: name.is_tls(),
            },
            path_and_query: crate::query::joined(rest, query),
        })
    }

    fn create_on_update(&self) -> bool {
        true
    }
}

/// The name under which endpoints carry the service's port that a path names by name or number.
fn endpoint_port(service: &upstream::Service, port: &str) -> Result<String, Status> {
    let ports = service
        .spec
        .iter()
        .flat_map(|spec| spec.ports.iter().flatten());
    let mut ports = ports.filter(|it| {
        port.is_empty() || it.name.as_deref() == Some(port) || it.port.to_string() == port
    });
    match ports.next() {
        Some(found) => Ok(found.name.clone().unwrap_or_default()),
        None => {
            let name = service.metadata.name.as_deref().unwrap_or_default();
            Err(Status::unavailable(format!(
                "no service port {port:?} found for service {name:?}"
            )))
        }
    }
}

fn empty_status() -> upstream::ServiceStatus {
    upstream::ServiceStatus {
        load_balancer: Some(Default::default()),
        ..Default::default()
    }
}
