//! Runs the measurement in namespaces of its own, so that servers under test meet no network but
//! loopback and nothing they start outlives the measurement.

use anyhow::{Context, Result, ensure};
use std::{os::unix::process::CommandExt, process::Command};

const INSIDE: &str = "SAMPAN_BENCH_INSIDE";

/// Starts this program again in its own network, mount and process namespaces, and does not return;
/// inside them, does nothing. Not being root, goes on where it is.
pub(crate) fn enter() -> Result<()> {
    if std::env::var_os(INSIDE).is_some() {
        let up = Command::new("ip")
            .args(["link", "set", "lo", "up"])
            .status();
        let up = up.context("cannot run ip (package iproute2)")?;
        ensure!(up.success(), "cannot bring up the loopback link");
        return Ok(());
    }
    if !rustix::process::geteuid().is_root() {
        eprintln!("bench: not root, so without namespaces of its own");
        return Ok(());
    }
    let error = Command::new("unshare")
        .args([
            "--net",
            "--mount",
            "--pid",
            "--fork",
            "--kill-child",
            "--mount-proc",
        ])
        .arg(std::env::current_exe()?)
        .args(std::env::args_os().skip(1))
        .env(INSIDE, "1")
        .exec();
    Err(error).context("cannot run unshare (package util-linux)")
}
