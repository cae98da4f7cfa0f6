//! kube-rs: kube-client's own tests that need a cluster, on a node that has the image they name.

use super::{cached, known, skip};
use crate::{
    cluster::{Cluster, image, lacks},
    control_plane::kubectl,
    namespace::said,
};

#[test]
fn kube_client_suite() {
    let (None, Some(suite)) = (lacks(), cached("kube-client/suite")) else {
        return skip("no root, tools or kube-client");
    };
    let Some(busybox) = image("busybox") else {
        return skip("no test images (make images)");
    };
    let mut cluster = Cluster::start(&kubectl());
    cluster.import_as(&busybox, &["docker.io/library/busybox:stable"]);
    let output = cluster.inside(suite).arg("--ignored").output().unwrap();
    let text = said(&output);
    let results = text.lines().filter_map(result);
    known::judge(
        "kube-client",
        results,
        &format!("{text}\n{}", cluster.log()),
    );
    cluster.uninstall();
}

/// A test's name and whether it passed, from a line of the test harness.
fn result(line: &str) -> Option<(String, bool)> {
    let (name, outcome) = line.strip_prefix("test ")?.split_once(" ... ")?;
    let name = name.split(" - ").next()?.to_owned();
    match outcome {
        "ok" => Some((name, true)),
        "FAILED" => Some((name, false)),
        _ => None,
    }
}
