//! Makes the namespaces of a sandbox and pins each to a file, so that no process is needed to keep them.

use std::fs::{self, File};
use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use rustix::thread::UnshareFlags;

use super::wire::{Reply, SandboxRequest, send};
use super::{pause, refuse};

pub(super) fn serve(connection: &UnixStream, request: &SandboxRequest) -> Result<(), String> {
    match make(request) {
        Ok(pause) => send(connection, &Reply::Sandbox { pause }, &[]).map_err(|e| e.to_string()),
        Err(reason) => refuse(connection, reason),
    }
}

fn make(request: &SandboxRequest) -> Result<Option<super::wire::Process>, String> {
    let kinds: [(&str, UnshareFlags, &Option<PathBuf>); 3] = [
        ("net", UnshareFlags::NEWNET, &request.net),
        ("ipc", UnshareFlags::NEWIPC, &request.ipc),
        ("uts", UnshareFlags::NEWUTS, &request.uts),
    ];
    let flags = kinds
        .iter()
        .filter(|(.., pin)| pin.is_some())
        .fold(UnshareFlags::empty(), |all, (_, flag, _)| all | *flag);
    unshare(flags).map_err(|e| format!("unshare namespaces: {e}"))?;
    if request.uts.is_some() && !request.hostname.is_empty() {
        rustix::system::sethostname(request.hostname.as_bytes())
            .map_err(|e| format!("set host name {:?}: {e}", request.hostname))?;
    }
    if request.net.is_some() {
        raise_loopback().map_err(|e| format!("raise lo: {e}"))?;
    }
    for (name, value) in &request.sysctls {
        let path = sysctl_path(name)?;
        fs::write(&path, value).map_err(|e| format!("set sysctl {name}={value}: {e}"))?;
    }
    for (kind, _, pin) in kinds {
        if let Some(path) = pin {
            pin_namespace(kind, path)
                .map_err(|e| format!("pin {kind} namespace to {}: {e}", path.display()))?;
        }
    }
    match &request.pause_cgroup {
        Some(cgroup) => pause::start(cgroup).map(Some),
        None => Ok(None),
    }
}

#[allow(unsafe_code)]
fn unshare(flags: UnshareFlags) -> io::Result<()> {
    // SAFETY: no flag here makes file descriptors private, which is what could surprise other code.
    Ok(unsafe { rustix::thread::unshare_unsafe(flags) }?)
}

fn sysctl_path(name: &str) -> Result<PathBuf, String> {
    let parts: Vec<&str> = name.split(['.', '/']).collect();
    if parts.iter().any(|part| part.is_empty()) {
        return Err(format!("sysctl {name:?} is not a name"));
    }
    Ok(Path::new("/proc/sys").join(parts.join("/")))
}

fn pin_namespace(kind: &str, path: &Path) -> io::Result<()> {
    File::create(path)?;
    Ok(rustix::mount::mount_bind(
        format!("/proc/self/ns/{kind}"),
        path,
    )?)
}

#[allow(unsafe_code)]
fn raise_loopback() -> io::Result<()> {
    use nix::libc;
    use std::os::fd::AsRawFd;
    let socket = rustix::net::socket(
        rustix::net::AddressFamily::INET,
        rustix::net::SocketType::DGRAM,
        None,
    )?;
    // SAFETY: `ifreq` is plain data for which zeroes are valid.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
        *to = *from as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    // SAFETY: the descriptor is open and the request is the structure that SIOCSIFFLAGS reads.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
