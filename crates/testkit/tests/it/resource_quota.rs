//! Resource quotas and limit ranges in a whole cluster, along upstream's end-to-end tests of both.

use crate::pod;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, ResourceQuota, Secret, Service};
use serde_json::{Value, json};
use testkit::Cluster;

async fn quota(cluster: &Cluster, name: &str, spec: &str) {
    let text =
        format!("apiVersion: v1\nkind: ResourceQuota\nmetadata: {{name: {name}}}\nspec: {spec}\n");
    cluster.apply(&text).await.unwrap();
}

/// Waits until the quota shows this usage.
async fn uses(cluster: &Cluster, name: &str, wanted: &[(&str, &str)]) {
    let shows = |quota: &ResourceQuota| {
        let used = quota.status.as_ref().and_then(|it| it.used.as_ref());
        wanted.iter().all(|(key, amount)| {
            used.and_then(|it| it.get(*key))
                .is_some_and(|it| it.0 == *amount)
        })
    };
    cluster
        .wait::<ResourceQuota>("default", name, shows)
        .await
        .unwrap();
}

fn refusal(result: anyhow::Result<()>) -> String {
    result.unwrap_err().to_string()
}

#[tokio::test(start_paused = true)]
async fn the_status_is_counted_at_once() {
    let cluster = Cluster::start().await.unwrap();
    cluster.apply(&pod("early", "")).await.unwrap();
    let map = |name: &str| format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n");
    cluster.apply(&map("early")).await.unwrap();
    // kube-root-ca.crt is there too.
    quota(&cluster, "q", "{hard: {pods: 5, configmaps: 3, secrets: 1, resourcequotas: 1, count/deployments.apps: 2, services: 9, cpu: 1}}").await;
    let wanted = [
        ("pods", "1"),
        ("configmaps", "2"),
        ("secrets", "0"),
        ("resourcequotas", "1"),
        ("count/deployments.apps", "0"),
        ("services", "1"),
        ("cpu", "0"),
    ];
    uses(&cluster, "q", &wanted).await;
    cluster.apply(&map("later")).await.unwrap();
    uses(&cluster, "q", &[("configmaps", "3")]).await;
    let refused = refusal(cluster.apply(&map("more")).await);
    assert!(
        refused.contains(
            "configmaps \"more\" is forbidden: exceeded quota: q, requested: configmaps=1, used: configmaps=3, limited: configmaps=3"
        ),
        "{refused}"
    );
    cluster
        .delete::<ConfigMap>("default", "later", "")
        .await
        .unwrap();
    uses(&cluster, "q", &[("configmaps", "2")]).await;
    cluster
        .patch::<ResourceQuota>(
            "default",
            "q",
            json!({ "spec": { "hard": { "configmaps": "9", "pods": null } } }),
        )
        .await
        .unwrap();
    let follows = |it: &ResourceQuota| {
        let status = it.status.clone().unwrap_or_default();
        let hard = status.hard.unwrap_or_default();
        hard.get("configmaps").is_some_and(|it| it.0 == "9")
            && !hard.contains_key("pods")
            && !status.used.unwrap_or_default().contains_key("pods")
    };
    cluster
        .wait::<ResourceQuota>("default", "q", follows)
        .await
        .unwrap();
    cluster.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_life_of_a_service_and_a_secret() {
    let cluster = Cluster::start().await.unwrap();
    quota(
        &cluster,
        "q",
        "{hard: {services: 10, services.nodeports: 1, services.loadbalancers: 1, secrets: 2}}",
    )
    .await;
    let idle = [("services", "1"), ("services.nodeports", "0")];
    uses(&cluster, "q", &idle).await;
    let service = |name: &str, kind: &str| {
        format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec: {{type: {kind}, ports: [{{port: 80}}]}}\n"
        )
    };
    cluster.apply(&service("a", "ClusterIP")).await.unwrap();
    cluster.apply(&service("b", "NodePort")).await.unwrap();
    uses(
        &cluster,
        "q",
        &[("services", "3"), ("services.nodeports", "1")],
    )
    .await;
    let refused = refusal(cluster.apply(&service("c", "LoadBalancer")).await);
    assert!(
        refused.contains("requested: services.nodeports=1"),
        "{refused}"
    );
    cluster.apply(&service("b", "ClusterIP")).await.unwrap();
    cluster.apply(&service("c", "LoadBalancer")).await.unwrap();
    let full = [
        ("services", "4"),
        ("services.nodeports", "1"),
        ("services.loadbalancers", "1"),
    ];
    uses(&cluster, "q", &full).await;
    for name in ["a", "b", "c"] {
        cluster
            .delete::<Service>("default", name, "")
            .await
            .unwrap();
    }
    uses(&cluster, "q", &idle).await;
    cluster
        .apply("apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n")
        .await
        .unwrap();
    uses(&cluster, "q", &[("secrets", "1")]).await;
    cluster.delete::<Secret>("default", "s", "").await.unwrap();
    uses(&cluster, "q", &[("secrets", "0")]).await;
    cluster.stop().await.unwrap();
}

/// A pod whose container asks for this much.
fn sized(name: &str, requests: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\n\
         spec: {{containers: [{{name: main, image: registry.test/app:1, resources: {{requests: {requests}, limits: {requests}}}}}]}}\n"
    )
}

#[tokio::test(start_paused = true)]
async fn the_life_of_a_pod() {
    let cluster = Cluster::start().await.unwrap();
    quota(&cluster, "q", "{hard: {pods: 5, cpu: 1, memory: 500Mi, requests.ephemeral-storage: 50Gi, requests.example.com/gpu: 3}}").await;
    uses(&cluster, "q", &[("pods", "0"), ("cpu", "0")]).await;
    let asks = "{cpu: 500m, memory: 252Mi, ephemeral-storage: 30Gi, example.com/gpu: 2}";
    cluster.apply(&sized("a", asks)).await.unwrap();
    let full = [
        ("pods", "1"),
        ("cpu", "500m"),
        ("memory", "252Mi"),
        ("requests.ephemeral-storage", "30Gi"),
        ("requests.example.com/gpu", "2"),
    ];
    uses(&cluster, "q", &full).await;
    for (asks, because) in [
        ("{cpu: 600m, memory: 100Mi}", "requested: cpu=600m"),
        (
            "{cpu: 100m, memory: 100Mi, ephemeral-storage: 30Gi}",
            "requested: requests.ephemeral-storage=30Gi",
        ),
        (
            "{cpu: 100m, memory: 100Mi, example.com/gpu: 2}",
            "requested: requests.example.com/gpu=2",
        ),
    ] {
        let refused = refusal(cluster.apply(&sized("b", asks)).await);
        assert!(refused.contains(because), "{refused}");
    }
    let refused = refusal(cluster.apply(&pod("bare", "")).await);
    assert!(
        refused.contains("failed quota: q: must specify cpu for: main; memory for: main"),
        "{refused}"
    );
    cluster
        .patch::<Pod>(
            "default",
            "a",
            json!({ "metadata": { "labels": { "l": "v" } } }),
        )
        .await
        .unwrap();
    uses(&cluster, "q", &full).await;
    // A pod that ended counts no more, and nobody deleted it.
    let ended = json!({ "status": { "phase": "Succeeded" } });
    cluster
        .client()
        .patch::<Pod>("default", "a", "status", &client::Patch::Strategic(ended))
        .await
        .unwrap();
    uses(
        &cluster,
        "q",
        &[("pods", "0"), ("cpu", "0"), ("memory", "0")],
    )
    .await;
    cluster.delete::<Pod>("default", "a", "").await.unwrap();
    cluster.wait_gone::<Pod>("default", "a").await.unwrap();
    uses(&cluster, "q", &[("pods", "0"), ("cpu", "0")]).await;
    cluster.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn scopes_share_the_pods() {
    let cluster = Cluster::start().await.unwrap();
    let class = |name: &str, value: u32| {
        format!(
            "apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {{name: {name}}}\nvalue: {value}\n"
        )
    };
    cluster.apply(&class("high", 1000)).await.unwrap();
    let scoped = |scope: &str| format!("{{hard: {{pods: 5}}, scopes: [{scope}]}}");
    for (name, scope) in [
        ("ends", "Terminating"),
        ("stays", "NotTerminating"),
        ("best", "BestEffort"),
        ("sized", "NotBestEffort"),
        ("far", "CrossNamespacePodAffinity"),
    ] {
        quota(&cluster, name, &scoped(scope)).await;
    }
    quota(&cluster, "high", "{hard: {pods: 1}, scopeSelector: {matchExpressions: [{scopeName: PriorityClass, operator: In, values: [high]}]}}").await;
    for name in ["ends", "stays", "best", "sized", "far", "high"] {
        uses(&cluster, name, &[("pods", "0")]).await;
    }
    cluster.apply(&pod("plain", "")).await.unwrap();
    cluster
        .apply(&pod("deadline", ", activeDeadlineSeconds: 3600"))
        .await
        .unwrap();
    cluster
        .apply(&sized("guaranteed", "{cpu: 100m, memory: 100Mi}"))
        .await
        .unwrap();
    cluster
        .apply(&pod("classy", ", priorityClassName: high"))
        .await
        .unwrap();
    for (name, count) in [
        ("ends", "1"),
        ("stays", "3"),
        ("best", "3"),
        ("sized", "1"),
        ("far", "0"),
        ("high", "1"),
    ] {
        uses(&cluster, name, &[("pods", count)]).await;
    }
    let refused = refusal(
        cluster
            .apply(&pod("second", ", priorityClassName: high"))
            .await,
    );
    assert!(
        refused.contains("exceeded quota: high, requested: pods=1, used: pods=1, limited: pods=1"),
        "{refused}"
    );
    // A deadline that comes later moves the pod from one quota to the other.
    let deadline = json!({ "spec": { "activeDeadlineSeconds": 3600 } });
    cluster
        .patch::<Pod>("default", "plain", deadline)
        .await
        .unwrap();
    uses(&cluster, "ends", &[("pods", "2")]).await;
    uses(&cluster, "stays", &[("pods", "2")]).await;
    cluster.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_status_written_by_others_is_mended() {
    let cluster = Cluster::start().await.unwrap();
    quota(&cluster, "q", "{hard: {pods: 5}}").await;
    uses(&cluster, "q", &[("pods", "0")]).await;
    let nonsense: Value = json!({ "status": { "hard": { "pods": "100" } } });
    cluster
        .client()
        .patch::<ResourceQuota>(
            "default",
            "q",
            "status",
            &client::Patch::Strategic(nonsense),
        )
        .await
        .unwrap();
    let mended = |it: &ResourceQuota| {
        let hard = it.status.clone().unwrap_or_default().hard;
        hard.is_some_and(|it| it["pods"].0 == "5")
    };
    cluster
        .wait::<ResourceQuota>("default", "q", mended)
        .await
        .unwrap();
    cluster.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn limit_ranges_give_pods_their_defaults() {
    let cluster = Cluster::start().await.unwrap();
    let range = |min: &str| {
        format!(
            "apiVersion: v1\nkind: LimitRange\nmetadata: {{name: r}}\nspec:\n  limits:\n  - type: Container\n    \
             min: {{cpu: {min}, memory: 100Mi}}\n    max: {{cpu: 500m, memory: 500Mi}}\n    default: {{cpu: 500m, memory: 500Mi}}\n    \
             defaultRequest: {{cpu: 100m, memory: 200Mi}}\n"
        )
    };
    cluster.apply(&range("50m")).await.unwrap();
    let init = ", initContainers: [{name: before, image: registry.test/app:1}]";
    cluster.apply(&pod("none", init)).await.unwrap();
    let made: Pod = cluster.client().get("default", "none").await.unwrap();
    let spec = made.spec.unwrap();
    for container in spec
        .containers
        .iter()
        .chain(spec.init_containers.iter().flatten())
    {
        let resources = container.resources.clone().unwrap();
        let (requests, limits) = (resources.requests.unwrap(), resources.limits.unwrap());
        let shown = [
            &requests["cpu"].0,
            &requests["memory"].0,
            &limits["cpu"].0,
            &limits["memory"].0,
        ];
        assert_eq!(shown, ["100m", "200Mi", "500m", "500Mi"]);
    }
    let refused = refusal(
        cluster
            .apply(&sized("small", "{cpu: 10m, memory: 50Mi}"))
            .await,
    );
    assert!(
        refused.contains("[minimum cpu usage per Container is 50m, but request is 10m, minimum memory usage per Container is 100Mi, but request is 50Mi]"),
        "{refused}"
    );
    let refused = refusal(
        cluster
            .apply(&sized("large", "{cpu: 600m, memory: 200Mi}"))
            .await,
    );
    assert!(
        refused.contains("maximum cpu usage per Container is 500m, but limit is 600m"),
        "{refused}"
    );
    // The range follows its changes at once.
    cluster.apply(&range("10m")).await.unwrap();
    cluster
        .apply(&sized("small", "{cpu: 10m, memory: 100Mi}"))
        .await
        .unwrap();
    cluster.stop().await.unwrap();
}
