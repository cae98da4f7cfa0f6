//! Who each pod of a StatefulSet is: its ordinal, name, labels, host name and claims. Pure. Upstream:
//! `stateful_set_utils.go`.

use crate::{controller_revisions, owned_pods};
use k8s_openapi::api::{
    apps::v1::{StatefulSet, StatefulSetSpec},
    core::v1::{
        PersistentVolumeClaim, PersistentVolumeClaimVolumeSource, Pod, PodTemplateSpec, Volume,
    },
};
use machinery::owners;
use std::ops::Range;

/// The ordinals that a set is to have.
pub(super) fn ordinals(spec: &StatefulSetSpec) -> Range<i32> {
    let start = spec.ordinals.as_ref().and_then(|it| it.start).unwrap_or(0);
    start..start.saturating_add(spec.replicas.unwrap_or(1).max(0))
}

/// The ordinal in a pod's name, when the rest of the name is the set's.
pub(super) fn ordinal(set: &StatefulSet, pod: &Pod) -> Option<i32> {
    let (parent, ordinal) = pod.metadata.name.as_deref()?.rsplit_once('-')?;
    (Some(parent) == set.metadata.name.as_deref())
        .then(|| ordinal.parse().ok())
        .flatten()
}

/// The name of the pod with an ordinal.
pub(super) fn pod_name(set: &StatefulSet, ordinal: i32) -> String {
    let name = set.metadata.name.as_deref().unwrap_or_default();
    format!("{name}-{ordinal}")
}

fn claim_name(set: &StatefulSet, claim: &PersistentVolumeClaim, ordinal: i32) -> String {
    let template = claim.metadata.name.as_deref().unwrap_or_default();
    format!("{template}-{}", pod_name(set, ordinal))
}

fn claim_templates(set: &StatefulSet) -> impl Iterator<Item = &PersistentVolumeClaim> {
    let spec = set.spec.as_ref();
    spec.and_then(|it| it.volume_claim_templates.as_ref())
        .into_iter()
        .flatten()
}

/// The claims of the pod with an ordinal, as they are created.
pub(super) fn claims(set: &StatefulSet, ordinal: i32) -> Vec<PersistentVolumeClaim> {
    let made = |template: &PersistentVolumeClaim| {
        let mut claim = PersistentVolumeClaim {
            metadata: template.metadata.clone(),
            spec: template.spec.clone(),
            status: None,
        };
        claim.metadata.name = Some(claim_name(set, template, ordinal));
        claim.metadata.namespace.clone_from(&set.metadata.namespace);
        let selected = set
            .spec
            .as_ref()
            .and_then(|it| it.selector.match_labels.clone());
        let labels = claim.metadata.labels.get_or_insert_default();
        labels.extend(selected.unwrap_or_default());
        claim
    };
    claim_templates(set).map(made).collect()
}

/// The pod with an ordinal, of the template of one revision.
pub(super) fn new_pod(
    set: &StatefulSet,
    ordinal: i32,
    template: &PodTemplateSpec,
    revision: &str,
) -> Pod {
    let name = pod_name(set, ordinal);
    let mut pod = owned_pods::from_template(set, template);
    pod.metadata.generate_name = None;
    pod.metadata.name = Some(name.clone());
    pod.metadata.owner_references = Some(vec![owners::controller_reference(set)]);
    let labels = pod.metadata.labels.get_or_insert_default();
    for (key, value) in [
        ("statefulset.kubernetes.io/pod-name", name.as_str()),
        ("apps.kubernetes.io/pod-index", &ordinal.to_string()),
        (controller_revisions::HASH, revision),
    ] {
        labels.insert(key.to_owned(), value.to_owned());
    }
    let spec = pod.spec.get_or_insert_default();
    spec.hostname = Some(name);
    spec.subdomain = set.spec.as_ref().and_then(|it| it.service_name.clone());
    let volumes = spec.volumes.get_or_insert_default();
    for claim in claim_templates(set) {
        let volume = Volume {
            name: claim.metadata.name.clone().unwrap_or_default(),
            persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
                claim_name: claim_name(set, claim, ordinal),
                read_only: None,
            }),
            ..Volume::default()
        };
        volumes.retain(|it| it.name != volume.name);
        volumes.push(volume);
    }
    if volumes.is_empty() {
        spec.volumes = None;
    }
    pod
}

/// The claim with the owners that the set's retention policy asks for, when it has others: a claim that is
/// to go with its set is owned by the set, one that is to go with its pod, being too many, by the pod.
pub(super) fn with_retention(
    set: &StatefulSet,
    pod: &Pod,
    claim: &PersistentVolumeClaim,
) -> Option<PersistentVolumeClaim> {
    let spec = set.spec.as_ref()?;
    let policy = spec.persistent_volume_claim_retention_policy.as_ref();
    let deletes = |value: Option<&String>| value.is_some_and(|it| it == "Delete");
    let when_scaled = deletes(policy.and_then(|it| it.when_scaled.as_ref()));
    let when_deleted = deletes(policy.and_then(|it| it.when_deleted.as_ref()));
    let condemned = !ordinals(spec).contains(&ordinal(set, pod)?);
    let by_pod = when_scaled && condemned;
    let by_set = when_deleted && !by_pod;
    let mut changed = claim.clone();
    let metadata = &mut changed.metadata;
    let wanted = [
        (owners::owner_reference(set), by_set),
        (owners::owner_reference(pod), by_pod),
    ];
    for (owner, owns) in wanted {
        let found = metadata.owner_references.iter().flatten();
        let has = found.into_iter().any(|it| it.uid == owner.uid);
        if owns && !has {
            owners::add(metadata, owner);
        } else if !owns && has {
            owners::remove(metadata, &owner.uid);
        }
    }
    (changed != *claim).then_some(changed)
}
