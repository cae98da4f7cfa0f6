//! Python's clients: the official one by a script of ours, kr8s by its own suite.

use super::{known, skip};
use crate::{
    cluster::{cache, lacks},
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

/// The suite that kr8s has for itself, but for the tests that wait for a container.
#[test]
fn kr8s_suite() {
    let (None, Some(python)) = (lacks(), interpreter()) else {
        return skip("no root, tools or Python clients");
    };
    let plane = ControlPlane::start(&["--authorization-mode=RBAC,AlwaysAllow"]);
    furnish(&plane);
    let programs = kubectl().parent().unwrap().display().to_string();
    let path = std::env::var("PATH").unwrap();
    let output = plane
        .inside(python)
        .args(["-m", "pytest", "-q", "-rfEp", "--tb=short", "--timeout=20"])
        .args(["-p", "pytest_kind.plugin", "-p", "no:cacheprovider"])
        .args(["-o", "addopts=", "-o", "xfail_strict=false", "kr8s/tests"])
        .current_dir(cache().join("kr8s"))
        .env("PYTHONPATH", scripts().join("kr8s"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("PATH", format!("{programs}:{path}"))
        .env("KUBECTL", kubectl())
        .env("KUBECONFIG", plane.kubeconfig())
        .env("HOME", plane.path(""))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    let results = text.lines().filter_map(result);
    known::judge(
        "kr8s",
        results,
        &format!("{text}\n{errors}\n{}", plane.log()),
    );
}

/// What the suite expects of every cluster: a node, and pods of the system.
fn furnish(plane: &ControlPlane) {
    let node = "printf '{apiVersion: v1, kind: Node, metadata: {name: node}}' | \"$0\" create -f -";
    let pods = "\"$0\" run one --image=one --namespace=kube-system && \"$0\" run two --image=two";
    let runs = "\"$0\" patch pod one --namespace=kube-system --subresource=status --patch='{\"status\": {\"phase\": \"Running\"}}'";
    let made = plane
        .inside("bash")
        .args(["-c", &format!("{node} && {pods} && {runs}")])
        .arg(kubectl())
        .env("KUBECONFIG", plane.kubeconfig())
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}\n{}", plane.log());
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
