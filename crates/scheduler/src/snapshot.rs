//! The nodes and what is placed on them, kept current by the shared caches and by the pods that the
//! scheduler has placed but not yet seen bound (upstream: the scheduler cache's assumed pods).

use crate::{
    pod::{PodInfo, pod_count},
    resources::Resources,
};
use k8s_openapi::api::core::v1::{Node, Pod};
use machinery::{pods, quantity};
use reconcile::{Change, Key};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

/// One node and the pods on it.
#[derive(Debug, Default)]
pub(crate) struct NodeInfo {
    /// Absent while pods are known on a node that is not (yet, or any more) an object.
    pub(crate) node: Option<Arc<Node>>,
    pub(crate) pods: BTreeMap<Key, PodInfo>,
    pub(crate) requested: Resources,
    /// CPU (milli) and memory (bytes) as scoring counts them.
    pub(crate) scored: (i64, i64),
    pub(crate) allocatable: Resources,
    pub(crate) allowed_pods: i64,
}

impl NodeInfo {
    pub(crate) fn name(&self) -> &str {
        self.node
            .as_ref()
            .and_then(|node| node.metadata.name.as_deref())
            .unwrap_or_default()
    }

    pub(crate) fn label(&self, key: &str) -> Option<&str> {
        self.node
            .as_ref()?
            .metadata
            .labels
            .as_ref()?
            .get(key)
            .map(String::as_str)
    }

    fn set_node(&mut self, node: Arc<Node>) {
        let amounts = quantity::amounts(
            node.status
                .as_ref()
                .and_then(|status| status.allocatable.as_ref()),
        );
        self.allocatable = Resources::new(&amounts);
        self.allowed_pods = pod_count(&amounts);
        self.node = Some(node);
    }

    fn place(&mut self, pod: PodInfo) {
        self.requested.add(&pod.requests);
        let (cpu, memory) = pod.scored();
        self.scored = (self.scored.0 + cpu, self.scored.1 + memory);
        self.pods.insert(pod.key.clone(), pod);
    }

    fn displace(&mut self, key: &Key) {
        if let Some(pod) = self.pods.remove(key) {
            self.requested.subtract(&pod.requests);
            let (cpu, memory) = pod.scored();
            self.scored = (self.scored.0 - cpu, self.scored.1 - memory);
        }
    }
}

/// All nodes, by name.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    nodes: BTreeMap<String, NodeInfo>,
    places: HashMap<Key, String>,
    /// Waiting pods for which others made room, as they will be on their node.
    nominees: BTreeMap<Key, PodInfo>,
}

impl Snapshot {
    /// The nodes that exist, in order of name.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = &NodeInfo> {
        self.nodes.values().filter(|info| info.node.is_some())
    }

    /// The node of this name, if it exists.
    pub(crate) fn node(&self, name: &str) -> Option<&NodeInfo> {
        self.nodes.get(name).filter(|info| info.node.is_some())
    }

    /// Keeps room on `node` for a waiting pod.
    pub(crate) fn nominate(&mut self, pod: &PodInfo, node: &str) {
        self.nominees.insert(pod.key.clone(), pod.placed(node));
    }

    /// Keeps no room for a pod any more.
    pub(crate) fn withdraw(&mut self, key: &Key) {
        self.nominees.remove(key);
    }

    /// The node on which room is kept for a pod.
    pub(crate) fn nomination(&self, key: &Key) -> Option<&str> {
        self.nominees.get(key).map(PodInfo::node)
    }

    /// The pods for which room is kept.
    pub(crate) fn nominees(&self) -> impl Iterator<Item = &PodInfo> {
        self.nominees.values()
    }

    /// Looks at the cluster as if `pods` were placed too.
    pub(crate) fn with<T>(&mut self, pods: Vec<PodInfo>, look: impl FnOnce(&Self) -> T) -> T {
        let keys: Vec<_> = pods.iter().map(|pod| pod.key.clone()).collect();
        for pod in pods {
            self.settle(pod);
        }
        let seen = look(self);
        for key in &keys {
            self.displace(key);
        }
        seen
    }

    /// Tries something out while `pods`, which are placed, are gone.
    pub(crate) fn without<T>(
        &mut self,
        pods: &[PodInfo],
        try_out: impl FnOnce(&mut Self) -> T,
    ) -> T {
        for pod in pods {
            self.displace(&pod.key);
        }
        let result = try_out(self);
        for pod in pods {
            self.settle(pod.clone());
        }
        result
    }

    /// Takes a change of a node.
    pub(crate) fn see_node(&mut self, change: &Change<Node>) {
        let Some(name) = change.latest().and_then(|node| node.metadata.name.clone()) else {
            return;
        };
        if let Some(node) = &change.new {
            self.nodes
                .entry(name)
                .or_default()
                .set_node(Arc::clone(node));
        } else if let Some(info) = self.nodes.get_mut(&name) {
            info.node = None;
            self.forget_if_empty(&name);
        }
    }

    /// Takes a change of a pod: it counts while it is on a node and not finished.
    pub(crate) fn see_pod(&mut self, change: &Change<Pod>) {
        let Some(latest) = change.latest() else {
            return;
        };
        let key = Key::of(&latest.metadata);
        self.see_nomination(&key, change);
        match &change.new {
            Some(pod) if is_placed(pod) => self.place(PodInfo::new(Arc::clone(pod))),
            // A pod that is assumed on a node and still pending in the cache keeps its place.
            Some(pod) if !pods::is_terminal(pod) && self.places.contains_key(&key) => {}
            _ => self.displace(&key),
        }
    }

    /// A nomination that was made here and is not written yet is kept.
    fn see_nomination(&mut self, key: &Key, change: &Change<Pod>) {
        let waits = |pod: &&Arc<Pod>| {
            !is_placed(pod) && !pods::is_terminal(pod) && pod.metadata.deletion_timestamp.is_none()
        };
        let old = change.old.as_ref().and_then(|pod| nominated(pod));
        match change.new.as_ref().filter(waits) {
            Some(pod) => match nominated(pod) {
                Some(node) => self.nominate(&PodInfo::new(Arc::clone(pod)), node),
                None if old.is_some() => self.withdraw(key),
                None => {}
            },
            None => self.withdraw(key),
        }
    }

    /// Puts a pod on the node its spec names.
    pub(crate) fn place(&mut self, pod: PodInfo) {
        self.withdraw(&pod.key);
        self.settle(pod);
    }

    fn settle(&mut self, pod: PodInfo) {
        self.displace(&pod.key);
        let node = pod.node().to_owned();
        self.places.insert(pod.key.clone(), node.clone());
        self.nodes.entry(node).or_default().place(pod);
    }

    /// Takes a pod off its node.
    pub(crate) fn displace(&mut self, key: &Key) {
        if let Some(node) = self.places.remove(key) {
            if let Some(info) = self.nodes.get_mut(&node) {
                info.displace(key);
            }
            self.forget_if_empty(&node);
        }
    }

    fn forget_if_empty(&mut self, name: &str) {
        if self
            .nodes
            .get(name)
            .is_some_and(|info| info.node.is_none() && info.pods.is_empty())
        {
            self.nodes.remove(name);
        }
    }
}

/// The node on which room is kept for a pod, as its status says.
pub(crate) fn nominated(pod: &Pod) -> Option<&str> {
    let node = pod.status.as_ref()?.nominated_node_name.as_deref();
    node.filter(|node| !node.is_empty())
}

fn is_placed(pod: &Pod) -> bool {
    let on_node = pod
        .spec
        .as_ref()
        .and_then(|spec| spec.node_name.as_deref())
        .is_some_and(|node| !node.is_empty());
    on_node && !pods::is_terminal(pod)
}
