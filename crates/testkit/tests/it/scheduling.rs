//! Scheduling: why a pod waits, and what ends its wait.

use crate::{pod, ready};
use k8s_openapi::api::core::v1::{Node, Pod};
use machinery::{conditions, pods::condition};
use serde_json::json;
use testkit::Cluster;

#[tokio::test(start_paused = true)]
async fn waits_for_a_node() {
    let cluster = Cluster::start().await.unwrap();
    cluster.apply(&pod("app", "")).await.unwrap();
    let message = cluster
        .wait_event("default", "app", "FailedScheduling")
        .await
        .unwrap();
    assert_eq!(message, "no nodes available to schedule pods");
    cluster
        .wait("default", "app", |it: &Pod| {
            condition(it, "PodScheduled").is_some_and(|it| it.status == "False")
        })
        .await
        .unwrap();
    cluster.add_node("one").await.unwrap();
    cluster.wait("default", "app", ready).await.unwrap();
    cluster.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn waits_for_a_label() {
    let cluster = Cluster::start().await.unwrap();
    cluster.add_node("one").await.unwrap();
    cluster
        .wait("", "one", |it: &Node| {
            it.spec.as_ref().is_none_or(|it| it.taints.is_none())
        })
        .await
        .unwrap();
    cluster
        .apply(&pod("app", ", nodeSelector: {disk: fast}"))
        .await
        .unwrap();
    let message = cluster
        .wait_event("default", "app", "FailedScheduling")
        .await
        .unwrap();
    assert!(
        message.starts_with(
            "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."
        ),
        "{message}"
    );
    cluster
        .patch::<Node>(
            "",
            "one",
            json!({ "metadata": { "labels": { "disk": "fast" } } }),
        )
        .await
        .unwrap();
    cluster.wait("default", "app", ready).await.unwrap();
    cluster.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn waits_for_uncordon() {
    let cluster = Cluster::start().await.unwrap();
    cluster.add_node("one").await.unwrap();
    cluster.wait("", "one", |_: &Node| true).await.unwrap();
    cluster
        .patch::<Node>("", "one", json!({ "spec": { "unschedulable": true } }))
        .await
        .unwrap();
    cluster.apply(&pod("app", "")).await.unwrap();
    cluster
        .wait_event("default", "app", "FailedScheduling")
        .await
        .unwrap();
    cluster
        .patch::<Node>("", "one", json!({ "spec": { "unschedulable": null } }))
        .await
        .unwrap();
    cluster.wait("default", "app", ready).await.unwrap();
    cluster.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn spreads_by_what_is_free() {
    let cluster = Cluster::start().await.unwrap();
    for node in ["one", "two"] {
        cluster.add_node(node).await.unwrap();
        cluster
            .wait("", node, |it: &Node| {
                let conditions = it.status.as_ref().and_then(|it| it.conditions.as_ref());
                let ready =
                    conditions::get(conditions, "Ready").is_some_and(|it| it.status == "True");
                ready && it.spec.as_ref().is_none_or(|it| it.taints.is_none())
            })
            .await
            .unwrap();
    }
    for i in 0..6 {
        cluster
            .apply(&pod(&format!("app{i}"), "").replace("labels: {", "labels: {group: all, "))
            .await
            .unwrap();
    }
    let pods = cluster
        .wait_all::<Pod>("default", "group=all", |all| {
            all.len() == 6 && all.iter().all(ready)
        })
        .await
        .unwrap();
    let on_one = pods
        .iter()
        .filter(|it| it.spec.as_ref().unwrap().node_name.as_deref() == Some("one"))
        .count();
    assert!((1..=5).contains(&on_one), "{on_one} of 6 on one node");
    cluster.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn waits_for_room() {
    let cluster = Cluster::start().await.unwrap();
    cluster.add_node("one").await.unwrap();
    let node = cluster
        .wait("", "one", |it: &Node| {
            it.status
                .as_ref()
                .is_some_and(|it| it.allocatable.is_some())
        })
        .await
        .unwrap();
    let cpu = node.status.unwrap().allocatable.unwrap()["cpu"].0.clone();
    let whole = |name: &str| {
        let resources =
            format!("image: registry.test/app:1, resources: {{requests: {{cpu: {cpu}}}}}");
        pod(name, "").replace("image: registry.test/app:1", &resources)
    };
    cluster.apply(&whole("first")).await.unwrap();
    cluster.wait("default", "first", ready).await.unwrap();
    cluster.apply(&whole("second")).await.unwrap();
    let message = cluster
        .wait_event("default", "second", "FailedScheduling")
        .await
        .unwrap();
    assert!(
        message.starts_with("0/1 nodes are available: 1 Insufficient cpu."),
        "{message}"
    );
    cluster.delete::<Pod>("default", "first", "").await.unwrap();
    cluster.wait("default", "second", ready).await.unwrap();
    cluster.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn waits_for_its_gates() {
    let cluster = Cluster::start().await.unwrap();
    cluster.add_node("one").await.unwrap();
    let gates = ", schedulingGates: [{name: test/a}, {name: test/b}]";
    cluster.apply(&pod("app", gates)).await.unwrap();
    // Who comes after it is not held up, and says that the node would do.
    cluster.apply(&pod("other", "")).await.unwrap();
    cluster.wait("default", "other", ready).await.unwrap();
    for gate in ["test/a", "test/b"] {
        let pod = cluster
            .wait("default", "app", |_: &Pod| true)
            .await
            .unwrap();
        assert_eq!(pod.spec.as_ref().unwrap().node_name, None);
        let why = condition(&pod, "PodScheduled").unwrap();
        assert_eq!(
            (&*why.status, why.reason.as_deref(), why.message.as_deref()),
            (
                "False",
                Some("SchedulingGated"),
                Some("Scheduling is blocked due to non-empty scheduling gates")
            )
        );
        let opened = json!([{ "$patch": "delete", "name": gate }]);
        let opened = json!({ "spec": { "schedulingGates": opened } });
        cluster
            .patch::<Pod>("default", "app", opened)
            .await
            .unwrap();
    }
    let pod = cluster.wait("default", "app", ready).await.unwrap();
    assert_eq!(condition(&pod, "PodScheduled").unwrap().status, "True");
    cluster.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_important_make_room() {
    let cluster = Cluster::start().await.unwrap();
    cluster.add_node("one").await.unwrap();
    for (name, policy) in [("high", "PreemptLowerPriority"), ("meek", "Never")] {
        let class = format!(
            "apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {{name: {name}}}\n\
             value: 1000\npreemptionPolicy: {policy}\n"
        );
        cluster.apply(&class).await.unwrap();
    }
    let node = cluster
        .wait("", "one", |it: &Node| {
            let status = it.status.as_ref();
            status.is_some_and(|it| it.allocatable.is_some())
        })
        .await
        .unwrap();
    let cpu = node.status.unwrap().allocatable.unwrap()["cpu"].0.clone();
    let whole = |name: &str, more: &str| {
        let resources =
            format!("image: registry.test/app:1, resources: {{requests: {{cpu: {cpu}}}}}");
        pod(name, more).replace("image: registry.test/app:1", &resources)
    };
    let low = whole("low", ", terminationGracePeriodSeconds: 5");
    cluster
        .apply(&low.replace("labels:", "finalizers: [test/hold], labels:"))
        .await
        .unwrap();
    cluster.wait("default", "low", ready).await.unwrap();
    let meek = ", priorityClassName: meek";
    cluster.apply(&whole("meek", meek)).await.unwrap();
    let message = cluster
        .wait_event("default", "meek", "FailedScheduling")
        .await
        .unwrap();
    assert_eq!(
        message,
        "0/1 nodes are available: 1 Insufficient cpu. preemption: not eligible due to preemptionPolicy=Never."
    );
    cluster.delete::<Pod>("default", "meek", "").await.unwrap();
    // Nobody answers for the time being who leaves: others are scheduled meanwhile, and the pod is not tried again.
    cluster.hold("/api/v1/namespaces/default/pods/low/status");
    let high = whole("high", ", priorityClassName: high");
    cluster.apply(&high).await.unwrap();
    cluster
        .wait("default", "high", |it: &Pod| nominated(it) == Some("one"))
        .await
        .unwrap();
    cluster.apply(&pod("small", "")).await.unwrap();
    let placed = |it: &Pod| it.spec.as_ref().is_some_and(|it| it.node_name.is_some());
    cluster.wait("default", "small", placed).await.unwrap();
    cluster.hold("");
    let message = cluster
        .wait_event("default", "low", "Preempted")
        .await
        .unwrap();
    assert!(message.starts_with("Preempted by pod "), "{message}");
    assert!(message.ends_with(" on node one"), "{message}");
    let low = cluster
        .wait("default", "low", |it: &Pod| {
            it.metadata.deletion_timestamp.is_some()
        })
        .await
        .unwrap();
    let why = condition(&low, "DisruptionTarget").unwrap();
    assert_eq!(
        (why.reason.as_deref(), why.message.as_deref()),
        (
            Some("PreemptionByScheduler"),
            Some("default-scheduler: preempting to accommodate a higher priority pod")
        )
    );
    cluster
        .patch::<Pod>(
            "default",
            "low",
            json!({ "metadata": { "finalizers": null } }),
        )
        .await
        .unwrap();
    let high = cluster.wait("default", "high", ready).await.unwrap();
    assert_eq!(nominated(&high), None);
    cluster.stop().await.unwrap();
}

fn nominated(pod: &Pod) -> Option<&str> {
    pod.status.as_ref()?.nominated_node_name.as_deref()
}
