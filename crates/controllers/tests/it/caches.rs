//! Caches leave nothing behind when their tasks have ended.

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use reconcile::Caches;
use std::sync::Arc;
use stdx::tasks::Tasks;
use testkit::Cluster;

#[tokio::test(start_paused = true)]
async fn caches_whose_handlers_hold_each_other_end_with_their_tasks() {
    let cluster = Cluster::start().await.unwrap();
    let tasks = Tasks::new();
    let caches = Caches::new(cluster.client().clone(), tasks.clone());
    let (maps, secrets) = (caches.of::<ConfigMap>(), caches.of::<Secret>());
    let (other, own) = (Arc::clone(&secrets), Arc::clone(&maps));
    maps.on_change(move |_| assert!(other.len() < 1000 && own.len() < 1000));
    let other = Arc::clone(&maps);
    secrets.on_change(move |_| assert!(other.len() < 1000));
    caches.synced().await;
    let left = (Arc::downgrade(&maps), Arc::downgrade(&secrets));
    drop((caches, maps, secrets));
    assert!(left.0.upgrade().is_some() && left.1.upgrade().is_some());
    tasks.finish().await;
    assert!(left.0.upgrade().is_none() && left.1.upgrade().is_none());
    cluster.stop().await.unwrap();
}
