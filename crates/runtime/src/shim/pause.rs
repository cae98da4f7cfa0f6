//! The first process of a PID namespace that the containers of a pod share: it reaps orphans, nothing else
//! (upstream: the pause container).
//!
//! Containers can see it, so it owns nothing worth reaching: an empty read-only root, no capability,
//! nobody's user.

use std::fs;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;

use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags};
use rustix::process::WaitOptions;
use rustix::thread::UnshareFlags;

use super::process;
use super::wire::Process;
use crate::cgroup::Cgroups;

const NOBODY: u32 = 65_534;

/// Starts it in a new PID namespace and in the cgroup.
pub(super) fn start(cgroup: &str) -> Result<Process, String> {
    unshare_pids().map_err(|e| format!("unshare PID namespace: {e}"))?;
    let (mut parent, child) = UnixStream::pair().map_err(|e| format!("socket pair: {e}"))?;
    let cgroup = format!("{cgroup}/pause");
    let cgroups = Cgroups::detect().map_err(|e| e.to_string())?;
    let pid = process::fork(|| run(&cgroups, &cgroup, child))
        .map_err(|e| format!("fork pause process: {e}"))?;
    let mut said = String::new();
    let _ = io::Read::read_to_string(&mut parent, &mut said);
    if said != "ready" {
        process::kill_group(pid);
        return Err(format!("pause process: {said}"));
    }
    Ok(process::identify(pid))
}

#[allow(unsafe_code)]
fn unshare_pids() -> io::Result<()> {
    // SAFETY: affects only the children of this process.
    Ok(unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWPID) }?)
}

fn run(cgroups: &Cgroups, cgroup: &str, mut parent: UnixStream) -> ExitCode {
    use io::Write;
    if let Err(reason) = withdraw(cgroups, cgroup) {
        let _ = parent.write_all(reason.as_bytes());
        return ExitCode::FAILURE;
    }
    let _ = parent.write_all(b"ready");
    drop(parent);
    reap()
}

fn withdraw(cgroups: &Cgroups, cgroup: &str) -> Result<(), String> {
    process::set_name("pause");
    let _ = rustix::process::setsid();
    cgroups.join(cgroup).map_err(|e| e.to_string())?;
    // Not every server may lower it.
    let _ = fs::write("/proc/self/oom_score_adj", "-998");
    leave_filesystem().map_err(|e| format!("leave the filesystem: {e}"))?;
    for set in [caps::CapSet::Bounding, caps::CapSet::Ambient] {
        caps::clear(None, set).map_err(|e| format!("drop capabilities: {e}"))?;
    }
    nix::unistd::setgroups(&[]).map_err(|e| format!("drop groups: {e}"))?;
    nix::unistd::setresgid(NOBODY.into(), NOBODY.into(), NOBODY.into())
        .map_err(|e| format!("set group: {e}"))?;
    nix::unistd::setresuid(NOBODY.into(), NOBODY.into(), NOBODY.into())
        .map_err(|e| format!("set user: {e}"))?;
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)
        .map_err(|e| format!("set not dumpable: {e}"))?;
    rustix::thread::set_no_new_privs(true).map_err(|e| format!("no_new_privs: {e}"))
}

/// Moves to an empty root in a mount namespace of its own.
fn leave_filesystem() -> io::Result<()> {
    unshare_mounts()?;
    let private = MountPropagationFlags::REC | MountPropagationFlags::PRIVATE;
    rustix::mount::mount_change("/", private)?;
    let root = Path::new("/proc");
    let flags = MountFlags::RDONLY | MountFlags::NOEXEC | MountFlags::NOSUID | MountFlags::NODEV;
    rustix::mount::mount("tmpfs", root, "tmpfs", flags, c"size=4k,mode=555")?;
    rustix::process::chdir(root)?;
    rustix::process::pivot_root(".", ".")?;
    rustix::mount::unmount(".", UnmountFlags::DETACH)?;
    Ok(rustix::process::chdir("/")?)
}

#[allow(unsafe_code)]
fn unshare_mounts() -> io::Result<()> {
    // SAFETY: no other thread shares this process's view of the filesystem.
    Ok(unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNS) }?)
}

fn reap() -> ExitCode {
    let mut children = SigSet::empty();
    children.add(Signal::SIGCHLD);
    children.add(Signal::SIGTERM);
    if sigprocmask(SigmaskHow::SIG_BLOCK, Some(&children), None).is_err() {
        return ExitCode::FAILURE;
    }
    loop {
        if let Ok(Signal::SIGTERM) = children.wait() {
            return ExitCode::SUCCESS;
        }
        while let Ok(Some(_)) = rustix::process::wait(WaitOptions::NOHANG) {}
    }
}
