//! What a change must pass, in order.

use crate::{dependencies, tidy};
use anyhow::{Context, Result, ensure};
use std::{path::Path, process::Command, time::Instant};

const CLIPPY: &[&str] = &[
    "clippy",
    "--workspace",
    "--all-targets",
    "--",
    "-D",
    "warnings",
];

/// Runs every step; the first failure ends it.
pub(crate) fn run(root: &Path) -> Result<()> {
    step("fmt", || cargo(root, &["fmt", "--all", "--check"]))?;
    step("clippy", || cargo(root, CLIPPY))?;
    step("tidy", || tidy::run(root))?;
    step("dependencies", || dependencies::run(root))?;
    step("test", || cargo(root, &["nextest", "run", "--workspace"]))
}

fn step(name: &str, run: impl FnOnce() -> Result<()>) -> Result<()> {
    println!("ci: {name} ...");
    let start = Instant::now();
    let result = run().with_context(|| format!("ci: {name} failed"));
    let seconds = start.elapsed().as_secs_f32();
    let word = if result.is_ok() { "passed" } else { "FAILED" };
    println!("ci: {name} {word} in {seconds:.1} s");
    result
}

fn cargo(root: &Path, arguments: &[&str]) -> Result<()> {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(program)
        .args(arguments)
        .current_dir(root)
        .status()
        .context("cannot run cargo")?;
    let hint = match arguments.first() {
        Some(&"nextest") => " (is cargo-nextest installed? `cargo install cargo-nextest`)",
        Some(&"fmt") => " (`cargo fmt --all` mends it)",
        _ => "",
    };
    ensure!(
        status.success(),
        "cargo {}: {status}{hint}",
        arguments.join(" ")
    );
    Ok(())
}
