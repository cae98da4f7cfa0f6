//! Starts a container through libcontainer and turns into its shim.

use std::fs::{self, File};
use std::io::Read;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::ExitCode;

use jiff::Timestamp;
use libcontainer::container::builder::ContainerBuilder;
use libcontainer::syscall::syscall::SyscallType;
use rustix::pipe::PipeFlags;
use rustix::process::{Pid, WaitOptions};

use super::identity::Identity;
use super::log::Log;
use super::relay::{self, Streams};
use super::wire::{Process, Reply, StartRequest, send};
use super::workload::{ERROR_MARK, Workload};
use super::{complaints, process, refuse};
use crate::cgroup::Cgroups;
use crate::container::Exit;
use crate::error::with_causes;
use crate::native::records::{self, Running};

/// Name of the container towards libcontainer; its state lives in a directory of its own.
const NAME: &str = "c";
const CONSOLE_SOCKET: &str = "console.sock";
/// Where the server connects to attach.
pub(crate) const SOCKET: &str = "shim.sock";

/// The container's ends of its streams.
struct Inner {
    stdin: OwnedFd,
    stdout: OwnedFd,
    stderr: OwnedFd,
}

pub(super) fn serve(connection: UnixStream, request: StartRequest) -> Result<(), String> {
    process::set_name("sampan-shim");
    let _ = rustix::process::setsid();
    match launch(&request) {
        Ok(launched) => stay(connection, &request, launched),
        Err(reason) => {
            let exit = start_error(&reason);
            let _ = records::write(&request.dir, records::EXIT, &exit);
            refuse(&connection, reason)
        }
    }
}

/// How a container ends that never ran.
pub(crate) fn start_error(reason: &str) -> Exit {
    Exit {
        code: 128,
        signal: None,
        reason: "StartError".to_owned(),
        message: reason.to_owned(),
        started_at: None,
        finished_at: Timestamp::now(),
    }
}

struct Launched {
    pid: Pid,
    listener: UnixListener,
    streams: Streams,
    running: Running,
}

fn launch(request: &StartRequest) -> Result<Launched, String> {
    rustix::process::chdir(&request.dir).map_err(|e| format!("enter {:?}: {e}", request.dir))?;
    process::adopt_orphans().map_err(|e| format!("adopt orphans: {e}"))?;
    let _ = fs::remove_file(SOCKET);
    let listener = UnixListener::bind(SOCKET).map_err(|e| format!("listen on {SOCKET}: {e}"))?;
    let console = request.tty.then(|| {
        let _ = fs::remove_file(CONSOLE_SOCKET);
        UnixListener::bind(CONSOLE_SOCKET)
    });
    let console = console
        .transpose()
        .map_err(|e| format!("listen on {CONSOLE_SOCKET}: {e}"))?;
    let (mut streams, inner) = open_streams(request)?;
    let (result, result_in) = pipe()?;
    let builder = process::fork(|| build(request, inner, &result_in))
        .map_err(|e| format!("fork builder: {e}"))?;
    drop(result_in);
    let outcome = read_result(result);
    let _ = rustix::process::waitpid(Some(builder), WaitOptions::empty());
    let pid = outcome?;
    if let Some(console) = console {
        let (peer, _) = console
            .accept()
            .map_err(|e| format!("accept terminal: {e}"))?;
        let mut descriptors = Vec::new();
        let mut name = [0; 64];
        super::wire::receive_with(peer.as_fd(), &mut name, &mut descriptors)
            .map_err(|e| format!("receive terminal: {e}"))?;
        streams.set_terminal(descriptors.pop().ok_or("no terminal came")?);
        let _ = fs::remove_file(CONSOLE_SOCKET);
    }
    let running = Running {
        process: process::identify(pid),
        shim: process::own(),
        started_at: Timestamp::now(),
    };
    records::write(&request.dir, records::RUNNING, &running).map_err(|e| e.to_string())?;
    Ok(Launched {
        pid,
        listener,
        streams,
        running,
    })
}

fn pipe() -> Result<(OwnedFd, OwnedFd), String> {
    rustix::pipe::pipe_with(PipeFlags::CLOEXEC).map_err(|e| format!("pipe: {e}"))
}

fn open_streams(request: &StartRequest) -> Result<(Streams, Inner), String> {
    let null = || -> Result<OwnedFd, String> {
        let file = File::options().read(true).write(true).open("/dev/null");
        Ok(file.map_err(|e| format!("open /dev/null: {e}"))?.into())
    };
    let mut streams = Streams::default();
    if request.tty {
        let inner = Inner {
            stdin: null()?,
            stdout: null()?,
            stderr: null()?,
        };
        return Ok((streams, inner));
    }
    let (out, stdout) = pipe()?;
    let (err, stderr) = pipe()?;
    streams.stdout = Some(out);
    streams.stderr = Some(err);
    let stdin = if request.stdin {
        let (stdin, to) = pipe()?;
        streams.stdin = Some(to);
        stdin
    } else {
        null()?
    };
    Ok((
        streams,
        Inner {
            stdin,
            stdout,
            stderr,
        },
    ))
}

/// A child of the shim that ends when the container runs, and takes the memory it used with it.
/// The container's process, its sibling or child, falls to the shim.
fn build(request: &StartRequest, inner: Inner, result: &OwnedFd) -> ExitCode {
    complaints::listen(result.as_raw_fd());
    match create_and_start(request, inner, result) {
        Ok(pid) => {
            let _ = rustix::io::write(result, format!("{pid}\n").as_bytes());
            ExitCode::SUCCESS
        }
        Err(reason) => {
            super::workload::report(result.as_raw_fd(), &reason);
            ExitCode::FAILURE
        }
    }
}

fn create_and_start(request: &StartRequest, inner: Inner, result: &OwnedFd) -> Result<i32, String> {
    let root = request.dir.join("oci");
    let _ = fs::remove_dir_all(&root);
    fs::create_dir(&root).map_err(|e| format!("create {}: {e}", root.display()))?;
    let explain = |e: libcontainer::error::LibcontainerError| with_causes(&e);
    let console = request.tty.then(|| request.dir.join(CONSOLE_SOCKET));
    let mut builder = ContainerBuilder::new(NAME.to_owned(), SyscallType::default())
        .with_root_path(root)
        .map_err(explain)?
        .with_executor(Workload {
            result: result.as_raw_fd(),
            identity: Identity::load(&request.dir)?,
        })
        .with_console_socket(console);
    if !request.tty {
        builder = builder
            .with_stdin(inner.stdin)
            .with_stdout(inner.stdout)
            .with_stderr(inner.stderr);
    }
    let mut container = builder
        .as_init(&request.dir)
        .with_systemd(false)
        .with_detach(true)
        .build()
        .map_err(explain)?;
    container.start().map_err(explain)?;
    container
        .pid()
        .map(|pid| pid.as_raw())
        .ok_or_else(|| "container has no process".to_owned())
}

/// Reads the builder's and the workload's words until both are gone or became the program.
fn read_result(result: OwnedFd) -> Result<Pid, String> {
    let mut said = Vec::new();
    File::from(result)
        .read_to_end(&mut said)
        .map_err(|e| format!("read result: {e}"))?;
    if let Some(reason) = failure(&said) {
        return Err(reason);
    }
    String::from_utf8_lossy(&said)
        .lines()
        .find_map(|line| line.parse().ok())
        .and_then(Pid::from_raw)
        .ok_or_else(|| "the process that builds the container died".to_owned())
}

/// The reason in what was said, with the first complaint if it says more.
fn failure(said: &[u8]) -> Option<String> {
    let mut complaint = None;
    let mut rest = said;
    while let Some((mark, tail)) = rest.split_first() {
        let end = tail.iter().position(|b| *b == b'\n').unwrap_or(tail.len());
        match *mark {
            ERROR_MARK => {
                let reason = String::from_utf8_lossy(tail).into_owned();
                // The workload's own words are complete.
                let complete = reason.starts_with("exec: ") || complaint.is_none();
                let more = complaint.filter(|_| !complete).unwrap_or_default();
                let separator = if complete { "" } else { ": " };
                return Some(format!("{reason}{separator}{more}"));
            }
            complaints::MARK if complaint.is_none() => {
                complaint = Some(String::from_utf8_lossy(&tail[..end]).into_owned());
            }
            _ => {}
        }
        rest = tail.get(end + 1..).unwrap_or_default();
    }
    None
}

/// The rest of a shim's life.
fn stay(connection: UnixStream, request: &StartRequest, launched: Launched) -> Result<(), String> {
    let Launched {
        pid,
        listener,
        streams,
        running,
    } = launched;
    let reply = Reply::Started {
        process: running.process,
        shim: running.shim,
    };
    // A server that died meanwhile finds the container in its directory.
    let _ = send(&connection, &reply, &[]);
    drop(connection);
    let log = request
        .log
        .as_deref()
        .map(|path: &Path| Log::new(path, request.log_limits));
    let ended = relay::run(pid, listener, streams, log, request.stdin_once, || {
        if request.shared_pids
            && let Ok(cgroups) = Cgroups::detect()
        {
            cgroups.kill(&request.cgroup);
        }
    });
    let (code, signal) = ended.map_err(|e| e.to_string())?;
    let oom = code != 0 && Cgroups::detect().is_ok_and(|c| c.oom_kills(&request.cgroup) > 0);
    let exit = ended_as(code, signal, oom, running.started_at);
    records::write(&request.dir, records::EXIT, &exit).map_err(|e| e.to_string())
}

fn ended_as(code: i32, signal: Option<i32>, oom: bool, started_at: Timestamp) -> Exit {
    let reason = match (oom, code) {
        (true, _) => "OOMKilled",
        (false, 0) => "Completed",
        _ => "Error",
    };
    Exit {
        code,
        signal,
        reason: reason.to_owned(),
        message: String::new(),
        started_at: Some(started_at),
        finished_at: Timestamp::now(),
    }
}

/// For the server: whether a process still is the one that was recorded.
pub(crate) fn is_alive(recorded: Process) -> bool {
    process::start_time(recorded.pid) == Some(recorded.start_time)
}
