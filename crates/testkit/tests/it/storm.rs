//! Storms: many things at once, chosen by a seed; when it is over the cluster comes to rest at what was
//! asked for, and nothing is lost, doubled or left over.

use crate::{deployment, ready};
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{Pod, Service},
    discovery::v1::EndpointSlice,
};
use serde_json::json;
use std::{collections::BTreeSet, time::Duration};
use stdx::random::Random;
use testkit::Cluster;

const NODES: [&str; 3] = ["one", "two", "three"];
const APPS: [&str; 3] = ["red", "green", "blue"];

#[tokio::test(start_paused = true)]
async fn seed_1() {
    storm(1).await;
}

#[tokio::test(start_paused = true)]
async fn seed_2() {
    storm(2).await;
}

#[tokio::test(start_paused = true)]
async fn seed_3() {
    storm(3).await;
}

#[tokio::test(start_paused = true)]
async fn seed_4() {
    storm(4).await;
}

/// For whoever changes a controller: `cargo nextest run -p testkit --run-ignored only`.
#[tokio::test(start_paused = true)]
#[ignore = "takes minutes"]
async fn many_seeds() {
    for seed in 100..140 {
        eprintln!("seed {seed}");
        storm(seed).await;
    }
}

async fn storm(seed: u64) {
    let cluster = Cluster::start_with(seed, &[]).await.unwrap();
    let random = Random::from_seed(seed);
    for node in NODES {
        cluster.add_node(node).await.unwrap();
    }
    for app in APPS {
        cluster
            .apply(&deployment(app, 3, "registry.test/app:1"))
            .await
            .unwrap();
        let service = format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: {app}}}\nspec: {{selector: {{app: {app}}}, ports: [{{port: 80}}]}}"
        );
        cluster.apply(&service).await.unwrap();
    }
    let mut lost = BTreeSet::new();
    for _ in 0..40 {
        strike(&cluster, &random, &mut lost).await;
        let pause = Duration::from_millis(random.below(20_000));
        cluster.pass(pause).await;
    }
    for node in lost {
        cluster.return_node(node).await.unwrap();
    }
    for app in APPS {
        rest(&cluster, app).await;
    }
    cluster.stop().await.unwrap();
}

/// One thing that happens.
async fn strike(cluster: &Cluster, random: &Random, lost: &mut BTreeSet<&'static str>) {
    let pick = |all: &[&'static str]| all[usize::try_from(random.below(all.len() as u64)).unwrap()];
    let (app, node) = (pick(&APPS), pick(&NODES));
    match random.below(7) {
        0 => {
            let scale = json!({ "spec": { "replicas": random.below(6) } });
            cluster
                .patch::<Deployment>("default", app, scale)
                .await
                .unwrap();
        }
        1 | 2 => {
            let image = format!("registry.test/app:{}", random.below(4));
            let container = json!([{ "name": "main", "image": image }]);
            let update = json!({ "spec": { "template": { "spec": { "containers": container } } } });
            cluster
                .patch::<Deployment>("default", app, update)
                .await
                .unwrap();
        }
        3 => {
            let labels = format!("app={app}");
            let pods = cluster
                .wait_all::<Pod>("default", &labels, |_| true)
                .await
                .unwrap();
            if let Some(pod) = pods.first() {
                let name = pod.metadata.name.clone().unwrap();
                cluster.delete::<Pod>("default", &name, "").await.unwrap();
            }
        }
        4 if lost.remove(node) => cluster.return_node(node).await.unwrap(),
        4 if lost.is_empty() => {
            cluster.lose_node(node).await.unwrap();
            lost.insert(node);
        }
        _ => crash(cluster, node, random).await,
    }
}

/// Ends one of a node's containers.
async fn crash(cluster: &Cluster, node: &str, random: &Random) {
    use runtime::Pods as _;
    let fake = cluster.runtime(node).unwrap();
    let containers = fake.list_containers().await.unwrap();
    let running: Vec<_> = containers
        .iter()
        .filter(|it| it.state.is_running())
        .collect();
    if !running.is_empty() {
        let unlucky = usize::try_from(random.below(running.len() as u64)).unwrap();
        fake.exit(&running[unlucky].id, 1).unwrap();
    }
}

/// Waits until an app is as asked for, and its Service knows exactly its pods.
async fn rest(cluster: &Cluster, app: &str) {
    let settled = |it: &Deployment| {
        let (spec, status) = (
            it.spec.clone().unwrap(),
            it.status.clone().unwrap_or_default(),
        );
        let wanted = spec.replicas.unwrap();
        let counts = [
            status.replicas,
            status.updated_replicas,
            status.available_replicas,
        ];
        status.observed_generation == it.metadata.generation
            && counts.iter().all(|count| count.unwrap_or(0) == wanted)
    };
    let asked = cluster.wait("default", app, settled).await.unwrap();
    let wanted = usize::try_from(asked.spec.unwrap().replicas.unwrap()).unwrap();
    let labels = format!("app={app}");
    let pods = cluster
        .wait_all("default", &labels, |all: &[Pod]| {
            all.len() == wanted && all.iter().all(ready)
        })
        .await
        .unwrap();
    let addresses: BTreeSet<String> = pods
        .iter()
        .map(|it| it.status.as_ref().unwrap().pod_ip.clone().unwrap())
        .collect();
    assert_eq!(addresses.len(), wanted, "an address was given twice");
    let labels = format!("kubernetes.io/service-name={app}");
    let equal = |all: &[EndpointSlice]| {
        let endpoints = all.iter().flat_map(|it| it.endpoints.iter().flatten());
        let known: BTreeSet<String> = endpoints.flat_map(|it| it.addresses.clone()).collect();
        known == addresses
    };
    cluster.wait_all("default", &labels, equal).await.unwrap();
    cluster
        .wait::<Service>("default", app, |_| true)
        .await
        .unwrap();
}
