//! DaemonSets have a pod on every node, new nodes included, and update them one by one.

use crate::ready_pods;
use k8s_openapi::api::apps::v1::DaemonSet;
use testkit::Cluster;

fn set(image: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {{name: log}}\nspec:\n  selector: {{matchLabels: {{app: log}}}}\n  \
         template:\n    metadata: {{labels: {{app: log}}}}\n    spec:\n      containers: [{{name: main, image: '{image}'}}]\n"
    )
}

#[tokio::test(start_paused = true)]
async fn every_node_has_one_of_the_newest() {
    let cluster = Cluster::start().await.unwrap();
    cluster.add_node("n1").await.unwrap();
    cluster.apply(&set("registry.test/app:1")).await.unwrap();
    ready_pods(&cluster, "app=log", 1).await;
    cluster.add_node("n2").await.unwrap();
    let pods = ready_pods(&cluster, "app=log", 2).await;
    let mut nodes: Vec<_> = pods
        .iter()
        .map(|pod| pod.spec.as_ref().unwrap().node_name.clone().unwrap())
        .collect();
    nodes.sort();
    assert_eq!(nodes, ["n1", "n2"]);
    cluster.apply(&set("registry.test/app:2")).await.unwrap();
    let updated = |it: &DaemonSet| {
        it.status.as_ref().is_some_and(|status| {
            status.updated_number_scheduled == Some(2)
                && status.number_available == Some(2)
                && status.observed_generation == it.metadata.generation
                && it.metadata.generation == Some(2)
        })
    };
    cluster
        .wait::<DaemonSet>("default", "log", updated)
        .await
        .unwrap();
    cluster.stop().await.unwrap();
}
