//! `expose`: a Service before the pods of a workload.

use super::create::Shown;
use crate::{
    flags::Files,
    live,
    print::Output,
    selection::{self, Narrow},
    session::Session,
};
use anyhow::{Result, bail};
use serde_json::{Value, json};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// TYPE NAME or TYPE/NAME
    words: Vec<String>,
    #[command(flatten)]
    files: Files,
    /// Port of the service.
    #[arg(long)]
    port: Option<u16>,
    /// Port of the container, by number or name.
    #[arg(long)]
    target_port: Option<String>,
    /// TCP, UDP or SCTP.
    #[arg(long, default_value = "TCP")]
    protocol: String,
    /// ClusterIP, NodePort, LoadBalancer or ExternalName.
    #[arg(long = "type")]
    kind: Option<String>,
    /// Name of the service.
    #[arg(long)]
    name: Option<String>,
    /// Address, or None.
    #[arg(long)]
    cluster_ip: Option<String>,
    /// Selector: a=b,c=d.
    #[arg(long)]
    selector: Option<String>,
    #[command(flatten)]
    shown: Shown,
}

impl Arguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        let output = Output::parse(&self.shown.output)?;
        for item in selection::items(session, &self.words, &self.files, &Narrow::default()).await? {
            let selector = self.selector(&item.object)?;
            let ports = self.ports(&item.object)?;
            let service = json!({
                "apiVersion": "v1", "kind": "Service",
                "metadata": {
                    "name": self.name.as_deref().unwrap_or(&item.name),
                    "namespace": item.namespace,
                    "labels": item.object["metadata"]["labels"],
                },
                "spec": {"selector": selector, "ports": ports, "type": self.kind, "clusterIP": self.cluster_ip},
            });
            let services = session.catalogue().await?.resource("services")?;
            let mut made = service;
            if !self.shown.dry_run.is_client() {
                let dry_run = self.shown.dry_run.query();
                made = session
                    .create(services, &item.namespace, &made, "kubectl-expose", dry_run)
                    .await?;
            }
            live::done(&output, services, &made, "exposed", self.shown.dry_run)?;
        }
        Ok(())
    }

    fn selector(&self, object: &Value) -> Result<Value> {
        if let Some(text) = &self.selector {
            let mut selector = json!({});
            for pair in text.split(',') {
                let Some((key, value)) = pair.split_once('=') else {
                    bail!("couldn't parse the selector string: {text}");
                };
                selector[key] = value.into();
            }
            return Ok(selector);
        }
        let spec = &object["spec"]["selector"];
        let labels = match object["kind"].as_str() {
            Some("Pod") => &object["metadata"]["labels"],
            Some("Service" | "ReplicationController") => spec,
            _ => &spec["matchLabels"],
        };
        if labels.as_object().is_none_or(serde_json::Map::is_empty) {
            bail!(
                "couldn't retrieve selectors via --selector flag or introspection: the object has no labels to select by and cannot be exposed"
            );
        }
        Ok(labels.clone())
    }

    fn ports(&self, object: &Value) -> Result<Value> {
        let target = |default: Value| match &self.target_port {
            Some(text) => text
                .parse::<u16>()
                .map_or_else(|_| json!(text), |it| json!(it)),
            None => default,
        };
        if let Some(port) = self.port {
            return Ok(
                json!([{"port": port, "protocol": self.protocol, "targetPort": target(json!(port))}]),
            );
        }
        let containers = object
            .pointer("/spec/template/spec/containers")
            .or(object.pointer("/spec/containers"));
        let found: Vec<&Value> = containers
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .flat_map(|it| it["ports"].as_array().into_iter().flatten())
            .collect();
        if found.is_empty() {
            bail!("couldn't find port via --port flag or introspection");
        }
        let many = found.len() > 1;
        let ports = found.iter().enumerate().map(|(at, port)| {
            let number = &port["containerPort"];
            let protocol = port["protocol"].as_str().unwrap_or("TCP");
            let mut made =
                json!({"port": number, "protocol": protocol, "targetPort": target(number.clone())});
            if many {
                made["name"] = format!("port-{}", at + 1).into();
            }
            made
        });
        Ok(ports.collect())
    }
}
