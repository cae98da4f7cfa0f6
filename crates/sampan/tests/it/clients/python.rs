//! Python's clients: the official one by a script of ours, kr8s by its own suite.

use super::{known, skip};
use crate::{
    cluster::{Cluster, cache, image, lacks},
    control_plane::{ControlPlane, kubectl},
    namespace::said,
};
use std::path::{Path, PathBuf};

fn interpreter() -> Option<PathBuf> {
    let python = cache().join("python/bin/python");
    (python.exists() && cache().join("python/lock").exists()).then_some(python)
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/clients")
}

#[test]
fn official() {
    let (None, Some(python)) = (lacks(), interpreter()) else {
        return skip("no root, tools or Python clients");
    };
    let plane = ControlPlane::start(&[]);
    let output = plane
        .inside(python)
        .arg(scripts().join("python/official.py"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}\nserver log:\n{}",
        said(&output),
        plane.log()
    );
}

/// The suite that kr8s has for itself, on a node that has the images it names.
#[test]
fn kr8s_suite() {
    let (None, Some(python)) = (lacks(), interpreter()) else {
        return skip("no root, tools or Python clients");
    };
    let (Some(nginx), Some(ubuntu), Some(pause)) =
        (image("nginx"), image("ubuntu"), image("pause"))
    else {
        return skip("no test images (make images)");
    };
    let mut cluster = Cluster::start_with(&kubectl(), &["--authorization-mode=RBAC,AlwaysAllow"]);
    let library = |tag: &str| format!("docker.io/library/nginx:{tag}");
    let names = ["latest", "stable", "1.14.2"].map(library);
    cluster.import_as(&nginx, &names.each_ref().map(String::as_str));
    cluster.import(&ubuntu);
    cluster.import(&pause);
    furnish(&cluster);
    let programs = kubectl().parent().unwrap().display().to_string();
    let path = std::env::var("PATH").unwrap();
    let output = cluster
        .inside(python)
        .args(["-m", "pytest", "-q", "-rfEp", "--tb=short", "--timeout=60"])
        .args(["-p", "pytest_kind.plugin", "-p", "no:cacheprovider"])
        .args(["-o", "addopts=", "-o", "xfail_strict=false", "kr8s/tests"])
        .current_dir(cache().join("kr8s"))
        .env("PYTHONPATH", scripts().join("kr8s"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("PATH", format!("{programs}:{path}"))
        .env("KUBECTL", kubectl())
        .output()
        .unwrap();
    let text = said(&output);
    let results = text.lines().filter_map(result);
    known::judge("kr8s", results, &format!("{text}\n{}", cluster.story()));
    cluster.uninstall();
}

/// What the suite expects of every cluster: pods of the system, one of which runs.
fn furnish(cluster: &Cluster) {
    for (namespace, name) in [("kube-system", "one"), ("default", "two")] {
        let image = [
            "--image=gcr.io/google_containers/pause",
            "--image-pull-policy=IfNotPresent",
        ];
        cluster.kubectl(&["run", name, "--namespace", namespace, image[0], image[1]]);
    }
    let phase = ["get", "pod/one", "--namespace=kube-system"];
    cluster.wait_for("a pod of the system", &phase, |text| {
        text.contains("Running")
    });
}

/// A test's name and whether it passed, from a line of pytest's summary.
fn result(line: &str) -> Option<(String, bool)> {
    let (word, rest) = line.split_once(' ')?;
    let name = rest.split(" - ").next()?.trim();
    let name = name.strip_prefix("kr8s/tests/")?.to_owned();
    match word {
        "PASSED" => Some((name, true)),
        "FAILED" | "ERROR" => Some((name, false)),
        _ => None,
    }
}
