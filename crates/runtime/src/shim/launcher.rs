//! The launcher: waits for connections on its standard input and forks a child for each.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use nix::sys::signal::{SigHandler, Signal, signal};

use super::{process, wire};
use crate::cgroup::Cgroups;

/// Second argument of a launcher that already runs from a read-only mount.
const SEALED: &str = "sealed";

/// `args` name the cgroup of the launcher and its shims: a service manager that ends the server's cgroup
/// does not end theirs.
pub(super) fn run(args: &[String]) -> ExitCode {
    if args.last().map(String::as_str) != Some(SEALED) {
        // Succeeds by not returning. Without it the launcher works but is less protected,
        // and the self-test at start says so.
        let _ = seal();
    }
    match listen(args.first().map(String::as_str)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "launcher failed");
            ExitCode::FAILURE
        }
    }
}

/// Executes this binary again through a private read-only mount of it. A process in a container can
/// reach the file that its shim was executed from (`/proc/PID/exe`) at the moment it is replaced; through
/// this mount it cannot be opened for writing, not even by root (CVE-2019-5736).
#[allow(unsafe_code)]
fn seal() -> io::Result<()> {
    use nix::libc;
    let flags = rustix::mount::OpenTreeFlags::OPEN_TREE_CLONE;
    let tree = rustix::mount::open_tree(rustix::fs::CWD, "/proc/self/exe", flags)?;
    let attributes = libc::mount_attr {
        attr_set: libc::MOUNT_ATTR_RDONLY,
        attr_clr: 0,
        propagation: 0,
        userns_fd: 0,
    };
    // SAFETY: the path is an empty C string, the attributes live through the call and their size is theirs.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            tree.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH,
            &raw const attributes,
            size_of::<libc::mount_attr>(),
        )
    };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    let mut args: Vec<CString> = Vec::new();
    for arg in std::env::args().chain([SEALED.to_owned()]) {
        args.push(CString::new(arg)?);
    }
    let env: [CString; 0] = [];
    nix::unistd::fexecve(&tree, &args, &env)?;
    Ok(())
}

fn listen(cgroup: Option<&str>) -> io::Result<()> {
    process::close_inherited();
    process::set_name("sampan-launcher");
    let _ = rustix::process::setsid();
    // Children are reaped by the kernel; each child restores the default for its own.
    set_handler(Signal::SIGCHLD, SigHandler::SigIgn)?;
    if let (Some(cgroup), Ok(cgroups)) = (cgroup, Cgroups::detect()) {
        let _ = cgroups.join(cgroup);
    }
    let socket: OwnedFd = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?;
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    loop {
        let mut connections = Vec::new();
        let mut byte = [0];
        match wire::receive_with(socket.as_fd(), &mut byte, &mut connections) {
            // The server is gone. Its shims stay.
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        }
        let Some(connection) = connections.pop().map(UnixStream::from) else {
            continue;
        };
        // Without a child the connection closes, which the server takes as a failure.
        let _ = process::fork(|| child(&socket, connection));
    }
}

fn child(socket: &OwnedFd, connection: UnixStream) -> ExitCode {
    // The copy must go: while a shim holds it, a dead launcher would look alive.
    if rustix::stdio::dup2_stdin(socket).is_err()
        || process::forget_standard_streams().is_err()
        || set_handler(Signal::SIGCHLD, SigHandler::SigDfl).is_err()
    {
        return ExitCode::FAILURE;
    }
    close(socket);
    super::serve(connection)
}

#[allow(unsafe_code)]
fn close(socket: &OwnedFd) {
    // SAFETY: only in a fresh child that exits without returning to the owner of the descriptor.
    unsafe { nix::libc::close(socket.as_raw_fd()) };
}

#[allow(unsafe_code)]
fn set_handler(which: Signal, handler: SigHandler) -> io::Result<()> {
    // SAFETY: ignoring and default are not functions that could run in a signal's context.
    unsafe { signal(which, handler) }?;
    Ok(())
}
