//! kube-rs: its crates' own tests that need a cluster, on a node that has the image they name.

use super::{cached, known, skip};
use crate::{
    cluster::{Cluster, image, lacks},
    control_plane::kubectl,
    namespace::said,
};

#[test]
fn own_suites() {
    let suites = ["kube-client", "kube-runtime"];
    let fetched = |name: &&str| cached(&format!("kube-rs/{name}")).is_some();
    if let Some(lack) = lacks() {
        return skip(&lack);
    }
    let (true, Some(busybox)) = (suites.iter().all(fetched), image("busybox")) else {
        return skip("no kube-rs or no test images (make images)");
    };
    let mut cluster = Cluster::start(&kubectl());
    cluster.import_as(&busybox, &["docker.io/library/busybox:stable"]);
    for name in suites {
        let suite = cached(&format!("kube-rs/{name}")).unwrap();
        let output = cluster.inside(suite).arg("--ignored").output().unwrap();
        let text = said(&output);
        let results = text.lines().filter_map(result);
        known::judge(name, results, &format!("{text}\n{}", cluster.story()));
    }
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
