//! Budgets know how many pods may go.

use crate::ready_pods;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use testkit::Cluster;

#[tokio::test(start_paused = true)]
async fn a_budget_counts_its_pods() {
    let cluster = Cluster::start().await.unwrap();
    cluster.add_node("n1").await.unwrap();
    cluster
        .apply(
            "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: web}\nspec:\n  maxUnavailable: 1\n  \
             selector: {matchLabels: {app: web}}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  \
             replicas: 3\n  selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    spec:\n      \
             containers: [{name: main, image: registry.test/app:1}]\n",
        )
        .await
        .unwrap();
    ready_pods(&cluster, "app=web", 3).await;
    let counted = |it: &PodDisruptionBudget| {
        it.status.as_ref().is_some_and(|it| {
            (
                it.expected_pods,
                it.desired_healthy,
                it.current_healthy,
                it.disruptions_allowed,
            ) == (Some(3), Some(2), Some(3), Some(1))
        })
    };
    cluster
        .wait::<PodDisruptionBudget>("default", "web", counted)
        .await
        .unwrap();
    cluster.stop().await.unwrap();
}
