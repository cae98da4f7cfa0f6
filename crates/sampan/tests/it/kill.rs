//! SIGKILL under a write load: every acknowledged write is found again, and no container is restarted.

use crate::cluster::{Cluster, kubectls, lacks};

/// How often the server is killed.
const KILLS: usize = 50;

#[test]
fn fifty_kills_lose_nothing() {
    if let Some(lack) = lacks() {
        eprintln!("skipped: {lack}");
        return;
    }
    let mut cluster = Cluster::start(&kubectls()[0]);
    cluster.kubectl(&["run", "steady", crate::cluster::HELLO]);
    cluster.wait_for("the pod to run", &["get", "pod", "steady"], |text| {
        text.contains("1/1")
    });
    let identity = "jsonpath={.status.containerStatuses[0].containerID} {.status.containerStatuses[0].restartCount} {.status.podIP}";
    let before = cluster.kubectl(&["get", "pod", "steady", "-o", identity]);
    let mut acknowledged: Vec<String> = Vec::new();
    for round in 0..KILLS {
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let name = format!("w-{round}-{writer}");
                let mut command =
                    cluster.kubectl_command(&["create", "configmap", &name, "--from-literal=a=b"]);
                (
                    name,
                    command
                        .stdout(std::process::Stdio::null())
                        .stderr(std::process::Stdio::null())
                        .spawn()
                        .unwrap(),
                )
            })
            .collect();
        // The kill lands at another point of the writes in each round.
        std::thread::sleep(std::time::Duration::from_millis(
            20 + 7 * (round as u64 % 30),
        ));
        cluster.kill();
        for (name, mut writer) in writers {
            if writer.wait().unwrap().success() {
                acknowledged.push(name);
            }
        }
        cluster.serve();
    }
    let found = cluster.kubectl(&[
        "get",
        "configmaps",
        "-o",
        "jsonpath={.items[*].metadata.name}",
    ]);
    let found: std::collections::BTreeSet<_> = found.split(' ').collect();
    let lost: Vec<_> = acknowledged
        .iter()
        .filter(|name| !found.contains(name.as_str()))
        .collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    assert!(
        !acknowledged.is_empty(),
        "no write was acknowledged in any round"
    );
    cluster.wait_for("the node to be ready", &["get", "nodes"], |text| {
        text.contains(" Ready ")
    });
    let after = cluster.wait_for(
        "the pod to be ready",
        &["get", "pod", "steady", "-o", identity],
        |text| text == before,
    );
    assert_eq!(before, after, "the container was restarted");
}
