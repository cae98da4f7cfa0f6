//! What one LimitRange gives and forbids. Pure; the texts are upstream's.

#[cfg(test)]
mod tests;

use k8s_openapi::api::core::v1::{
    Container, LimitRange, LimitRangeItem, PersistentVolumeClaim, Pod, ResourceRequirements,
};
use machinery::{
    pods,
    quantity::{Amounts, Quantity, Wire, amounts},
};
use std::collections::BTreeMap;

const ANNOTATION: &str = "kubernetes.io/limit-ranger";

type WireMap = BTreeMap<String, Wire>;

/// What something asks for.
#[derive(Default, PartialEq)]
struct Asked {
    requests: Amounts,
    limits: Amounts,
}

impl Asked {
    fn of(resources: Option<&ResourceRequirements>) -> Self {
        Self {
            requests: amounts(resources.and_then(|it| it.requests.as_ref())),
            limits: amounts(resources.and_then(|it| it.limits.as_ref())),
        }
    }

    fn same(&self, other: Option<&Self>, name: &str) -> bool {
        other.is_some_and(|other| {
            self.requests.get(name) == other.requests.get(name)
                && self.limits.get(name) == other.limits.get(name)
        })
    }
}

fn items<'a>(range: &'a LimitRange, kind: &'a str) -> impl Iterator<Item = &'a LimitRangeItem> {
    let items = range.spec.iter().flat_map(|it| it.limits.iter());
    items.filter(move |it| it.type_ == kind)
}

/// Gives containers the requests and limits that they do not name, and says so in an annotation.
pub(super) fn complete(range: &LimitRange, pod: &mut Pod) {
    let (mut requests, mut limits) = (WireMap::new(), WireMap::new());
    for item in items(range, "Container") {
        requests.extend(item.default_request.clone().unwrap_or_default());
        limits.extend(item.default.clone().unwrap_or_default());
    }
    let mut set = Vec::new();
    let Some(spec) = &mut pod.spec else { return };
    for container in &mut spec.containers {
        give(container, "container", &requests, &limits, &mut set);
    }
    for container in spec.init_containers.iter_mut().flatten() {
        give(container, "init container", &requests, &limits, &mut set);
    }
    if !set.is_empty() {
        let text = format!("LimitRanger plugin set: {}", set.join("; "));
        let annotations = pod.metadata.annotations.get_or_insert_default();
        annotations.insert(ANNOTATION.to_owned(), text);
    }
}

fn give(
    container: &mut Container,
    what: &str,
    requests: &WireMap,
    limits: &WireMap,
    set: &mut Vec<String>,
) {
    let name = container.name.clone();
    let resources = container.resources.get_or_insert_default();
    let mut fill = |own: &mut Option<WireMap>, defaults: &WireMap, kind: &str| {
        let mut filled = Vec::new();
        for (resource, amount) in defaults {
            let own = own.get_or_insert_default();
            if !own.contains_key(resource) {
                own.insert(resource.clone(), amount.clone());
                filled.push(resource.as_str());
            }
        }
        if !filled.is_empty() {
            set.push(format!("{} {kind} for {what} {name}", filled.join(", ")));
        }
    };
    fill(&mut resources.requests, requests, "request");
    fill(&mut resources.limits, limits, "limit");
}

/// What is wrong with a pod; what a resize leaves as it was is not judged again.
pub(super) fn of_pod(range: &LimitRange, pod: &Pod, old: Option<&Pod>) -> Vec<String> {
    let mut faults = Vec::new();
    for item in items(range, "Container") {
        for container in containers(pod) {
            let before = old.and_then(|it| containers(it).find(|it| it.name == container.name));
            let before = before.map(|it| Asked::of(it.resources.as_ref()));
            let asked = Asked::of(container.resources.as_ref());
            judge(item, &asked, before.as_ref(), &mut faults);
        }
    }
    for item in items(range, "Pod") {
        judge(item, &whole(pod), old.map(whole).as_ref(), &mut faults);
    }
    faults
}

fn containers(pod: &Pod) -> impl Iterator<Item = &Container> {
    pod.spec.iter().flat_map(|spec| {
        let init = spec.init_containers.iter().flatten();
        spec.containers.iter().chain(init)
    })
}

/// What the pod asks for as a whole, without what its runtime adds.
fn whole(pod: &Pod) -> Asked {
    let mut bare = pod.clone();
    if let Some(spec) = &mut bare.spec {
        spec.overhead = None;
    }
    Asked {
        requests: pods::requests(&bare),
        limits: pods::limits(&bare),
    }
}

/// What is wrong with a claim. Only requests count; what was granted before is not judged again.
pub(super) fn of_claim(
    range: &LimitRange,
    claim: &PersistentVolumeClaim,
    old: Option<&PersistentVolumeClaim>,
) -> Vec<String> {
    let requests = |claim: &PersistentVolumeClaim| {
        let resources = claim.spec.as_ref().and_then(|it| it.resources.as_ref());
        amounts(resources.and_then(|it| it.requests.as_ref()))
    };
    let asked = Asked {
        requests: requests(claim),
        limits: Amounts::new(),
    };
    let before = old.map(requests);
    let granted = |name: &str| {
        let own = asked.requests.get(name);
        own.is_some() && before.as_ref().is_some_and(|it| it.get(name) == own)
    };
    let mut faults = Vec::new();
    for item in items(range, "PersistentVolumeClaim") {
        for (name, bound) in amounts(item.min.as_ref()) {
            if !granted(&name) {
                faults.extend(too_small(&item.type_, &name, bound, &asked));
            }
        }
        for (name, bound) in amounts(item.max.as_ref()) {
            if !granted(&name) {
                faults.extend(request_too_large(&item.type_, &name, bound, &asked));
            }
        }
    }
    faults
}

fn judge(item: &LimitRangeItem, asked: &Asked, old: Option<&Asked>, faults: &mut Vec<String>) {
    type Rule = fn(&str, &str, Quantity, &Asked) -> Option<String>;
    let rules: [(&Option<WireMap>, Rule); 3] = [
        (&item.min, too_small),
        (&item.max, too_large),
        (&item.max_limit_request_ratio, too_uneven),
    ];
    for (bounds, rule) in rules {
        for (name, bound) in amounts(bounds.as_ref()) {
            if !asked.same(old, &name) {
                faults.extend(rule(&item.type_, &name, bound, asked));
            }
        }
    }
}

fn too_small(kind: &str, name: &str, bound: Quantity, asked: &Asked) -> Option<String> {
    let text = format!("minimum {name} usage per {kind} is {bound}");
    let Some(request) = asked.requests.get(name) else {
        return Some(format!("{text}.  No request is specified"));
    };
    if *request < bound {
        return Some(format!("{text}, but request is {request}"));
    }
    let limit = asked.limits.get(name).filter(|it| **it < bound)?;
    Some(format!("{text}, but limit is {limit}"))
}

fn too_large(kind: &str, name: &str, bound: Quantity, asked: &Asked) -> Option<String> {
    let text = format!("maximum {name} usage per {kind} is {bound}");
    let Some(limit) = asked.limits.get(name) else {
        return Some(format!("{text}.  No limit is specified"));
    };
    if *limit > bound {
        return Some(format!("{text}, but limit is {limit}"));
    }
    let request = asked.requests.get(name).filter(|it| **it > bound)?;
    Some(format!("{text}, but request is {request}"))
}

fn request_too_large(kind: &str, name: &str, bound: Quantity, asked: &Asked) -> Option<String> {
    let text = format!("maximum {name} usage per {kind} is {bound}");
    let Some(request) = asked.requests.get(name) else {
        return Some(format!("{text}.  No request is specified"));
    };
    (*request > bound).then(|| format!("{text}, but request is {request}"))
}

#[allow(clippy::cast_precision_loss)] // six decimals are shown
fn too_uneven(kind: &str, name: &str, bound: Quantity, asked: &Asked) -> Option<String> {
    let text = format!("{name} max limit to request ratio per {kind} is {bound}, but");
    let given = |list: &Amounts| list.get(name).copied().filter(|it| !it.is_zero());
    let Some(request) = given(&asked.requests) else {
        return Some(format!("{text} no request is specified or request is 0"));
    };
    let Some(limit) = given(&asked.limits) else {
        return Some(format!("{text} no limit is specified or limit is 0"));
    };
    let thousandths = |it: Quantity| i128::from(it.milli_value());
    let (limit, request) = (thousandths(limit), thousandths(request));
    (limit * 1000 > request * thousandths(bound)).then(|| {
        let ratio = limit as f64 / request as f64;
        format!("{text} provided ratio is {ratio:.6}")
    })
}
