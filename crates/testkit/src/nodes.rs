//! Nodes: the real kubelet and service proxy on a runtime and a network that only remember; and what must hold of all
//! their containers together.

use crate::{Cluster, cluster::connect};
use anyhow::{Context as _, bail, ensure};
use apiserver::User;
use client::{Client, ListOptions};
use k8s_openapi::api::core::v1::Pod;
use kubelet::Kubelet;
use network::{FakeFirewall, FakePodNetwork};
use parking_lot::Mutex;
use runtime::{Fake, Pods as _, container::Change};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::Duration,
};
use stdx::tasks::Tasks;
use tokio::sync::broadcast::error::RecvError;

/// How often the end looks whether containers without a pod have gone.
const LOOK: Duration = Duration::from_secs(1);

#[derive(Clone)]
struct Node {
    number: u8,
    runtime: Fake,
    network: Arc<FakePodNetwork>,
    firewall: Arc<FakeFirewall>,
    /// The kubelet's and the proxy's.
    tasks: Tasks,
}

#[derive(Default)]
struct State {
    nodes: BTreeMap<String, Node>,
    faults: BTreeSet<String>,
}

/// The nodes of a cluster.
#[derive(Clone, Default)]
pub(crate) struct Nodes(Arc<Mutex<State>>);

impl Nodes {
    /// Waits until no container runs for a pod that the API does not know, then ends the kubelets.
    pub(crate) async fn finish(&self, client: &Client, limit: Duration) -> anyhow::Result<()> {
        let strays = tokio::time::timeout(limit, async {
            while self.stray(client).await?.is_some() {
                tokio::time::sleep(LOOK).await;
            }
            anyhow::Ok(())
        });
        let judged = match strays.await {
            Ok(judged) => judged,
            Err(_) => match self.stray(client).await? {
                Some(stray) => Err(anyhow::anyhow!("{stray} runs, but there is no such pod")),
                None => Ok(()),
            },
        };
        for node in self.all().values() {
            node.tasks.finish().await;
        }
        judged?;
        let faults = std::mem::take(&mut self.0.lock().faults);
        ensure!(faults.is_empty(), "{}", Vec::from_iter(faults).join("\n"));
        Ok(())
    }

    fn all(&self) -> BTreeMap<String, Node> {
        self.0.lock().nodes.clone()
    }

    fn find(&self, name: &str) -> anyhow::Result<Node> {
        let found = self.0.lock().nodes.get(name).cloned();
        found.with_context(|| format!("there is no node {name}"))
    }

    /// A container that runs, on a node that is not lost, for a pod that does not exist.
    async fn stray(&self, client: &Client) -> anyhow::Result<Option<String>> {
        let pods = client.list::<Pod>("", &ListOptions::default()).await?;
        let known: BTreeSet<String> = pods
            .items
            .into_iter()
            .filter_map(|it| it.metadata.uid)
            .collect();
        for (name, node) in self.all() {
            if node.tasks.stopping().is_cancelled() {
                continue;
            }
            let uids = running(&node.runtime).await?;
            if let Some((pod, _)) = uids.into_iter().find(|(_, uid)| !known.contains(uid)) {
                return Ok(Some(format!("{pod} on {name}")));
            }
        }
        Ok(None)
    }

    /// Notes every moment at which two containers run under one name, until the runtime is gone.
    async fn guard(self, runtime: Fake) {
        let mut events = runtime.events();
        drop(runtime);
        loop {
            match events.recv().await {
                Ok(event) if event.change == Change::Started => self.compare().await,
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            }
        }
    }

    async fn compare(&self) {
        let mut seen: BTreeMap<String, String> = BTreeMap::new();
        for (node, it) in self.all() {
            for (container, _) in running(&it.runtime).await.unwrap_or_default() {
                if let Some(other) = seen.insert(container.clone(), node.clone()) {
                    let fault = format!("{container} runs on {node} and on {other} at once");
                    self.0.lock().faults.insert(fault);
                }
            }
        }
    }
}

/// The running containers as `namespace/pod/container`, and their pods' UIDs.
async fn running(runtime: &Fake) -> anyhow::Result<Vec<(String, String)>> {
    let sandboxes = runtime.list_pod_sandbox().await?;
    let pods: BTreeMap<_, _> = sandboxes.into_iter().map(|it| (it.id, it.config)).collect();
    let containers = runtime.list_containers().await?;
    let named = containers
        .into_iter()
        .filter(|it| it.state.is_running())
        .filter_map(|it| {
            let pod = pods.get(&it.sandbox_id)?;
            let name = format!("{}/{}/{}", pod.namespace, pod.name, it.config.name);
            Some((name, pod.uid.clone()))
        });
    Ok(named.collect())
}

impl Cluster {
    /// Adds a node that runs a kubelet; it registers itself.
    ///
    /// # Errors
    /// When the kubelet cannot start or the name is taken.
    pub async fn add_node(&self, name: &str) -> anyhow::Result<()> {
        let all = self.nodes.all();
        if all.contains_key(name) {
            bail!("there is a node {name} already");
        }
        let number = u8::try_from(all.len())? + 1;
        let runtime = Fake::new(self.clock.clone());
        self.tasks
            .spawn("guard", self.nodes.clone().guard(runtime.clone()));
        let node = Node {
            number,
            runtime,
            network: Arc::new(FakePodNetwork::new(number)),
            firewall: Arc::default(),
            tasks: self.tasks.child(),
        };
        self.start_kubelet(name, &node).await?;
        self.nodes.0.lock().nodes.insert(name.to_owned(), node);
        Ok(())
    }

    /// The runtime of a node, to script what its containers do.
    ///
    /// # Errors
    /// When there is no such node.
    pub fn runtime(&self, node: &str) -> anyhow::Result<Fake> {
        Ok(self.nodes.find(node)?.runtime)
    }

    /// The packet rules of a node.
    ///
    /// # Errors
    /// When there is no such node.
    pub fn firewall(&self, node: &str) -> anyhow::Result<Arc<FakeFirewall>> {
        Ok(self.nodes.find(node)?.firewall)
    }

    /// Ends a node's kubelet and proxy; its containers go on. To the cluster that is a lost machine.
    ///
    /// # Errors
    /// When there is no such node.
    pub async fn lose_node(&self, node: &str) -> anyhow::Result<()> {
        self.nodes.find(node)?.tasks.finish().await;
        Ok(())
    }

    /// Starts the kubelet of a lost node again.
    ///
    /// # Errors
    /// When there is no such node or its kubelet cannot start.
    pub async fn return_node(&self, name: &str) -> anyhow::Result<()> {
        let mut node = self.nodes.find(name)?;
        node.tasks.finish().await;
        node.tasks = self.tasks.child();
        self.start_kubelet(name, &node).await?;
        self.nodes.0.lock().nodes.insert(name.to_owned(), node);
        Ok(())
    }

    /// How many containers run on a node.
    ///
    /// # Errors
    /// When there is no such node.
    pub async fn running_containers(&self, node: &str) -> anyhow::Result<usize> {
        Ok(running(&self.runtime(node)?).await?.len())
    }

    async fn start_kubelet(&self, name: &str, node: &Node) -> anyhow::Result<()> {
        let address = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 100 + node.number));
        let root = self.directory.path().join(name);
        let mut config = kubelet::Config::new(name, vec![address], root.clone());
        config.log_dir = root.join("log");
        config.resolv_conf = root.join("resolv.conf");
        config.may_mount = false;
        let (caches, firewall) = (self.caches.clone(), Arc::clone(&node.firewall));
        let own = name.to_owned();
        node.tasks.spawn("proxy", async move {
            proxy::run(&caches, firewall, &own, None).await;
        });
        let user = User::new(&format!("system:node:{name}"), &["system:nodes"]);
        let client = connect(&self.door, &self.held, &user, "kubelet");
        Kubelet::start(
            config,
            &self.caches.writing_as(client),
            Arc::new(node.runtime.clone()),
            Arc::clone(&node.network) as Arc<dyn network::PodNetwork>,
            self.clock.clone(),
            &node.tasks,
        )
        .await?;
        Ok(())
    }
}
