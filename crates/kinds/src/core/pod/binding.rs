//! `pods/binding`: the scheduler's decision. A pod is bound once; the loser of a race gets 409.

use crate::{Action, Context};
use k8s_openapi::{
    api::core::v1::{Binding, Pod, PodCondition},
    apimachinery::pkg::apis::meta::v1::Time,
};
use machinery::{
    field::{Error, ErrorList, Path},
    status::{Resource, Status},
};

const BINDINGS: Resource<'_> = Resource {
    group: "",
    plural: "pods/binding",
};
const PODS: Resource<'_> = Resource {
    group: "",
    plural: "pods",
};
const KIND: Resource<'_> = Resource {
    group: "",
    plural: "Binding",
};

/// Binds `pod` to the node that the posted Binding names.
pub(super) fn bind(context: &Context<'_>, pod: &mut Pod, body: &[u8]) -> Result<Action, Status> {
    let binding = <Binding as api::Object>::decode(body)
        .map_err(|error| Status::bad_request(error.to_string()))?;
    let name = pod.metadata.name.clone().unwrap_or_default();
    let errors = validate(&binding);
    if !errors.is_empty() {
        return Err(Status::invalid(KIND, &name, &errors));
    }
    if let Some(uid) = &binding.metadata.uid
        && pod.metadata.uid.as_ref() != Some(uid)
    {
        let actual = pod.metadata.uid.clone().unwrap_or_default();
        let because = format!(
            "Precondition failed: UID in precondition: {uid}, UID in object meta: {actual}"
        );
        return Err(Status::conflict(PODS, &name, &because));
    }
    if let Some(because) = refusal(pod, &name) {
        return Err(Status::conflict(BINDINGS, &name, &because));
    }
    let node = binding.target.name.unwrap_or_default();
    pod.spec.get_or_insert_default().node_name = Some(node);
    if let Some(annotations) = binding.metadata.annotations {
        let own = pod.metadata.annotations.get_or_insert_default();
        own.extend(annotations);
    }
    if let Some(labels) = binding.metadata.labels {
        pod.metadata.labels.get_or_insert_default().extend(labels);
    }
    scheduled(context, pod);
    Ok(Action::Changed)
}

fn validate(binding: &Binding) -> ErrorList {
    let path = Path::new("target");
    let mut errors = ErrorList::new();
    if let Some(kind) = binding.target.kind.as_deref()
        && !matches!(kind, "" | "Node")
    {
        let supported = &["Node", "<empty>"];
        errors.push(Error::not_supported(&path.child("kind"), kind, supported));
    }
    crate::check::required(
        &mut errors,
        &path.child("name"),
        binding.target.name.as_ref(),
    );
    errors
}

fn refusal(pod: &Pod, name: &str) -> Option<String> {
    let spec = pod.spec.as_ref();
    let node = spec
        .and_then(|it| it.node_name.as_deref())
        .unwrap_or_default();
    let gates = spec.and_then(|it| it.scheduling_gates.as_ref());
    if pod.metadata.deletion_timestamp.is_some() {
        Some(format!(
            "pod {name} is being deleted, cannot be assigned to a host"
        ))
    } else if !node.is_empty() {
        Some(format!("pod {name} is already assigned to node {node:?}"))
    } else if gates.is_some_and(|it| !it.is_empty()) {
        Some(format!("pod {name} has non-empty .spec.schedulingGates"))
    } else {
        None
    }
}

fn scheduled(context: &Context<'_>, pod: &mut Pod) {
    let generation = pod.metadata.generation;
    let status = pod.status.get_or_insert_default();
    // The nomination has served.
    status.nominated_node_name = None;
    let conditions = status.conditions.get_or_insert_default();
    conditions.retain(|it| it.type_ != "PodScheduled");
    conditions.push(PodCondition {
        type_: "PodScheduled".to_owned(),
        status: "True".to_owned(),
        last_transition_time: Some(Time(context.now)),
        observed_generation: generation,
        ..Default::default()
    });
}
