//! A pod's life on the remembering runtime.

use crate::{phase, pod, ready};
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use runtime::fake::Behaviour;
use testkit::Cluster;

async fn start() -> Cluster {
    let cluster = Cluster::start().await.unwrap();
    cluster.add_node("one").await.unwrap();
    cluster
}

fn container(pod: &Pod) -> Option<&ContainerStatus> {
    pod.status.as_ref()?.container_statuses.as_ref()?.first()
}

fn waiting(pod: &Pod) -> Option<&str> {
    container(pod)?
        .state
        .as_ref()?
        .waiting
        .as_ref()?
        .reason
        .as_deref()
}

/// Waits until the container waits for this reason.
async fn waits(cluster: &Cluster, reason: &str) {
    cluster
        .wait("default", "app", |it: &Pod| waiting(it) == Some(reason))
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn runs_and_is_deleted() {
    let cluster = start().await;
    cluster.apply(&pod("app", "")).await.unwrap();
    let running = cluster.wait("default", "app", ready).await.unwrap();
    let status = running.status.unwrap();
    assert_eq!(status.phase.as_deref(), Some("Running"));
    assert!(status.pod_ip.unwrap().starts_with("10.1."));
    assert_eq!(status.qos_class.as_deref(), Some("BestEffort"));
    for reason in ["Scheduled", "Pulled", "Created", "Started"] {
        cluster.wait_event("default", "app", reason).await.unwrap();
    }
    cluster.delete::<Pod>("default", "app", "").await.unwrap();
    cluster.wait_gone::<Pod>("default", "app").await.unwrap();
    assert_eq!(cluster.running_containers("one").await.unwrap(), 0);
    cluster.stop().await.unwrap();
}

async fn ends(code: i32, in_phase: &str, because: &str) {
    let cluster = start().await;
    cluster
        .runtime("one")
        .unwrap()
        .behave("main", [Behaviour::Exits(code)]);
    cluster
        .apply(&pod("app", ", restartPolicy: Never"))
        .await
        .unwrap();
    let done = cluster
        .wait("default", "app", |it: &Pod| phase(it) == in_phase)
        .await
        .unwrap();
    let ended = container(&done)
        .unwrap()
        .state
        .clone()
        .unwrap()
        .terminated
        .unwrap();
    assert_eq!(
        (ended.exit_code, ended.reason.as_deref()),
        (code, Some(because))
    );
    cluster.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn completes() {
    ends(0, "Succeeded", "Completed").await;
}

#[tokio::test(start_paused = true)]
async fn fails() {
    ends(3, "Failed", "Error").await;
}

#[tokio::test(start_paused = true)]
async fn crash_loop_backs_off_and_recovers() {
    let cluster = start().await;
    let crashes = [1, 1, 1].map(Behaviour::Exits);
    cluster
        .runtime("one")
        .unwrap()
        .behave("main", crashes.into_iter().chain([Behaviour::Runs]));
    cluster.apply(&pod("app", "")).await.unwrap();
    waits(&cluster, "CrashLoopBackOff").await;
    cluster
        .wait_event("default", "app", "BackOff")
        .await
        .unwrap();
    let up = |it: &Pod| ready(it) && container(it).is_some_and(|it| it.restart_count == 3);
    cluster.wait("default", "app", up).await.unwrap();
    cluster.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_image_that_is_missing_then_there() {
    let cluster = start().await;
    let fake = cluster.runtime("one").unwrap();
    fake.fail_pulls("registry.test/app:1", Some("manifest unknown"));
    cluster.apply(&pod("app", "")).await.unwrap();
    waits(&cluster, "ErrImagePull").await;
    waits(&cluster, "ImagePullBackOff").await;
    fake.fail_pulls("registry.test/app:1", None);
    cluster.wait("default", "app", ready).await.unwrap();
    cluster.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn restarts_what_exits_later() {
    let cluster = start().await;
    cluster.apply(&pod("app", "")).await.unwrap();
    cluster.wait("default", "app", ready).await.unwrap();
    let fake = cluster.runtime("one").unwrap();
    let id = fake.containers_of("default", "app")[0].id.clone();
    fake.exit(&id, 137).unwrap();
    let again = |it: &Pod| ready(it) && container(it).is_some_and(|it| it.restart_count == 1);
    cluster.wait("default", "app", again).await.unwrap();
    cluster.stop().await.unwrap();
}
