//! Manifests of 2018: by our own command line against a server as it comes, and by stock kubectl against one that
//! tells of removed versions.

use super::{
    fetched, skip,
    transcript::{Version, play},
};
use crate::{cluster::lacks, control_plane::ControlPlane};
use std::path::Path;

#[test]
fn applied_by_our_own_command_line() {
    check("older", "1.36", &[]);
}

#[test]
fn advertised_to_1_33() {
    check("advertised", "1.33", &["--advertise-removed-apis"]);
}

#[test]
fn advertised_to_1_37() {
    check("advertised", "1.37", &["--advertise-removed-apis"]);
}

fn check(folder: &str, version: &str, flags: &[&str]) {
    let (Some(kubectl), None) = (fetched("kubectl", version), lacks()) else {
        return skip(&format!(
            "no kubectl {version}, or what a control plane needs"
        ));
    };
    let sampan = Path::new(env!("CARGO_BIN_EXE_sampan"));
    let programs = [("kubectl", kubectl.as_path()), ("sampan", sampan)];
    let plane = ControlPlane::start(flags);
    play(&plane, folder, &programs, Version::parse(version));
}
