//! A network namespace for one test, with nothing in it but loopback: no packet leaves the machine, and every
//! test has port 6443 for itself.

use std::{
    process::{Command, Output},
    sync::atomic::{AtomicU32, Ordering},
};

/// Where outgoing connections have their ports. Clients that choose one to listen at (kr8s, from 10,000 to
/// 60,000) look only at who listens, and may not meet them.
const OUTGOING_PORTS: &str = "echo 60001 65000 > /proc/sys/net/ipv4/ip_local_port_range";

pub(crate) struct Namespace(String);

impl Namespace {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let namespace = Self(format!("sampan-{}-{count}", std::process::id()));
        run(Command::new("ip").args(["netns", "add", &namespace.0]));
        run(namespace.inside("ip").args(["link", "set", "lo", "up"]));
        run(namespace.inside("sh").args(["-c", OUTGOING_PORTS]));
        namespace
    }

    /// A command in this namespace.
    pub(crate) fn inside(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--net=/run/netns/{}", self.0))
            .arg("--")
            .arg(program);
        command
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.0]).output();
    }
}

/// Runs a command, which must succeed.
pub(crate) fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", said(&output));
}

/// Everything that a command printed.
pub(crate) fn said(output: &Output) -> String {
    let text = String::from_utf8_lossy;
    format!("{}{}", text(&output.stdout), text(&output.stderr))
}
