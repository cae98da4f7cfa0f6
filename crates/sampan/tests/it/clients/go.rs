//! client-go, the library that Kubernetes' own programs are written with: checks of ours, on a node.
//! `tools/clients/client-go` builds them, by hand: the packages that it needs are not to be had by version.

use super::{cached, known};
use crate::{
    cluster::{Cluster, image, lacks},
    control_plane::kubectl,
    namespace::said,
};

#[test]
fn client_go() {
    let (None, Some(suite), Some(busybox)) = (lacks(), cached("client-go/suite"), image("busybox"))
    else {
        return eprintln!("SKIPPED: no root, tools, test images or client-go");
    };
    let mut cluster = Cluster::start(&kubectl());
    cluster.import(&busybox);
    let output = cluster.inside(suite).env("NODE", "1").output().unwrap();
    let text = said(&output);
    let results = text.lines().filter_map(result);
    known::judge(
        "client-go",
        results,
        &format!("{text}\n{}", cluster.story()),
    );
    cluster.uninstall();
}

/// A check's name and whether it passed.
fn result(line: &str) -> Option<(String, bool)> {
    match line.split_once(' ')? {
        ("ok", name) => Some((name.to_owned(), true)),
        ("FAILED", rest) => Some((rest.split(':').next()?.to_owned(), false)),
        _ => None,
    }
}
