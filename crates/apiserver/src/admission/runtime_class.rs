//! `RuntimeClass`: a pod that names a runtime class gets its overhead, its node selector and its
//! tolerations.

#[cfg(test)]
mod tests;

use super::{Admit, Claims, Review};
use k8s_openapi::api::{
    core::v1::{Pod, PodSpec, Toleration},
    node::v1::RuntimeClass,
};
use machinery::{
    quantity::{Wire, amounts},
    status::Status,
};
use std::collections::BTreeMap;

const MISMATCH: &str = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead";

pub(super) struct RuntimeClassAdmission;

impl Admit for RuntimeClassAdmission {
    fn handles(&self, review: &Review<'_>) -> bool {
        review.creates("", "pods")
    }

    fn mutate(&self, review: &mut Review<'_>) -> Result<(), Status> {
        let Some(class) = class_of(review)? else {
            return Ok(());
        };
        let own = review.after::<Pod>().and_then(|pod| pod.spec.clone());
        let Some(mut spec) = own else { return Ok(()) };
        complete(&class, &mut spec).map_err(|because| review.forbidden(&because))?;
        if let Some(pod) = review.wished::<Pod>() {
            pod.spec = Some(spec);
        }
        Ok(())
    }

    fn judge(&self, review: &Review<'_>, _: &mut Claims) -> Result<(), Status> {
        let class = class_of(review)?;
        let spec = review.after::<Pod>().and_then(|pod| pod.spec.as_ref());
        let own = spec.and_then(|it| it.overhead.as_ref());
        match class.as_ref().and_then(fixed) {
            Some(fixed) if !same(own, fixed) => Err(review.forbidden(MISMATCH)),
            None if own.is_some() => Err(review.forbidden(
                "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead",
            )),
            _ => Ok(()),
        }
    }
}

fn class_of(review: &Review<'_>) -> Result<Option<RuntimeClass>, Status> {
    let spec = review.after::<Pod>().and_then(|pod| pod.spec.as_ref());
    let Some(name) = spec.and_then(|it| it.runtime_class_name.as_ref()) else {
        return Ok(None);
    };
    review
        .find("", name)
        .map(Some)
        .ok_or_else(|| review.forbidden(&format!("pod rejected: RuntimeClass {name:?} not found")))
}

fn fixed(class: &RuntimeClass) -> Option<&BTreeMap<String, Wire>> {
    static NONE: BTreeMap<String, Wire> = BTreeMap::new();
    let overhead = class.overhead.as_ref()?;
    Some(overhead.pod_fixed.as_ref().unwrap_or(&NONE))
}

fn same(own: Option<&BTreeMap<String, Wire>>, fixed: &BTreeMap<String, Wire>) -> bool {
    amounts(own) == amounts(Some(fixed))
}

/// What the class gives the pod, or why they do not go together.
fn complete(class: &RuntimeClass, spec: &mut PodSpec) -> Result<(), String> {
    if let Some(fixed) = fixed(class) {
        if spec.overhead.is_some() && !same(spec.overhead.as_ref(), fixed) {
            return Err(MISMATCH.to_owned());
        }
        spec.overhead = Some(fixed.clone());
    }
    let Some(scheduling) = &class.scheduling else {
        return Ok(());
    };
    for (key, wanted) in scheduling.node_selector.iter().flatten() {
        let own = spec.node_selector.get_or_insert_default();
        if let Some(value) = own.get(key).filter(|value| *value != wanted) {
            return Err(format!(
                "conflict: runtimeClass.scheduling.nodeSelector[{key}] = {wanted}; pod.spec.nodeSelector[{key}] = {value}"
            ));
        }
        own.insert(key.clone(), wanted.clone());
    }
    let more = scheduling.tolerations.clone().unwrap_or_default();
    if !more.is_empty() {
        let mut all = spec.tolerations.take().unwrap_or_default();
        all.extend(more);
        spec.tolerations = Some(merged(&all));
    }
    Ok(())
}

/// All of them but those that another one covers; of equals the first stays.
fn merged(all: &[Toleration]) -> Vec<Toleration> {
    let mut kept: Vec<Toleration> = Vec::new();
    for (index, own) in all.iter().enumerate() {
        let covered = kept.iter().any(|other| covers(other, own))
            || all
                .iter()
                .skip(index + 1)
                .any(|other| other != own && covers(other, own));
        if !covered {
            kept.push(own.clone());
        }
    }
    kept
}

/// Whether whatever `own` tolerates, `other` tolerates too, and as long.
fn covers(other: &Toleration, own: &Toleration) -> bool {
    if other == own {
        return true;
    }
    let text = |it: &Option<String>| it.clone().unwrap_or_default();
    let exists = text(&other.operator) == "Exists";
    if text(&own.key) != text(&other.key) && (!text(&other.key).is_empty() || !exists) {
        return false;
    }
    if text(&own.effect) != text(&other.effect) && !text(&other.effect).is_empty() {
        return false;
    }
    if text(&other.effect) == "NoExecute"
        && let Some(limit) = other.toleration_seconds
        && own.toleration_seconds.is_none_or(|it| it > limit)
    {
        return false;
    }
    let equal = matches!(text(&own.operator).as_str(), "" | "Equal");
    exists || equal && text(&own.value) == text(&other.value)
}
