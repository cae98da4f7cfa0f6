//! Errors of environment variables, and of fields of the pod shown to its containers, which volumes
//! can hold as well: upstream's `ValidateEnv`, `ValidateEnvFrom` and the downward API's selectors.

use crate::check;
use k8s_openapi::api::core::v1::{
    Container, EnvVar, EnvVarSource, ObjectFieldSelector, ResourceFieldSelector,
};
use machinery::{
    field::{Error, ErrorList, Path},
    names,
    quantity::Quantity,
};

/// Fields that a variable can show.
const FIELDS: &[&str] = &[
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];
/// Fields that have a name in `v1`, shown or not.
const KNOWN: &[&str] = &[
    "metadata.annotations",
    "metadata.labels",
    "spec.host",
    "spec.restartPolicy",
    "spec.schedulerName",
    "status.phase",
];
const RESOURCES: &[&str] = &[
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
];
const BYTE_DIVISORS: &[&str] = &[
    "1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei",
];
const FILE_KEY_BYTES: usize = 128;

/// Errors of `env`.
pub(super) fn variables(e: &mut ErrorList, path: &Path, container: &Container) {
    for (index, it) in container.env.iter().flatten().enumerate() {
        let path = path.index(index);
        let at = path.child("name");
        if check::required(e, &at, Some(&it.name)) {
            check::messages(e, &at, &it.name, names::env_var_name_errors(&it.name));
        }
        if let Some(from) = &it.value_from {
            value_from(e, &path.child("valueFrom"), it, from);
        }
    }
}

fn value_from(e: &mut ErrorList, path: &Path, variable: &EnvVar, from: &EnvVarSource) {
    let mut count = 0;
    let mut below = |field: &str| {
        count += 1;
        path.child(field)
    };
    if let Some(it) = &from.field_ref {
        field(e, &below("fieldRef"), it, FIELDS);
    }
    if let Some(it) = &from.resource_field_ref {
        resource(e, &below("resourceFieldRef"), it, false);
    }
    if let Some(it) = &from.config_map_key_ref {
        keyed(e, &below("configMapKeyRef"), &it.name, &it.key);
    }
    if let Some(it) = &from.secret_key_ref {
        keyed(e, &below("secretKeyRef"), &it.name, &it.key);
    }
    if let Some(it) = &from.file_key_ref {
        let path = below("fileKeyRef");
        check::required(e, &path.child("volumeName"), Some(&it.volume_name));
        if check::required(e, &path.child("path"), Some(&it.path)) {
            super::volumes::local_not_reserved(e, &path.child("path"), &it.path);
        }
        let at = path.child("key");
        if check::required(e, &at, Some(&it.key)) {
            check::messages(e, &at, &it.key, names::env_var_name_errors(&it.key));
            if it.key.len() > FILE_KEY_BYTES {
                e.push(Error::too_long(&at, FILE_KEY_BYTES));
            }
        }
    }
    let text = if count == 0 {
        "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"
    } else if variable.value.as_ref().is_some_and(|it| !it.is_empty()) {
        "may not be specified when `value` is not empty"
    } else if count > 1 {
        "may not have more than one field specified at a time"
    } else {
        return;
    };
    e.push(Error::invalid(path, "", text));
}

fn keyed(e: &mut ErrorList, path: &Path, name: &str, key: &str) {
    check::messages(e, &path.child("name"), name, names::subdomain_errors(name));
    let path = path.child("key");
    if key.is_empty() {
        e.push(Error::required(&path, ""));
    } else {
        check::messages(e, &path, key, names::config_map_key_errors(key));
    }
}

/// Errors of `envFrom`.
pub(super) fn sources(e: &mut ErrorList, path: &Path, container: &Container) {
    for (index, source) in container.env_from.iter().flatten().enumerate() {
        let at = path.index(index);
        if let Some(prefix) = source.prefix.as_ref().filter(|it| !it.is_empty()) {
            let wrong = names::env_var_name_errors(prefix);
            check::messages(e, &at.child("prefix"), prefix, wrong);
        }
        let map = source.config_map_ref.as_ref().map(|it| &it.name);
        let secret = source.secret_ref.as_ref().map(|it| &it.name);
        for (field, name) in [("configMapRef", map), ("secretRef", secret)] {
            let at = at.child(field).child("name");
            if let Some(name) = name
                && check::required(e, &at, Some(name))
            {
                // A name with a trailing dash passes, as upstream takes it for a prefix.
                let whole = name.strip_suffix('-').map(|it| format!("{it}a"));
                let wrong = names::subdomain_errors(whole.as_ref().unwrap_or(name));
                check::messages(e, &at, name, wrong);
            }
        }
        let text = match (map, secret) {
            (None, None) => "must specify one of: `configMapRef` or `secretRef`",
            (Some(_), Some(_)) => "may not have more than one field specified at a time",
            _ => continue,
        };
        e.push(Error::invalid(path, "", text));
    }
}

/// A field of the pod; `shown` are those that can be had here besides single labels and annotations.
pub(super) fn field(e: &mut ErrorList, path: &Path, it: &ObjectFieldSelector, shown: &[&str]) {
    let version = it.api_version.as_deref().unwrap_or_default();
    if version.is_empty() {
        return e.push(Error::required(&path.child("apiVersion"), ""));
    }
    let at = path.child("fieldPath");
    let name = it.field_path.as_str();
    if name.is_empty() {
        return e.push(Error::required(&at, ""));
    }
    let subscript = name.strip_suffix("']").and_then(|it| it.split_once("['"));
    let subscript = subscript.filter(|(map, _)| !map.is_empty());
    let wrong = match subscript {
        _ if version != "v1" => format!("unsupported pod version: {version}"),
        Some(("metadata.annotations", key)) => {
            return check::messages(
                e,
                path,
                &key.to_lowercase(),
                names::annotation_key_errors(key),
            );
        }
        Some(("metadata.labels", key)) => {
            return check::messages(e, path, key, names::qualified_name_errors(key));
        }
        Some(_) => format!("field label does not support subscript: {name}"),
        None if FIELDS.contains(&name) || KNOWN.contains(&name) => {
            // The old name of a field.
            let name = if name == "spec.host" {
                "spec.nodeName"
            } else {
                name
            };
            if !shown.contains(&name) {
                e.push(Error::not_supported(&at, name, shown));
            }
            return;
        }
        None => format!("field label not supported: {name}"),
    };
    let text = format!("error converting fieldPath: {wrong}");
    e.push(Error::invalid(&at, name, &text));
}

/// An amount of a container's resources; a volume must say whose.
pub(super) fn resource(
    e: &mut ErrorList,
    path: &Path,
    it: &ResourceFieldSelector,
    in_volume: bool,
) {
    let name = it.resource.as_str();
    let huge = name.starts_with("requests.hugepages-") || name.starts_with("limits.hugepages-");
    if in_volume && it.container_name.as_ref().is_none_or(String::is_empty) {
        e.push(Error::required(&path.child("containerName"), ""));
    } else if name.is_empty() {
        e.push(Error::required(&path.child("resource"), ""));
    } else if !RESOURCES.contains(&name) && !huge {
        e.push(Error::not_supported(
            &path.child("resource"),
            name,
            RESOURCES,
        ));
    }
    let divisor = it
        .divisor
        .as_ref()
        .and_then(|it| Quantity::from_wire(it).ok());
    let Some(divisor) = divisor.filter(|it| !it.is_zero()).map(|it| it.to_string()) else {
        return;
    };
    let (good, noun) = match name.split_once('.') {
        Some(("limits" | "requests", "cpu")) => (&["1m", "1"][..], "cpu"),
        Some(("limits" | "requests", "memory")) => (BYTE_DIVISORS, "memory"),
        Some(("limits" | "requests", "ephemeral-storage")) => {
            (BYTE_DIVISORS, "local ephemeral storage")
        }
        _ if huge => (BYTE_DIVISORS, "hugepages"),
        _ => return,
    };
    if !good.contains(&divisor.as_str()) {
        let values = if noun == "cpu" {
            "1m and 1".to_owned()
        } else {
            BYTE_DIVISORS.join(", ")
        };
        let text = format!("only divisor's values {values} are supported with the {noun} resource");
        e.push(Error::invalid(&path.child("divisor"), name, &text));
    }
}
