//! What to do about one ServiceCIDR. Pure.

use super::FINALIZER;
use crate::finalizers;
use ipnet::IpNet;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::networking::v1::{IPAddress, ServiceCIDR};
use std::{net::IpAddr, sync::Arc, time::Duration};

const MANAGED_BY: &str = "ipaddress.kubernetes.io/managed-by";
const ALLOCATOR: &str = "ipallocator.k8s.io";
/// An address may just be given out from a range that began to go, as upstream allows for.
const GRACE: SignedDuration = SignedDuration::from_secs(10);

/// The next step.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It has no finalizer yet.
    Protect,
    /// It is as it should be: say so.
    Ready,
    /// It is to go, and addresses need it.
    Blocked,
    /// It may go after this long.
    Wait(Duration),
    /// Nothing holds it.
    Release,
    /// Others finish it.
    Nothing,
}

pub(super) fn plan(
    range: &ServiceCIDR,
    all: &[Arc<ServiceCIDR>],
    addresses: &[Arc<IPAddress>],
    now: Timestamp,
) -> Step {
    let protected = finalizers::has(&range.metadata, FINALIZER);
    let Some(since) = &range.metadata.deletion_timestamp else {
        return if protected {
            Step::Ready
        } else {
            Step::Protect
        };
    };
    if !protected {
        return Step::Nothing;
    }
    if is_needed(range, all, addresses) {
        return Step::Blocked;
    }
    let left = GRACE - now.duration_since(since.0);
    match Duration::try_from(left) {
        Ok(left) if !left.is_zero() => Step::Wait(left),
        _ => Step::Release,
    }
}

fn nets(range: &ServiceCIDR) -> impl Iterator<Item = IpNet> {
    let cidrs = range.spec.iter().flat_map(|it| it.cidrs.iter().flatten());
    cidrs.filter_map(|it| it.parse().ok())
}

/// Whether an address in use is in this range and in no other.
fn is_needed(range: &ServiceCIDR, all: &[Arc<ServiceCIDR>], addresses: &[Arc<IPAddress>]) -> bool {
    let others: Vec<IpNet> = all
        .iter()
        .filter(|it| it.metadata.name != range.metadata.name)
        .flat_map(|it| nets(it))
        .collect();
    let own: Vec<IpNet> = nets(range)
        .filter(|net| !others.iter().any(|other| other.contains(net)))
        .collect();
    let in_use = addresses.iter().filter(|it| {
        let labels = it.metadata.labels.as_ref();
        labels.and_then(|it| it.get(MANAGED_BY)).map(String::as_str) == Some(ALLOCATOR)
    });
    let mut in_use = in_use.filter_map(|it| it.metadata.name.as_ref()?.parse::<IpAddr>().ok());
    in_use.any(|address| {
        own.iter().any(|net| net.contains(&address))
            && !others.iter().any(|net| net.contains(&address))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn range(name: &str, cidr: &str, ends: Option<&str>, protected: bool) -> Arc<ServiceCIDR> {
        let finalizers = if protected { vec![FINALIZER] } else { vec![] };
        let tree = json!({ "metadata": { "name": name, "finalizers": finalizers, "deletionTimestamp": ends },
            "spec": { "cidrs": [cidr] } });
        Arc::new(api::Object::decode(tree.to_string().as_bytes()).unwrap())
    }

    fn address(text: &str) -> Arc<IPAddress> {
        let tree = json!({ "metadata": { "name": text, "labels": { MANAGED_BY: ALLOCATOR } },
            "spec": { "parentRef": { "resource": "services", "name": "s" } } });
        Arc::new(api::Object::decode(tree.to_string().as_bytes()).unwrap())
    }

    #[test]
    fn ranges_stay_while_they_are_needed() {
        let now: Timestamp = "2026-01-01T00:01:00Z".parse().unwrap();
        let (long, short) = (Some("2026-01-01T00:00:00Z"), Some("2026-01-01T00:00:56Z"));
        let whole = range("whole", "10.0.0.0/16", None, true);
        let check = |range: &Arc<ServiceCIDR>, others: &[Arc<ServiceCIDR>], used: &[&str]| {
            let mut all = others.to_vec();
            all.push(Arc::clone(range));
            let used: Vec<_> = used.iter().map(|it| address(it)).collect();
            plan(range, &all, &used, now)
        };
        let own = "10.0.1.5";
        let cases = [
            (
                range("a", "10.0.1.0/24", None, false),
                vec![],
                vec![],
                Step::Protect,
            ),
            (
                range("a", "10.0.1.0/24", None, true),
                vec![],
                vec![own],
                Step::Ready,
            ),
            (
                range("a", "10.0.1.0/24", long, true),
                vec![],
                vec![own],
                Step::Blocked,
            ),
            (
                range("a", "10.0.1.0/24", long, true),
                vec![whole.clone()],
                vec![own],
                Step::Release,
            ),
            (
                range("a", "10.0.1.0/24", long, true),
                vec![],
                vec!["10.0.2.5"],
                Step::Release,
            ),
            (
                range("a", "10.0.1.0/24", short, true),
                vec![],
                vec![],
                Step::Wait(Duration::from_secs(6)),
            ),
            (
                range("a", "10.0.1.0/24", long, false),
                vec![],
                vec![own],
                Step::Nothing,
            ),
        ];
        for (range, others, used, wanted) in cases {
            assert_eq!(check(&range, &others, &used), wanted, "{range:?}");
        }
    }
}
