//! Errors of StatefulSets: upstream's `ValidateStatefulSetSpec`, its update and its status.

use crate::{
    Strategy, check, core::persistent_volume_claim::PersistentVolumeClaim, pod_spec, ratchet,
    workload,
};
use k8s_openapi::api::{
    apps::v1::{StatefulSet, StatefulSetSpec, StatefulSetUpdateStrategy},
    core::v1::{PersistentVolumeClaimVolumeSource, PodTemplateSpec, Volume},
};
use machinery::{
    field::{Error, ErrorList, Path, Value},
    names,
};

const FROZEN: &str = "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";

/// Errors of a spec. Of one that is not `new`, what cannot change is not looked at again.
pub(super) fn spec(e: &mut ErrorList, path: &Path, it: &StatefulSetSpec, new: bool) {
    let policy = it.pod_management_policy.as_deref().unwrap_or_default();
    let at = path.child("podManagementPolicy");
    match policy {
        "" => e.push(Error::required(&at, "")),
        "OrderedReady" | "Parallel" => {}
        other => {
            let text = "must be 'OrderedReady' or 'Parallel'";
            e.push(Error::invalid(&at, other, text));
        }
    }
    strategy(
        e,
        &path.child("updateStrategy"),
        it.update_strategy.as_ref(),
    );
    if let Some(policy) = &it.persistent_volume_claim_retention_policy {
        let path = path.child("persistentVolumeClaimRetentionPolicy");
        for (field, value) in [
            ("whenDeleted", &policy.when_deleted),
            ("whenScaled", &policy.when_scaled),
        ] {
            let value = value.as_deref().unwrap_or_default();
            if !matches!(value, "Retain" | "Delete") {
                let path = path.child(field);
                e.push(Error::not_supported(&path, value, &["Retain", "Delete"]));
            }
        }
    }
    if new {
        claims(e, &path.child("volumeClaimTemplates"), it);
    }
    check::not_negative(e, &path.child("replicas"), it.replicas);
    check::not_negative(e, &path.child("minReadySeconds"), it.min_ready_seconds);
    let start = it.ordinals.as_ref().and_then(|it| it.start);
    check::not_negative(e, &path.child("ordinals.start"), start);
    let service = it.service_name.as_ref().filter(|it| !it.is_empty());
    if let Some(name) = service.filter(|_| new) {
        let path = path.child("serviceName");
        check::messages(e, &path, name, names::label_errors(name));
    }
    workload::selector(e, &path.child("selector"), &it.selector, "statefulset");
    let readable = workload::readable(e, path, &it.selector, "");
    let path = path.child("template");
    let template = completed(it);
    if readable {
        workload::matches(e, &path, &it.selector, &template);
        ratchet::late(e, "SkipValidatePodTemplateSpec", |e| {
            e.extend(pod_spec::validate::template(&template, &path));
        });
    }
    workload::restarts_always(e, &path, &template, "StatefulSet");
}

fn strategy(e: &mut ErrorList, path: &Path, it: Option<&StatefulSetUpdateStrategy>) {
    let rolling = it.and_then(|it| it.rolling_update.as_ref());
    let kind = it.and_then(|it| it.type_.as_deref()).unwrap_or_default();
    match (kind, rolling) {
        ("", _) => e.push(Error::required(path, "")),
        ("OnDelete", Some(it)) => {
            let gone = it.max_unavailable.as_ref();
            let shown = Value::fields([
                ("Partition", it.partition.unwrap_or(0).into()),
                (
                    "MaxUnavailable",
                    gone.map_or(Value::shown("null"), workload::shown),
                ),
            ]);
            let text = "only allowed for updateStrategy 'RollingUpdate'";
            e.push(Error::invalid(&path.child("rollingUpdate"), shown, text));
        }
        ("RollingUpdate", Some(it)) => {
            let path = path.child("rollingUpdate");
            check::not_negative(e, &path.child("partition"), it.partition);
            let path = path.child("maxUnavailable");
            if let Some(count) = &it.max_unavailable {
                workload::count_or_percent(e, &path, Some(count));
                if workload::is_zero(Some(count)) {
                    e.push(Error::invalid(&path, workload::shown(count), "cannot be 0"));
                }
                workload::not_above_all(e, &path, Some(count));
            }
        }
        ("OnDelete" | "RollingUpdate", None) => {}
        (other, _) => {
            let shown = workload::strategy_shown(other);
            let text = "must be 'RollingUpdate' or 'OnDelete'";
            e.push(Error::invalid(path, shown, text));
        }
    }
}

fn claims(e: &mut ErrorList, path: &Path, it: &StatefulSetSpec) {
    for (index, claim) in it.volume_claim_templates.iter().flatten().enumerate() {
        for mut error in PersistentVolumeClaim.validate(claim) {
            error.path = path.index(index).child(&error.path.to_string());
            e.push(error);
        }
    }
}

/// The template as its pods will have it: the claims are volumes, the names are the controller's.
fn completed(it: &StatefulSetSpec) -> PodTemplateSpec {
    let mut template = it.template.clone();
    let spec = template.spec.get_or_insert_default();
    spec.hostname = None;
    spec.subdomain = None;
    let claims = it.volume_claim_templates.iter().flatten();
    let names: Vec<_> = claims
        .map(|it| it.metadata.name.clone().unwrap_or_default())
        .collect();
    let kept = spec.volumes.take().unwrap_or_default();
    let kept = kept.into_iter().filter(|it| !names.contains(&it.name));
    let claimed = names.iter().map(|name| Volume {
        name: name.clone(),
        persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
            claim_name: name.clone(),
            ..Default::default()
        }),
        ..Default::default()
    });
    spec.volumes = Some(claimed.chain(kept).collect());
    template
}

/// Errors of an update.
pub(super) fn update(new: &StatefulSet, old: &StatefulSet) -> ErrorList {
    let mut errors = ErrorList::new();
    let (new, old) = (
        new.spec.clone().unwrap_or_default(),
        old.spec.clone().unwrap_or_default(),
    );
    let path = Path::new("spec");
    spec(&mut errors, &path, &new, false);
    let allowed = StatefulSetSpec {
        replicas: old.replicas,
        template: old.template.clone(),
        update_strategy: old.update_strategy.clone(),
        min_ready_seconds: old.min_ready_seconds,
        ordinals: old.ordinals.clone(),
        revision_history_limit: old.revision_history_limit,
        persistent_volume_claim_retention_policy: old
            .persistent_volume_claim_retention_policy
            .clone(),
        ..new
    };
    if allowed != old {
        errors.push(Error::forbidden(&path, FROZEN));
    }
    errors
}

/// Errors of a status.
pub(super) fn status(new: &StatefulSet, old: &StatefulSet) -> ErrorList {
    let mut errors = ErrorList::new();
    let (e, path) = (&mut errors, Path::new("status"));
    let it = new.status.clone().unwrap_or_default();
    let wide = |it: Option<i32>| it.map(i64::from);
    let table = [
        ("replicas", Some(it.replicas.into())),
        ("readyReplicas", wide(it.ready_replicas)),
        ("currentReplicas", wide(it.current_replicas)),
        ("updatedReplicas", wide(it.updated_replicas)),
        ("availableReplicas", wide(it.available_replicas)),
        ("observedGeneration", it.observed_generation),
        ("collisionCount", wide(it.collision_count)),
    ];
    workload::counts(e, &path, &table);
    let all = ("status.replicas", it.replicas);
    let ready = it.ready_replicas.unwrap_or(0);
    let available = ("availableReplicas", it.available_replicas.unwrap_or(0));
    for part in [
        ("readyReplicas", ready),
        ("currentReplicas", it.current_replicas.unwrap_or(0)),
        ("updatedReplicas", it.updated_replicas.unwrap_or(0)),
        available,
    ] {
        workload::part_of(e, &path, part, all);
    }
    workload::part_of(e, &path, available, ("status.readyReplicas", ready));
    let before = old.status.as_ref().and_then(|it| it.collision_count);
    workload::collisions(e, &path, it.collision_count, before);
    errors
}
