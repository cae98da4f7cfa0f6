//! Tables of what quotas select, count, demand and refuse.

use super::*;
use serde_json::{Value, json};

fn now() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

fn decoded<T: api::Object>(tree: Value) -> T {
    let mut tree = tree;
    if tree.get("metadata").is_none() {
        tree["metadata"] = json!({ "name": "x" });
    }
    T::decode(tree.to_string().as_bytes()).unwrap()
}

fn pod(spec: Value) -> Pod {
    let mut spec = spec;
    if spec.get("containers").is_none() {
        spec["containers"] = json!([{ "name": "c" }]);
    }
    decoded(json!({ "spec": spec }))
}

fn subject<'a>(plural: &'a str, object: &'a dyn AnyObject) -> Subject<'a> {
    let grouped = object.api_version().contains('/');
    Subject {
        group: if grouped { "apps" } else { "" },
        plural,
        object,
    }
}

fn shown(used: &Amounts) -> String {
    let all: Vec<String> = used
        .iter()
        .map(|(name, it)| format!("{name}={it}"))
        .collect();
    all.join(" ")
}

fn quota(spec: Value, hard: Value, used: Value) -> ResourceQuota {
    let mut spec = spec;
    spec["hard"] = hard.clone();
    decoded(
        json!({ "metadata": { "name": "q" }, "spec": spec, "status": { "hard": hard, "used": used } }),
    )
}

#[test]
fn pods_use_what_they_request() {
    let asked = json!({ "requests": { "cpu": "100m", "memory": "1Gi", "hugepages-2Mi": "4Mi", "example.com/gpu": "2", "kubernetes.io/x": "1" },
        "limits": { "cpu": "1", "ephemeral-storage": "1Gi" } });
    let pod = pod(
        json!({ "containers": [{ "name": "c", "resources": asked }], "overhead": { "cpu": "50m" } }),
    );
    assert_eq!(
        shown(&subject("pods", &pod).usage(now())),
        "count/pods=1 cpu=150m hugepages-2Mi=4Mi limits.cpu=1050m limits.ephemeral-storage=1Gi memory=1Gi pods=1 requests.cpu=150m requests.example.com/gpu=2 requests.hugepages-2Mi=4Mi requests.memory=1Gi"
    );
    let mut ended = pod.clone();
    ended.status.get_or_insert_default().phase = Some("Succeeded".to_owned());
    assert_eq!(shown(&subject("pods", &ended).usage(now())), "count/pods=1");
    let stuck: Pod = decoded(
        json!({ "metadata": { "name": "x", "deletionTimestamp": "2025-12-31T23:59:00Z", "deletionGracePeriodSeconds": 30 } }),
    );
    assert_eq!(shown(&subject("pods", &stuck).usage(now())), "count/pods=1");
}

#[test]
fn services_claims_and_others() {
    let service = |spec: Value| -> String {
        let service: Service = decoded(json!({ "spec": spec }));
        let used = subject("services", &service).usage(now());
        let of = |name: &str| used[name].value();
        format!(
            "{}/{}",
            of("services.nodeports"),
            of("services.loadbalancers")
        )
    };
    let two = json!([{ "port": 1 }, { "port": 2, "nodePort": 30000 }]);
    assert_eq!(service(json!({ "type": "ClusterIP", "ports": two })), "0/0");
    assert_eq!(service(json!({ "type": "NodePort", "ports": two })), "2/0");
    assert_eq!(
        service(json!({ "type": "LoadBalancer", "ports": two })),
        "2/1"
    );
    assert_eq!(
        service(
            json!({ "type": "LoadBalancer", "allocateLoadBalancerNodePorts": false, "ports": two })
        ),
        "1/1"
    );
    let claim: PersistentVolumeClaim = decoded(
        json!({ "spec": { "storageClassName": "gold", "resources": { "requests": { "storage": "1.5" } } } }),
    );
    assert_eq!(
        shown(&subject("persistentvolumeclaims", &claim).usage(now())),
        "count/persistentvolumeclaims=1 gold.storageclass.storage.k8s.io/persistentvolumeclaims=1 gold.storageclass.storage.k8s.io/requests.storage=2 persistentvolumeclaims=1 requests.storage=2"
    );
    let map = k8s_openapi::api::core::v1::ConfigMap::default();
    assert_eq!(
        shown(&subject("configmaps", &map).usage(now())),
        "configmaps=1 count/configmaps=1"
    );
    let deployment = k8s_openapi::api::apps::v1::Deployment::default();
    assert_eq!(
        shown(&subject("deployments", &deployment).usage(now())),
        "count/deployments.apps=1"
    );
}

#[test]
fn scopes_select() {
    let check = |scopes: Value, pod: &Pod| {
        let quota = quota(scopes, json!({ "pods": "1" }), json!({ "pods": "0" }));
        subject("pods", pod).check(&quota).unwrap()
    };
    let plain = pod(json!({}));
    let deadline = pod(json!({ "activeDeadlineSeconds": 5 }));
    let sized = pod(
        json!({ "containers": [{ "name": "c", "resources": { "requests": { "cpu": "1" } } }] }),
    );
    let classy = pod(json!({ "priorityClassName": "high" }));
    let terms = json!([{ "topologyKey": "k", "namespaces": ["other"] }]);
    let far = pod(
        json!({ "affinity": { "podAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": terms } } }),
    );
    let named = |name: &str| json!({ "scopes": [name] });
    let class = |operator: &str, values: Value| json!({ "scopeSelector": { "matchExpressions": [{ "scopeName": "PriorityClass", "operator": operator, "values": values }] } });
    let cases = [
        (json!({}), &plain, true),
        (named("Terminating"), &plain, false),
        (named("Terminating"), &deadline, true),
        (named("NotTerminating"), &deadline, false),
        (named("BestEffort"), &plain, true),
        (named("BestEffort"), &sized, false),
        (named("NotBestEffort"), &sized, true),
        (named("PriorityClass"), &plain, false),
        (named("PriorityClass"), &classy, true),
        (named("CrossNamespacePodAffinity"), &plain, false),
        (named("CrossNamespacePodAffinity"), &far, true),
        (named("VolumeAttributesClass"), &plain, false),
        (class("In", json!(["high"])), &classy, true),
        (class("In", json!(["high"])), &plain, false),
        (class("NotIn", json!(["high"])), &classy, false),
        (class("NotIn", json!(["high"])), &plain, true),
        (class("DoesNotExist", Value::Null), &plain, true),
        (class("Exists", Value::Null), &classy, true),
    ];
    for (scopes, pod, wanted) in cases {
        assert_eq!(check(scopes.clone(), pod), wanted, "{scopes}");
    }
    let claim: PersistentVolumeClaim =
        decoded(json!({ "spec": { "volumeAttributesClassName": "gold" } }));
    let hard = json!({ "persistentvolumeclaims": "1" });
    let used = json!({ "persistentvolumeclaims": "0" });
    let by_class = quota(named("VolumeAttributesClass"), hard, used);
    let subject = subject("persistentvolumeclaims", &claim);
    assert_eq!(subject.check(&by_class), Ok(true));
}

#[test]
fn quotas_demand_what_they_bound() {
    let hard = json!({ "limits.cpu": "1", "memory": "1Gi", "pods": "5" });
    let zero = json!({ "limits.cpu": "0", "memory": "0", "pods": "0" });
    let quota_of = |used: Value| quota(json!({}), hard.clone(), used);
    let both = pod(
        json!({ "containers": [{ "name": "b" }, { "name": "a", "resources": { "requests": { "memory": "1Mi" } } }] }),
    );
    assert_eq!(
        subject("pods", &both).check(&quota_of(zero)),
        Err("failed quota: q: must specify limits.cpu for: a,b; memory for: b".to_owned())
    );
    let said =
        pod(json!({ "resources": { "requests": { "memory": "1Mi" }, "limits": { "cpu": "1" } } }));
    assert_eq!(
        subject("pods", &said).check(&quota_of(json!({ "pods": "0" }))),
        Err("status unknown for quota: q, resources: limits.cpu,memory,pods".to_owned())
    );
    let map = k8s_openapi::api::core::v1::ConfigMap::default();
    let other = quota_of(json!({}));
    assert_eq!(subject("configmaps", &map).check(&other), Ok(false));
}

#[test]
fn charges() {
    let sized = |cpu: &str| {
        pod(json!({ "containers": [{ "name": "c", "resources": { "requests": { "cpu": cpu } } }] }))
    };
    let hard = json!({ "pods": "2", "requests.cpu": "1" });
    let quota = quota(
        json!({}),
        hard,
        json!({ "pods": "1", "requests.cpu": "600m" }),
    );
    let (small, large) = (sized("300m"), sized("700m"));
    let run = |old: Option<&Pod>, new: Option<&Pod>, bounded: bool| {
        let of = |object| Subject {
            group: "",
            plural: "pods",
            object,
        };
        let (old, new) = (old.map(|it| of(it)), new.map(|it| of(it)));
        charge(&quota, old, new, now(), bounded)
            .map(|it| it.map(|used| shown(&amounts(Some(&used)))))
    };
    assert_eq!(
        run(None, Some(&small), true),
        Ok(Some("pods=2 requests.cpu=900m".to_owned()))
    );
    assert_eq!(
        run(None, Some(&large), true),
        Err("exceeded quota: q, requested: requests.cpu=700m, used: requests.cpu=600m, limited: requests.cpu=1".to_owned())
    );
    assert_eq!(
        run(None, Some(&large), false),
        Ok(Some("pods=2 requests.cpu=1300m".to_owned()))
    );
    assert_eq!(
        run(Some(&small), Some(&large), true),
        Ok(Some("pods=1 requests.cpu=1".to_owned()))
    );
    assert_eq!(run(Some(&small), Some(&small), true), Ok(None));
    assert_eq!(
        run(Some(&large), None, true),
        Ok(Some("pods=0 requests.cpu=0".to_owned()))
    );
}
