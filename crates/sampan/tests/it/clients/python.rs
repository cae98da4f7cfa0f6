//! Python's clients: the official one by a script of ours, kr8s by its own suite.

use super::{known, skip};
use crate::{
    cluster::{Cluster, cache, image, lacks},
    control_plane::{ControlPlane, kubectl},
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
        "{}{}\nserver log:\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
        plane.log()
    );
}

/// The suite that kr8s has for itself, on a node that runs its pods.
#[test]
fn kr8s_suite() {
    let (None, Some(python)) = (lacks(), interpreter()) else {
        return skip("no root, tools or Python clients");
    };
    let images: Vec<PathBuf> = ["nginx", "pause", "ubuntu"]
        .into_iter()
        .filter_map(image)
        .collect();
    if images.len() < 3 {
        return skip("no test images (tools/images builds them)");
    }
    let mut cluster = Cluster::new(&kubectl());
    cluster.serve_with(&["--authorization-mode=RBAC,AlwaysAllow"]);
    for image in images {
        cluster.import(&image);
    }
    cluster.wait_for("the node to be ready", &["get", "nodes"], |text| {
        text.contains(" Ready ")
    });
    let output = cluster
        .inside(python)
        .args([
            "-m",
            "pytest",
            "-p",
            "pytest_kind.plugin",
            "-p",
            "no:cacheprovider",
            "-o",
            "addopts=",
        ])
        .args([
            "-o",
            "xfail_strict=false",
            "--timeout=40",
            "-q",
            "-rfEpxXs",
            "--tb=short",
            "kr8s/tests",
        ])
        .current_dir(cache().join("kr8s"))
        .env("PYTHONPATH", scripts().join("kr8s"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env(
            "PATH",
            format!(
                "{}:{}",
                kubectl().parent().unwrap().display(),
                std::env::var("PATH").unwrap()
            ),
        )
        .env("KUBECTL", kubectl())
        .env("KUBECONFIG", cluster.kubeconfig())
        .env("HOME", cluster.folder())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let results = text.lines().filter_map(|line| {
        let (word, rest) = line.split_once(' ')?;
        let name = rest
            .split(" - ")
            .next()?
            .trim()
            .strip_prefix("kr8s/tests/")?
            .to_owned();
        match word {
            "PASSED" => Some((name, true)),
            "FAILED" | "ERROR" => Some((name, false)),
            _ => None,
        }
    });
    known::judge(
        "kr8s",
        results,
        &format!("{text}\n{}", String::from_utf8_lossy(&output.stderr)),
    );
    cluster.uninstall();
}
