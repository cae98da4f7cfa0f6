//! Which pods belong to a ReplicaSet, and how many to create or which to delete. Pure.

use super::is_active;
use crate::owned_pods;
use k8s_openapi::api::{apps::v1::ReplicaSet, core::v1::Pod};
use machinery::{labels::Selector, owners, pods};
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

/// The pods of a set: its own, those to adopt and those to let go.
#[derive(Debug, Default)]
pub(super) struct Claims {
    pub(super) owned: Vec<Arc<Pod>>,
    pub(super) adopt: Vec<Arc<Pod>>,
    pub(super) release: Vec<Arc<Pod>>,
}

/// Whether the set's selector selects the pod.
pub(super) fn selects(set: &ReplicaSet, pod: &Pod) -> bool {
    set.spec
        .as_ref()
        .and_then(|spec| Selector::from_typed(Some(&spec.selector)).ok())
        .is_some_and(|selector| selector.matches(pod.metadata.labels.as_ref()))
}

/// Sorts the pods of the set's namespace.
pub(super) fn claim(set: &ReplicaSet, pods: &[Arc<Pod>]) -> Claims {
    let uid = set.metadata.uid.as_deref().unwrap_or_default();
    let ending = set.metadata.deletion_timestamp.is_some();
    let mut claims = Claims::default();
    for pod in pods {
        let pod = Arc::clone(pod);
        match owners::controller_of(&pod.metadata) {
            Some(owner) if owner.uid != uid => {}
            Some(_) if selects(set, &pod) => claims.owned.push(pod),
            Some(_) if !ending && pod.metadata.deletion_timestamp.is_none() => {
                claims.release.push(pod)
            }
            None if !ending && is_active(&pod) && selects(set, &pod) => claims.adopt.push(pod),
            _ => {}
        }
    }
    claims
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

/// A pod of the set's template.
pub(super) fn new_pod(set: &ReplicaSet) -> Pod {
    let template = set.spec.as_ref().and_then(|spec| spec.template.clone());
    owned_pods::from_template(set, &template.unwrap_or_default())
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

    #[test]
    fn claims() {
        let mut stray = (*pod("s", "True", "n1")).clone();
        stray.metadata.owner_references = None;
        let mut renamed = (*pod("r", "True", "n1")).clone();
        renamed.metadata.labels = None;
        let all = [pod("a", "True", "n1"), Arc::new(stray), Arc::new(renamed)];
        let claims = claim(&set(1), &all);
        assert_eq!(
            (claims.owned.len(), claims.adopt.len(), claims.release.len()),
            (1, 1, 1)
        );
    }
}
