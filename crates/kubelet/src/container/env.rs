//! The environment of a container, pure: everything it refers to was fetched before
//! (upstream: `kubelet_pods.go`, `makeEnvironmentVariables`; `pkg/kubelet/envvars`).

use super::{env_file, expansion, field_ref};
use crate::references::{Missing, Referenced};
use k8s_openapi::api::core::v1::{Container, EnvVarSource, FileKeySelector, Pod, Service};
use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

/// What an environment is made from.
pub struct Sources<'a> {
    /// The pod.
    pub pod: &'a Pod,
    /// Addresses and allocatable resources.
    pub node: &'a field_ref::NodeView,
    /// ConfigMaps and Secrets that the pod names.
    pub referenced: &'a Referenced,
    /// The cluster's Services.
    pub services: &'a [Arc<Service>],
    /// Reads a file of one of the pod's volumes; absent when there is no such volume.
    pub files: &'a dyn Fn(&str, &str) -> Option<EnvFile>,
}

/// A file with variables: where it is, and its text or why there is none.
pub struct EnvFile {
    /// For messages.
    pub path: PathBuf,
    /// The text.
    pub text: Result<String, String>,
}

/// The variables, in a stable order. An error is the message of `CreateContainerConfigError`.
pub fn variables(
    container: &Container,
    sources: &Sources<'_>,
) -> Result<Vec<(String, String)>, String> {
    let mut services = service_variables(sources);
    let mut env = from_sources(container, sources)?;
    let mut order: Vec<String> = env.keys().cloned().collect();
    for variable in container.env.iter().flatten() {
        let value = match (&variable.value, &variable.value_from) {
            (Some(value), _) if !value.is_empty() => expansion::expand(value, &|name| {
                env.get(name).or_else(|| services.get(name)).cloned()
            }),
            (_, Some(source)) => match from_reference(container, source, sources)? {
                Some(value) => value,
                None => continue,
            },
            _ => String::new(),
        };
        services.remove(&variable.name);
        if env.insert(variable.name.clone(), value).is_none() {
            order.push(variable.name.clone());
        }
    }
    let mut out: Vec<_> = order
        .into_iter()
        .filter_map(|name| env.remove_entry(&name))
        .collect();
    for (name, value) in services {
        if !out.iter().any(|(known, _)| *known == name) {
            out.push((name, value));
        }
    }
    Ok(out)
}

fn from_sources(
    container: &Container,
    sources: &Sources<'_>,
) -> Result<BTreeMap<String, String>, String> {
    let mut env = BTreeMap::new();
    for from in container.env_from.iter().flatten() {
        let prefix = from.prefix.as_deref().unwrap_or_default();
        if let Some(reference) = &from.config_map_ref {
            match sources.referenced.config_map(&reference.name) {
                Ok(map) => env.extend(
                    map.data
                        .iter()
                        .flatten()
                        .map(|(key, value)| (format!("{prefix}{key}"), value.clone())),
                ),
                Err(missing) if missing.not_found && reference.optional == Some(true) => {}
                Err(missing) => return Err(missing.message),
            }
        }
        if let Some(reference) = &from.secret_ref {
            match sources.referenced.secret(&reference.name) {
                Ok(secret) => env.extend(
                    secret
                        .data
                        .iter()
                        .flatten()
                        .map(|(key, value)| (format!("{prefix}{key}"), lossy(&value.0))),
                ),
                Err(missing) if missing.not_found && reference.optional == Some(true) => {}
                Err(missing) => return Err(missing.message),
            }
        }
    }
    Ok(env)
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A variable's value from elsewhere; `None` leaves the variable out.
fn from_reference(
    container: &Container,
    source: &EnvVarSource,
    sources: &Sources<'_>,
) -> Result<Option<String>, String> {
    let namespace = sources
        .pod
        .metadata
        .namespace
        .as_deref()
        .unwrap_or_default();
    if let Some(field) = &source.field_ref {
        return field_ref::field(sources.pod, sources.node, &field.field_path).map(Some);
    }
    if let Some(resource) = &source.resource_field_ref {
        return field_ref::resource(sources.pod, Some(container), resource, sources.node).map(Some);
    }
    if let Some(key) = &source.config_map_key_ref {
        let map = sources.referenced.config_map(&key.name);
        let value = map.map(|it| it.data.as_ref()?.get(&key.key).cloned());
        let place = format!("ConfigMap {namespace}/{}", key.name);
        return required(value, key.optional, &key.key, &place);
    }
    if let Some(key) = &source.secret_key_ref {
        let secret = sources.referenced.secret(&key.name);
        let value = secret.map(|it| Some(lossy(&it.data.as_ref()?.get(&key.key)?.0)));
        let place = format!("Secret {namespace}/{}", key.name);
        return required(value, key.optional, &key.key, &place);
    }
    if let Some(key) = &source.file_key_ref {
        return from_file(key, sources);
    }
    Err("a variable's valueFrom names a source that this node does not support".to_owned())
}

/// A value that must be there unless it is optional.
fn required(
    value: Result<Option<String>, Missing>,
    optional: Option<bool>,
    key: &str,
    place: &str,
) -> Result<Option<String>, String> {
    let optional = optional == Some(true);
    match value {
        Ok(None) if !optional => Err(format!("couldn't find key {key} in {place}")),
        Ok(value) => Ok(value),
        Err(missing) if missing.not_found && optional => Ok(None),
        Err(missing) => Err(missing.message),
    }
}

fn from_file(key: &FileKeySelector, sources: &Sources<'_>) -> Result<Option<String>, String> {
    let volume = &key.volume_name;
    let file = (sources.files)(volume, &key.path)
        .ok_or_else(|| format!("cannot find the volume {volume:?} referenced by FileKeyRef"))?;
    let found = file.text.and_then(|text| env_file::value(&text, &key.key));
    let found = found.map_err(|error| {
        tracing::debug!(path = %file.path.display(), %error, "a file with variables cannot be used");
        "couldn't parse env file".to_owned()
    })?;
    match found.filter(|it| !it.is_empty()) {
        None if key.optional != Some(true) => Err(format!(
            "environment variable key {:?} not found in file {:?}",
            key.key, file.path
        )),
        found => Ok(found),
    }
}

/// Variables of the namespace's Services, and of `default/kubernetes` always.
fn service_variables(sources: &Sources<'_>) -> BTreeMap<String, String> {
    let namespace = sources
        .pod
        .metadata
        .namespace
        .as_deref()
        .unwrap_or_default();
    let links = sources
        .pod
        .spec
        .as_ref()
        .and_then(|it| it.enable_service_links)
        .unwrap_or(true);
    let mut env = BTreeMap::new();
    // In order: a Service of the pod's own namespace wins over default/kubernetes.
    for own in [false, true] {
        for service in sources.services {
            let (name, its) = (
                service.metadata.name.as_deref(),
                service.metadata.namespace.as_deref(),
            );
            let master = name == Some("kubernetes") && its == Some("default");
            let is_own = its == Some(namespace);
            if (own && is_own && (links || master)) || (!own && master) {
                add_service(&mut env, service);
            }
        }
    }
    env
}

fn add_service(env: &mut BTreeMap<String, String>, service: &Service) {
    let Some(spec) = &service.spec else { return };
    let ip = match spec.cluster_ip.as_deref() {
        None | Some("" | "None") => return,
        Some(ip) => ip,
    };
    let name = service.metadata.name.as_deref().unwrap_or_default();
    let prefix = name.to_ascii_uppercase().replace('-', "_");
    let host = if ip.contains(':') {
        format!("[{ip}]")
    } else {
        ip.to_owned()
    };
    for (index, port) in spec.ports.iter().flatten().enumerate() {
        let protocol = port.protocol.as_deref().unwrap_or("TCP");
        let (lower, number) = (protocol.to_ascii_lowercase(), port.port);
        let url = format!("{lower}://{host}:{number}");
        if index == 0 {
            env.insert(format!("{prefix}_SERVICE_HOST"), ip.to_owned());
            env.insert(format!("{prefix}_SERVICE_PORT"), number.to_string());
            env.insert(format!("{prefix}_PORT"), url.clone());
        }
        if let Some(port_name) = port.name.as_deref().filter(|it| !it.is_empty()) {
            let port_name = port_name.to_ascii_uppercase().replace('-', "_");
            env.insert(
                format!("{prefix}_SERVICE_PORT_{port_name}"),
                number.to_string(),
            );
        }
        let base = format!("{prefix}_PORT_{number}_{}", protocol.to_ascii_uppercase());
        env.insert(base.clone(), url);
        env.insert(format!("{base}_PROTO"), lower);
        env.insert(format!("{base}_PORT"), number.to_string());
        env.insert(format!("{base}_ADDR"), ip.to_owned());
    }
}

#[cfg(test)]
mod tests;
