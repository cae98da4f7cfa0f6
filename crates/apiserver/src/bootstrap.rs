//! What every cluster has from its first moment, made through the door itself: safe to repeat.

use crate::{Door, query::Query, route};
use http::Method;
use http_body_util::BodyExt;
use machinery::endpoint_slices;
use machinery::status::Status;
use serde_json::{Value, json};
use std::sync::Arc;

/// An object could not be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot create {path}: {status}")]
pub struct BootstrapError {
    path: String,
    status: Status,
}

impl Door {
    /// Makes what is missing of the standard objects.
    ///
    /// # Errors
    /// When an object is refused for another reason than being there already.
    pub async fn bootstrap(self: &Arc<Self>) -> Result<(), BootstrapError> {
        let repaired = crate::admission::service_address::repair::claims(self).await;
        repaired.map_err(|status| BootstrapError {
            path: "the claims of services".to_owned(),
            status,
        })?;
        for (path, object) in objects(self) {
            self.ensure(path, object).await?;
        }
        Ok(())
    }

    /// Sends an object, whose kind the path tells, to where it belongs.
    async fn ensure(self: &Arc<Self>, path: &str, mut object: Value) -> Result<(), BootstrapError> {
        let (place, method, media_type) = match path.split_once('?') {
            Some((place, _)) => (place, Method::PATCH, "application/apply-patch+yaml"),
            None => (path, Method::POST, "application/json"),
        };
        let route = route::parse(&method, place, &Query::default());
        let named = route.target.as_ref();
        let resource = named.and_then(|it| self.resources.find(&it.group, &it.version, &it.plural));
        if let Some(resource) = resource {
            object["apiVersion"] = resource.api_version().into();
            object["kind"] = resource.kind().into();
        }
        let asked = self.ask_itself(method, path, media_type, object.to_string());
        let response = asked.await;
        if response.status().is_success() {
            return Ok(());
        }
        let body = response
            .into_body()
            .collect()
            .await
            .map(|it| it.to_bytes())
            .unwrap_or_default();
        let status: Status =
            serde_json::from_slice(&body).unwrap_or_else(|error| Status::internal(&error));
        if status.is("AlreadyExists") {
            return Ok(());
        }
        Err(BootstrapError {
            path: path.to_owned(),
            status,
        })
    }
}

fn objects(door: &Door) -> Vec<(&'static str, Value)> {
    const NAMESPACES: &str = "/api/v1/namespaces";
    const PRIORITIES: &str = "/apis/scheduling.k8s.io/v1/priorityclasses";
    let network = &door.config.network;
    let mut all: Vec<(&'static str, Value)> =
        ["default", "kube-system", "kube-public", "kube-node-lease"]
            .iter()
            .map(|name| (NAMESPACES, json!({ "metadata": { "name": name } })))
            .collect();
    let critical = "Used for system critical pods that must";
    for (name, value, text) in [
        (
            "system-cluster-critical",
            2_000_000_000,
            format!(
                "{critical} run in the cluster, but can be moved to another node if necessary."
            ),
        ),
        (
            "system-node-critical",
            2_000_001_000,
            format!("{critical} not be moved from their current node."),
        ),
    ] {
        all.push((
            PRIORITIES,
            json!({ "metadata": { "name": name }, "value": value, "description": text }),
        ));
    }
    let cidrs: Vec<String> = network
        .service_cidrs
        .iter()
        .map(ToString::to_string)
        .collect();
    if let Some(first) = network.service_cidrs.first() {
        all.push((
            "/apis/networking.k8s.io/v1/servicecidrs",
            json!({ "metadata": { "name": "kubernetes" }, "spec": { "cidrs": cidrs } }),
        ));
        let address = first
            .hosts()
            .next()
            .map(|it| it.to_string())
            .unwrap_or_default();
        let labels = json!({ "component": "apiserver", "provider": "kubernetes" });
        // Applied: a second create would be refused for its address, which the first one holds.
        all.push(("/api/v1/namespaces/default/services/kubernetes?fieldManager=apiserver&force=true", json!({
            "metadata": { "name": "kubernetes", "labels": labels },
            "spec": { "clusterIP": address, "clusterIPs": [address], "type": "ClusterIP", "sessionAffinity": "None",
                "ports": [{ "name": "https", "protocol": "TCP", "port": 443, "targetPort": network.port }] },
        })));
        if network.advertise_address.is_loopback() {
            tracing::info!(
                address = %network.advertise_address,
                "pods cannot reach the API at a loopback address: the Service kubernetes has no endpoints"
            );
        } else {
            all.push(own_endpoint(door));
            all.push(own_endpoints(door));
        }
    }
    all
}

/// Where the `kubernetes` Service leads. Applied, since the address may be another after a restart.
fn own_endpoint(door: &Door) -> (&'static str, Value) {
    let network = &door.config.network;
    let family = if network.advertise_address.is_ipv4() {
        "IPv4"
    } else {
        "IPv6"
    };
    (
        "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes?fieldManager=apiserver&force=true",
        json!({
            "metadata": { "name": "kubernetes", "labels": { endpoint_slices::SERVICE_NAME: "kubernetes" } },
            "addressType": family,
            "endpoints": [{ "addresses": [network.advertise_address.to_string()], "conditions": { "ready": true } }],
            "ports": [{ "name": "https", "protocol": "TCP", "port": network.port }],
        }),
    )
}

/// The same for those who read Endpoints; its slice is made above, not mirrored from it.
fn own_endpoints(door: &Door) -> (&'static str, Value) {
    let network = &door.config.network;
    let labels = json!({ "endpointslice.kubernetes.io/skip-mirror": "true" });
    (
        "/api/v1/namespaces/default/endpoints/kubernetes?fieldManager=apiserver&force=true",
        json!({
            "metadata": { "name": "kubernetes", "labels": labels },
            "subsets": [{
                "addresses": [{ "ip": network.advertise_address.to_string() }],
                "ports": [{ "name": "https", "protocol": "TCP", "port": network.port }],
            }],
        }),
    )
}
