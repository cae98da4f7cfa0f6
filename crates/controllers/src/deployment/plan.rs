//! One round of a deployment: facts in, steps out. Pure; the loop comes again when the steps have had their
//! effect.

use super::{conditions, history, rollout};
use jiff::Timestamp;
use k8s_openapi::{
    api::{
        apps::v1::{Deployment, ReplicaSet, ReplicaSetSpec},
        core::v1::PodTemplateSpec,
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use machinery::{int_or_string, owners, workloads};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// Replicas the deployment asked for when the set was last scaled; tells scaling from rolling.
const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";
/// Replicas the deployment may have with its surge.
const MAX: &str = "deployment.kubernetes.io/max-replicas";
/// Annotations of the deployment that its sets do not get.
const NOT_COPIED: &[&str] = &[
    "kubectl.kubernetes.io/last-applied-configuration",
    history::REVISION,
    history::REVISION_HISTORY,
    DESIRED,
    MAX,
    "deprecated.deployment.rollback.to",
];

/// What the plan knows.
pub(super) struct Facts<'a> {
    pub(super) deployment: &'a Deployment,
    pub(super) sets: &'a [Arc<ReplicaSet>],
    /// Pods of older sets that still exist.
    pub(super) old_pods: usize,
    pub(super) now: Timestamp,
}

/// What the plan asks for, in order.
#[derive(Debug, PartialEq)]
pub(super) enum Step {
    /// Create the set of a new template.
    Create(Box<ReplicaSet>),
    /// Store a changed set.
    Update {
        /// The set as it should be.
        set: Box<ReplicaSet>,
        /// Its former size, when the change is one of size.
        scaled_from: Option<i32>,
    },
    /// Delete a set beyond the history limit.
    Delete(String),
    /// Store the deployment's changed annotations.
    Annotate(Box<Deployment>),
    /// Store the deployment's changed status.
    Status(Box<Deployment>),
}

/// Steps, and when to look again without any event (progress deadlines).
#[derive(Debug, Default, PartialEq)]
pub(super) struct Plan {
    pub(super) steps: Vec<Step>,
    pub(super) look_again: Option<Duration>,
}

/// The size a set asks for.
pub(super) fn replicas(set: &ReplicaSet) -> i32 {
    set.spec
        .as_ref()
        .and_then(|spec| spec.replicas)
        .unwrap_or(0)
}

/// The size a deployment asks for.
pub(super) fn desired(deployment: &Deployment) -> i32 {
    deployment
        .spec
        .as_ref()
        .and_then(|spec| spec.replicas)
        .unwrap_or(1)
}

/// Surge and unavailability in pods; `Recreate` has neither.
pub(super) fn bounds(deployment: &Deployment) -> (i32, i32) {
    let rolling = deployment
        .spec
        .as_ref()
        .and_then(|spec| spec.strategy.as_ref())
        .filter(|strategy| strategy.type_.as_deref() != Some("Recreate"))
        .and_then(|strategy| strategy.rolling_update.as_ref());
    let Some(rolling) = rolling else {
        return (0, 0);
    };
    let (surge, unavailable) = (rolling.max_surge.as_ref(), rolling.max_unavailable.as_ref());
    int_or_string::max_surge_unavailable(surge, unavailable, desired(deployment)).unwrap_or((0, 1))
}

fn is_recreate(deployment: &Deployment) -> bool {
    deployment
        .spec
        .as_ref()
        .and_then(|spec| spec.strategy.as_ref()?.type_.as_deref())
        == Some("Recreate")
}

/// Decides one round.
pub(super) fn plan(facts: &Facts<'_>) -> Plan {
    let deployment = facts.deployment;
    let newest = history::newest(deployment, facts.sets);
    let old = history::old(facts.sets, newest.map(AsRef::as_ref));
    let mut steps = Vec::new();
    if deployment.metadata.deletion_timestamp.is_none() {
        steps = decide(facts, newest, &old);
    }
    let mut changed = deployment.clone();
    if let Some(revision) = newest.map(|set| target_revision(set, &old))
        && annotate(
            &mut changed.metadata,
            history::REVISION,
            &revision.to_string(),
        )
    {
        steps.push(Step::Annotate(Box::new(changed)));
        // The status follows in the next round, on the object that this round writes.
        return Plan {
            steps,
            look_again: None,
        };
    }
    let status = conditions::status(facts, newest.map(AsRef::as_ref));
    let mut changed = deployment.clone();
    if changed.status.as_ref() != Some(&status) {
        changed.status = Some(status);
        steps.push(Step::Status(Box::new(changed)));
    }
    Plan {
        steps,
        look_again: conditions::until_deadline(deployment, facts.now),
    }
}

fn decide(
    facts: &Facts<'_>,
    newest: Option<&Arc<ReplicaSet>>,
    old: &[Arc<ReplicaSet>],
) -> Vec<Step> {
    let deployment = facts.deployment;
    let paused = deployment
        .spec
        .as_ref()
        .and_then(|spec| spec.paused)
        .unwrap_or(false);
    if paused || is_scaling(deployment, facts.sets) {
        let mut steps = rollout::proportional(deployment, newest, old);
        if paused {
            steps.extend(cleanup(deployment, old));
        }
        return steps;
    }
    let Some(newest) = newest else {
        if is_recreate(deployment) {
            return match rollout::empty_all(deployment, old) {
                steps if steps.is_empty() && facts.old_pods == 0 => {
                    vec![new_set(deployment, old, desired(deployment))]
                }
                steps => steps,
            };
        }
        return vec![new_set(
            deployment,
            old,
            rollout::new_size(deployment, old, 0),
        )];
    };
    if let Some(step) = sync_annotations(deployment, newest, old) {
        return vec![step];
    }
    let steps = if is_recreate(deployment) {
        rollout::recreate(deployment, newest, old, facts.old_pods)
    } else {
        rollout::rolling(deployment, newest, old)
    };
    if steps.is_empty() && conditions::is_complete(deployment, facts.sets, newest) {
        return cleanup(deployment, old);
    }
    steps
}

fn cleanup(deployment: &Deployment, old: &[Arc<ReplicaSet>]) -> Vec<Step> {
    history::beyond_limit(deployment, old)
        .into_iter()
        .map(Step::Delete)
        .collect()
}

/// Whether the deployment's size changed since its sets were last scaled.
fn is_scaling(deployment: &Deployment, sets: &[Arc<ReplicaSet>]) -> bool {
    sets.iter()
        .filter(|set| replicas(set) > 0)
        .filter_map(|set| {
            set.metadata
                .annotations
                .as_ref()?
                .get(DESIRED)?
                .parse::<i32>()
                .ok()
        })
        .any(|stored| stored != desired(deployment))
}

/// The revision the newest set has or gets: one more than any older one.
fn target_revision(newest: &ReplicaSet, old: &[Arc<ReplicaSet>]) -> i64 {
    let own = workloads::revision(&newest.metadata);
    own.max(history::highest_revision(old) + 1)
}

fn new_set(deployment: &Deployment, old: &[Arc<ReplicaSet>], size: i32) -> Step {
    let spec = deployment.spec.clone().unwrap_or_default();
    let collisions = deployment
        .status
        .as_ref()
        .and_then(|status| status.collision_count);
    let hash = workloads::template_hash(&spec.template, collisions);
    let mut template: PodTemplateSpec = spec.template;
    template
        .metadata
        .get_or_insert_default()
        .labels
        .get_or_insert_default()
        .insert(history::HASH_LABEL.to_owned(), hash.clone());
    let mut selector = spec.selector;
    selector
        .match_labels
        .get_or_insert_default()
        .insert(history::HASH_LABEL.to_owned(), hash.clone());
    let mut set = ReplicaSet {
        metadata: ObjectMeta {
            name: Some(format!(
                "{}-{hash}",
                deployment.metadata.name.as_deref().unwrap_or_default()
            )),
            namespace: deployment.metadata.namespace.clone(),
            labels: template
                .metadata
                .as_ref()
                .and_then(|metadata| metadata.labels.clone()),
            annotations: Some(copied_annotations(deployment)),
            owner_references: Some(vec![owners::controller_reference(deployment)]),
            ..ObjectMeta::default()
        },
        spec: Some(ReplicaSetSpec {
            min_ready_seconds: spec.min_ready_seconds,
            replicas: Some(size),
            selector,
            template: Some(template),
        }),
        status: None,
    };
    let revision = history::highest_revision(old) + 1;
    annotate(&mut set.metadata, history::REVISION, &revision.to_string());
    annotate_size(&mut set, deployment);
    Step::Create(Box::new(set))
}

fn copied_annotations(deployment: &Deployment) -> BTreeMap<String, String> {
    let mut annotations = deployment.metadata.annotations.clone().unwrap_or_default();
    annotations.retain(|key, _| !NOT_COPIED.contains(&key.as_str()));
    annotations
}

/// Sets an annotation; true when that changed something.
fn annotate(metadata: &mut ObjectMeta, key: &str, value: &str) -> bool {
    let annotations = metadata.annotations.get_or_insert_default();
    let same = annotations.get(key).is_some_and(|old| old == value);
    if !same {
        annotations.insert(key.to_owned(), value.to_owned());
    }
    !same
}

fn annotate_size(set: &mut ReplicaSet, deployment: &Deployment) -> bool {
    let (surge, _) = bounds(deployment);
    let wanted = desired(deployment);
    let first = annotate(&mut set.metadata, DESIRED, &wanted.to_string());
    annotate(&mut set.metadata, MAX, &(wanted + surge).to_string()) || first
}

/// Brings the newest set's annotations and `minReadySeconds` up to date, if they are not.
fn sync_annotations(
    deployment: &Deployment,
    newest: &ReplicaSet,
    old: &[Arc<ReplicaSet>],
) -> Option<Step> {
    let mut set = newest.clone();
    let mut changed = false;
    for (key, value) in copied_annotations(deployment) {
        changed |= annotate(&mut set.metadata, &key, &value);
    }
    let (own, target) = (
        workloads::revision(&set.metadata),
        target_revision(newest, old),
    );
    if own != target {
        if own > 0 {
            let annotations = set.metadata.annotations.get_or_insert_default();
            let history = match annotations.get(history::REVISION_HISTORY) {
                Some(earlier) if !earlier.is_empty() => format!("{earlier},{own}"),
                _ => own.to_string(),
            };
            annotations.insert(history::REVISION_HISTORY.to_owned(), history);
        }
        changed |= annotate(&mut set.metadata, history::REVISION, &target.to_string());
    }
    changed |= annotate_size(&mut set, deployment);
    let min_ready = deployment
        .spec
        .as_ref()
        .and_then(|spec| spec.min_ready_seconds);
    if let Some(spec) = &mut set.spec
        && spec.min_ready_seconds.unwrap_or(0) != min_ready.unwrap_or(0)
    {
        spec.min_ready_seconds = min_ready;
        changed = true;
    }
    changed.then(|| Step::Update {
        set: Box::new(set),
        scaled_from: None,
    })
}

/// A step that gives a set another size, or nothing when it has that size and current annotations.
pub(super) fn resize(deployment: &Deployment, set: &ReplicaSet, size: i32) -> Option<Step> {
    let from = replicas(set);
    let mut set = set.clone();
    let annotated = annotate_size(&mut set, deployment);
    if let Some(spec) = &mut set.spec {
        spec.replicas = Some(size);
    }
    (annotated || from != size).then(|| Step::Update {
        set: Box::new(set),
        scaled_from: Some(from).filter(|from| *from != size),
    })
}

#[cfg(test)]
mod tests;
