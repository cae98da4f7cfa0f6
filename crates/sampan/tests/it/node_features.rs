//! What a node must do for pods, on real containers: environment, volumes, probes, limits, workloads, services and
//! cluster DNS. One cluster and one set of manifests for all of it.

use crate::cluster::{Cluster, image, kubectls, lacks};

const MANIFESTS: &str = include_str!("node_features/manifests.yaml");

/// Prints a container's limits of memory and processor time, whatever the version of cgroups.
const LIMITS: &str = "cd /sys/fs/cgroup; cat memory.max memory/memory.limit_in_bytes 2>/dev/null; cat cpu.max cpu/cpu.cfs_quota_us 2>/dev/null | cut -d' ' -f1";

/// Asks the API as a program in a pod does: with the certificate and the token that its volume holds.
const ASK_THE_API: &str = r#"
import ssl, urllib.error, urllib.request
folder = "/var/run/secrets/kubernetes.io/serviceaccount/"
context = ssl.create_default_context(cafile=folder + "ca.crt")
for token in open(folder + "token").read(), "forged":
    for path in "/version", "/api/v1/namespaces/default/pods":
        request = urllib.request.Request("https://kubernetes.default.svc" + path)
        request.add_header("Authorization", "Bearer " + token)
        try:
            print(urllib.request.urlopen(request, context=context, timeout=10).status)
        except urllib.error.HTTPError as error:
            print(error.code)
"#;

#[test]
fn what_pods_ask_of_a_node() {
    if let Some(lack) = lacks() {
        eprintln!("skipped: {lack}");
        return;
    }
    let (Some(kubectl), Some(busybox), Some(python3)) = (
        kubectls().first().cloned(),
        image("busybox"),
        image("python3"),
    ) else {
        eprintln!("skipped: no test images (make images)");
        return;
    };
    let mut cluster = Cluster::start(&kubectl);
    cluster.import(&busybox);
    cluster.import(&python3);
    let host = cluster.folder().join("host");
    let manifests = cluster.folder().join("manifests.yaml");
    let text = MANIFESTS.replace("HOST_FOLDER", host.to_str().unwrap());
    std::fs::write(&manifests, text).unwrap();
    cluster.kubectl(&["apply", "-f", manifests.to_str().unwrap()]);
    for pod in ["box", "stop", "py"] {
        ready(&cluster, pod);
    }
    one_pod(&cluster);
    environment(&cluster);
    changes(&cluster);
    volumes(&cluster);
    ends(&cluster);
    workloads(&cluster);
    names(&cluster);
    services(&cluster);
    api_from_a_pod(&cluster);
    probes(&cluster);
    stop(&cluster, &host);
    cluster.uninstall();
}

fn ready(cluster: &Cluster, pod: &str) {
    let condition = "jsonpath={.status.conditions[?(@.type==\"Ready\")].status}";
    cluster.wait_for(
        &format!("pod {pod} to be ready"),
        &["get", "pod", pod, "-o", condition],
        |status| status == "True",
    );
}

/// What a shell line prints in container `a` of pod `box`.
fn shell(cluster: &Cluster, line: &str) -> String {
    cluster.kubectl(&["exec", "box", "-c", "a", "--", "sh", "-c", line])
}

/// A jsonpath of an object.
fn field(cluster: &Cluster, object: &str, path: &str) -> String {
    cluster.kubectl(&["get", object, "-o", &format!("jsonpath={path}")])
}

/// Waits until a jsonpath of an object prints something that `holds`.
fn becomes(cluster: &Cluster, object: &str, path: &str, holds: impl Fn(&str) -> bool) -> String {
    cluster.wait_for(
        &format!("{path} of {object}"),
        &["get", object, "-o", &format!("jsonpath={path}")],
        holds,
    )
}

fn one_pod(cluster: &Cluster) {
    // The init containers ran in order, the second while the sidecar served.
    assert_eq!(
        shell(cluster, "cat /shared/order"),
        "one\nside\nfrom-side\n"
    );
    assert_eq!(
        shell(cluster, "wget -qO- http://127.0.0.1:8080/"),
        "from-b\n"
    );
    let other = [
        "exec",
        "box",
        "-c",
        "b",
        "--",
        "sh",
        "-c",
        "cat /dev/shm/word; hostname",
    ];
    assert_eq!(cluster.kubectl(&other), "from-a\nbox\n");
    assert_eq!(shell(cluster, LIMITS), "67108864\n25000\n");
}

/// A running container gets other limits; one that ends as its rule says is restarted.
fn changes(cluster: &Cluster) {
    let more = r#"{"spec":{"containers":[{"name":"a","resources":{"limits":{"cpu":"500m","memory":"96Mi"}}}]}}"#;
    cluster.kubectl(&["patch", "pod", "box", "--subresource", "resize", "-p", more]);
    let container = "{.status.containerStatuses[?(@.name==\"a\")]";
    becomes(
        cluster,
        "pod/box",
        &format!("{container}.resources.limits.memory}}"),
        |it| it == "96Mi",
    );
    assert_eq!(shell(cluster, LIMITS), "100663296\n50000\n");
    assert_eq!(
        field(cluster, "pod/box", &format!("{container}.restartCount}}")),
        "0"
    );
    let again = "{.status.containerStatuses[0].restartCount} {.status.phase}";
    becomes(cluster, "pod/again", again, |it| it == "1 Running");
    let word = cluster.kubectl(&["exec", "again", "--", "sh", "-c", "echo $WORD"]);
    assert_eq!(word, "from a file\n");
}

fn environment(cluster: &Cluster) {
    let printed = shell(cluster, "env");
    let address = field(cluster, "pod/box", "{.status.podIP}");
    for line in [
        "COLOUR=blue",
        "TOKEN=s3cret",
        "MY_NAME=box",
        "MY_NODE=node1",
        "MY_TIER=t1",
        "CPU=250",
        "MEM=67108864",
        "COMBO=blue-box",
        "P_SHAPE=round",
        "token=s3cret",
        &format!("MY_IP={address}"),
    ] {
        assert!(
            printed.lines().any(|have| have == line),
            "{line} is missing in:\n{printed}"
        );
    }
    assert!(!printed.contains("MISSING="), "{printed}");
}

fn volumes(cluster: &Cluster) {
    assert!(
        shell(cluster, "mount").contains("tmpfs on /mem "),
        "emptyDir in memory"
    );
    assert_eq!(shell(cluster, "stat -Lc %a /sec/token"), "400\n");
    assert_eq!(shell(cluster, "cat /etc/one"), "blue");
    assert_eq!(
        shell(
            cluster,
            "echo here > /host/file; touch /sub/file; ls /shared/box"
        ),
        "file\n"
    );
    let there = cluster.folder().join("host/file");
    assert_eq!(std::fs::read_to_string(there).unwrap(), "here\n");
    assert_eq!(shell(cluster, "tr . '\\n' < /proj/tok | wc -l"), "2\n");
    cluster.kubectl(&[
        "patch",
        "configmap",
        "cm",
        "-p",
        r#"{"data":{"colour":"red"}}"#,
    ]);
    cluster.kubectl(&[
        "patch",
        "secret",
        "sec",
        "-p",
        r#"{"stringData":{"token":"n3w"}}"#,
    ]);
    cluster.kubectl(&["label", "pod", "box", "tier=t2", "--overwrite"]);
    let line = "cat /cm/colour /sec/token /proj/c/colour; grep tier /down/labels";
    cluster.wait_for(
        "the volumes to follow their sources",
        &["exec", "box", "-c", "a", "--", "sh", "-c", line],
        |text| text == "redn3wredtier=\"t2\"" || text == "redn3wredtier=\"t2\"\n",
    );
    assert_eq!(
        shell(cluster, "cat /etc/one"),
        "blue",
        "a subPath stays as it was"
    );
}

/// Containers that end, or never start, and what the pod says of it.
fn ends(cluster: &Cluster) {
    let terminated = "{.status.containerStatuses[0].state.terminated.reason}";
    becomes(cluster, "pod/oom", terminated, |reason| {
        reason == "OOMKilled"
    });
    let code = "{.status.containerStatuses[0].state.terminated.exitCode}";
    assert_eq!(field(cluster, "pod/oom", code), "137");
    let waiting = "{.status.containerStatuses[0].state.waiting.reason}";
    for (pod, reason) in [
        ("pod/crash", "CrashLoopBackOff"),
        ("pod/never", "ErrImageNeverPull"),
        ("pod/badcfg", "CreateContainerConfigError"),
    ] {
        becomes(cluster, pod, waiting, |text| text == reason);
    }
}

fn workloads(cluster: &Cluster) {
    cluster.kubectl(&[
        "wait",
        "--for=condition=Complete",
        "job/job",
        "--timeout=60s",
    ]);
    cluster.kubectl(&[
        "wait",
        "--for=condition=Failed",
        "job/badjob",
        "--timeout=60s",
    ]);
    assert_eq!(field(cluster, "job/job", "{.status.succeeded}"), "3");
    cluster.kubectl(&["rollout", "status", "statefulset/db", "--timeout=60s"]);
    cluster.kubectl(&["rollout", "status", "daemonset/ds", "--timeout=60s"]);
}

fn names(cluster: &Cluster) {
    let api = shell(cluster, "nslookup kubernetes.default.svc.cluster.local");
    assert!(api.contains("Address: 10.43.0.1\n"), "{api}");
    let back = shell(cluster, "nslookup 10.43.0.1");
    assert!(
        back.contains("name = kubernetes.default.svc.cluster.local"),
        "{back}"
    );
    let members =
        ["db-0", "db-1"].map(|pod| field(cluster, &format!("pod/{pod}"), "{.status.podIP}"));
    let lookup = "nslookup db.default.svc.cluster.local";
    cluster.wait_for(
        "every member of the headless service",
        &["exec", "box", "-c", "a", "--", "sh", "-c", lookup],
        |text| {
            members
                .iter()
                .all(|address| text.contains(address.as_str()))
        },
    );
    let ports = shell(
        cluster,
        "nslookup -type=srv _http._tcp.db.default.svc.cluster.local",
    );
    assert!(
        ports.contains("8080 db-1.db.default.svc.cluster.local"),
        "{ports}"
    );
    let out = shell(
        cluster,
        "nslookup -type=cname out.default.svc.cluster.local",
    );
    assert!(out.contains("canonical name = example.test"), "{out}");
    // Through the search path.
    assert_eq!(shell(cluster, "wget -qO- http://db-1.db:8080/"), "db-1\n");
}

fn services(cluster: &Cluster) {
    let url = |host: &str| {
        let port = field(cluster, "service/web", "{.spec.ports[0].nodePort}");
        format!("http://{host}:{port}/")
    };
    let (local, node) = (
        url("127.0.0.1"),
        url(&field(
            cluster,
            "node/node1",
            "{.status.addresses[0].address}",
        )),
    );
    assert_eq!(cluster.curl(&local), None, "no backend is ready yet");
    let pods = cluster.kubectl(&["get", "pods", "-l", "app=web", "-o", "name"]);
    for pod in pods.lines() {
        cluster.kubectl(&["exec", pod, "--", "touch", "/w/ready"]);
    }
    cluster.kubectl(&["rollout", "status", "deployment/web", "--timeout=60s"]);
    let chosen = cluster.wait_for(
        "the service from a pod",
        &[
            "exec",
            "box",
            "-c",
            "a",
            "--",
            "wget",
            "-qO-",
            "http://web/",
        ],
        |page| page.starts_with("web-"),
    );
    for _ in 0..8 {
        assert_eq!(
            shell(cluster, "wget -qO- http://web/"),
            chosen,
            "session affinity"
        );
    }
    for url in [local, node] {
        let page = cluster.curl(&url).unwrap_or_default();
        assert!(page.starts_with("web-"), "{url} answers {page:?}");
    }
    for name in ["web", "web:http", "http:web:80"] {
        let path = format!("/api/v1/namespaces/default/services/{name}/proxy/");
        assert!(
            cluster
                .kubectl(&["get", "--raw", &path])
                .starts_with("web-"),
            "{path}"
        );
    }
    let unready = pods.lines().next().unwrap();
    cluster.kubectl(&["exec", unready, "--", "rm", "/w/ready"]);
    let readiness = "jsonpath={.items[0].endpoints[*].conditions.ready}";
    let slices = [
        "get",
        "endpointslices",
        "-l",
        "kubernetes.io/service-name=web",
        "-o",
        readiness,
    ];
    cluster.wait_for("one backend to leave", &slices, |text| {
        text == "true false" || text == "false true"
    });
}

fn api_from_a_pod(cluster: &Cluster) {
    let answers = cluster.kubectl(&["exec", "py", "--", "python3", "-c", ASK_THE_API]);
    assert_eq!(answers, "200\n403\n401\n401\n");
}

fn probes(cluster: &Cluster) {
    let restarts = "{range .status.containerStatuses[*]}{.name}={.restartCount} {end}";
    becomes(cluster, "pod/live", restarts, |text| {
        ["exec", "http", "tcp"]
            .iter()
            .all(|name| !text.contains(&format!("{name}=0")))
    });
    let started = "{.status.containerStatuses[?(@.name==\"startup\")].started}";
    assert_eq!(field(cluster, "pod/live", started), "false");
    cluster.kubectl(&["exec", "live", "-c", "startup", "--", "touch", "/started"]);
    becomes(cluster, "pod/live", started, |text| text == "true");
}

/// The hooks and the signal come in order, and nobody waits for the grace period's end.
fn stop(cluster: &Cluster, host: &std::path::Path) {
    cluster.kubectl(&["delete", "pod", "stop"]);
    let said = std::fs::read_to_string(host.join("stop")).unwrap();
    assert_eq!(said, "poststart\nprestop\nterm\n");
}
