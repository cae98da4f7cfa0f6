//! One pod of real containers: volumes, environment, hosts file, probes, last words and the clean end. The
//! network only remembers; the machine's own is left alone.

use crate::{Node, api::Api, waiting};
use network::FakePodNetwork;
use runtime::{
    Images, Native, Options,
    image::{
        ImageConfig,
        archive::{Content, Entry, Layer, build},
    },
};
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

const BUSYBOX: &str = "/bin/busybox";

/// The runtime's shim beside this test, if it was built, and everything else that real containers need.
fn shim() -> Result<PathBuf, &'static str> {
    let here = std::env::current_exe().unwrap();
    let shim = here
        .parent()
        .unwrap()
        .parent()
        .unwrap()
        .join("runtime-shim");
    match () {
        () if !rustix::process::geteuid().is_root() => Err("needs root"),
        () if !Path::new(BUSYBOX).exists() => {
            Err("needs /bin/busybox: apt-get install busybox-static")
        }
        () if !shim.exists() => Err("needs the shim: cargo build -p runtime --bin runtime-shim"),
        () => Ok(shim),
    }
}

async fn import_busybox(native: &Native, dir: &Path) {
    let entry = |path: &str, mode, content| Entry {
        path: path.into(),
        mode,
        content,
    };
    let mut entries = vec![
        entry("bin", 0o755, Content::Directory),
        entry("tmp", 0o1777, Content::Directory),
        entry("bin/busybox", 0o755, Content::File(BUSYBOX.into())),
    ];
    for applet in [
        "sh", "cat", "echo", "sleep", "id", "ls", "touch", "test", "stat", "hostname",
    ] {
        entries.push(entry(
            &format!("bin/{applet}"),
            0o777,
            Content::Link("busybox".into()),
        ));
    }
    let config = ImageConfig {
        env: vec!["PATH=/bin".into()],
        ..ImageConfig::default()
    };
    let archive = dir.join("busybox.tar");
    build(&archive, "busybox", &config, &[Layer::Entries(entries)]).unwrap();
    native.import_image(&archive).await.unwrap();
}

fn shell(name: &str, script: &str) -> Value {
    json!({"name": name, "image": "busybox", "imagePullPolicy": "Never", "command": ["sh", "-c", script]})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_containers() {
    let shim = match shim() {
        Ok(shim) => shim,
        Err(why) => return eprintln!("real_containers: skipped: {why}"),
    };
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        shim,
        ..Options::new(dir.path().join("runtime"))
    };
    let native = Native::open(options).await.unwrap();
    import_busybox(&native, dir.path()).await;
    let cgroups = format!("/sampan-test/kubelet-{}", std::process::id());
    let network = Arc::new(FakePodNetwork::new(43));
    let node = Node::on(
        Api::new(),
        Arc::new(native.clone()),
        network,
        dir,
        |config| {
            config.may_mount = true;
            config.cgroup_root.clone_from(&cgroups);
        },
    )
    .await;
    let node = Arc::new(node);
    let lived = tokio::spawn(live(Arc::clone(&node))).await;
    node.tasks.finish().await;
    native.destroy_all().await.unwrap();
    runtime::Pods::remove_cgroup(&native, &cgroups)
        .await
        .unwrap();
    kubelet::volumes::tear_down_all(&node.dir.path().join("kubelet")).unwrap();
    lived.unwrap();
}

async fn live(node: Arc<Node>) {
    node.api.put("secrets", json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "default"}, "data": {"k": "aGk="}}));
    let script = "set -x; cat /secret/k /etc/hosts; echo $POD; ls -ld /sub; hostname; id -u; \
        echo $(cat /var/run/token/token); echo last >/dev/termination-log; \
        test -e /shared/crashed || { touch /shared/crashed; exit 3; }; touch /shared/ready; sleep 1000";
    let mut main = shell("main", script);
    main["env"] =
        json!([{"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]);
    main["readinessProbe"] =
        json!({"exec": {"command": ["test", "-e", "/shared/ready"]}, "periodSeconds": 1});
    main["securityContext"] = json!({"runAsUser": 1000, "runAsNonRoot": true});
    main["volumeMounts"] = json!([
        {"name": "s", "mountPath": "/secret"}, {"name": "e", "mountPath": "/shared"},
        {"name": "e", "mountPath": "/sub", "subPath": "a/b"}, {"name": "t", "mountPath": "/var/run/token"},
    ]);
    let init = shell("init", "echo prepared");
    let volumes = json!([
        {"name": "s", "secret": {"secretName": "s"}}, {"name": "e", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}},
        {"name": "t", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}},
    ]);
    node.run("p", json!({
        "initContainers": [init], "containers": [main], "volumes": volumes, "terminationGracePeriodSeconds": 1,
        "securityContext": {"fsGroup": 2000},
    }));
    let pod = node.running("p").await;
    let main = &pod["status"]["containerStatuses"][0];
    let ended = &main["lastState"]["terminated"];
    assert_eq!(
        (&main["restartCount"], &ended["exitCode"]),
        (&json!(1), &json!(3)),
        "{main:#}"
    );
    assert_eq!(ended["message"], "last\n");
    let uid = pod["metadata"]["uid"].as_str().unwrap();
    let log = node
        .dir
        .path()
        .join(format!("logs/default_p_{uid}/main/1.log"));
    let log = std::fs::read_to_string(log).unwrap();
    for line in [
        "hi",
        "# Kubernetes-managed hosts file.",
        "stdout F p",
        "a-token",
        "stdout F 1000",
        "10.43.",
    ] {
        assert!(log.contains(line), "{line}: {log}");
    }
    assert_eq!(waiting(&pod), "");
    node.delete("p", 1);
    node.api.wait_gone("pods", "p").await;
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!mounts.contains(uid), "mounts stay");
    assert!(!node.dir.path().join("kubelet/pods").join(uid).exists());
}
