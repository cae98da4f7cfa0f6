//! kubectl in several versions: every file of `kubectl/` is typed by each of them, in a namespace of its own.

use super::{
    fetched, skip,
    transcript::{Version, commands, play},
};
use crate::{cluster::lacks, control_plane::ControlPlane};
use std::{path::Path, process::Command};

/// What each version must have typed, and in which forms it must have been answered.
const VERBS: [&str; 17] = [
    "annotate",
    "apply",
    "autoscale",
    "create",
    "delete",
    "diff",
    "drain",
    "edit",
    "explain",
    "expose",
    "get",
    "label",
    "patch",
    "rollout",
    "run",
    "set",
    "wait",
];
const OUTPUTS: [&str; 11] = [
    "custom-columns=",
    "custom-columns-file=",
    "go-template=",
    "go-template-file=",
    "json ",
    "jsonpath=",
    "jsonpath-as-json=",
    "jsonpath-file=",
    "name\n",
    "wide\n",
    "yaml ",
];

#[test]
fn every_version_types_every_verb() {
    for version in ["1.30", "1.33", "1.36", "1.37"] {
        let typed = commands("kubectl", Version::parse(version));
        let has = |part: String| assert!(typed.contains(&part), "{version}: no {part}");
        let verbs = VERBS.iter().map(|verb| format!("kubectl {verb} "));
        let outputs = OUTPUTS.iter().map(|output| format!(" -o {output}"));
        verbs.chain(outputs).for_each(&has);
        has("kubectl drain label-node --dry-run".to_owned());
    }
}

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
