//! Jobs run to their end, are counted once, and go when their time is up.

use crate::{exit, ready_pods};
use k8s_openapi::api::{batch::v1::Job, core::v1::Pod};
use testkit::Cluster;

fn job(name: &str, spec: &str) -> String {
    format!(
        "apiVersion: batch/v1\nkind: Job\nmetadata: {{name: {name}}}\nspec:\n  {spec}\n  template:\n    spec:\n      \
         restartPolicy: Never\n      containers: [{{name: main, image: registry.test/app:1}}]\n"
    )
}

fn is(job: &Job, condition: &str) -> bool {
    let conditions = job
        .status
        .iter()
        .flat_map(|it| it.conditions.iter().flatten());
    conditions
        .into_iter()
        .any(|it| it.type_ == condition && it.status == "True")
}

#[tokio::test(start_paused = true)]
async fn completes_and_goes_after_its_time() {
    let cluster = Cluster::start().await.unwrap();
    cluster.add_node("n1").await.unwrap();
    let spec = "completions: 2\n  parallelism: 2\n  ttlSecondsAfterFinished: 60";
    cluster.apply(&job("pi", spec)).await.unwrap();
    for pod in ready_pods(&cluster, "job-name=pi", 2).await {
        exit(&cluster, &pod, 0);
    }
    let done: Job = cluster
        .wait("default", "pi", |it| is(it, "Complete"))
        .await
        .unwrap();
    let status = done.status.unwrap();
    assert_eq!(
        (status.succeeded, status.failed, status.active),
        (Some(2), None, None)
    );
    let message = cluster
        .wait_event("default", "pi", "Completed")
        .await
        .unwrap();
    assert_eq!(message, "Job completed");
    cluster.wait_gone::<Job>("default", "pi").await.unwrap();
    cluster
        .wait_all::<Pod>("default", "job-name=pi", |all| all.is_empty())
        .await
        .unwrap();
    cluster.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn fails_after_its_limit() {
    let cluster = Cluster::start().await.unwrap();
    cluster.add_node("n1").await.unwrap();
    cluster.apply(&job("bad", "backoffLimit: 1")).await.unwrap();
    for _ in 0..2 {
        let running = |all: &[Pod]| all.iter().any(crate::ready);
        let pods = cluster
            .wait_all("default", "job-name=bad", running)
            .await
            .unwrap();
        let pod = pods.iter().find(|pod| crate::ready(pod)).unwrap();
        exit(&cluster, pod, 1);
        let same = pod.metadata.name.clone().unwrap();
        let ended =
            |it: &Pod| it.status.as_ref().and_then(|it| it.phase.as_deref()) == Some("Failed");
        cluster.wait("default", &same, ended).await.unwrap();
    }
    let failed: Job = cluster
        .wait("default", "bad", |it| is(it, "Failed"))
        .await
        .unwrap();
    assert_eq!(failed.status.unwrap().failed, Some(2));
    let message = cluster
        .wait_event("default", "bad", "BackoffLimitExceeded")
        .await
        .unwrap();
    assert_eq!(message, "Job has reached the specified backoff limit");
    cluster.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn indexes_complete_and_a_deleted_job_leaves_nothing() {
    let cluster = Cluster::start().await.unwrap();
    cluster.add_node("n1").await.unwrap();
    let spec = "completionMode: Indexed\n  completions: 3\n  parallelism: 3";
    cluster.apply(&job("each", spec)).await.unwrap();
    let pods = ready_pods(&cluster, "job-name=each", 3).await;
    exit(&cluster, &pods[0], 0);
    exit(&cluster, &pods[2], 0);
    let counted = |it: &Job| {
        it.status
            .as_ref()
            .and_then(|it| it.completed_indexes.as_deref())
            == Some("0,2")
    };
    cluster
        .wait::<Job>("default", "each", counted)
        .await
        .unwrap();
    cluster
        .delete::<Job>("default", "each", "Background")
        .await
        .unwrap();
    cluster
        .wait_all::<Pod>("default", "job-name=each", |all| all.is_empty())
        .await
        .unwrap();
    cluster.stop().await.unwrap();
}
