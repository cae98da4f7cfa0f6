//! How many pods of a ReplicaSet to create, or which to delete. Pure.

use k8s_openapi::api::{
    apps::v1::ReplicaSet,
    core::v1::{Pod, PodTemplateSpec},
};
use machinery::{
    labels::Selector,
    pods::{self, is_active},
};
use std::{cmp::Reverse, collections::HashMap, sync::Arc};

/// What to do about the number of pods.
#[derive(Debug, PartialEq)]
pub(super) enum Scale {
    /// As many as wanted.
    Keep,
    /// Create this many.
    Create(usize),
    /// Delete these, the first first.
    Delete(Vec<Arc<Pod>>),
}

/// The set's selector; none when it cannot be read.
pub(super) fn selector(set: &ReplicaSet) -> Option<Selector> {
    Selector::from_typed(Some(&set.spec.as_ref()?.selector)).ok()
}

/// What new pods are made of.
pub(super) fn template(set: &ReplicaSet) -> PodTemplateSpec {
    let template = set.spec.as_ref().and_then(|spec| spec.template.clone());
    template.unwrap_or_default()
}

/// The number of replicas asked for.
pub(super) fn wanted(set: &ReplicaSet) -> usize {
    let replicas = set
        .spec
        .as_ref()
        .and_then(|spec| spec.replicas)
        .unwrap_or(1);
    usize::try_from(replicas).unwrap_or(0)
}

/// Compares wanted and active pods.
pub(super) fn scale(set: &ReplicaSet, owned: &[Arc<Pod>]) -> Scale {
    let active: Vec<_> = owned.iter().filter(|pod| is_active(pod)).cloned().collect();
    let wanted = wanted(set);
    if active.len() < wanted {
        Scale::Create(wanted - active.len())
    } else if active.len() > wanted {
        let excess = active.len() - wanted;
        Scale::Delete(doomed(active, excess))
    } else {
        Scale::Keep
    }
}

/// The pods that are missed least: upstream's order of `ActivePodsWithRanks`.
fn doomed(mut active: Vec<Arc<Pod>>, count: usize) -> Vec<Arc<Pod>> {
    let mut on_node: HashMap<String, i64> = HashMap::new();
    for pod in &active {
        *on_node.entry(node(pod).to_owned()).or_insert(0) += 1;
    }
    active.sort_by_cached_key(|pod| {
        let phase = match pods::phase(pod) {
            "Pending" => 0,
            "Unknown" => 1,
            _ => 2,
        };
        (
            !node(pod).is_empty(),
            phase,
            pods::is_ready(pod),
            deletion_cost(pod),
            Reverse(on_node.get(node(pod)).copied().unwrap_or(0)),
            Reverse(pods::ready_since(pod)),
            Reverse(restarts(pod)),
            Reverse(pod.metadata.creation_timestamp.as_ref().map(|time| time.0)),
        )
    });
    active.truncate(count);
    active
}

fn node(pod: &Pod) -> &str {
    pod.spec
        .as_ref()
        .and_then(|spec| spec.node_name.as_deref())
        .unwrap_or_default()
}

fn deletion_cost(pod: &Pod) -> i32 {
    pod.metadata
        .annotations
        .as_ref()
        .and_then(|all| {
            all.get("controller.kubernetes.io/pod-deletion-cost")?
                .parse()
                .ok()
        })
        .unwrap_or(0)
}

fn restarts(pod: &Pod) -> i32 {
    pod.status
        .iter()
        .flat_map(|status| status.container_statuses.iter().flatten())
        .map(|status| status.restart_count)
        .max()
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::Object;
    use serde_json::json;

    fn set(replicas: i32) -> ReplicaSet {
        let tree = json!({"metadata": {"name": "web", "namespace": "d", "uid": "u"}, "spec": {"replicas": replicas,
            "selector": {"matchLabels": {"app": "web"}}, "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": []}}}});
        ReplicaSet::decode(tree.to_string().as_bytes()).unwrap()
    }

    fn pod(name: &str, ready: &str, node: &str) -> Arc<Pod> {
        let tree = json!({"metadata": {"name": name, "namespace": "d", "labels": {"app": "web"},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "u", "controller": true}]},
            "spec": {"containers": [], "nodeName": node},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": ready}]}});
        Arc::new(Pod::decode(tree.to_string().as_bytes()).unwrap())
    }

    #[test]
    fn unready_and_crowded_pods_go_first() {
        let pods = [
            pod("a", "True", "n1"),
            pod("b", "False", "n1"),
            pod("c", "True", "n2"),
            pod("d", "True", "n1"),
        ];
        let Scale::Delete(doomed) = scale(&set(2), &pods) else {
            panic!("too many pods")
        };
        let names: Vec<_> = doomed
            .iter()
            .map(|pod| pod.metadata.name.clone().unwrap())
            .collect();
        assert_eq!(names[0], "b");
        assert_ne!(names[1], "c", "n1 is more crowded");
        assert_eq!(scale(&set(4), &pods), Scale::Keep);
        assert_eq!(scale(&set(6), &pods), Scale::Create(2));
    }
}
