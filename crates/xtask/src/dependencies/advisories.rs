//! Known vulnerabilities: the RustSec database, one Markdown file with a TOML head for each advisory.

use super::Package;
use anyhow::{Context, Result, ensure};
use semver::{Version, VersionReq};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
};
use toml::{Table, Value};

const ORIGIN: &str = "https://github.com/RustSec/advisory-db";
/// Seconds that fetching may take: it is a few megabytes.
const FETCH_LIMIT_SECONDS: &str = "60";

/// Advisories that do not concern us, and why.
const EXCEPTIONS: &[(&str, &str)] = &[];

/// The database, fetched or brought up to date. `SAMPAN_ADVISORY_DB` names a copy to use as it is.
pub(super) fn database() -> Result<PathBuf> {
    if let Some(given) = std::env::var_os("SAMPAN_ADVISORY_DB") {
        let path = PathBuf::from(given);
        ensure!(
            path.join("crates").is_dir(),
            "{} is no advisory database",
            path.display()
        );
        return Ok(path);
    }
    let home = std::env::var_os("HOME").context("no HOME to keep the database in")?;
    let path = Path::new(&home).join(".cache/sampan/advisory-db");
    let mut git = Command::new("timeout");
    git.args([FETCH_LIMIT_SECONDS, "git"]);
    if path.join(".git").is_dir() {
        git.arg("-C")
            .arg(&path)
            .args(["pull", "--quiet", "--ff-only"]);
    } else {
        git.args(["clone", "--quiet", "--depth", "1", ORIGIN])
            .arg(&path);
    }
    let output = git.output().context("cannot run git")?;
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.trim().lines().last().unwrap_or("no answer in time");
    ensure!(
        output.status.success(),
        "{ORIGIN} cannot be fetched: {last}"
    );
    Ok(path)
}

/// Advisories that hold for a version that we use. Those that only inform are printed.
pub(super) fn judge(database: &Path, packages: &BTreeSet<Package>) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    for package in packages.iter().filter(|it| it.source.is_some()) {
        let folder = database.join("crates").join(&package.name);
        let Ok(entries) = std::fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries {
            let path = entry?.path();
            let text = std::fs::read_to_string(&path)?;
            let advisory = parse(&text).with_context(|| format!("{}", path.display()))?;
            if !advisory.holds(&package.version)? {
                continue;
            }
            let line = format!("{} {}: {}", package.name, package.version, advisory.title);
            if advisory.informs {
                println!("dependencies: note: {line}");
            } else if !EXCEPTIONS.iter().any(|(id, _)| line.contains(id)) {
                findings.push(line);
            }
        }
    }
    Ok(findings)
}

struct Advisory {
    title: String,
    /// It tells of something else than a vulnerability, e.g. that nobody maintains the crate.
    informs: bool,
    withdrawn: bool,
    unconcerned: Vec<VersionReq>,
}

impl Advisory {
    fn holds(&self, version: &str) -> Result<bool> {
        let version = Version::parse(version)?;
        Ok(!self.withdrawn && !self.unconcerned.iter().any(|it| it.matches(&version)))
    }
}

fn parse(text: &str) -> Result<Advisory> {
    let head = text.trim_start().strip_prefix("```toml");
    let head = head.and_then(|rest| rest.split_once("\n```"));
    let (head, body) = head.context("no TOML head")?;
    let table: Table = head.parse()?;
    let about = table
        .get("advisory")
        .and_then(Value::as_table)
        .context("no [advisory]")?;
    let id = about.get("id").and_then(Value::as_str).unwrap_or_default();
    let title = body
        .lines()
        .find_map(|line| line.strip_prefix("# "))
        .unwrap_or_default();
    let mut unconcerned = Vec::new();
    for key in ["patched", "unaffected"] {
        let all = table
            .get("versions")
            .and_then(|it| it.get(key))
            .and_then(Value::as_array);
        for one in all.into_iter().flatten().filter_map(Value::as_str) {
            unconcerned.push(VersionReq::parse(one)?);
        }
    }
    Ok(Advisory {
        title: format!("{id}: {title}"),
        informs: about.contains_key("informational"),
        withdrawn: about.contains_key("withdrawn"),
        unconcerned,
    })
}
