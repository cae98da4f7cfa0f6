//! Automation of this repository: `cargo xtask tidy`, `cargo xtask dependencies` and `cargo xtask ci`.

mod ci;
mod dependencies;
mod tidy;

use anyhow::{Context, Result, bail};
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

const USAGE: &str = "usage: cargo xtask <command>
  tidy          the rules of the house that neither rustc nor clippy knows
  dependencies  licences, sources, bans, duplicates and known vulnerabilities of the crates that we use
  ci            formatting, clippy, tidy, dependencies and tests, in this order; stops at the first that fails";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Without the backtrace that the environment may ask for: these are findings, not bugs.
            let causes: Vec<_> = error.chain().map(ToString::to_string).collect();
            eprintln!("xtask: {}", causes.join(": "));
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let command = std::env::args().nth(1);
    let root = root()?;
    match command.as_deref() {
        Some("tidy") => tidy::run(&root),
        Some("dependencies") => dependencies::run(&root),
        Some("ci") => ci::run(&root),
        Some("help" | "--help" | "-h") => {
            println!("{USAGE}");
            Ok(())
        }
        Some(other) => bail!("unknown command {other:?}\n{USAGE}"),
        None => bail!("no command given\n{USAGE}"),
    }
}

fn root() -> Result<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = here.ancestors().nth(2).context("xtask lies in crates/")?;
    Ok(root.to_owned())
}
