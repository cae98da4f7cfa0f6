//! `Priority`: a pod's class becomes its number and its preemption policy; no second class may be
//! the global default.

use super::{Admit, Claims, Operation, Review};
use k8s_openapi::api::{core::v1::Pod, scheduling::v1::PriorityClass};
use machinery::status::Status;

const GROUP: &str = "scheduling.k8s.io";
const PLURAL: &str = "priorityclasses";

pub(super) struct Priority;

impl Admit for Priority {
    fn handles(&self, review: &Review<'_>) -> bool {
        review.writes("", "pods") || review.writes(GROUP, PLURAL)
    }

    fn mutate(&self, review: &mut Review<'_>) -> Result<(), Status> {
        if !review.is("", "pods") {
            return Ok(());
        }
        if review.operation == Operation::Update {
            keep(review);
            return Ok(());
        }
        let wished = review.wished::<Pod>().and_then(|pod| pod.spec.clone());
        let Some(spec) = wished else { return Ok(()) };
        let named = spec.priority_class_name.filter(|name| !name.is_empty());
        let class = match &named {
            Some(name) => {
                let class: Option<PriorityClass> = review.find("", name);
                Some(class.ok_or_else(|| {
                    review.forbidden(&format!("no PriorityClass with name {name} was found"))
                })?)
            }
            None => default_class(review),
        };
        let value = class.as_ref().and_then(|it| it.value).unwrap_or(0);
        let policy = class
            .as_ref()
            .and_then(|it| it.preemption_policy.clone())
            .unwrap_or_else(|| "PreemptLowerPriority".to_owned());
        if spec.priority.is_some_and(|given| given != value) {
            return Err(review.forbidden(&format!(
                "the integer value of priority ({}) must not be provided in pod spec; priority admission controller computed {value} from the given PriorityClass name",
                spec.priority.unwrap_or(0)
            )));
        }
        if spec
            .preemption_policy
            .as_ref()
            .is_some_and(|given| *given != policy)
        {
            return Err(review.forbidden(&format!(
                "the string value of PreemptionPolicy ({}) must not be provided in pod spec; priority admission controller computed {policy} from the given PriorityClass name",
                spec.preemption_policy.unwrap_or_default()
            )));
        }
        if let Some(spec) = review.wished::<Pod>().and_then(|pod| pod.spec.as_mut()) {
            spec.priority = Some(value);
            spec.preemption_policy = Some(policy);
            spec.priority_class_name = named.or_else(|| class.and_then(|it| it.metadata.name));
        }
        Ok(())
    }

    fn judge(&self, review: &Review<'_>, _claims: &mut Claims) -> Result<(), Status> {
        let wished = review
            .object
            .as_deref()
            .and_then(|it| it.downcast_ref::<PriorityClass>());
        let Some(wished) = wished.filter(|it| it.global_default == Some(true)) else {
            return Ok(());
        };
        match default_class(review).and_then(|it| it.metadata.name) {
            Some(other) if Some(&other) != wished.metadata.name.as_ref() => {
                Err(review.forbidden(&format!(
                    "PriorityClass {other} is already marked as default. Only one default can exist"
                )))
            }
            _ => Ok(()),
        }
    }
}

/// A client that leaves out what this step once set does not mean to change it.
fn keep(review: &mut Review<'_>) {
    let old = review.before::<Pod>().and_then(|pod| pod.spec.clone());
    let new = review.wished::<Pod>().and_then(|pod| pod.spec.as_mut());
    if let (Some(old), Some(new)) = (old, new) {
        new.priority = new.priority.or(old.priority);
        if new.preemption_policy.is_none() {
            new.preemption_policy = old.preemption_policy;
        }
    }
}

/// The class of pods that name none: of several, the lowest.
fn default_class(review: &Review<'_>) -> Option<PriorityClass> {
    let all = review.all::<PriorityClass>("").into_iter();
    all.filter(|it| it.global_default == Some(true))
        .min_by_key(|it| it.value)
}
