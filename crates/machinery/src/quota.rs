//! What a ResourceQuota counts: which objects it selects, what each of them uses, and what it
//! demands of them. The door charges quotas with it and the quota controller counts again with it,
//! so both agree. Upstream: `pkg/quota/v1`.

mod claims;
mod compute;
mod scopes;
#[cfg(test)]
mod tests;

pub use compute::outstays;

use crate::quantity::{Amounts, Format, Quantity, Wire, amounts};
use api::AnyObject;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{
    PersistentVolumeClaim, Pod, ResourceQuota, ResourceQuotaSpec, Service,
};
use std::collections::{BTreeMap, BTreeSet};

/// Objects of these are counted by their bare names too.
const BARE: [&str; 4] = [
    "configmaps",
    "replicationcontrollers",
    "resourcequotas",
    "secrets",
];
const SERVICES: [&str; 3] = ["services", "services.loadbalancers", "services.nodeports"];

/// An object, as something that may use what a quota bounds.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// Its group.
    pub group: &'a str,
    /// Its resource.
    pub plural: &'a str,
    /// It.
    pub object: &'a dyn AnyObject,
}

/// `count/deployments.apps`: the quota of a resource's objects.
#[must_use]
pub fn count_name(group: &str, plural: &str) -> String {
    if group.is_empty() {
        format!("count/{plural}")
    } else {
        format!("count/{plural}.{group}")
    }
}

/// Whether objects of a resource can use what a quota calls `name`.
#[must_use]
pub fn concerns(group: &str, plural: &str, name: &str) -> bool {
    if name == count_name(group, plural) {
        return true;
    }
    match (group, plural) {
        ("", "pods") => compute::concerns(name),
        ("", "services") => SERVICES.contains(&name),
        ("", "persistentvolumeclaims") => claims::concerns(name),
        ("", other) => other == name && BARE.contains(&name),
        _ => false,
    }
}

impl Subject<'_> {
    /// What the object uses now, by the names that quotas have for it.
    #[must_use]
    pub fn usage(&self, now: Timestamp) -> Amounts {
        let one = Quantity::from_units(1, Format::DecimalSi);
        let mut used = Amounts::from([(count_name(self.group, self.plural), one)]);
        if let Some(pod) = self.object.downcast_ref::<Pod>() {
            used.extend(compute::usage(pod, now));
        } else if let Some(service) = self.object.downcast_ref::<Service>() {
            used.extend(service_usage(service));
        } else if let Some(claim) = self.object.downcast_ref::<PersistentVolumeClaim>() {
            used.extend(claims::usage(claim));
        } else if self.group.is_empty() && BARE.contains(&self.plural) {
            used.insert(self.plural.to_owned(), one);
        }
        used
    }

    /// Whether a quota with this spec, which bounds `names`, counts the object.
    #[must_use]
    pub fn is_selected<'n>(
        &self,
        spec: &ResourceQuotaSpec,
        names: impl IntoIterator<Item = &'n String>,
    ) -> bool {
        names
            .into_iter()
            .any(|name| concerns(self.group, self.plural, name))
            && scopes::select(spec, self.object)
    }

    fn is_counted_by(&self, quota: &ResourceQuota) -> bool {
        let spec = quota.spec.clone().unwrap_or_default();
        let hard = quota.status.as_ref().and_then(|it| it.hard.as_ref());
        self.is_selected(&spec, hard.into_iter().flat_map(BTreeMap::keys))
    }

    /// Whether the quota counts the object; or why the object cannot be counted.
    ///
    /// # Errors
    /// Upstream's text: the object says too little, or the quota's usage is not known yet.
    pub fn check(&self, quota: &ResourceQuota) -> Result<bool, String> {
        if !self.is_counted_by(quota) {
            return Ok(false);
        }
        let name = quota.metadata.name.as_deref().unwrap_or_default();
        let status = quota.status.clone().unwrap_or_default();
        let hard = status.hard.unwrap_or_default();
        let bounded: BTreeSet<&str> = hard
            .keys()
            .map(String::as_str)
            .filter(|it| concerns(self.group, self.plural, it))
            .collect();
        if let Some(pod) = self.object.downcast_ref::<Pod>() {
            compute::demand(pod, &bounded)
                .map_err(|because| format!("failed quota: {name}: {because}"))?;
        }
        let used = status.used.unwrap_or_default();
        if bounded.iter().any(|it| !used.contains_key(*it)) {
            let names: Vec<&str> = bounded.into_iter().collect();
            return Err(format!(
                "status unknown for quota: {name}, resources: {}",
                names.join(",")
            ));
        }
        Ok(true)
    }
}

fn service_usage(service: &Service) -> Amounts {
    let spec = service.spec.clone().unwrap_or_default();
    let ports = spec.ports.unwrap_or_default();
    let allocates = spec.allocate_load_balancer_node_ports != Some(false);
    let (balancers, node_ports) = match spec.type_.as_deref() {
        Some("NodePort") => (0, ports.len()),
        Some("LoadBalancer") if allocates => (1, ports.len()),
        Some("LoadBalancer") => {
            let own = ports.iter().filter(|it| it.node_port.unwrap_or(0) != 0);
            (1, own.count())
        }
        _ => (0, 0),
    };
    [
        (SERVICES[0], 1),
        (SERVICES[1], balancers),
        (SERVICES[2], node_ports),
    ]
    .into_iter()
    .map(|(name, count)| (name.to_owned(), units(count)))
    .collect()
}

fn units(count: usize) -> Quantity {
    Quantity::from_units(i64::try_from(count).unwrap_or(i64::MAX), Format::DecimalSi)
}

/// What the quota's `status.used` becomes when `old` turns into `new`; none when it stays.
///
/// # Errors
/// Upstream's text, when the quota would be exceeded. `bounded` is false for what already happened
/// and is only to be counted.
pub fn charge(
    quota: &ResourceQuota,
    old: Option<Subject<'_>>,
    new: Option<Subject<'_>>,
    now: Timestamp,
    bounded: bool,
) -> Result<Option<BTreeMap<String, Wire>>, String> {
    let usage = |subject: Option<Subject<'_>>| {
        subject
            .filter(|it| it.is_counted_by(quota))
            .map(|it| it.usage(now))
            .unwrap_or_default()
    };
    let mut change = usage(new);
    for (name, amount) in usage(old) {
        *change.entry(name).or_default() -= amount;
    }
    let status = quota.status.clone().unwrap_or_default();
    let (hard, used) = (amounts(status.hard.as_ref()), amounts(status.used.as_ref()));
    // What was never counted is left to the controller's first count.
    change.retain(|name, amount| {
        !amount.is_zero() && hard.contains_key(name) && used.contains_key(name)
    });
    if change.is_empty() {
        return Ok(None);
    }
    let sum = |name: &String, amount: Quantity| used.get(name).map_or(amount, |it| *it + amount);
    let exceeded: BTreeSet<&String> = change
        .iter()
        .filter(|(name, amount)| {
            **amount > Quantity::ZERO && hard.get(*name).is_some_and(|it| sum(name, **amount) > *it)
        })
        .map(|(name, _)| name)
        .collect();
    if bounded && !exceeded.is_empty() {
        let shown = |all: &Amounts| {
            let own = all.iter().filter(|(name, _)| exceeded.contains(name));
            let own: Vec<String> = own.map(|(name, it)| format!("{name}={it}")).collect();
            own.join(",")
        };
        return Err(format!(
            "exceeded quota: {}, requested: {}, used: {}, limited: {}",
            quota.metadata.name.as_deref().unwrap_or_default(),
            shown(&change),
            shown(&used),
            shown(&hard)
        ));
    }
    let mut after = status.used.unwrap_or_default();
    for (name, amount) in &change {
        after.insert(
            name.clone(),
            sum(name, *amount).max(Quantity::ZERO).to_wire(),
        );
    }
    Ok(Some(after))
}
