//! What may change in a job: upstream's `ValidateJobSpecUpdate`.

use super::{NAME_LABELS, UID_LABELS, validate};
use crate::check;
use k8s_openapi::api::{
    batch::v1::{Job, JobSpec},
    core::v1::{Affinity, Container, PodTemplateSpec},
};
use machinery::{
    conditions,
    field::{Error, ErrorList, Path},
};

/// Errors of an update.
pub(super) fn validate(new: &Job, old: &Job) -> ErrorList {
    let (spec, before) = (
        new.spec.clone().unwrap_or_default(),
        old.spec.clone().unwrap_or_default(),
    );
    let labels = before
        .template
        .metadata
        .clone()
        .and_then(|it| it.labels)
        .unwrap_or_default();
    let prefixed = labels.contains_key(UID_LABELS[0]) && labels.contains_key(NAME_LABELS[0]);
    let mut errors = validate::job(new, prefixed);
    let e = &mut errors;
    let path = Path::new("spec");
    completions(e, &path.child("completions"), &spec, &before);
    let mut fixed = |field: &str, same: bool| {
        check::same_part(e, &path.child(field), new, same);
    };
    fixed("selector", spec.selector == before.selector);
    fixed("template", same_template(&spec, &before, old));
    fixed(
        "completionMode",
        spec.completion_mode == before.completion_mode,
    );
    fixed(
        "podFailurePolicy",
        spec.pod_failure_policy == before.pod_failure_policy,
    );
    fixed(
        "backoffLimitPerIndex",
        spec.backoff_limit_per_index == before.backoff_limit_per_index,
    );
    fixed("managedBy", spec.managed_by == before.managed_by);
    fixed(
        "successPolicy",
        spec.success_policy == before.success_policy,
    );
    errors
}

/// An indexed job may grow and shrink when all of it runs at once.
fn completions(e: &mut ErrorList, path: &Path, new: &JobSpec, old: &JobSpec) {
    let Some(count) = new
        .completions
        .filter(|_| new.completion_mode.as_deref() == Some("Indexed"))
    else {
        let indexed = new.completion_mode.as_deref() == Some("Indexed");
        let same = indexed || new.completions == old.completions;
        return check::immutable(e, path, same, serde_json::json!(new.completions));
    };
    if new.completions != old.completions && new.completions != new.parallelism {
        let text = "can only be modified in tandem with spec.parallelism";
        e.push(Error::invalid(path, count, text));
    }
}

/// While a job is suspended and runs nothing, where its pods may go and what they ask for may change.
fn same_template(new: &JobSpec, old: &JobSpec, job: &Job) -> bool {
    let status = job.status.clone().unwrap_or_default();
    let idle =
        status.start_time.is_none() || conditions::is_true(status.conditions.as_ref(), "Suspended");
    if old.suspend != Some(true) || !idle {
        return new.template == old.template;
    }
    let mut allowed = old.template.clone();
    directives(&mut allowed, &new.template);
    allowed == new.template
}

fn directives(allowed: &mut PodTemplateSpec, new: &PodTemplateSpec) {
    let metadata = new.metadata.clone().unwrap_or_default();
    let own = allowed.metadata.get_or_insert_default();
    own.labels = metadata.labels;
    own.annotations = metadata.annotations;
    let (Some(own), Some(new)) = (&mut allowed.spec, &new.spec) else {
        return;
    };
    let mut affinity = own.affinity.clone().unwrap_or_default();
    affinity.node_affinity = new
        .affinity
        .as_ref()
        .and_then(|it| it.node_affinity.clone());
    let bare = affinity == Affinity::default() && new.affinity.is_none();
    own.affinity = (!bare).then_some(affinity);
    own.node_selector.clone_from(&new.node_selector);
    own.tolerations.clone_from(&new.tolerations);
    own.scheduling_gates.clone_from(&new.scheduling_gates);
    let resources = |own: &mut [Container], new: &[Container]| {
        for (own, new) in own.iter_mut().zip(new).filter(|it| it.0.name == it.1.name) {
            own.resources.clone_from(&new.resources);
        }
    };
    resources(&mut own.containers, &new.containers);
    if let (Some(own), Some(new)) = (&mut own.init_containers, &new.init_containers) {
        resources(own, new);
    }
}
