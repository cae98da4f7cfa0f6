//! Whole kubelets with a runtime and a network that only remember, and an API of a few lines.
#![allow(missing_docs, clippy::unwrap_used)]

mod api;
mod life;
mod real;
mod serving;

use api::Api;
use kubelet::{Config, Kubelet};
use network::FakePodNetwork;
use reconcile::Caches;
use runtime::{Fake, Runtime};
use serde_json::{Value, json};
use std::{net::IpAddr, sync::Arc};
use stdx::{clock::Clock, tasks::Tasks};
use tempfile::TempDir;

/// A node on its own.
pub struct Node {
    pub api: Api,
    pub runtime: Fake,
    pub network: Arc<FakePodNetwork>,
    pub dir: TempDir,
    pub tasks: Tasks,
    pub kubelet: Arc<Kubelet>,
}

impl Node {
    pub async fn start() -> Self {
        let runtime = Fake::default();
        runtime.add_image("busybox", runtime::image::ImageConfig::default());
        let network = Arc::new(FakePodNetwork::new(42));
        Self::over(Api::new(), runtime, network, tempfile::tempdir().unwrap()).await
    }

    pub async fn over(api: Api, runtime: Fake, network: Arc<FakePodNetwork>, dir: TempDir) -> Self {
        let mut node = Self::on(api, Arc::new(runtime.clone()), network, dir, |_| ()).await;
        node.runtime = runtime;
        node
    }

    pub async fn on(
        api: Api,
        runtime: Arc<dyn Runtime>,
        network: Arc<FakePodNetwork>,
        dir: TempDir,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        Self::at(api, runtime, network, dir, change, Clock::system()).await
    }

    /// A node for which no time passes.
    pub async fn timeless() -> Self {
        let runtime = Fake::default();
        let network = Arc::new(FakePodNetwork::new(42));
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::fixed("2026-01-01T00:00:00Z".parse().unwrap());
        let over = Arc::new(runtime.clone());
        let mut node = Self::at(Api::new(), over, network, dir, |_| (), clock).await;
        node.runtime = runtime;
        node
    }

    async fn at(
        api: Api,
        runtime: Arc<dyn Runtime>,
        network: Arc<FakePodNetwork>,
        dir: TempDir,
        change: impl FnOnce(&mut Config),
        clock: Clock,
    ) -> Self {
        let tasks = Tasks::new();
        let caches = Caches::new(api.client(), tasks.clone());
        let address = IpAddr::from([192, 0, 2, 1]);
        let mut config = Config::new("n1", vec![address], dir.path().join("kubelet"));
        config.log_dir = dir.path().join("logs");
        config.may_mount = false;
        config.cluster_dns.domain = "cluster.local".to_owned();
        change(&mut config);
        let wired = network.clone();
        let kubelet = Kubelet::start(config, &caches, runtime, wired, clock, &tasks).await;
        Self {
            api,
            runtime: Fake::default(),
            network,
            dir,
            tasks,
            kubelet: kubelet.unwrap(),
        }
    }

    /// Stops the kubelet and starts another one on the same machine.
    pub async fn restart(self) -> Self {
        self.tasks.finish().await;
        Self::over(self.api, self.runtime, self.network, self.dir).await
    }

    pub fn run(&self, name: &str, spec: Value) {
        let mut spec = spec;
        spec["nodeName"] = json!("n1");
        self.api.put(
            "pods",
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default"}, "spec": spec}),
        );
    }

    pub async fn running(&self, name: &str) -> Value {
        self.api
            .wait("pods", name, |it| condition(it, "Ready") == "True")
            .await
    }

    /// Deletes as the API server does: with a grace period, the object stays.
    pub fn delete(&self, name: &str, grace: i64) {
        let mut pod = self.api.get("pods", "default", name).unwrap();
        pod["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        pod["metadata"]["deletionGracePeriodSeconds"] = json!(grace);
        self.api.put("pods", pod);
    }

    pub fn starts(&self) -> usize {
        self.runtime
            .calls()
            .iter()
            .filter(|it| it.verb == "start_container")
            .count()
    }
}

pub fn condition(pod: &Value, kind: &str) -> String {
    let all = pod["status"]["conditions"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let found = all.iter().find(|it| it["type"] == kind);
    found
        .map(|it| it["status"].as_str().unwrap().to_owned())
        .unwrap_or_default()
}

pub fn waiting(pod: &Value) -> String {
    pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}
