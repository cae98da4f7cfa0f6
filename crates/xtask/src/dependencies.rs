//! What may be among our dependencies: licences, sources, banned crates, duplicates, known vulnerabilities.
//! Why not cargo-deny: `docs/decisions/0005-own-dependency-check.md`.

mod advisories;
mod licence;
#[cfg(test)]
mod tests;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::Command,
};

/// The only place that crates come from.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// What we build for.
const PLATFORMS: [&str; 2] = ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"];

/// Licences that ask for no more than a notice.
const LICENCES: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Crates whose licence is another, or is no expression, and why they may stay.
const LICENCE_EXCEPTIONS: &[(&str, &str)] = &[
    (
        "pathrs",
        "MPL-2.0, of libcontainer: asks for the sources of its own files, which we do not change",
    ),
    ("rust-criu", "MIT in its LICENSE file, of libcontainer"),
];

/// Crates that may not come in, and what stands in their place.
const BANNED: &[(&str, &str)] = &[
    ("async-std", "tokio"),
    ("chrono-tz", "jiff"),
    ("git2", "nothing of ours needs it"),
    ("lazy_static_include", "include_bytes!"),
    ("native-tls", "rustls"),
    ("openssl", "rustls with aws-lc-rs"),
    ("openssl-sys", "rustls with aws-lc-rs"),
    ("ring", "aws-lc-rs"),
    ("rocksdb", "store"),
    ("rusqlite", "store"),
    ("serde_yaml", "serde-saphyr"),
    ("serde_yml", "serde-saphyr"),
    ("structopt", "clap"),
    ("tonic", "nothing of ours needs it"),
];

/// Crates that are here in several versions because others have not moved on. The list may only shrink.
const DUPLICATES: &[&str] = &[
    "base64",
    "block-buffer",
    "cpufeatures",
    "crypto-common",
    "digest",
    "linux-raw-sys",
    "nix",
    "pem",
    "rustix",
    "sha2",
    "syn",
    "synstructure",
    "thiserror",
    "thiserror-impl",
    "tower-http",
    "untrusted",
];

/// A crate among our dependencies.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Package {
    name: String,
    version: String,
    licence: String,
    /// Nothing for our own.
    source: Option<String>,
}

/// Checks everything; says what could not be checked.
pub(crate) fn run(root: &Path) -> Result<()> {
    let packages = packages(root)?;
    let mut findings = judge(&packages);
    match advisories::database() {
        Ok(database) => findings.extend(advisories::judge(&database, &packages)?),
        // Said, and not a failure: a machine without that network is no worse than it was.
        Err(error) => {
            println!("dependencies: known vulnerabilities were NOT checked: {error:#}")
        }
    }
    if findings.is_empty() {
        println!(
            "dependencies: {} crates, none of concern",
            packages.iter().filter(|it| it.source.is_some()).count()
        );
        return Ok(());
    }
    for finding in &findings {
        println!("dependencies: {finding}");
    }
    bail!("{} findings among the dependencies", findings.len())
}

fn packages(root: &Path) -> Result<BTreeSet<Package>> {
    // The metadata's own graph has crates that weak features name and nobody builds, so the tree says who is used.
    let tree = cargo(
        root,
        &[
            "tree",
            "--workspace",
            "--locked",
            "--prefix",
            "none",
            "--format",
            "{p}",
        ],
        "--target",
    )?;
    let tree = String::from_utf8_lossy(&tree);
    let used: BTreeSet<(&str, &str)> = tree.lines().filter_map(name_and_version).collect();
    let metadata = cargo(
        root,
        &["metadata", "--format-version", "1", "--locked"],
        "--filter-platform",
    )?;
    let metadata: Value = serde_json::from_slice(&metadata).context("cargo metadata")?;
    let all = metadata["packages"].as_array().context("no packages")?;
    let text = |it: &Value| it.as_str().map(str::to_owned);
    let packages = all.iter().map(|it| Package {
        name: text(&it["name"]).unwrap_or_default(),
        version: text(&it["version"]).unwrap_or_default(),
        licence: text(&it["license"]).unwrap_or_default(),
        source: text(&it["source"]),
    });
    Ok(packages
        .filter(|it| used.contains(&(it.name.as_str(), it.version.as_str())))
        .collect())
}

/// Of a line of `cargo tree`: `serde v1.0.0 (proc-macro)`.
fn name_and_version(line: &str) -> Option<(&str, &str)> {
    let mut words = line.split(' ');
    Some((words.next()?, words.next()?.strip_prefix('v')?))
}

fn cargo(root: &Path, arguments: &[&str], platform_flag: &str) -> Result<Vec<u8>> {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root);
    for platform in PLATFORMS {
        command.args([platform_flag, platform]);
    }
    let output = command.output().context("cannot run cargo")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "cargo {}: {}",
        arguments[0],
        said.trim()
    );
    Ok(output.stdout)
}

/// What is wrong with them, as far as they themselves tell.
fn judge(packages: &BTreeSet<Package>) -> Vec<String> {
    let mut findings = Vec::new();
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for it in packages {
        let Some(source) = &it.source else { continue };
        let shown = format!("{} {}", it.name, it.version);
        versions.entry(&it.name).or_default().push(&it.version);
        if source != REGISTRY {
            findings.push(format!(
                "{shown} comes from {source}; only crates.io may be used"
            ));
        }
        if let Some((_, instead)) = BANNED.iter().find(|(name, _)| *name == it.name) {
            findings.push(format!("{shown} is banned; in its place: {instead}"));
        }
        let excepted = LICENCE_EXCEPTIONS.iter().any(|(name, _)| *name == it.name);
        if !excepted && !licence::is_allowed(&it.licence, LICENCES) {
            findings.push(format!("{shown} has the licence {:?}", it.licence));
        }
    }
    for (name, versions) in &versions {
        if versions.len() > 1 && !DUPLICATES.contains(name) {
            findings.push(format!(
                "{name} is here {} times: {}",
                versions.len(),
                versions.join(", ")
            ));
        }
    }
    let stale = |name: &&&str| versions.get(**name).is_none_or(|all| all.len() < 2);
    for name in DUPLICATES.iter().filter(stale) {
        findings.push(format!(
            "{name} is no duplicate any more: take it off the list in xtask"
        ));
    }
    findings
}
