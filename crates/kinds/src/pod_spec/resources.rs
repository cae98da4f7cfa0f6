//! Errors of what containers and pods ask of a node: upstream's `validateResourceRequirements`, resize
//! policies and claims to devices.

use crate::{amounts, check};
use k8s_openapi::{
    api::core::v1::{Container, PodResourceClaim, PodSpec, ResourceClaim, ResourceRequirements},
    apimachinery::pkg::api::resource::Quantity as Wire,
};
use machinery::{
    field::{Error, ErrorList, Path},
    names,
    quantity::Quantity,
};
use std::collections::{BTreeMap, BTreeSet};

type Amounts = BTreeMap<String, Wire>;

const HUGE: &str = "hugepages-";
/// Errors of a container's resources.
pub(super) fn container(e: &mut ErrorList, path: &Path, it: &ResourceRequirements, spec: &PodSpec) {
    requirements(e, path, it, amounts::container_name);
    let claims = it.claims.as_deref().unwrap_or_default();
    container_claims(e, &path.child("claims"), claims, spec);
}

/// Errors of what a runtime class adds to a pod.
pub(super) fn overhead(e: &mut ErrorList, path: &Path, amounts: &Amounts) {
    let limits = ResourceRequirements {
        limits: Some(amounts.clone()),
        ..Default::default()
    };
    requirements(e, path, &limits, amounts::container_name);
}

/// Errors of the resources of a pod as a whole.
pub(super) fn pod_level(e: &mut ErrorList, path: &Path, spec: &PodSpec) {
    let Some(own) = &spec.resources else { return };
    if own.claims.is_some() {
        let text = "claims cannot be set for Resources at pod-level";
        e.push(Error::forbidden(&path.child("claims"), text));
    }
    requirements(e, path, own, pod_name);
    let wanted = own.requests.as_ref();
    for (name, sum) in machinery::pods::container_requests(spec) {
        let own = wanted
            .and_then(|it| it.get(&name))
            .and_then(|it| Quantity::from_wire(it).ok());
        let own = own.unwrap_or(Quantity::ZERO);
        if sum > own {
            let text =
                format!("must be greater than or equal to aggregate container requests of {sum}");
            let path = path.child("requests").key(&name);
            e.push(Error::invalid(&path, own.to_string(), &text));
        }
    }
    for (index, container) in spec.containers.iter().enumerate() {
        let limits = container
            .resources
            .as_ref()
            .and_then(|it| it.limits.as_ref());
        for (name, limit) in limits.into_iter().flatten() {
            let all = own.limits.as_ref().and_then(|it| it.get(name));
            if let (Ok(limit), Some(Ok(all))) =
                (Quantity::from_wire(limit), all.map(Quantity::from_wire))
                && limit > all
            {
                let path = path.child("containers").index(index).key(name);
                let text = format!("must be less than or equal to pod limits of {all}");
                let path = path.child("limits");
                e.push(Error::invalid(&path, limit.to_string(), &text));
            }
        }
    }
}

fn requirements(
    e: &mut ErrorList,
    path: &Path,
    it: &ResourceRequirements,
    name_rule: fn(&mut ErrorList, &Path, &str),
) {
    let (limits_at, requests_at) = (path.child("limits"), path.child("requests"));
    let mut names = BTreeSet::new();
    for (name, amount) in it.limits.iter().flatten() {
        let path = limits_at.key(name);
        name_rule(e, &path, name);
        self::amount(e, &path, name, amount);
        names.insert(name.as_str());
    }
    for (name, amount) in it.requests.iter().flatten() {
        let path = requests_at.key(name);
        name_rule(e, &path, name);
        self::amount(e, &path, name, amount);
        names.insert(name.as_str());
        let Ok(amount) = Quantity::from_wire(amount) else {
            continue;
        };
        let limit = it.limits.as_ref().and_then(|it| it.get(name));
        match limit.and_then(|it| Quantity::from_wire(it).ok()) {
            Some(limit) if amount != limit && !amounts::may_overcommit(name) => {
                let text = format!("must be equal to {name} limit of {limit}");
                e.push(Error::invalid(&requests_at, amount.to_string(), &text));
            }
            Some(limit) if amount > limit => {
                let text = format!("must be less than or equal to {name} limit of {limit}");
                e.push(Error::invalid(&requests_at, amount.to_string(), &text));
            }
            None if !amounts::may_overcommit(name) => {
                let text = "Limit must be set for non overcommitable resources";
                e.push(Error::required(&limits_at, text));
            }
            _ => {}
        }
    }
    let ordinary = names.contains("cpu") || names.contains("memory");
    if !ordinary && names.iter().any(|it| it.starts_with(HUGE)) {
        e.push(Error::forbidden(path, "HugePages require cpu or memory"));
    }
}

/// The name of something that a pod as a whole can ask for.
fn pod_name(e: &mut ErrorList, path: &Path, name: &str) {
    if amounts::name(e, path, name) && !matches!(name, "cpu" | "memory") && !name.starts_with(HUGE)
    {
        e.push(Error::not_supported(path, name, &["cpu", HUGE, "memory"]));
    }
}

fn amount(e: &mut ErrorList, path: &Path, name: &str, amount: &Wire) {
    amounts::amount(e, path, name, amount);
    let Ok(amount) = Quantity::from_wire(amount) else {
        return;
    };
    if let Some(size) = name.strip_prefix(HUGE) {
        let size = Quantity::parse(size).map_or(0, Quantity::value);
        if size <= 0 || amount.value() % size != 0 {
            let text = format!("{amount} is not positive integer multiple of {name}");
            let error = Error::invalid(path, amount.to_string(), &text);
            e.push(error.ratcheted("AllowIndivisibleHugePagesValues"));
        }
    }
}

/// Errors of `resizePolicy`. Upstream names the list, not the item.
pub(super) fn resize_policy(e: &mut ErrorList, path: &Path, it: &Container, spec: &PodSpec) {
    let mut taken = BTreeSet::new();
    for (index, policy) in it.resize_policy.iter().flatten().enumerate() {
        let (name, restart) = (&policy.resource_name, &policy.restart_policy);
        if !taken.insert(name) {
            e.push(Error::duplicate(&path.index(index), name));
        }
        check::one_of(e, path, Some(name), &["cpu", "memory"]);
        let policies = &["NotRequired", "RestartContainer"];
        check::one_of(e, path, Some(restart), policies);
        if spec.restart_policy.as_deref() == Some("Never") && restart != "NotRequired" {
            let text = "must be 'NotRequired' when `restartPolicy` is 'Never'";
            e.push(Error::invalid(path, restart, text));
        }
    }
}

/// Errors of a pod's claims to devices.
pub(super) fn pod_claims(e: &mut ErrorList, path: &Path, spec: &PodSpec) {
    let mut taken = BTreeSet::new();
    for (index, claim) in spec.resource_claims.iter().flatten().enumerate() {
        let path = path.index(index);
        let at = path.child("name");
        if check::required(e, &at, Some(&claim.name)) {
            if taken.insert(&claim.name) {
                check::messages(e, &at, &claim.name, names::label_errors(&claim.name));
            } else {
                e.push(Error::duplicate(&at, &claim.name));
            }
        }
        source_of(e, &path, claim);
    }
}

fn source_of(e: &mut ErrorList, path: &Path, claim: &PodResourceClaim) {
    let (own, template) = (
        &claim.resource_claim_name,
        &claim.resource_claim_template_name,
    );
    let text = match (own, template) {
        (Some(_), Some(_)) => Some(
            "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified",
        ),
        (None, None) => {
            Some("must specify one of: `resourceClaimName`, `resourceClaimTemplateName`")
        }
        _ => None,
    };
    if let Some(text) = text {
        let shown = serde_json::json!({ "Name": claim.name, "ResourceClaimName": own, "ResourceClaimTemplateName": template });
        e.push(Error::invalid(path, shown, text));
    }
    let named = [
        ("resourceClaimName", own),
        ("resourceClaimTemplateName", template),
    ];
    for (field, name) in named {
        if let Some(name) = name {
            check::messages(e, &path.child(field), name, names::subdomain_errors(name));
        }
    }
}

/// A container uses each of its pod's claims once, as a whole or request by request.
fn container_claims(e: &mut ErrorList, path: &Path, claims: &[ResourceClaim], spec: &PodSpec) {
    let pod: BTreeSet<_> = spec
        .resource_claims
        .iter()
        .flatten()
        .map(|it| &it.name)
        .collect();
    let mut taken = BTreeSet::new();
    for (index, claim) in claims.iter().enumerate() {
        let path = path.index(index);
        let name = &claim.name;
        if !check::required(e, &path, Some(name)) {
            continue;
        }
        if taken.contains(name) {
            e.push(Error::duplicate(&path, name));
        } else {
            let request = claim.request.as_ref().filter(|it| !it.is_empty());
            let key = request.map_or_else(|| name.clone(), |it| format!("{name}/{it}"));
            if let Some(request) = request {
                let at = path.child("request");
                check::messages(e, &at, request, names::label_errors(request));
            }
            let whole = format!("{name}/");
            if taken.contains(&key) {
                e.push(Error::duplicate(&path, &key));
            } else if request.is_none() && taken.iter().any(|it: &String| it.starts_with(&whole)) {
                e.push(Error::duplicate(&path, name));
            }
            taken.insert(key);
        }
        if !pod.contains(name) {
            let list: Vec<_> = pod.iter().map(|it| it.as_str()).collect();
            let tail = if list.is_empty() {
                " which is empty".to_owned()
            } else {
                format!(": {}", list.join(", "))
            };
            let mut error = Error::not_found(&path, name);
            error.message +=
                &format!(": must be one of the names in pod.spec.resourceClaims{tail}");
            e.push(error);
        }
    }
}
