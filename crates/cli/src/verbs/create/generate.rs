//! `create KIND NAME`: objects made from words.

use super::{MANAGER, Shown, create};
use crate::session::Session;
use anyhow::{Context, Result, bail};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

/// What can be made from words.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Generate {
    /// Create a config map from literal values or files
    #[command(visible_alias = "cm")]
    Configmap(Contents),
    /// Create a deployment with the specified name
    #[command(visible_alias = "deploy")]
    Deployment(Deployment),
    /// Create a namespace with the specified name
    #[command(visible_alias = "ns")]
    Namespace(Plain),
    /// Create a secret using a specified subcommand
    #[command(subcommand)]
    Secret(Secret),
    /// Create a service using a specified subcommand
    #[command(subcommand, visible_alias = "svc")]
    Service(Service),
    /// Create a service account with the specified name
    #[command(visible_alias = "sa")]
    Serviceaccount(Plain),
}

#[derive(Debug, clap::Args)]
pub(super) struct Plain {
    name: String,
    #[command(flatten)]
    shown: Shown,
}

#[derive(Debug, clap::Args)]
pub(super) struct Contents {
    name: String,
    /// KEY=VALUE; can be repeated.
    #[arg(long)]
    from_literal: Vec<String>,
    /// FILE or KEY=FILE; can be repeated.
    #[arg(long)]
    from_file: Vec<String>,
    #[command(flatten)]
    shown: Shown,
}

#[derive(Debug, clap::Args)]
pub(super) struct Deployment {
    name: String,
    /// Image to run; can be repeated.
    #[arg(long, required = true)]
    image: Vec<String>,
    /// Number of replicas.
    #[arg(short, long, default_value_t = 1)]
    replicas: i32,
    /// Port that the container exposes.
    #[arg(long)]
    port: Option<u16>,
    /// Command of the container.
    #[arg(last = true)]
    command: Vec<String>,
    #[command(flatten)]
    shown: Shown,
}

#[derive(Debug, clap::Subcommand)]
pub(super) enum Secret {
    /// Create a secret from literal values or files
    Generic(Contents),
}

#[derive(Debug, clap::Subcommand)]
pub(super) enum Service {
    /// Create a ClusterIP service
    Clusterip(Ports),
    /// Create a NodePort service
    Nodeport(Ports),
    /// Create a LoadBalancer service
    Loadbalancer(Ports),
}

#[derive(Debug, clap::Args)]
pub(super) struct Ports {
    name: String,
    /// PORT or PORT:TARGETPORT; can be repeated.
    #[arg(long, required = true)]
    tcp: Vec<String>,
    /// Address, or None for a headless service.
    #[arg(long)]
    clusterip: Option<String>,
    #[command(flatten)]
    shown: Shown,
}

impl Generate {
    pub(super) async fn run(self, session: &Session) -> Result<()> {
        let (object, shown) = match self {
            Self::Configmap(it) => config_map(it)?,
            Self::Deployment(it) => deployment(it)?,
            Self::Namespace(it) => (named("v1", "Namespace", &it.name), it.shown),
            Self::Secret(Secret::Generic(it)) => secret(it)?,
            Self::Service(Service::Clusterip(it)) => service(it, "ClusterIP")?,
            Self::Service(Service::Nodeport(it)) => service(it, "NodePort")?,
            Self::Service(Service::Loadbalancer(it)) => service(it, "LoadBalancer")?,
            Self::Serviceaccount(it) => (named("v1", "ServiceAccount", &it.name), it.shown),
        };
        let what = match object["kind"].as_str() {
            None | Some("Namespace") => String::new(),
            Some("Service") => format!(
                "failed to create {} service: ",
                object["spec"]["type"].as_str().unwrap_or_default()
            ),
            Some(kind) => format!("failed to create {}: ", kind.to_lowercase()),
        };
        create(session, object, &shown, MANAGER)
            .await
            .map_err(|error| crate::failure::about(error, what))
    }
}

fn named(api_version: &str, kind: &str, name: &str) -> Value {
    json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name}})
}

/// The keys and bytes that literals and files give.
fn contents(it: &Contents) -> Result<Vec<(String, Vec<u8>)>> {
    let mut found: Vec<(String, Vec<u8>)> = Vec::new();
    for file in &it.from_file {
        let (key, path) = match file.split_once('=') {
            Some((key, path)) => (Some(key.to_owned()), path),
            None => (None, file.as_str()),
        };
        let path = std::path::Path::new(path);
        if path.is_dir() {
            let mut entries: Vec<_> = std::fs::read_dir(path)?.collect::<Result<_, _>>()?;
            entries.sort_by_key(std::fs::DirEntry::file_name);
            for entry in entries.into_iter().filter(|it| it.path().is_file()) {
                let key = entry.file_name().to_string_lossy().into_owned();
                found.push((key, std::fs::read(entry.path())?));
            }
            continue;
        }
        let bytes =
            std::fs::read(path).with_context(|| format!("error reading {}", path.display()))?;
        let own = path.file_name().map(|it| it.to_string_lossy().into_owned());
        found.push((key.or(own).unwrap_or_default(), bytes));
    }
    for literal in &it.from_literal {
        let Some((key, value)) = literal.split_once('=') else {
            bail!("invalid literal source {literal}, expected key=value");
        };
        found.push((key.to_owned(), value.as_bytes().to_vec()));
    }
    Ok(found)
}

fn config_map(it: Contents) -> Result<(Value, Shown)> {
    let mut object = named("v1", "ConfigMap", &it.name);
    for (key, bytes) in contents(&it)? {
        match String::from_utf8(bytes) {
            Ok(text) => object["data"][key] = text.into(),
            Err(error) => object["binaryData"][key] = STANDARD.encode(error.into_bytes()).into(),
        }
    }
    Ok((object, it.shown))
}

fn secret(it: Contents) -> Result<(Value, Shown)> {
    let mut object = named("v1", "Secret", &it.name);
    let data: Map<String, Value> = contents(&it)?
        .into_iter()
        .map(|(key, bytes)| (key, STANDARD.encode(bytes).into()))
        .collect();
    if !data.is_empty() {
        object["data"] = data.into();
    }
    Ok((object, it.shown))
}

fn deployment(it: Deployment) -> Result<(Value, Shown)> {
    if it.image.len() > 1 && !it.command.is_empty() {
        bail!("cannot specify multiple --image options and command");
    }
    let mut containers = Vec::new();
    for image in &it.image {
        let mut container = json!({"name": container_name(image), "image": image, "resources": {}});
        if let Some(port) = it.port {
            container["ports"] = json!([{"containerPort": port}]);
        }
        if !it.command.is_empty() {
            container["command"] = json!(it.command);
        }
        containers.push(container);
    }
    let mut object = named("apps/v1", "Deployment", &it.name);
    let labels = json!({"app": it.name});
    object["metadata"]["labels"] = labels.clone();
    object["spec"] = json!({
        "replicas": it.replicas,
        "selector": {"matchLabels": labels},
        "strategy": {},
        "template": {"metadata": {"labels": labels}, "spec": {"containers": containers}},
    });
    Ok((object, it.shown))
}

/// The last part of an image's name, without tag and digest.
fn container_name(image: &str) -> String {
    let last = image.rsplit('/').next().unwrap_or(image);
    let name = last.split(['@', ':']).next().unwrap_or(last);
    name.replace('_', "-").to_lowercase()
}

fn service(it: Ports, kind: &str) -> Result<(Value, Shown)> {
    let mut ports = Vec::new();
    for spec in &it.tcp {
        let (port, target) = spec.split_once(':').unwrap_or((spec, spec));
        let number: u16 = port
            .parse()
            .with_context(|| format!("invalid port {spec:?}"))?;
        let target = target
            .parse::<u16>()
            .map_or_else(|_| json!(target), |it| json!(it));
        ports.push(json!({"name": spec.replace(':', "-"), "port": number, "protocol": "TCP", "targetPort": target}));
    }
    let mut object = named("v1", "Service", &it.name);
    let labels = json!({"app": it.name});
    object["metadata"]["labels"] = labels.clone();
    object["spec"] = json!({"ports": ports, "selector": labels, "type": kind});
    if let Some(address) = &it.clusterip {
        object["spec"]["clusterIP"] = address.as_str().into();
    }
    Ok((object, it.shown))
}
