//! This node as an object: registered at the start, its status written when it changes, its lease renewed
//! (upstream: `kubelet_node_status.go`, `component-helpers/lease`).

use crate::{
    machine::{self, Pressure},
    shared::Shared,
};
use jiff::Timestamp;
use k8s_openapi::{
    api::{
        coordination::v1::{Lease, LeaseSpec},
        core::v1::{
            ContainerImage, DaemonEndpoint, Node, NodeAddress, NodeCondition, NodeDaemonEndpoints,
            NodeStatus,
        },
    },
    apimachinery::pkg::{
        api::resource::Quantity,
        apis::meta::v1::{MicroTime, ObjectMeta, Time},
    },
};
use machinery::{
    conditions::{self, Condition as _},
    owners,
    quantity::{self, Amounts},
};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// How often the lease is renewed, and the machine looked at.
const RENEWAL: Duration = Duration::from_secs(10);
/// After this the node counts as lost (upstream: `nodeLeaseDurationSeconds`).
const LEASE_SECONDS: i32 = 40;
const LEASE_NAMESPACE: &str = "kube-node-lease";
/// Images a status lists (upstream: `nodeStatusMaxImages`).
const MAX_IMAGES: usize = 50;
/// Waits between attempts to register.
const RETRY: stdx::backoff::Backoff =
    stdx::backoff::Backoff::new(Duration::from_millis(50), Duration::from_secs(7));

/// Registers the node and keeps it current, until dropped.
pub async fn run(shared: Arc<Shared>) {
    let mut node = register(&shared).await;
    let mut lease = None;
    let mut ticks = tokio::time::interval(RENEWAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match renew(&shared, &node, lease.take()).await {
            Ok(renewed) => lease = Some(renewed),
            Err(error) => tracing::warn!(%error, "the node's lease could not be renewed"),
        }
        match report(&shared, &node).await {
            Ok(written) => node = written,
            Err(error) => tracing::warn!(%error, "the node's status could not be written"),
        }
    }
}

/// The node with its first status, written together with its lease.
async fn register(shared: &Shared) -> Node {
    let mut failures = 0;
    loop {
        match try_register(shared).await {
            Ok(node) => return node,
            Err(error) => {
                let wait = RETRY.delay(failures);
                failures += 1;
                tracing::warn!(%error, ?wait, "the node could not be registered");
                tokio::time::sleep(wait).await;
            }
        }
    }
}

async fn try_register(shared: &Shared) -> Result<Node, client::Error> {
    let name = &shared.config.node_name;
    let labels = labels(shared);
    let node = match shared.client.get::<Node>("", name).await {
        Ok(known) => known,
        Err(error) if error.is_not_found() => {
            let fresh = Node {
                metadata: ObjectMeta {
                    name: Some(name.clone()),
                    labels: Some(labels.clone()),
                    ..ObjectMeta::default()
                },
                status: Some(status(shared, &NodeStatus::default()).await),
                ..Node::default()
            };
            shared.client.create(&fresh).await?
        }
        Err(error) => return Err(error),
    };
    let mut wanted = node.clone();
    wanted
        .metadata
        .labels
        .get_or_insert_default()
        .extend(labels);
    let node = if wanted == node {
        node
    } else {
        shared.client.update(&wanted).await?
    };
    report(shared, &node).await
}

fn labels(shared: &Shared) -> BTreeMap<String, String> {
    let arch = machine::architecture();
    let mut labels: BTreeMap<String, String> = [
        ("kubernetes.io/hostname", shared.config.node_name.as_str()),
        ("kubernetes.io/os", "linux"),
        ("kubernetes.io/arch", arch),
        ("beta.kubernetes.io/os", "linux"),
        ("beta.kubernetes.io/arch", arch),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .collect();
    if shared.config.control_plane {
        labels.insert(
            "node-role.kubernetes.io/control-plane".to_owned(),
            "true".to_owned(),
        );
    }
    labels.extend(shared.config.node_labels.clone());
    labels
}

/// Writes the status if the server has another: a condition or a resource may be somebody else's.
async fn report(shared: &Shared, known: &Node) -> Result<Node, client::Error> {
    let name = &shared.config.node_name;
    let mut again = true;
    loop {
        let node = match shared.client.get::<Node>("", name).await {
            Err(error) if error.is_not_found() => return return_to(shared, known).await,
            found => found?,
        };
        let old = node.status.clone().unwrap_or_default();
        let status = status(shared, &old).await;
        if old == status {
            return Ok(node);
        }
        let next = Node {
            status: Some(status),
            ..node
        };
        match shared.client.update_status(&next).await {
            // Somebody was quicker: ours goes on top of theirs.
            Err(error) if error.is_conflict() && again => again = false,
            written => return written,
        }
    }
}

/// Registers again a node that was deleted under us.
async fn return_to(shared: &Shared, known: &Node) -> Result<Node, client::Error> {
    let mut node = known.clone();
    node.metadata.resource_version = None;
    node.metadata.uid = None;
    node.status = Some(status(shared, &known.status.clone().unwrap_or_default()).await);
    shared.client.create(&node).await
}

/// What the node has: of the machine, and what others say it offers, such as a device.
fn capacity(
    machine: &Amounts,
    before: Option<&BTreeMap<String, Quantity>>,
) -> BTreeMap<String, Quantity> {
    let mut all = quantity::to_wire_map(machine);
    let others = before.into_iter().flatten().filter(|it| it.0.contains('/'));
    for (name, amount) in others {
        all.entry(name.clone()).or_insert_with(|| amount.clone());
    }
    all
}

async fn status(shared: &Shared, old: &NodeStatus) -> NodeStatus {
    let mut status = old.clone();
    let address = |kind: &str, address: String| NodeAddress {
        address,
        type_: kind.to_owned(),
    };
    let mut addresses: Vec<_> = shared
        .host_ips()
        .into_iter()
        .map(|ip| address("InternalIP", ip))
        .collect();
    addresses.push(address("Hostname", shared.config.node_name.clone()));
    status.addresses = Some(addresses);
    status.capacity = Some(capacity(&shared.allocatable, old.capacity.as_ref()));
    status.allocatable.clone_from(&status.capacity);
    status.daemon_endpoints = Some(NodeDaemonEndpoints {
        kubelet_endpoint: Some(DaemonEndpoint {
            port: i32::from(shared.config.port),
        }),
    });
    status.node_info = Some(machine::system_info(&*shared.runtime));
    status.images = images(shared).await;
    let pressure = machine::pressure(&*shared.runtime).await;
    set_conditions(&mut status, pressure, shared.clock.now());
    status
}

async fn images(shared: &Shared) -> Option<Vec<ContainerImage>> {
    let mut images = shared.runtime.list_images().await.ok()?;
    images.sort_by(|a, b| (b.size_bytes, &a.id).cmp(&(a.size_bytes, &b.id)));
    let listed: Vec<_> = images
        .into_iter()
        .take(MAX_IMAGES)
        .map(|it| ContainerImage {
            names: Some(it.repo_digests.into_iter().chain(it.repo_tags).collect()),
            size_bytes: i64::try_from(it.size_bytes).ok(),
        })
        .collect();
    (!listed.is_empty()).then_some(listed)
}

fn set_conditions(status: &mut NodeStatus, pressure: Pressure, now: Timestamp) {
    let one = |kind: &str, truth: bool, bad: (&str, &str), good: (&str, &str)| {
        let (reason, message) = if truth { bad } else { good };
        NodeCondition::make(kind, if truth { "True" } else { "False" }, reason, message)
    };
    let all = [
        one(
            "MemoryPressure",
            pressure.memory,
            (
                "KubeletHasInsufficientMemory",
                "kubelet has insufficient memory available",
            ),
            (
                "KubeletHasSufficientMemory",
                "kubelet has sufficient memory available",
            ),
        ),
        one(
            "DiskPressure",
            pressure.disk,
            ("KubeletHasDiskPressure", "kubelet has disk pressure"),
            ("KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        ),
        NodeCondition::make(
            "PIDPressure",
            "False",
            "KubeletHasSufficientPID",
            "kubelet has sufficient PID available",
        ),
        NodeCondition::make(
            "Ready",
            "True",
            "KubeletReady",
            "kubelet is posting ready status",
        ),
    ];
    for mut condition in all {
        let heart = Some(Time(stdx::clock::whole_seconds(now)));
        let old = conditions::get(status.conditions.as_ref(), &condition.type_).cloned();
        // The beat is the lease's business; here it is the time of the last change.
        let same = old
            .as_ref()
            .is_some_and(|it| it.status == condition.status && it.reason == condition.reason);
        condition.last_heartbeat_time = old
            .filter(|_| same)
            .and_then(|it| it.last_heartbeat_time)
            .or(heart);
        conditions::set(&mut status.conditions, condition, now);
    }
}

/// Renews the lease, creating it if need be.
async fn renew(shared: &Shared, node: &Node, held: Option<Lease>) -> Result<Lease, client::Error> {
    let name = &shared.config.node_name;
    let renewed = |mut lease: Lease| {
        let spec = lease.spec.get_or_insert_with(LeaseSpec::default);
        spec.holder_identity = Some(name.clone());
        spec.lease_duration_seconds = Some(LEASE_SECONDS);
        spec.renew_time = Some(MicroTime(shared.clock.now()));
        lease
    };
    if let Some(held) = held
        && let Ok(lease) = shared.client.update(&renewed(held)).await
    {
        return Ok(lease);
    }
    match shared.client.get::<Lease>(LEASE_NAMESPACE, name).await {
        Ok(found) => shared.client.update(&renewed(found)).await,
        Err(error) if error.is_not_found() => {
            let lease = Lease {
                metadata: ObjectMeta {
                    name: Some(name.clone()),
                    namespace: Some(LEASE_NAMESPACE.to_owned()),
                    owner_references: Some(vec![owners::owner_reference(node)]),
                    ..ObjectMeta::default()
                },
                spec: None,
            };
            shared.client.create(&renewed(lease)).await
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_of_others_stay() {
        let wire = |all: &[(&str, &str)]| -> BTreeMap<_, _> {
            let one =
                |&(name, amount): &(&str, &str)| (name.to_owned(), Quantity(amount.to_owned()));
            all.iter().map(one).collect()
        };
        let machine = wire(&[("cpu", "2"), ("memory", "1Gi")]);
        let amounts = quantity::amounts(Some(&machine));
        assert_eq!(capacity(&amounts, None), machine);
        let before = wire(&[("cpu", "4"), ("attic", "1"), ("example.com/gpu", "3")]);
        let all = wire(&[("cpu", "2"), ("example.com/gpu", "3"), ("memory", "1Gi")]);
        assert_eq!(capacity(&amounts, Some(&before)), all);
    }
}
