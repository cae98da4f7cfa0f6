//! Lives of pods.

use crate::{Node, condition, waiting};
use runtime::{fake::Behaviour, image::ImageConfig};
use serde_json::json;

fn busybox() -> serde_json::Value {
    json!({"name": "c", "image": "busybox", "command": ["sh"], "imagePullPolicy": "IfNotPresent"})
}

#[tokio::test]
async fn a_pod_runs_and_is_deleted() {
    let node = Node::start().await;
    let mut container = busybox();
    container["env"] =
        json!([{"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}]);
    container["resources"] = json!({"limits": {"cpu": "1", "memory": "64Mi"}, "requests": {"cpu": "1", "memory": "64Mi"}});
    node.run(
        "p",
        json!({"containers": [container], "terminationGracePeriodSeconds": 1}),
    );
    let pod = node.running("p").await;
    let status = &pod["status"];
    assert_eq!(
        (status["phase"].as_str(), status["qosClass"].as_str()),
        (Some("Running"), Some("Guaranteed"))
    );
    assert!(status["podIP"].as_str().unwrap().starts_with("10.42."));
    assert_eq!(status["hostIP"], "192.0.2.1");
    for kind in [
        "PodReadyToStartContainers",
        "Initialized",
        "Ready",
        "ContainersReady",
    ] {
        assert_eq!(condition(&pod, kind), "True", "{kind}");
    }
    let container = &status["containerStatuses"][0];
    assert!(
        container["containerID"]
            .as_str()
            .unwrap()
            .starts_with("sampan://")
    );
    assert_eq!(
        (&container["ready"], &container["restartCount"]),
        (&json!(true), &json!(0))
    );
    let made = &node.runtime.containers_of("default", "p")[0];
    assert!(
        made.config
            .env
            .contains(&("IP".into(), status["podIP"].as_str().unwrap().into()))
    );
    let uid = pod["metadata"]["uid"].as_str().unwrap();
    let limits = node.runtime.cgroup(&format!("/kubepods/pod{uid}")).unwrap();
    assert_eq!(
        (limits.cpu_quota, limits.memory_limit_bytes),
        (Some(100_000), Some(64 << 20))
    );
    node.delete("p", 1);
    node.api.wait_gone("pods", "p").await;
    assert!(node.runtime.containers_of("default", "p").is_empty());
    assert!(!node.dir.path().join("kubelet/pods").join(uid).exists());
    assert!(
        network::PodNetwork::list(&*node.network)
            .await
            .unwrap()
            .is_empty()
    );
    let reasons: Vec<String> = node
        .api
        .list("events")
        .iter()
        .map(|it| it["reason"].as_str().unwrap_or_default().to_owned())
        .collect();
    for reason in ["Pulled", "Created", "Started", "Killing"] {
        assert!(
            reasons.iter().any(|it| it == reason),
            "{reason} in {reasons:?}"
        );
    }
    node.tasks.finish().await;
}

#[tokio::test]
async fn a_crashing_container_backs_off() {
    let node = Node::start().await;
    node.runtime.behave("c", [Behaviour::Exits(1)]);
    node.run("p", json!({"containers": [busybox()]}));
    let pod = node
        .api
        .wait("pods", "p", |it| waiting(it) == "CrashLoopBackOff")
        .await;
    let container = &pod["status"]["containerStatuses"][0];
    assert_eq!(container["restartCount"], 1);
    assert_eq!(container["lastState"]["terminated"]["exitCode"], 1);
    let message = container["state"]["waiting"]["message"].as_str().unwrap();
    assert!(
        message.starts_with("back-off 10s restarting failed container=c pod=p_default("),
        "{message}"
    );
    assert_eq!(pod["status"]["phase"], "Running");
    assert_eq!(condition(&pod, "Ready"), "False");
    node.tasks.finish().await;
}

#[tokio::test]
async fn an_image_that_cannot_be_pulled() {
    let node = Node::start().await;
    node.runtime.fail_pulls("nope", Some("no such host"));
    let mut container = busybox();
    container["image"] = json!("nope");
    node.run("p", json!({"containers": [container]}));
    node.api
        .wait("pods", "p", |it| waiting(it) == "ErrImagePull")
        .await;
    let pod = node
        .api
        .wait("pods", "p", |it| waiting(it) == "ImagePullBackOff")
        .await;
    let message = &pod["status"]["containerStatuses"][0]["state"]["waiting"]["message"];
    assert!(
        message
            .as_str()
            .unwrap()
            .starts_with("Back-off pulling image \"nope\": ErrImagePull: "),
        "{message}"
    );
    container = busybox();
    container["image"] = json!("absent");
    container["imagePullPolicy"] = json!("Never");
    node.run("q", json!({"containers": [container]}));
    let pod = node
        .api
        .wait("pods", "q", |it| waiting(it) == "ErrImageNeverPull")
        .await;
    let message = &pod["status"]["containerStatuses"][0]["state"]["waiting"]["message"];
    assert_eq!(
        message,
        "Container image \"absent\" is not present with pull policy of Never"
    );
    node.delete("p", 0);
    node.api.wait_gone("pods", "p").await;
    node.tasks.finish().await;
}

/// The back-off of a pull never ends here, so only the arrival itself can start the containers.
#[tokio::test]
async fn an_image_that_arrives_wakes_who_waits_for_it() {
    let node = Node::timeless().await;
    node.runtime.fail_pulls("nope", Some("no such host"));
    for (name, policy, reason) in [
        ("p", "IfNotPresent", "ErrImagePull"),
        ("q", "Never", "ErrImageNeverPull"),
    ] {
        let mut container = busybox();
        container["image"] = json!("nope");
        container["imagePullPolicy"] = json!(policy);
        node.run(name, json!({"containers": [container]}));
        node.api
            .wait("pods", name, |it| waiting(it) == reason)
            .await;
    }
    node.runtime.add_image("nope", ImageConfig::default());
    node.running("p").await;
    node.running("q").await;
    node.tasks.finish().await;
}

#[tokio::test]
async fn a_missing_config_map_appears_and_changes() {
    let node = Node::start().await;
    let mut container = busybox();
    container["env"] =
        json!([{"name": "X", "valueFrom": {"configMapKeyRef": {"name": "cm", "key": "k"}}}]);
    container["volumeMounts"] = json!([{"name": "v", "mountPath": "/v"}]);
    let volumes = json!([{"name": "v", "configMap": {"name": "cm", "optional": true}}]);
    node.run("p", json!({"containers": [container], "volumes": volumes}));
    let pod = node
        .api
        .wait("pods", "p", |it| {
            waiting(it) == "CreateContainerConfigError"
        })
        .await;
    let message = &pod["status"]["containerStatuses"][0]["state"]["waiting"]["message"];
    assert_eq!(message, "configmap \"cm\" not found");
    let map = |value: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "cm", "namespace": "default"}, "data": {"k": value}});
    node.api.put("configmaps", map("1"));
    let pod = node.running("p").await;
    let uid = pod["metadata"]["uid"].as_str().unwrap();
    let file = node
        .dir
        .path()
        .join("kubelet/pods")
        .join(uid)
        .join("volumes/kubernetes.io~configmap/v/k");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "1");
    node.api.put("configmaps", map("2"));
    while std::fs::read_to_string(&file).unwrap() != "2" {
        tokio::task::yield_now().await;
    }
    assert_eq!(node.starts(), 1);
    node.tasks.finish().await;
}

#[tokio::test]
async fn a_new_kubelet_adopts_what_runs_and_ends_orphans() {
    let node = Node::start().await;
    node.run("p", json!({"containers": [busybox()]}));
    node.run(
        "orphan",
        json!({"containers": [busybox()], "terminationGracePeriodSeconds": 0}),
    );
    let before = node.running("p").await;
    node.running("orphan").await;
    node.tasks.finish().await;
    node.api.remove("pods", "default", "orphan");
    let node = node.restart().await;
    node.run("later", json!({"containers": [busybox()]}));
    node.running("later").await;
    let mut events = runtime::Pods::events(&node.runtime);
    while !node.runtime.containers_of("default", "orphan").is_empty() {
        events.recv().await.unwrap();
    }
    let after = node.api.get("pods", "default", "p").unwrap();
    assert_eq!(before["status"], after["status"], "the status is the same");
    assert_eq!(node.starts(), 3);
    node.tasks.finish().await;
}

#[tokio::test]
async fn init_containers_run_in_order_and_sidecars_stay() {
    let node = Node::start().await;
    node.runtime.behave("init", [Behaviour::Exits(0)]);
    let one = |name: &str| {
        let mut it = busybox();
        it["name"] = json!(name);
        it
    };
    let mut sidecar = one("side");
    sidecar["restartPolicy"] = json!("Always");
    node.run(
        "p",
        json!({"initContainers": [one("init"), sidecar], "containers": [one("main")]}),
    );
    let pod = node.running("p").await;
    let init = &pod["status"]["initContainerStatuses"];
    assert_eq!(init[0]["state"]["terminated"]["reason"], "Completed");
    assert_eq!(
        (&init[1]["ready"], &init[1]["started"]),
        (&json!(true), &json!(true))
    );
    let started: Vec<String> = node
        .runtime
        .calls()
        .iter()
        .filter(|it| it.verb == "start_container")
        .map(|it| it.object.rsplit('/').next().unwrap().to_owned())
        .collect();
    assert_eq!(started, ["init", "side", "main"]);
    node.tasks.finish().await;
}

#[tokio::test]
async fn pods_that_end() {
    let node = Node::start().await;
    node.runtime.behave("good", [Behaviour::Exits(0)]);
    node.runtime.behave("bad", [Behaviour::Exits(3)]);
    for (name, phase, reason) in [
        ("good", "Succeeded", "PodCompleted"),
        ("bad", "Failed", "PodFailed"),
    ] {
        let mut it = busybox();
        it["name"] = json!(name);
        node.run(name, json!({"restartPolicy": "Never", "containers": [it]}));
        let pod = node
            .api
            .wait("pods", name, |it| it["status"]["phase"] == phase)
            .await;
        let ready = pod["status"]["conditions"]
            .as_array()
            .unwrap()
            .iter()
            .find(|it| it["type"] == "Ready")
            .unwrap();
        assert_eq!(
            (&ready["status"], &ready["reason"]),
            (&json!("False"), &json!(reason))
        );
    }
    node.run("late", json!({"activeDeadlineSeconds": 1, "terminationGracePeriodSeconds": 0, "containers": [busybox()]}));
    let pod = node
        .api
        .wait("pods", "late", |it| it["status"]["phase"] == "Failed")
        .await;
    assert_eq!(pod["status"]["reason"], "DeadlineExceeded");
    node.tasks.finish().await;
}

#[tokio::test]
async fn probes_decide() {
    let node = Node::start().await;
    node.runtime
        .on_exec(|_, command| runtime::session::ExecOutput {
            exit_code: i32::from(command[0] == "fail"),
            ..Default::default()
        });
    let probe = |command: &str| json!({"exec": {"command": [command]}, "periodSeconds": 1, "failureThreshold": 1});
    let mut container = busybox();
    container["readinessProbe"] = probe("fail");
    node.run("unready", json!({"containers": [container]}));
    container["readinessProbe"] = probe("ok");
    container["startupProbe"] = probe("ok");
    node.run("ready", json!({"containers": [container]}));
    container["livenessProbe"] = probe("fail");
    node.run(
        "sick",
        json!({"terminationGracePeriodSeconds": 0, "containers": [container]}),
    );
    node.running("ready").await;
    let is_up = |it: &serde_json::Value| it["status"]["containerStatuses"][0]["started"] == true;
    let pod = node.api.wait("pods", "unready", is_up).await;
    assert_eq!(condition(&pod, "Ready"), "False");
    node.api
        .wait("pods", "sick", |it| {
            it["status"]["containerStatuses"][0]["restartCount"] == 1
        })
        .await;
    let events = node.api.list("events");
    let said = |text: &str| {
        events
            .iter()
            .any(|it| it["message"].as_str().is_some_and(|it| it.contains(text)))
    };
    assert!(said("Container c failed liveness probe, will be restarted"));
    assert!(said("Readiness probe failed"));
    node.tasks.finish().await;
}

#[tokio::test]
async fn the_node_registers_and_keeps_its_lease() {
    let node = Node::start().await;
    let it = node
        .api
        .wait("nodes", "n1", |it| condition(it, "Ready") == "True")
        .await;
    assert_eq!(it["metadata"]["labels"]["kubernetes.io/hostname"], "n1");
    assert_eq!(it["status"]["capacity"]["pods"], "110");
    assert_eq!(it["status"]["addresses"][0]["address"], "192.0.2.1");
    let lease = async {
        loop {
            if let Some(it) = node.api.get("leases", "kube-node-lease", "n1") {
                return it;
            }
            tokio::task::yield_now().await;
        }
    };
    assert_eq!(lease.await["spec"]["holderIdentity"], "n1");
    node.tasks.finish().await;
}

#[tokio::test]
async fn a_container_that_cannot_be_started() {
    let node = Node::start().await;
    node.runtime
        .behave("c", [Behaviour::FailsToStart("no such file".to_owned())]);
    node.run("always", json!({"containers": [busybox()]}));
    node.run(
        "never",
        json!({"restartPolicy": "Never", "containers": [busybox()]}),
    );
    node.api
        .wait("pods", "always", |it| waiting(it) == "CrashLoopBackOff")
        .await;
    let pod = node
        .api
        .wait("pods", "never", |it| it["status"]["phase"] == "Failed")
        .await;
    let ended = &pod["status"]["containerStatuses"][0]["state"]["terminated"];
    assert_eq!(
        (&ended["reason"], &ended["exitCode"]),
        (&json!("StartError"), &json!(128))
    );
    node.tasks.finish().await;
}

#[tokio::test]
async fn rules_restart_a_container_or_all_of_them() {
    let node = Node::start().await;
    let one = |name: &str, action: Option<&str>| {
        let mut it = busybox();
        it["name"] = json!(name);
        if let Some(action) = action {
            it["restartPolicy"] = json!("Never");
            it["restartPolicyRules"] =
                json!([{"action": action, "exitCodes": {"operator": "In", "values": [42]}}]);
        }
        it
    };
    node.runtime
        .behave("init", [Behaviour::Exits(0), Behaviour::Exits(0)]);
    node.runtime
        .behave("again", [Behaviour::Exits(42), Behaviour::Runs]);
    node.runtime
        .behave("watch", [Behaviour::Runs, Behaviour::Runs]);
    node.run(
        "rule",
        json!({"restartPolicy": "Never", "containers": [one("again", Some("Restart"))]}),
    );
    let pod = node.running("rule").await;
    assert_eq!(pod["status"]["containerStatuses"][0]["restartCount"], 1);
    assert_eq!(condition(&pod, "AllContainersRestarting"), "");
    node.run(
        "all",
        json!({
            "restartPolicy": "Never", "initContainers": [one("init", None)],
            "containers": [one("main", None), one("watch", Some("RestartAllContainers"))],
        }),
    );
    let pod = node.running("all").await;
    assert_eq!(condition(&pod, "AllContainersRestarting"), "False");
    let containers = node.runtime.containers_of("default", "all");
    let watch = containers.iter().find(|it| it.config.name == "watch");
    let watch = watch.unwrap();
    node.runtime.exit(&watch.id, 42).unwrap();
    let pod = node
        .api
        .wait("pods", "all", |it| {
            let main = it["status"]["containerStatuses"].as_array().unwrap();
            main.iter()
                .all(|it| it["restartCount"] == 1 && !it["state"]["running"].is_null())
        })
        .await;
    assert_eq!(pod["status"]["initContainerStatuses"][0]["restartCount"], 1);
    assert_eq!(condition(&pod, "AllContainersRestarting"), "False");
    let sandboxes = node
        .runtime
        .calls()
        .iter()
        .filter(|it| it.verb == "run_pod_sandbox")
        .count();
    assert_eq!(sandboxes, 2, "each pod keeps its sandbox");
    node.tasks.finish().await;
}

#[tokio::test]
async fn a_running_pod_is_resized() {
    let node = Node::start().await;
    let mut container = busybox();
    container["resources"] = json!({"requests": {"cpu": "10m"}, "limits": {"memory": "64Mi"}});
    node.run("p", json!({"containers": [container]}));
    node.running("p").await;
    let resize = |requests: serde_json::Value| {
        let mut pod = node.api.get("pods", "default", "p").unwrap();
        pod["spec"]["containers"][0]["resources"] =
            json!({"requests": requests, "limits": {"memory": "128Mi"}});
        node.api.put("pods", pod);
    };
    resize(json!({"cpu": "20m"}));
    let pod = node
        .api
        .wait("pods", "p", |it| {
            it["status"]["containerStatuses"][0]["resources"]["requests"]["cpu"] == "20m"
        })
        .await;
    let status = &pod["status"]["containerStatuses"][0];
    assert_eq!(
        (
            &status["restartCount"],
            &status["allocatedResources"]["cpu"]
        ),
        (&json!(0), &json!("20m"))
    );
    assert_eq!(condition(&pod, "PodResizeInProgress"), "");
    let limits = || {
        node.runtime.containers_of("default", "p")[0]
            .config
            .resources
            .clone()
    };
    assert_eq!(
        (limits().cpu_shares, limits().memory_limit_bytes),
        (Some(20), Some(128 << 20))
    );
    let cgroup = format!(
        "/kubepods/burstable/pod{}",
        pod["metadata"]["uid"].as_str().unwrap()
    );
    assert_eq!(
        node.runtime.cgroup(&cgroup).unwrap().memory_limit_bytes,
        Some(128 << 20)
    );
    resize(json!({"cpu": "100000"}));
    let pod = node
        .api
        .wait("pods", "p", |it| {
            condition(it, "PodResizePending") == "True"
        })
        .await;
    let status = &pod["status"]["containerStatuses"][0];
    assert_eq!(status["resources"]["requests"]["cpu"], "20m");
    assert_eq!(limits().cpu_shares, Some(20));
    resize(json!({"cpu": "30m"}));
    node.api
        .wait("pods", "p", |it| {
            it["status"]["containerStatuses"][0]["resources"]["requests"]["cpu"] == "30m"
                && condition(it, "PodResizePending").is_empty()
        })
        .await;
    node.tasks.finish().await;
}
