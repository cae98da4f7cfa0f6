//! The ReplicaSets of a deployment as its history: which is the newest, which are old, what revision each
//! is. Pure.

use super::plan::replicas;
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use machinery::workloads;
use std::sync::Arc;

/// The label that tells the pods of one template from another's.
pub(super) const HASH_LABEL: &str = "pod-template-hash";
/// Revision annotation, on deployments and their sets.
pub(super) const REVISION: &str = "deployment.kubernetes.io/revision";
/// Revisions that a set stood for before it came back by a rollback.
pub(super) const REVISION_HISTORY: &str = "deployment.kubernetes.io/revision-history";

/// Whether the set was made from the deployment's present template.
pub(super) fn same_template(deployment: &Deployment, set: &ReplicaSet) -> bool {
    let (Some(wanted), Some(found)) = (
        &deployment.spec,
        set.spec.as_ref().and_then(|spec| spec.template.as_ref()),
    ) else {
        return false;
    };
    let strip = |template: &k8s_openapi::api::core::v1::PodTemplateSpec| {
        let mut template = template.clone();
        let metadata = template.metadata.get_or_insert_default();
        if let Some(labels) = &mut metadata.labels {
            labels.remove(HASH_LABEL);
        }
        metadata.labels = metadata.labels.take().filter(|labels| !labels.is_empty());
        metadata.creation_timestamp = None;
        template
    };
    strip(&wanted.template) == strip(found)
}

/// The set of the present template; the oldest when several are, as upstream chooses.
pub(super) fn newest<'a>(
    deployment: &Deployment,
    sets: &'a [Arc<ReplicaSet>],
) -> Option<&'a Arc<ReplicaSet>> {
    sets.iter()
        .filter(|set| same_template(deployment, set))
        .min_by_key(|set| age_key(set))
}

/// The sets of earlier templates, oldest first.
pub(super) fn old(sets: &[Arc<ReplicaSet>], newest: Option<&ReplicaSet>) -> Vec<Arc<ReplicaSet>> {
    let newest = newest.and_then(|set| set.metadata.uid.as_deref());
    let mut old: Vec<_> = sets
        .iter()
        .filter(|set| set.metadata.uid.as_deref() != newest)
        .cloned()
        .collect();
    old.sort_by_key(age_key);
    old
}

fn age_key(set: &Arc<ReplicaSet>) -> (Option<jiff::Timestamp>, Option<String>) {
    (
        set.metadata.creation_timestamp.as_ref().map(|time| time.0),
        set.metadata.name.clone(),
    )
}

/// The highest revision among sets.
pub(super) fn highest_revision(sets: &[Arc<ReplicaSet>]) -> i64 {
    sets.iter()
        .map(|set| workloads::revision(&set.metadata))
        .max()
        .unwrap_or(0)
}

/// Names of old, empty sets beyond the history limit, the oldest first.
pub(super) fn beyond_limit(deployment: &Deployment, old: &[Arc<ReplicaSet>]) -> Vec<String> {
    let limit = deployment
        .spec
        .as_ref()
        .and_then(|spec| spec.revision_history_limit)
        .map_or(10, |limit| usize::try_from(limit).unwrap_or(0));
    let mut empty: Vec<_> = old
        .iter()
        .filter(|set| set.metadata.deletion_timestamp.is_none())
        .collect();
    if empty.len() <= limit {
        return Vec::new();
    }
    let excess = empty.len() - limit;
    empty.sort_by_key(|set| workloads::revision(&set.metadata));
    empty
        .into_iter()
        .take(excess)
        .filter(|set| {
            let status = set.status.as_ref();
            let observed =
                status.and_then(|status| status.observed_generation) >= set.metadata.generation;
            replicas(set) == 0 && status.is_none_or(|status| status.replicas == 0) && observed
        })
        .filter_map(|set| set.metadata.name.clone())
        .collect()
}
