//! Descriptions of objects: kubectl's layouts for the kinds that have one, a generic layout for the
//! rest, and the object's events below.

mod config_map;
mod deployment;
mod events;
mod generic;
mod node;
mod pod;
mod service;
mod text;

pub(crate) use pod::template as pod_template;
pub(crate) use text::Text;

use crate::{
    selection::Item,
    session::{JSON, Session},
};
use anyhow::Result;
use serde_json::Value;

/// The description of one object.
pub(crate) async fn describe(session: &Session, item: &Item, show_events: bool) -> Result<String> {
    let mut text = Text::default();
    match (item.resource.group.as_str(), item.resource.kind.as_str()) {
        ("", "ConfigMap") => config_map::describe(&mut text, &item.object),
        ("", "Namespace") => {
            config_map::namespace(&mut text, &item.object);
            return Ok(text.finish());
        }
        ("", "Secret") => {
            config_map::secret(&mut text, &item.object);
            return Ok(text.finish());
        }
        ("", "Pod") => pod::describe(&mut text, &item.object),
        ("", "Service") => {
            let slices = related(
                session,
                item,
                "endpointslices.discovery.k8s.io",
                "labelSelector",
                &format!("{}={}", machinery::endpoint_slices::SERVICE_NAME, item.name),
            )
            .await?;
            service::describe(&mut text, &item.object, &slices);
        }
        ("", "Node") => {
            let pods = related(
                session,
                item,
                "pods",
                "fieldSelector",
                &format!("spec.nodeName={}", item.name),
            )
            .await?;
            let lease = lease(session, &item.name).await;
            node::describe(&mut text, &item.object, &pods, &lease);
        }
        ("apps", "Deployment") => {
            let sets = related(session, item, "replicasets.apps", "", "").await?;
            deployment::describe(&mut text, &item.object, &sets);
        }
        _ => generic::describe(&mut text, &item.object),
    }
    if show_events {
        events::describe(session, item, &mut text).await?;
    }
    Ok(text.finish())
}

/// Other objects that a description speaks of.
async fn related(
    session: &Session,
    item: &Item,
    kind: &str,
    parameter: &str,
    value: &str,
) -> Result<Vec<Value>> {
    let resource = session.catalogue().await?.resource(kind)?;
    let mut path = resource.collection(&item.namespace);
    if !parameter.is_empty() {
        path = path.query(parameter, value);
    }
    let list = session.get(&path, JSON).await?;
    Ok(list["items"].as_array().cloned().unwrap_or_default())
}

async fn lease(session: &Session, node: &str) -> Value {
    let path = client::Path::collection("coordination.k8s.io", "v1", "kube-node-lease", "leases")
        .part(node);
    session.get(&path, JSON).await.unwrap_or_default()
}
