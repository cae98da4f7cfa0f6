//! Nodes: the real kubelet on a runtime and a network that only remember.

use crate::{Cluster, cluster::connect};
use anyhow::Context as _;
use apiserver::User;
use kubelet::Kubelet;
use network::FakePodNetwork;
use parking_lot::Mutex;
use runtime::{Fake, Pods as _, container::State};
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};
use stdx::tasks::Tasks;

#[derive(Clone)]
struct Node {
    runtime: Fake,
    tasks: Tasks,
}

/// The nodes of a cluster.
#[derive(Default)]
pub(crate) struct Nodes(Mutex<BTreeMap<String, Node>>);

impl Nodes {
    pub(crate) async fn finish(&self) {
        let all: Vec<Node> = self.0.lock().values().cloned().collect();
        for node in all {
            node.tasks.finish().await;
        }
    }

    fn find(&self, name: &str) -> anyhow::Result<Node> {
        let found = self.0.lock().get(name).cloned();
        found.with_context(|| format!("there is no node {name}"))
    }
}

impl Cluster {
    /// Adds a node that runs a kubelet; it registers itself.
    ///
    /// # Errors
    /// When the kubelet cannot start.
    pub async fn add_node(&self, name: &str) -> anyhow::Result<()> {
        let number = u8::try_from(self.nodes.0.lock().len())? + 1;
        let address = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 100 + number));
        let root = self.directory.path().join(name);
        let mut config = kubelet::Config::new(name, vec![address], root.clone());
        config.log_dir = root.join("log");
        config.resolv_conf = root.join("resolv.conf");
        config.may_mount = false;
        let user = User::new(&format!("system:node:{name}"), &["system:nodes"]);
        let client = connect(&self.door, &user, "kubelet");
        let (runtime, tasks) = (Fake::new(self.clock.clone()), self.tasks.child());
        Kubelet::start(
            config,
            &self.caches.writing_as(client),
            Arc::new(runtime.clone()),
            Arc::new(FakePodNetwork::new(number)),
            self.clock.clone(),
            &tasks,
        )
        .await?;
        let node = Node { runtime, tasks };
        self.nodes.0.lock().insert(name.to_owned(), node);
        Ok(())
    }

    /// The runtime of a node, to script what its containers do.
    ///
    /// # Errors
    /// When there is no such node.
    pub fn runtime(&self, node: &str) -> anyhow::Result<Fake> {
        Ok(self.nodes.find(node)?.runtime)
    }

    /// Ends a node's kubelet, as if its machine had lost the network.
    ///
    /// # Errors
    /// When there is no such node.
    pub async fn lose_node(&self, node: &str) -> anyhow::Result<()> {
        self.nodes.find(node)?.tasks.finish().await;
        Ok(())
    }

    /// How many containers run on a node.
    ///
    /// # Errors
    /// When there is no such node.
    pub async fn running_containers(&self, node: &str) -> anyhow::Result<usize> {
        let containers = self.runtime(node)?.list_containers().await?;
        let running = |it: &&runtime::container::Container| matches!(it.state, State::Running { .. });
        Ok(containers.iter().filter(running).count())
    }
}
