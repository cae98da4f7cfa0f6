//! What a process can do to itself: fork, name itself, adopt orphans, forget its standard streams.

use std::ffi::CString;
use std::fs;
use std::io;
use std::process::ExitCode;

use nix::sys::signal::SigSet;
use nix::unistd::ForkResult;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::wire::Process;

/// The highest signal of Linux.
const LAST_SIGNAL: i32 = 64;

/// Forks; the child runs `body` and exits with what it returns, never returning here.
#[allow(unsafe_code)]
pub(super) fn fork(body: impl FnOnce() -> ExitCode) -> io::Result<Pid> {
    // SAFETY: every caller descends from the launcher, which has one thread and starts no other,
    // so no lock can be held by a thread that the child lacks.
    match unsafe { nix::unistd::fork() }? {
        ForkResult::Child => {
            let code = body() == ExitCode::SUCCESS;
            exit(i32::from(!code))
        }
        ForkResult::Parent { child } => {
            Pid::from_raw(child.as_raw()).ok_or_else(|| io::Error::other("fork"))
        }
    }
}

/// Closes all but the standard streams: what outlives the server must not hold files of whoever started it, such as
/// locks.
#[allow(unsafe_code)]
pub(super) fn close_inherited() {
    // SAFETY: the caller is a launcher that has just begun and owns no descriptor yet; the call touches no memory.
    // Where the kernel lacks it, they stay open.
    unsafe { nix::libc::syscall(nix::libc::SYS_close_range, 3_u32, u32::MAX, 0_u32) };
}

/// Ends this process without running what its parent registered for the end.
#[allow(unsafe_code)]
pub(super) fn exit(code: i32) -> ! {
    // SAFETY: `_exit` takes any number and touches no memory.
    unsafe { nix::libc::_exit(code) }
}

/// Gives every signal its default effect back and blocks none. The server's own choices (a broken pipe is ignored,
/// and whatever the shell that started it ignored) must not reach a container: no `Ctrl-C` could end its commands.
#[allow(unsafe_code)]
pub(super) fn reset_signals() {
    // The kernel's form of "default, no flags, empty mask"; the C library refuses the signals it keeps for itself.
    let default = [0_u64; 4];
    for signal in 1..=LAST_SIGNAL {
        // SAFETY: reads `default`, which is as large as the kernel's struct, and sets no handler.
        // Two signals refuse, and are at their default anyway.
        unsafe {
            let previous = std::ptr::null_mut::<u64>();
            nix::libc::syscall(
                nix::libc::SYS_rt_sigaction,
                signal,
                default.as_ptr(),
                previous,
                8,
            )
        };
    }
    let _ = SigSet::empty().thread_set_mask();
}

/// Sets the name that `ps` shows.
pub(super) fn set_name(name: &str) {
    if let Ok(name) = CString::new(name) {
        let _ = rustix::thread::set_name(&name);
    }
}

/// Becomes the parent of orphaned descendants, so that their exit codes arrive here.
pub(super) fn adopt_orphans() -> io::Result<()> {
    let own = rustix::process::getpid();
    Ok(rustix::process::set_child_subreaper(Some(own))?)
}

/// Points standard streams to `/dev/null`: the server's must not be held open after its end.
pub(super) fn forget_standard_streams() -> io::Result<()> {
    let null = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/null")?;
    set_standard_streams([&null, &null, &null])
}

/// Replaces the standard streams.
pub(super) fn set_standard_streams<F: std::os::fd::AsFd>(streams: [&F; 3]) -> io::Result<()> {
    let [stdin, stdout, stderr] = streams;
    rustix::stdio::dup2_stdin(stdin)?;
    rustix::stdio::dup2_stdout(stdout)?;
    rustix::stdio::dup2_stderr(stderr)?;
    Ok(())
}

/// When a process was started, in clock ticks since the machine was; `None` if there is none.
pub(super) fn start_time(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything; field 22 counts from after it.
    let fields = stat.rsplit_once(')')?.1;
    let mut fields = fields.split_ascii_whitespace();
    if fields.next()? == "Z" {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

/// This process.
pub(super) fn own() -> Process {
    let pid = std::process::id();
    Process {
        pid,
        start_time: start_time(pid).unwrap_or(0),
    }
}

/// Another process.
pub(super) fn identify(pid: Pid) -> Process {
    let pid = pid.as_raw_nonzero().get().unsigned_abs();
    Process {
        pid,
        start_time: start_time(pid).unwrap_or(0),
    }
}

/// Kills a process and the group it leads.
pub(crate) fn kill_group(pid: Pid) {
    let _ = kill_process_group(pid, Signal::KILL);
    let _ = kill_process(pid, Signal::KILL);
}

/// The exit code that a shell would report.
pub(super) fn exit_code(status: rustix::process::WaitStatus) -> (i32, Option<i32>) {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => (code, None),
        (_, Some(signal)) => (128 + signal, Some(signal)),
        _ => (255, None),
    }
}
