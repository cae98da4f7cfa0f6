//! `RuntimeClass`: a pod that names a runtime class gets its overhead, its node selector and its
//! tolerations.

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
    let found = review.get("node.k8s.io", "runtimeclasses", "", name);
    let class = found.as_deref().and_then(|it| it.downcast_ref()).cloned();
    class
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn toleration(text: &str) -> Toleration {
        let parts: Vec<&str> = text.split(' ').collect();
        let word = |at: usize| Some(parts[at].to_owned()).filter(|it| it != "-");
        Toleration {
            key: word(0),
            operator: word(1),
            value: word(2),
            effect: word(3),
            toleration_seconds: parts.get(4).and_then(|it| it.parse().ok()),
        }
    }

    #[test]
    fn tolerations_merge() {
        let cases = [
            (
                vec!["a Exists - -", "a Equal v NoSchedule"],
                vec!["a Exists - -"],
            ),
            (
                vec!["a Equal v NoSchedule", "a Exists - -"],
                vec!["a Exists - -"],
            ),
            (vec!["a Equal v -", "a Equal v -"], vec!["a Equal v -"]),
            (
                vec!["a Equal v -", "a Equal w -"],
                vec!["a Equal v -", "a Equal w -"],
            ),
            (
                vec!["b Exists - NoExecute 10", "- Exists - -"],
                vec!["- Exists - -"],
            ),
            (
                vec!["a Exists - NoExecute 10", "a Exists - NoExecute 20"],
                vec!["a Exists - NoExecute 20"],
            ),
        ];
        for (given, wanted) in cases {
            let all: Vec<Toleration> = given.iter().map(|it| toleration(it)).collect();
            let wanted: Vec<Toleration> = wanted.iter().map(|it| toleration(it)).collect();
            assert_eq!(merged(&all), wanted, "{given:?}");
        }
    }

    #[test]
    fn classes_complete_pods() {
        let check = |class: Value, pod: Value| {
            let mut class = class;
            class["metadata"] = json!({ "name": "c" });
            class["handler"] = json!("h");
            let class: RuntimeClass = api::Object::decode(class.to_string().as_bytes()).unwrap();
            let pod = json!({ "metadata": {}, "spec": pod });
            let pod: Pod = api::Object::decode(pod.to_string().as_bytes()).unwrap();
            let mut spec = pod.spec.unwrap();
            complete(&class, &mut spec).map(|()| spec)
        };
        let overhead = json!({ "overhead": { "podFixed": { "cpu": "100m" } } });
        let done = check(overhead.clone(), json!({ "containers": [] })).unwrap();
        assert_eq!(done.overhead.unwrap()["cpu"].0, "100m");
        let same = json!({ "containers": [], "overhead": { "cpu": "0.1" } });
        assert!(check(overhead.clone(), same).is_ok());
        let other = json!({ "containers": [], "overhead": { "cpu": "1" } });
        assert_eq!(check(overhead, other).unwrap_err(), MISMATCH);
        let scheduling = json!({ "scheduling": { "nodeSelector": { "a": "1" } } });
        let clash = json!({ "containers": [], "nodeSelector": { "a": "2" } });
        assert_eq!(
            check(scheduling.clone(), clash).unwrap_err(),
            "conflict: runtimeClass.scheduling.nodeSelector[a] = 1; pod.spec.nodeSelector[a] = 2"
        );
        let done = check(
            scheduling,
            json!({ "containers": [], "nodeSelector": { "b": "2" } }),
        );
        assert_eq!(done.unwrap().node_selector.unwrap().len(), 2);
    }
}
