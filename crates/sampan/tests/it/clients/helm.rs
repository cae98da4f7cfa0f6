//! Helm 3 and 4 with a chart of ours.

use super::{
    fetched, skip,
    transcript::{Version, play},
};
use crate::{
    cluster::lacks,
    control_plane::{ControlPlane, kubectl},
};

#[test]
fn version_3() {
    check("3.17");
}

#[test]
fn version_4_1() {
    check("4.1");
}

#[test]
fn version_4_2() {
    check("4.2");
}

fn check(version: &str) {
    if let Some(lack) = lacks() {
        return skip(&lack);
    }
    let Some(helm) = fetched("helm", version) else {
        return skip(&format!("no Helm {version}"));
    };
    let plane = ControlPlane::start(&[]);
    let programs = [("helm", helm.as_path()), ("kubectl", &kubectl())];
    play(&plane, "helm", &programs, Version::parse(version));
}
