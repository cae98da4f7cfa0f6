//! What this machine must have, each lack with its remedy; asked before anything is changed.

use crate::arguments::CheckOptions;
use anyhow::bail;
use std::{net::TcpListener, path::Path};

/// Something that is missing, and what to do about it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Lack {
    pub(crate) what: String,
    pub(crate) remedy: &'static str,
}

impl Lack {
    fn new(what: impl Into<String>, remedy: &'static str) -> Self {
        Self {
            what: what.into(),
            remedy,
        }
    }
}

/// Prints what is missing.
pub(crate) fn report(options: &CheckOptions) -> anyhow::Result<()> {
    let mut lacks = of_node();
    lacks.extend(port(options.https_listen_port));
    if lacks.is_empty() {
        println!("This machine has everything Sampan needs.");
        return Ok(());
    }
    bail!("{}", render(&lacks))
}

/// The lacks as text, one to a line with its remedy.
pub(crate) fn render(lacks: &[Lack]) -> String {
    let lines: Vec<_> = lacks
        .iter()
        .map(|lack| format!("  - {}\n    remedy: {}", lack.what, lack.remedy))
        .collect();
    format!(
        "this machine lacks something Sampan needs:\n{}",
        lines.join("\n")
    )
}

/// What a node needs to run containers.
pub(crate) fn of_node() -> Vec<Lack> {
    let mut lacks = Vec::new();
    if !nix::unistd::geteuid().is_root() {
        lacks.push(Lack::new(
            "not running as root: containers, networks and mounts need it",
            "run it with sudo, or with --disable-agent for an API without a node",
        ));
    }
    if !has_line("/proc/filesystems", "overlay") {
        lacks.push(Lack::new(
            "the kernel has no overlay filesystem",
            "modprobe overlay, or use a kernel with CONFIG_OVERLAY_FS",
        ));
    }
    if !has_netfilter() {
        lacks.push(Lack::new(
            "the kernel has no nftables",
            "modprobe nf_tables, or use a kernel with CONFIG_NF_TABLES and CONFIG_NFT_NAT",
        ));
    }
    lacks.extend(missing_controllers());
    lacks
}

/// Whether the port is free.
pub(crate) fn port(number: u16) -> Option<Lack> {
    let error = TcpListener::bind(("0.0.0.0", number)).err()?;
    (error.kind() == std::io::ErrorKind::AddrInUse).then(|| {
        Lack::new(
            format!("port {number} is taken by another program"),
            "stop it (ss -ltnp shows which it is), or choose another with --https-listen-port",
        )
    })
}

fn has_line(file: &str, word: &str) -> bool {
    std::fs::read_to_string(file).is_ok_and(|text| {
        text.lines()
            .any(|line| line.split_whitespace().last() == Some(word))
    })
}

/// A netlink socket of netfilter can be opened exactly when the kernel has it (loading it if it is a module).
fn has_netfilter() -> bool {
    use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, socket};
    socket(
        AddressFamily::Netlink,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::NetlinkNetFilter,
    )
    .is_ok()
}

/// Controllers that limits and statistics need; on cgroup v1 each is a mount, on v2 a word in one file.
fn missing_controllers() -> Option<Lack> {
    let v2 = std::fs::read_to_string("/sys/fs/cgroup/cgroup.controllers").unwrap_or_default();
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let on_v1 = |name: &str| {
        mounts
            .lines()
            .map(|line| line.split(' ').collect::<Vec<_>>())
            .any(|fields| {
                fields.get(2) == Some(&"cgroup")
                    && fields
                        .get(3)
                        .is_some_and(|all| all.split(',').any(|one| one == name))
            })
    };
    let missing: Vec<_> = ["cpu", "memory", "pids"]
        .into_iter()
        .filter(|name| !v2.split_whitespace().any(|one| one == *name) && !on_v1(name))
        .collect();
    (!missing.is_empty()).then(|| {
        let remedy = if Path::new("/sys/fs/cgroup").exists() {
            "enable them on the kernel command line (cgroup_enable=memory swapaccount=1) and reboot"
        } else {
            "mount -t cgroup2 none /sys/fs/cgroup"
        };
        Lack::new(
            format!("cgroup controllers are absent: {}", missing.join(", ")),
            remedy,
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_named_with_its_remedy() {
        let holder = TcpListener::bind(("0.0.0.0", 0)).unwrap();
        let number = holder.local_addr().unwrap().port();
        let lack = port(number).unwrap();
        assert!(lack.what.contains(&number.to_string()));
        assert!(render(&[lack]).contains("--https-listen-port"));
        drop(holder);
        assert_eq!(port(number), None);
    }
}
