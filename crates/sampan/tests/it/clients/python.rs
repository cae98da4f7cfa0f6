//! Python's official client, by a script of ours.

use super::skip;
use crate::{
    cluster::{cache, lacks},
    control_plane::ControlPlane,
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
