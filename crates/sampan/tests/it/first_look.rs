//! The first-look tutorial, line by line, with each stock kubectl of the machine.

use crate::{
    cluster::{Cluster, image, kubectls, lacks},
    serving::{forwarded, on_a_terminal, while_it_runs},
};
use std::{collections::BTreeSet, path::Path};

#[test]
fn the_tutorial_with_the_machines_kubectl() {
    tutorial(0);
}

#[test]
fn the_tutorial_with_the_newest_kubectl() {
    tutorial(1);
}

fn tutorial(which: usize) {
    if let Some(lack) = lacks() {
        eprintln!("skipped: {lack}");
        return;
    }
    let (Some(kubectl), Some(nginx)) = (kubectls().get(which).cloned(), image("nginx")) else {
        eprintln!("skipped: no second kubectl, or no test images (make images)");
        return;
    };
    let mut cluster = Cluster::start(&kubectl);
    cluster.import(&nginx);
    look_around(&cluster);
    let pod = deploy(&cluster);
    look_inside(&cluster, &pod);
    expose(&cluster);
    scale(&cluster);
    update_and_undo(&cluster);
    self_heal(&cluster);
    clean_up(&cluster);
    cluster.uninstall();
}

fn look_around(cluster: &Cluster) {
    let version = cluster.kubectl(&["version"]);
    assert!(version.contains("Server Version: v1.36."), "{version}");
    let info = cluster.kubectl(&["cluster-info"]);
    assert!(info.contains("Kubernetes control plane"), "{info}");
    let nodes = cluster.kubectl(&["get", "nodes"]);
    let header: Vec<_> = nodes.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(header, ["NAME", "STATUS", "ROLES", "AGE", "VERSION"]);
    assert!(
        nodes.contains("node1") && nodes.contains("control-plane"),
        "{nodes}"
    );
    let described = cluster.kubectl(&["describe", "node", "node1"]);
    for part in [
        "Capacity:",
        "KubeletReady",
        "Container Runtime Version:  sampan://",
    ] {
        assert!(
            described.contains(part),
            "{part} is missing in:\n{described}"
        );
    }
}

/// Creates the deployment and returns its pod's name.
fn deploy(cluster: &Cluster) -> String {
    let made = cluster.kubectl(&["create", "deployment", "web", "--image=nginx", "--port=80"]);
    assert_eq!(made, "deployment.apps/web created\n");
    // `create deployment` leaves the policy to the tag; `latest` would ask a registry that is not there.
    let policy = r#"[{"op":"add","path":"/spec/template/spec/containers/0/imagePullPolicy","value":"IfNotPresent"}]"#;
    cluster.kubectl(&["patch", "deployment", "web", "--type=json", "-p", policy]);
    cluster.kubectl(&["rollout", "status", "deployment/web", "--timeout=100s"]);
    let table = cluster.kubectl(&["get", "deployments"]);
    let header: Vec<_> = table.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(header, ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"]);
    cluster.wait_for("one pod", &["get", "pods", "--no-headers"], |text| {
        text.lines().count() == 1 && text.contains("1/1") && text.contains("Running")
    });
    let wide = cluster.kubectl(&["get", "pods", "-o", "wide"]);
    assert!(
        wide.contains("NOMINATED NODE") && wide.contains("node1") && wide.contains("10.42."),
        "{wide}"
    );
    let template = "{{range .items}}{{.metadata.name}}{{\"\\n\"}}{{end}}";
    let name = cluster.kubectl(&["get", "pods", "-o", "go-template", "--template", template]);
    let by_path = cluster.kubectl(&["get", "pods", "-o", "jsonpath={.items[0].metadata.name}"]);
    assert_eq!(name.trim(), by_path);
    by_path
}

fn look_inside(cluster: &Cluster, pod: &str) {
    let path = format!("/api/v1/namespaces/default/pods/{pod}:80/proxy/");
    cluster.wait_for(
        "the page through the API",
        &["get", "--raw", &path],
        |page| page.contains("Welcome to nginx!"),
    );
    let through_proxy = through_proxy(cluster, &path);
    assert!(
        through_proxy.contains("Welcome to nginx!"),
        "{through_proxy}"
    );
    let described = cluster.kubectl(&["describe", "pods"]);
    for part in [
        "Successfully assigned default/",
        "Scheduled",
        "Pulled",
        "Created",
        "Started",
        "Ready          True",
    ] {
        let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            squeezed(&described).contains(&squeezed(part)),
            "{part} is missing in:\n{described}"
        );
    }
    cluster.wait_for("the log of a request", &["logs", pod], |text| {
        text.contains("GET / HTTP")
    });
    let environment = cluster.kubectl(&["exec", pod, "--", "env"]);
    assert!(
        environment.contains("KUBERNETES_SERVICE_HOST=10.43.0.1"),
        "{environment}"
    );
    assert!(
        environment.contains(&format!("HOSTNAME={pod}")),
        "{environment}"
    );
    let tty = ["exec", "-ti", pod, "--", "bash", "-c", "tty && echo done"];
    let terminal = on_a_terminal(&cluster.kubectl_command(&tty));
    assert!(
        terminal.contains("/dev/pts/") && terminal.contains("done"),
        "{terminal}"
    );
    let failed = cluster.kubectl_output(&["exec", pod, "--", "sh", "-c", "exit 7"]);
    assert_eq!(failed.status.code(), Some(7));
    cluster.kubectl(&["exec", pod, "--", "sh", "-c", "echo here > /tmp/file"]);
    assert_eq!(
        cluster.kubectl(&["exec", pod, "--", "cat", "/tmp/file"]),
        "here\n"
    );
    port_forward(cluster, pod);
}

/// `kubectl port-forward`, asked once.
fn port_forward(cluster: &Cluster, pod: &str) {
    let mut forward = cluster.kubectl_command(&["port-forward", pod, ":80"]);
    let (said, page) = while_it_runs(&mut forward, |line| {
        (line.to_owned(), cluster.curl(&forwarded(line)))
    });
    assert!(
        page.is_some_and(|page| page.contains("Welcome to nginx!")),
        "port-forward said {said:?}"
    );
}

/// `kubectl proxy`, asked once.
fn through_proxy(cluster: &Cluster, path: &str) -> String {
    let mut proxy = cluster.kubectl_command(&["proxy", "--port=0"]);
    let (said, page) = while_it_runs(&mut proxy, |line| {
        let address = line.trim().rsplit(' ').next().unwrap_or_default();
        let page = cluster.curl(&format!("http://{address}{path}"));
        (line.to_owned(), page)
    });
    page.unwrap_or_else(|| panic!("kubectl proxy said {said:?} and did not answer"))
}

fn node_port(cluster: &Cluster) -> String {
    cluster.kubectl(&[
        "get",
        "service",
        "web",
        "-o",
        "jsonpath={.spec.ports[0].nodePort}",
    ])
}

fn expose(cluster: &Cluster) {
    let exposed = cluster.kubectl(&[
        "expose",
        "deployment/web",
        "--type=NodePort",
        "--port",
        "80",
    ]);
    assert_eq!(exposed, "service/web exposed\n");
    let url = format!("http://127.0.0.1:{}/", node_port(cluster));
    cluster.wait_for(
        "the service's endpoint",
        &["get", "endpointslices", "-o", "yaml"],
        |text| text.contains("10.42."),
    );
    eventually(cluster, &url, |page| page.contains("Welcome to nginx!"));
    let services = cluster.kubectl(&["get", "services"]);
    let header: Vec<_> = services
        .lines()
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    assert_eq!(
        header,
        [
            "NAME",
            "TYPE",
            "CLUSTER-IP",
            "EXTERNAL-IP",
            "PORT(S)",
            "AGE"
        ]
    );
    let described = cluster.kubectl(&["describe", "services/web"]);
    assert!(described.contains("NodePort:"), "{described}");
    let pods = cluster.kubectl(&["get", "pods", "-l", "app=web", "--no-headers"]);
    assert_eq!(pods.lines().count(), 1);
    let name = pods.split_whitespace().next().unwrap().to_owned();
    assert_eq!(
        cluster.kubectl(&["label", "pods", &name, "version=v1"]),
        format!("pod/{name} labeled\n")
    );
    assert!(
        cluster
            .kubectl(&["get", "pods", "-l", "version=v1"])
            .contains(&name)
    );
    assert_eq!(
        cluster
            .kubectl(&["delete", "service", "-l", "app=web"])
            .trim_end_matches(" from default namespace\n")
            .trim_end(),
        "service \"web\" deleted"
    );
    cluster.kubectl(&[
        "expose",
        "deployment/web",
        "--type=NodePort",
        "--port",
        "80",
    ]);
}

/// Asks a URL until it answers as wanted.
fn eventually(cluster: &Cluster, url: &str, holds: impl Fn(&str) -> bool) {
    for _ in 0..400 {
        if cluster.curl(url).is_some_and(|page| holds(&page)) {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("{url} does not answer as wanted\n{}", cluster.story());
}

fn scale(cluster: &Cluster) {
    assert_eq!(
        cluster.kubectl(&["scale", "deployments/web", "--replicas=4"]),
        "deployment.apps/web scaled\n"
    );
    cluster.kubectl(&["rollout", "status", "deployment/web", "--timeout=100s"]);
    let pods = cluster.kubectl(&[
        "get",
        "pods",
        "-l",
        "app=web",
        "-o",
        "jsonpath={.items[*].metadata.name}",
    ]);
    let pods: Vec<_> = pods.split(' ').collect();
    assert_eq!(pods.len(), 4);
    for pod in &pods {
        let say = format!("echo {pod} > /var/www/html/who");
        cluster.kubectl(&["exec", pod, "--", "sh", "-c", &say]);
    }
    let url = format!("http://127.0.0.1:{}/who", node_port(cluster));
    let mut answered = BTreeSet::new();
    for _ in 0..400 {
        answered.extend(cluster.curl(&url).map(|page| page.trim().to_owned()));
        if answered.len() == 4 {
            break;
        }
    }
    assert_eq!(answered.len(), 4, "the load is spread over {answered:?}");
    cluster.kubectl(&["scale", "deployments/web", "--replicas=2"]);
    cluster.wait_for(
        "two pods",
        &["get", "pods", "-l", "app=web", "--no-headers"],
        |text| text.lines().count() == 2,
    );
}

fn update_and_undo(cluster: &Cluster) {
    assert_eq!(
        cluster.kubectl(&["set", "image", "deployments/web", "nginx=nginx:missing"]),
        "deployment.apps/web image updated\n"
    );
    cluster.wait_for(
        "the pull to fail",
        &["get", "pods", "-l", "app=web"],
        |text| text.contains("ImagePullBackOff") || text.contains("ErrImagePull"),
    );
    cluster.kubectl_refused(&["rollout", "status", "deployments/web", "--timeout=1s"]);
    // The newest kubectl shows events only when it describes a single object.
    let pending = [
        "get",
        "pods",
        "--field-selector=status.phase=Pending",
        "-o",
        "jsonpath={.items[0].metadata.name}",
    ];
    let described = cluster.kubectl(&["describe", "pod", &cluster.kubectl(&pending)]);
    assert!(
        described.contains("Failed to pull image \"nginx:missing\""),
        "{described}"
    );
    assert_eq!(
        cluster.kubectl(&["rollout", "undo", "deployments/web"]),
        "deployment.apps/web rolled back\n"
    );
    cluster.kubectl(&["rollout", "status", "deployments/web", "--timeout=100s"]);
    cluster.wait_for(
        "two good pods",
        &["get", "pods", "-l", "app=web", "--no-headers"],
        |text| text.lines().count() == 2 && text.lines().all(|line| line.contains("Running")),
    );
}

fn self_heal(cluster: &Cluster) {
    let pods = cluster.kubectl(&[
        "get",
        "pods",
        "-l",
        "app=web",
        "-o",
        "jsonpath={.items[*].metadata.name}",
    ]);
    let doomed = pods.split(' ').next().unwrap().to_owned();
    cluster.kubectl(&["delete", "pod", &doomed]);
    cluster.wait_for(
        "a replacement",
        &["get", "pods", "-l", "app=web", "--no-headers"],
        |text| {
            !text.contains(&doomed) && text.lines().filter(|line| line.contains("1/1")).count() == 2
        },
    );
    let run = [
        "run",
        "short",
        "--image=nginx",
        "--image-pull-policy=IfNotPresent",
        "--restart=Never",
        "--command",
        "--",
        "sh",
        "-c",
        "echo ran; exit 3",
    ];
    cluster.kubectl(&run);
    cluster.wait_for("the pod to fail", &["get", "pod", "short"], |text| {
        text.contains("Error")
    });
    assert_eq!(cluster.kubectl(&["logs", "short"]), "ran\n");
    let code = "jsonpath={.status.containerStatuses[0].state.terminated.exitCode}";
    assert_eq!(cluster.kubectl(&["get", "pod", "short", "-o", code]), "3");
}

fn clean_up(cluster: &Cluster) {
    cluster.kubectl(&["delete", "deployment/web", "service/web", "pod/short"]);
    cluster.wait_for("the pods to go", &["get", "pods", "--no-headers"], |text| {
        text.trim().is_empty()
    });
    let explained = cluster.kubectl(&["explain", "deployment.spec.replicas"]);
    assert!(explained.contains("Number of desired pods"), "{explained}");
    let manifest = cluster.folder().join("manifest.yaml");
    std::fs::write(
        &manifest,
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {colour: blue}\n",
    )
    .unwrap();
    let path = path_text(&manifest);
    assert_eq!(
        cluster.kubectl(&["apply", "-f", path]),
        "configmap/settings created\n"
    );
    assert_eq!(
        cluster.kubectl(&["apply", "-f", path]),
        "configmap/settings unchanged\n"
    );
    std::fs::write(
        &manifest,
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {colour: red}\n",
    )
    .unwrap();
    assert_eq!(
        cluster.kubectl_output(&["diff", "-f", path]).status.code(),
        Some(1)
    );
    assert_eq!(
        cluster.kubectl(&["apply", "-f", path]),
        "configmap/settings configured\n"
    );
    std::fs::write(
        &manifest,
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndatum: {colour: red}\n",
    )
    .unwrap();
    let refused = cluster.kubectl_refused(&["apply", "-f", path]);
    assert!(refused.contains("unknown field \"datum\""), "{refused}");
}

fn path_text(path: &Path) -> &str {
    path.to_str().unwrap()
}
