//! StatefulSets start in order, keep names and claims, and update from the highest down.

use crate::{name, ready_pods};
use k8s_openapi::api::{apps::v1::StatefulSet, core::v1::Pod};
use testkit::Cluster;

fn set(replicas: u32, image: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {{name: db}}\nspec:\n  replicas: {replicas}\n  serviceName: db\n  \
         selector: {{matchLabels: {{app: db}}}}\n  template:\n    metadata: {{labels: {{app: db}}}}\n    spec:\n      \
         containers: [{{name: main, image: '{image}'}}]\n"
    )
}

#[tokio::test(start_paused = true)]
async fn starts_updates_and_shrinks_in_order() {
    let cluster = Cluster::start().await.unwrap();
    cluster.add_node("n1").await.unwrap();
    cluster.apply(&set(3, "registry.test/app:1")).await.unwrap();
    let pods = ready_pods(&cluster, "app=db", 3).await;
    assert_eq!(
        pods.iter().map(name).collect::<Vec<_>>(),
        ["db-0", "db-1", "db-2"]
    );
    let made = |it: &Pod| it.metadata.creation_timestamp.clone().unwrap();
    assert!(made(&pods[0]) <= made(&pods[1]) && made(&pods[1]) <= made(&pods[2]));

    cluster.apply(&set(3, "registry.test/app:2")).await.unwrap();
    let updated = |it: &StatefulSet| {
        it.status.as_ref().is_some_and(|it| {
            it.updated_replicas == Some(3)
                && it.ready_replicas == Some(3)
                && it.current_revision == it.update_revision
        }) && it.status.as_ref().and_then(|it| it.observed_generation) == it.metadata.generation
    };
    cluster
        .wait::<StatefulSet>("default", "db", updated)
        .await
        .unwrap();
    let pods = ready_pods(&cluster, "app=db", 3).await;
    let image = |it: &Pod| {
        it.spec.as_ref().unwrap().containers[0]
            .image
            .clone()
            .unwrap()
    };
    assert!(pods.iter().all(|pod| image(pod) == "registry.test/app:2"));

    cluster.apply(&set(1, "registry.test/app:2")).await.unwrap();
    let pods = ready_pods(&cluster, "app=db", 1).await;
    assert_eq!(name(&pods[0]), "db-0");
    cluster.stop().await.unwrap();
}
