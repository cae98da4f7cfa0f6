//! The host before `server` and after `uninstall`: rules, links, addresses, routes, mounts, cgroups, settings, files.

use crate::cluster::{Cluster, kubectls, lacks};
use std::{collections::BTreeMap, path::Path, process::Command};

#[test]
fn uninstall_leaves_the_host_as_it_was() {
    if let Some(lack) = lacks() {
        eprintln!("skipped: {lack}");
        return;
    }
    let mut cluster = Cluster::new(&kubectls()[0]);
    let before = host(&cluster);
    cluster.serve();
    cluster.kubectl(&[
        "create",
        "deployment",
        "web",
        crate::cluster::HELLO,
        "--replicas=2",
        "--port=8080",
    ]);
    cluster.kubectl(&[
        "expose",
        "deployment",
        "web",
        "--type=NodePort",
        "--port=80",
        "--target-port=8080",
    ]);
    cluster.kubectl(&["rollout", "status", "deployment/web", "--timeout=100s"]);
    assert_ne!(
        host(&cluster),
        before,
        "a running cluster shows on the host"
    );
    let said = cluster.uninstall();
    assert!(said.contains("Nothing of Sampan is left"), "{said}");
    let after = host(&cluster);
    for (what, was) in &before {
        assert_eq!(&after[what], was, "{what} differ");
    }
    assert!(!cluster.data_dir().exists() && !cluster.kubeconfig().exists());
}

/// What a cluster changes, as text to compare.
fn host(cluster: &Cluster) -> BTreeMap<&'static str, String> {
    let inside = |program: &str, arguments: &[&str]| {
        let output = cluster.inside(program).args(arguments).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    BTreeMap::from([
        ("links", inside("ip", &["-o", "link"])),
        ("addresses", inside("ip", &["-o", "address"])),
        ("routes", inside("ip", &["route", "show", "table", "all"])),
        (
            "rules",
            inside("cat", &["/proc/net/nf_conntrack_expect"]) + &tables(cluster),
        ),
        (
            "settings",
            inside(
                "sh",
                &[
                    "-c",
                    "cd /proc/sys/net && find . -type f -readable ! -name '*stat*' ! -path '*neigh*' -exec grep -H '' {} + 2>/dev/null | grep -vE 'sampan|veth|random|nf_conntrack_count|stable_secret' | sort",
                ],
            ),
        ),
        ("mounts", mounts(&cluster.folder())),
        ("cgroups", cgroups()),
        ("processes", processes()),
    ])
}

/// Tables of netfilter, asked with `nft` where it is installed.
fn tables(cluster: &Cluster) -> String {
    cluster
        .inside("nft")
        .args(["list", "tables"])
        .output()
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        .unwrap_or_default()
}

fn mounts(below: &Path) -> String {
    let table = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let points = table.lines().filter_map(|line| line.split(' ').nth(4));
    points
        .filter(|point| Path::new(point).starts_with(below))
        .collect::<Vec<_>>()
        .join("\n")
}

fn cgroups() -> String {
    let output = Command::new("sh")
        .args([
            "-c",
            "find /sys/fs/cgroup -mindepth 2 -maxdepth 3 -type d -path '*/sampan*' | sort",
        ])
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Shims and containers of ours.
fn processes() -> String {
    let output = Command::new("sh")
        .args(["-c", "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' | grep -c 'sampan[^ ]* shim' || true"])
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}
