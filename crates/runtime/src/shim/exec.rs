//! Runs a command in a running container.
//!
//! Not libcontainer's way: its tenants lose the container's system call filter. This joins the same cgroup,
//! namespaces, user, capabilities and filter that the container's own process has.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;

use libcontainer::oci_spec::runtime::{Process as SpecProcess, Spec};
use nix::sched::CloneFlags;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::pipe::PipeFlags;
use rustix::process::{Pid, PidfdFlags, WaitOptions, pidfd_open};

use super::identity::Identity;
use super::wire::{ExecRequest, Process, Reply, send};
use super::{process, refuse, start, workload};
use crate::cgroup::Cgroups;
use crate::session::TerminalSize;

/// Everything the new process needs, opened while the machine's files can still be reached.
struct Plan {
    spec: Spec,
    identity: Identity,
    container: OwnedFd,
    cgroups: Vec<File>,
    command: Vec<String>,
    tty: bool,
    size: Option<TerminalSize>,
}

pub(super) fn serve(
    connection: UnixStream,
    request: ExecRequest,
    streams: Vec<OwnedFd>,
) -> Result<(), String> {
    process::set_name("sampan-exec");
    match launch(&request, &streams) {
        Ok((pid, terminal)) => {
            drop(streams);
            let beside: Vec<_> = terminal.iter().map(AsFd::as_fd).collect();
            send(&connection, &Reply::Running, &beside).map_err(|e| e.to_string())?;
            drop(terminal);
            attend(&connection, pid)
        }
        Err(reason) => refuse(&connection, reason),
    }
}

fn launch(request: &ExecRequest, streams: &[OwnedFd]) -> Result<(Pid, Option<OwnedFd>), String> {
    let plan = prepare(request)?;
    let (result, result_in) =
        rustix::pipe::pipe_with(PipeFlags::CLOEXEC).map_err(|e| format!("pipe: {e}"))?;
    let (mut terminal, terminal_in) =
        UnixStream::pair().map_err(|e| format!("socket pair: {e}"))?;
    // A PID namespace takes effect for children.
    nix::sched::setns(&plan.container, CloneFlags::CLONE_NEWPID)
        .map_err(|e| format!("enter PID namespace: {e}"))?;
    let pid = process::fork(|| {
        let reason = become_command(&plan, streams, terminal_in.as_fd());
        workload::report(result_in.as_raw_fd(), &reason);
        ExitCode::FAILURE
    })
    .map_err(|e| format!("fork into the container: {e}"))?;
    drop((result_in, terminal_in));
    let mut said = Vec::new();
    let _ = File::from(result).read_to_end(&mut said);
    if let Some((_, reason)) = said.split_first() {
        let _ = rustix::process::waitpid(Some(pid), WaitOptions::empty());
        return Err(String::from_utf8_lossy(reason).into_owned());
    }
    let mut descriptors = Vec::new();
    if request.tty {
        let mut byte = [0];
        super::wire::receive_with(terminal.as_fd(), &mut byte, &mut descriptors)
            .map_err(|e| format!("receive terminal: {e}"))?;
    }
    let _ = terminal.flush();
    Ok((pid, descriptors.pop()))
}

fn prepare(request: &ExecRequest) -> Result<Plan, String> {
    let config = request.dir.join("config.json");
    let spec = Spec::load(&config).map_err(|e| format!("read {}: {e}", config.display()))?;
    let pid = i32::try_from(request.pid)
        .ok()
        .and_then(Pid::from_raw)
        .ok_or("not a process id")?;
    let container = pidfd_open(pid, PidfdFlags::empty()).map_err(|_| "container is not running")?;
    let recorded = Process {
        pid: request.pid,
        start_time: request.pid_start_time,
    };
    if !start::is_alive(recorded) {
        return Err("container is not running".to_owned());
    }
    let cgroups = Cgroups::detect().map_err(|e| e.to_string())?;
    let cgroups = cgroups
        .procs_files(&request.cgroup)
        .iter()
        .map(|path| {
            File::options()
                .write(true)
                .open(path)
                .map_err(|e| format!("open {}: {e}", path.display()))
        })
        .collect::<Result<_, _>>()?;
    if let Some(score) = spec.process().as_ref().and_then(SpecProcess::oom_score_adj) {
        std::fs::write("/proc/self/oom_score_adj", score.to_string())
            .map_err(|e| format!("set oom_score_adj: {e}"))?;
    }
    Ok(Plan {
        spec,
        identity: Identity::load(&request.dir)?,
        container,
        cgroups,
        command: request.command.clone(),
        tty: request.tty,
        size: request.size,
    })
}

/// The child: joins the container and executes the command. Returns only with the reason why not.
fn become_command(
    plan: &Plan,
    streams: &[OwnedFd],
    terminal: std::os::fd::BorrowedFd<'_>,
) -> String {
    match try_become(plan, streams, terminal) {
        Err(reason) => reason,
        Ok(env) => workload::execute(&plan.command, &env),
    }
}

fn try_become(
    plan: &Plan,
    streams: &[OwnedFd],
    terminal: std::os::fd::BorrowedFd<'_>,
) -> Result<Vec<String>, String> {
    for mut file in &plan.cgroups {
        file.write_all(b"0")
            .map_err(|e| format!("join cgroup: {e}"))?;
    }
    // Until the program is executed, nobody in the container may look into this process.
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)
        .map_err(|e| format!("set not dumpable: {e}"))?;
    rustix::process::setsid().map_err(|e| format!("setsid: {e}"))?;
    let namespaces = CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWUTS
        | CloneFlags::CLONE_NEWCGROUP
        | CloneFlags::CLONE_NEWNS;
    nix::sched::setns(&plan.container, namespaces).map_err(|e| format!("enter namespaces: {e}"))?;
    if plan.tty {
        open_terminal(terminal, plan.size).map_err(|e| format!("open terminal: {e}"))?;
    } else if let [stdin, stdout, stderr] = streams {
        process::set_standard_streams([stdin, stdout, stderr])
            .map_err(|e| format!("set streams: {e}"))?;
    } else {
        return Err("three streams are needed".to_owned());
    }
    let spec = plan
        .spec
        .process()
        .as_ref()
        .ok_or("config.json has no process")?;
    close_others_on_exec()?;
    let env = environment(spec, plan.tty);
    // While the filter still permits it.
    process::reset_signals();
    take_identity(spec, &plan.identity)?;
    Ok(env)
}

fn open_terminal(
    to: std::os::fd::BorrowedFd<'_>,
    size: Option<TerminalSize>,
) -> std::io::Result<()> {
    let pty = nix::pty::openpty(None, None)?;
    if let Some(size) = size {
        rustix::termios::tcsetwinsize(&pty.master, size.into())?;
    }
    rustix::process::ioctl_tiocsctty(&pty.slave)?;
    process::set_standard_streams([&pty.slave, &pty.slave, &pty.slave])?;
    super::wire::send_with(to, &[0], &[pty.master.as_fd()])?;
    Ok(())
}

#[allow(unsafe_code)]
fn close_others_on_exec() -> Result<(), String> {
    use nix::libc;
    // SAFETY: only sets a flag on descriptors; they stay open until the program is executed.
    let result = unsafe {
        libc::syscall(
            libc::SYS_close_range,
            3,
            u32::MAX,
            libc::CLOSE_RANGE_CLOEXEC,
        )
    };
    if result != 0 {
        return Err(format!("close_range: {}", std::io::Error::last_os_error()));
    }
    Ok(())
}

fn environment(spec: &SpecProcess, tty: bool) -> Vec<String> {
    let mut env = spec.env().clone().unwrap_or_default();
    if tty && !env.iter().any(|e| e.starts_with("TERM=")) {
        env.push("TERM=xterm".to_owned());
    }
    if !env.iter().any(|e| e.starts_with("HOME=")) {
        let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let home = crate::spec::user::home(&passwd, spec.user().uid());
        env.push(format!("HOME={}", home.unwrap_or("/")));
    }
    env
}

/// User, directory, capabilities and filter, in the order that each still permits the next.
fn take_identity(process: &SpecProcess, identity: &Identity) -> Result<(), String> {
    let cwd: &Path = process.cwd();
    let entered = rustix::process::chdir(cwd).is_ok();
    let user = process.user();
    let groups: Vec<nix::unistd::Gid> = user
        .additional_gids()
        .iter()
        .flatten()
        .map(|gid| nix::unistd::Gid::from_raw(*gid))
        .collect();
    nix::unistd::setgroups(&groups).map_err(|e| format!("set groups: {e}"))?;
    rustix::thread::set_keep_capabilities(true).map_err(|e| format!("keep capabilities: {e}"))?;
    let (uid, gid) = (user.uid().into(), user.gid().into());
    nix::unistd::setresgid(gid, gid, gid).map_err(|e| format!("set group: {e}"))?;
    nix::unistd::setresuid(uid, uid, uid).map_err(|e| format!("set user: {e}"))?;
    if !entered {
        // Only the user may enter.
        rustix::process::chdir(cwd).map_err(|e| format!("chdir to cwd ({cwd:?}): {e}"))?;
    }
    identity.assume()
}

/// Waits for the command to end, or for the server to lose interest: then it is killed.
fn attend(connection: &UnixStream, pid: Pid) -> Result<(), String> {
    let command = pidfd_open(pid, PidfdFlags::empty()).map_err(|e| format!("pidfd: {e}"))?;
    loop {
        let mut fds = [
            PollFd::new(&command, PollFlags::IN),
            PollFd::new(connection, PollFlags::IN),
        ];
        match poll(&mut fds, None) {
            Err(rustix::io::Errno::INTR) => continue,
            other => other.map_err(|e| format!("poll: {e}"))?,
        };
        if !fds[0].revents().is_empty() {
            break;
        }
        process::kill_group(pid);
    }
    let status = rustix::process::waitpid(Some(pid), WaitOptions::empty());
    let code = status
        .ok()
        .flatten()
        .map_or(255, |(_, status)| process::exit_code(status).0);
    send(connection, &Reply::Exited { code }, &[]).map_err(|e| e.to_string())
}
