//! kubectl in several versions: every file of `kubectl/` is typed by each of them, in a namespace of its own.

use super::{
    fetched, skip,
    transcript::{Version, play},
};
use crate::{cluster::lacks, control_plane::ControlPlane};
use std::{path::Path, process::Command};

#[test]
fn version_1_30() {
    check("1.30");
}

#[test]
fn version_1_33() {
    check("1.33");
}

#[test]
fn version_1_36() {
    check("1.36");
}

#[test]
fn version_1_37() {
    check("1.37");
}

/// The one that this system installs, whatever its version.
#[test]
fn of_the_system() {
    let path = Path::new("/usr/bin/kubectl");
    if !path.exists() {
        return eprintln!("SKIPPED: this system has no kubectl");
    }
    let output = Command::new(path)
        .args(["version", "--client"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let minor = text
        .split_once("v1.")
        .and_then(|(_, rest)| rest.split('.').next());
    drive(path, Version::parse(&format!("1.{}", minor.unwrap())));
}

fn check(version: &str) {
    match fetched("kubectl", version) {
        Some(path) => drive(&path, Version::parse(version)),
        None => skip(&format!("no kubectl {version}")),
    }
}

fn drive(kubectl: &Path, version: Version) {
    match lacks() {
        Some(lack) => skip(&lack),
        None => play(
            &ControlPlane::start(&[]),
            "kubectl",
            &[("kubectl", kubectl)],
            version,
        ),
    }
}
