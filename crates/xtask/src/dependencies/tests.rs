//! Each rule refuses what it is there for.

use super::{Package, REGISTRY, advisories, judge, licence::is_allowed};
use std::collections::BTreeSet;

fn package(name: &str, version: &str, licence: &str) -> Package {
    Package {
        name: name.to_owned(),
        version: version.to_owned(),
        licence: licence.to_owned(),
        source: Some(REGISTRY.to_owned()),
    }
}

/// Findings but for the duplicates that these few packages lack.
fn findings(packages: &[Package]) -> Vec<String> {
    let all: BTreeSet<Package> = packages.iter().cloned().collect();
    let mut found = judge(&all);
    found.retain(|it| !it.contains("no duplicate any more"));
    found
}

#[test]
fn licence_expressions() {
    let allowed = [
        "MIT",
        "Apache-2.0",
        "Apache-2.0 WITH LLVM-exception",
        "Unicode-3.0",
    ];
    for (expression, expected) in [
        ("MIT", true),
        ("MIT/Apache-2.0", true),
        ("GPL-3.0 OR MIT", true),
        ("GPL-3.0 AND MIT", false),
        ("(MIT OR GPL-3.0) AND Unicode-3.0", true),
        ("(MIT OR GPL-3.0) AND LGPL-2.1", false),
        ("Apache-2.0 WITH LLVM-exception", true),
        ("MIT WITH LLVM-exception", false),
        ("", false),
        ("MIT OR", false),
        ("(MIT", false),
        ("MIT Apache-2.0", false),
    ] {
        assert_eq!(is_allowed(expression, &allowed), expected, "{expression:?}");
    }
}

#[test]
fn packages() {
    assert!(findings(&[package("good", "1.0.0", "MIT OR Apache-2.0")]).is_empty());
    let copyleft = findings(&[package("viral", "1.0.0", "GPL-3.0")]);
    assert_eq!(copyleft, ["viral 1.0.0 has the licence \"GPL-3.0\""]);
    let banned = findings(&[package("openssl", "0.10.1", "Apache-2.0")]);
    assert_eq!(
        banned,
        ["openssl 0.10.1 is banned; in its place: rustls with aws-lc-rs"]
    );
    let twice = findings(&[package("a", "1.0.0", "MIT"), package("a", "2.0.0", "MIT")]);
    assert_eq!(twice, ["a is here 2 times: 1.0.0, 2.0.0"]);
    let elsewhere = Package {
        source: Some("git+https://example.com/a".to_owned()),
        ..package("a", "1.0.0", "MIT")
    };
    let found = findings(&[elsewhere]);
    assert_eq!(
        found,
        ["a 1.0.0 comes from git+https://example.com/a; only crates.io may be used"]
    );
}

#[test]
fn advisories_hold_for_versions() {
    let database = tempfile::tempdir().unwrap();
    let folder = database.path().join("crates/a");
    std::fs::create_dir_all(&folder).unwrap();
    let advisory = "```toml\n[advisory]\nid = \"RUSTSEC-2026-0001\"\npackage = \"a\"\n\n[versions]\npatched = [\">= 1.2.0\"]\nunaffected = [\"< 1.1.0\"]\n```\n\n# It breaks\n";
    std::fs::write(folder.join("RUSTSEC-2026-0001.md"), advisory).unwrap();
    for (version, expected) in [("1.0.9", 0), ("1.1.5", 1), ("1.2.0", 0)] {
        let all = BTreeSet::from([package("a", version, "MIT")]);
        let found = advisories::judge(database.path(), &all).unwrap();
        assert_eq!(found.len(), expected, "{version}: {found:?}");
    }
    let notice = advisory.replace("package =", "informational = \"unmaintained\"\npackage =");
    std::fs::write(folder.join("RUSTSEC-2026-0001.md"), notice).unwrap();
    let all = BTreeSet::from([package("a", "1.1.5", "MIT")]);
    assert!(advisories::judge(database.path(), &all).unwrap().is_empty());
}
