//! What may change through `pods/resize`: the CPU and memory of containers that stay, and of the pod as a
//! whole. Upstream: `ValidatePodResize`.

use crate::{check, pod_spec::validate as pod_spec};
use k8s_openapi::{
    api::core::v1::{Container, Pod, PodSpec, ResourceRequirements},
    apimachinery::pkg::api::resource::Quantity,
};
use machinery::{
    field::{Error, ErrorList, Path},
    pods,
};
use std::collections::BTreeMap;

type Amounts = BTreeMap<String, Quantity>;

const FROZEN: &str = "only cpu and memory resources are mutable";

/// Errors of a resize.
pub(super) fn validate(new: &Pod, old: &Pod) -> ErrorList {
    let (spec, before) = (
        new.spec.clone().unwrap_or_default(),
        old.spec.clone().unwrap_or_default(),
    );
    let windows = before.os.as_ref().is_some_and(|it| it.name == "windows");
    for (refused, text) in [
        (
            pod_spec::is_mirror(&old.metadata),
            "static pods cannot be resized",
        ),
        (windows, "windows pods cannot be resized"),
    ] {
        if refused {
            return vec![Error::forbidden(&Path::new(check::NOTHING), text)];
        }
    }
    let mut errors = pod_spec::metadata_and_spec(new);
    let e = &mut errors;
    let path = Path::new("spec");
    if pods::qos_class(new) != pods::qos_class(old) {
        let text = "Pod QOS Class may not change as a result of resizing";
        let class = new.status.as_ref().and_then(|it| it.qos_class.clone());
        e.push(Error::invalid(&path, class.unwrap_or_default(), text));
    }
    if !node_can(old) {
        let text = "Pod running on node without support for resize";
        e.push(Error::forbidden(&path, text));
    }
    for (field, new, old) in lists(&spec, &before) {
        for (index, (new, old)) in new.iter().zip(old).enumerate() {
            if field == "containers" || pods::is_sidecar(old) {
                let path = path.child(field).index(index).child("resources");
                removed(e, &path, new.resources.as_ref(), old.resources.as_ref());
            }
        }
    }
    removed(
        e,
        &path.child("resources"),
        spec.resources.as_ref(),
        before.resources.as_ref(),
    );
    let mut rest = spec.clone();
    put_back(e, &path, &mut rest, &before);
    if errors.is_empty() && rest != before {
        errors.push(Error::forbidden(&path, FROZEN));
    }
    errors
}

fn lists<'a>(
    new: &'a PodSpec,
    old: &'a PodSpec,
) -> [(&'static str, &'a [Container], &'a [Container]); 2] {
    let init = |spec: &'a PodSpec| spec.init_containers.as_deref().unwrap_or_default();
    [
        ("initContainers", init(new), init(old)),
        ("containers", &new.containers, &old.containers),
    ]
}

/// A kubelet that reports what its containers have can change it. Nobody knows of one that runs nothing.
fn node_can(old: &Pod) -> bool {
    let statuses = old
        .status
        .iter()
        .flat_map(|it| it.container_statuses.iter().flatten());
    let mut running =
        statuses.filter(|it| it.state.as_ref().is_some_and(|it| it.running.is_some()));
    running.next().is_none_or(|it| it.resources.is_some())
}

fn removed(
    e: &mut ErrorList,
    path: &Path,
    new: Option<&ResourceRequirements>,
    old: Option<&ResourceRequirements>,
) {
    type Pick = fn(&ResourceRequirements) -> Option<&Amounts>;
    let table: [(&str, Pick, &str); 2] = [
        (
            "requests",
            |it| it.requests.as_ref(),
            "resource requests cannot be removed",
        ),
        (
            "limits",
            |it| it.limits.as_ref(),
            "resource limits cannot be removed",
        ),
    ];
    for (field, pick, text) in table {
        let has = |name: &String| new.and_then(pick).is_some_and(|it| it.contains_key(name));
        if !old
            .and_then(pick)
            .into_iter()
            .flatten()
            .all(|(name, _)| has(name))
        {
            e.push(Error::forbidden(&path.child(field), text));
        }
    }
}

/// Makes equal what may differ, and tells where more differs.
fn put_back(e: &mut ErrorList, path: &Path, new: &mut PodSpec, old: &PodSpec) {
    new.resources = without_cpu_and_memory(new.resources.as_ref(), old.resources.as_ref());
    for (new, old) in new.containers.iter_mut().zip(&old.containers) {
        new.resources = without_cpu_and_memory(new.resources.as_ref(), old.resources.as_ref());
        if new != old {
            e.push(Error::forbidden(path, FROZEN));
        }
    }
    let before = old.init_containers.iter().flatten();
    for (new, old) in new.init_containers.iter_mut().flatten().zip(before) {
        let text = if pods::is_sidecar(old) {
            new.resources = without_cpu_and_memory(new.resources.as_ref(), old.resources.as_ref());
            "only cpu and memory resources for sidecar containers are mutable"
        } else {
            "resources for non-sidecar init containers are immutable"
        };
        if new != old {
            e.push(Error::forbidden(path, text));
        }
    }
}

fn without_cpu_and_memory(
    new: Option<&ResourceRequirements>,
    old: Option<&ResourceRequirements>,
) -> Option<ResourceRequirements> {
    let mixed = |new: Option<&Amounts>, old: Option<&Amounts>| {
        let resizable = |name: &String| matches!(name.as_str(), "cpu" | "memory");
        let mut amounts = new.cloned().unwrap_or_default();
        amounts.retain(|name, _| !resizable(name));
        let before = old.into_iter().flatten().filter(|it| resizable(it.0));
        amounts.extend(before.map(|it| (it.0.clone(), it.1.clone())));
        (old.is_some() || !amounts.is_empty()).then_some(amounts)
    };
    let none = ResourceRequirements::default();
    let (new_or, old_or) = (new.unwrap_or(&none), old.unwrap_or(&none));
    let rest = ResourceRequirements {
        claims: new_or.claims.clone(),
        limits: mixed(new_or.limits.as_ref(), old_or.limits.as_ref()),
        requests: mixed(new_or.requests.as_ref(), old_or.requests.as_ref()),
    };
    (old.is_some() || rest != none).then_some(rest)
}
