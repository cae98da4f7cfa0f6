//! CronJobs start a job at each of their times.

use k8s_openapi::api::batch::v1::{CronJob, Job};
use testkit::Cluster;

#[tokio::test(start_paused = true)]
async fn jobs_start_on_time() {
    let cluster = Cluster::start().await.unwrap();
    cluster
        .apply(
            "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: tick}\nspec:\n  schedule: '* * * * *'\n  timeZone: Europe/Berlin\n  \
             jobTemplate:\n    metadata: {labels: {of: tick}}\n    spec:\n      template:\n        spec:\n          restartPolicy: Never\n          \
             containers: [{name: main, image: registry.test/app:1}]\n",
        )
        .await
        .unwrap();
    cluster
        .wait_all::<Job>("default", "of=tick", |all| all.len() == 2)
        .await
        .unwrap();
    let two = |it: &CronJob| {
        it.status
            .as_ref()
            .and_then(|it| it.active.as_ref())
            .map(Vec::len)
            >= Some(2)
    };
    cluster
        .wait::<CronJob>("default", "tick", two)
        .await
        .unwrap();
    cluster
        .wait_event("default", "tick", "SuccessfulCreate")
        .await
        .unwrap();
    cluster.stop().await.unwrap();
}
