//! The rules of the house that no compiler checks: layers, sizes, names, openings, where `unsafe` may
//! stand. Each rule is a function from a file to findings.

mod exceptions;
mod layers;
mod lexer;
mod source;
#[cfg(test)]
mod tests;

use anyhow::{Context, Result, bail};
use std::{
    collections::BTreeSet,
    fmt, fs,
    path::{Path, PathBuf},
};

/// Longest `ARCHITECTURE.md`.
const ARCHITECTURE_LINES: usize = 300;

/// One breach of one rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    path: String,
    line: usize,
    text: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.text)
    }
}

/// Checks the whole repository.
pub(crate) fn run(root: &Path) -> Result<()> {
    let findings = findings(root)?;
    for finding in &findings {
        eprintln!("{finding}");
    }
    match findings.len() {
        0 => Ok(()),
        count => bail!("tidy: {count} to mend"),
    }
}

fn findings(root: &Path) -> Result<BTreeSet<Finding>> {
    let mut files = Vec::new();
    walk(&root.join("crates"), &mut files)?;
    let mut sources = Vec::new();
    let mut findings = BTreeSet::new();
    for file in files {
        let path = relative(root, &file);
        let name = file.file_name().unwrap_or_default();
        if name == "Cargo.toml" {
            findings.extend(layers::check(&path, &read(&file)?));
        } else if file.extension().is_some_and(|e| e == "rs") {
            sources.push(source::Source::new(path, read(&file)?));
        }
    }
    source::mark_test_files(&mut sources);
    let mut sizes = Vec::new();
    for source in &sources {
        findings.extend(source::check(source));
        sizes.extend(source::sizes(source));
    }
    findings.extend(exceptions::judge(&sizes));
    let architecture = root.join("ARCHITECTURE.md");
    if architecture.exists() {
        findings.extend(architecture_size(&read(&architecture)?));
    }
    Ok(findings)
}

fn architecture_size(text: &str) -> Option<Finding> {
    let lines = text.lines().count();
    (lines >= ARCHITECTURE_LINES).then(|| Finding {
        path: "ARCHITECTURE.md".into(),
        line: lines,
        text: format!("{lines} lines; it stays under {ARCHITECTURE_LINES}"),
    })
}

fn walk(directory: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let list = fs::read_dir(directory);
    let list = list.with_context(|| format!("cannot list {}", directory.display()))?;
    for entry in list {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default();
        if path.is_dir() && name != "target" && name != "node_modules" {
            walk(&path, files)?;
        } else if path.is_file() {
            files.push(path);
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root)
        .unwrap_or(path)
        .to_string_lossy()
        .into_owned()
}
