//! Which crate may import which. Imports point to a lower layer, never sideways or up; what a crate may
//! import includes what that crate may.

use super::Finding;
use std::collections::BTreeSet;

/// Crate, and what it may import directly; the closure is allowed too.
const LAYERS: &[(&str, &[&str])] = &[
    ("stdx", &[]),
    ("api", &[]),
    ("machinery", &["stdx", "api"]),
    ("store", &["stdx"]),
    ("kinds", &["machinery"]),
    ("runtime", &["stdx"]),
    ("network", &["stdx"]),
    ("client", &["machinery"]),
    ("apiserver", &["store", "kinds"]),
    ("reconcile", &["client"]),
    ("controllers", &["reconcile"]),
    ("scheduler", &["reconcile"]),
    ("kubelet", &["reconcile", "runtime", "network"]),
    ("proxy", &["reconcile", "network"]),
    ("dns", &["reconcile", "network"]),
    ("ingress", &["reconcile", "network"]),
    ("cli", &["client", "kinds"]),
    ("sampan", ALL),
    ("fuzz", &["stdx"]),
    ("testkit", ALL),
    ("bench", ALL),
    ("xtask", &[]),
];

/// Everything that is part of the product.
const ALL: &[&str] = &[
    "apiserver",
    "cli",
    "controllers",
    "dns",
    "ingress",
    "kubelet",
    "proxy",
    "scheduler",
];

/// The closure of what a crate may import; `None` for a crate that is not in the table.
fn allowed(name: &str) -> Option<BTreeSet<&'static str>> {
    let (_, direct) = LAYERS.iter().find(|(krate, _)| *krate == name)?;
    let mut all = BTreeSet::new();
    for import in *direct {
        all.insert(*import);
        all.extend(allowed(import)?);
    }
    Some(all)
}

/// Refuses every edge of a crate's manifest that the table does not have.
pub(super) fn check(path: &str, manifest: &str) -> Vec<Finding> {
    let krate = path.split('/').rev().nth(1).unwrap_or_default();
    let finding = |line, text| Finding {
        path: path.to_owned(),
        line,
        text,
    };
    let Some(allowed) = allowed(krate) else {
        let text =
            format!("{krate} has no layer: add it to the table in xtask and in ARCHITECTURE.md");
        return vec![finding(1, text)];
    };
    let mut findings = Vec::new();
    let mut section = String::new();
    for (line, text) in (1..).zip(manifest.lines().map(str::trim)) {
        if text.starts_with('[') {
            section = text.trim_matches(['[', ']']).to_owned();
            continue;
        }
        let Some(import) = dependency(&section, text) else {
            continue;
        };
        let internal = LAYERS.iter().any(|(name, _)| *name == import);
        let for_tests =
            section.ends_with("dev-dependencies") && ["fuzz", "testkit"].contains(&import);
        if internal && import != krate && !allowed.contains(import) && !for_tests {
            let text = format!("{krate} may not import {import}");
            findings.push(finding(line, text));
        }
    }
    findings
}

/// The crate that a line of a manifest depends on.
fn dependency<'a>(section: &'a str, line: &'a str) -> Option<&'a str> {
    let (table, named) = match section.rsplit_once("dependencies.") {
        Some((table, named)) => (format!("{table}dependencies"), Some(named)),
        None => (section.to_owned(), None),
    };
    if !table.ends_with("dependencies") {
        return None;
    }
    let name = named.unwrap_or_else(|| line.split(['.', '=', ' ']).next().unwrap_or_default());
    let name = name.trim_matches('"');
    (!name.is_empty() && !name.starts_with('#')).then_some(name)
}
