//! The loop of a shim: from a container's streams to its log and to whoever is attached, until its
//! process is gone.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, WaitOptions, WaitStatus};

use super::log::{Log, Stream};
use super::process;

pub(crate) mod clients;

use clients::{Clients, Command};

/// What is read from a stream at once.
const CHUNK: usize = 32 << 10;
/// How long output is still read after the process is gone, if something else holds the stream open.
const LINGER: Duration = Duration::from_millis(250);
/// Reads of each stream after the end: with [`CHUNK`] more than a pipe holds.
const LAST_READS: usize = 64;

/// The shim's ends of a container's streams.
#[derive(Default)]
pub(super) struct Streams {
    pub(super) stdin: Option<OwnedFd>,
    pub(super) stdout: Option<OwnedFd>,
    pub(super) stderr: Option<OwnedFd>,
    terminal: bool,
}

impl Streams {
    /// A terminal is one stream both ways.
    pub(super) fn set_terminal(&mut self, master: OwnedFd) {
        self.stdin = rustix::io::fcntl_dupfd_cloexec(&master, 3).ok();
        self.stdout = Some(master);
        self.terminal = true;
    }
}

struct Relay {
    streams: Streams,
    log: Option<Log>,
    clients: Clients,
    /// Bytes for standard input that it did not take yet; while there are any no client is read.
    stdin_pending: Vec<u8>,
    stdin_closes: bool,
    stdin_once: bool,
}

/// Runs until the process `pid` is gone and its output is read. `at_end` is called in between.
pub(super) fn run(
    pid: Pid,
    listener: UnixListener,
    streams: Streams,
    log: Option<Log>,
    stdin_once: bool,
    at_end: impl FnOnce(),
) -> io::Result<(i32, Option<i32>)> {
    let mut mask = SigSet::empty();
    mask.add(Signal::SIGCHLD);
    mask.thread_block()?;
    let signals = SignalFd::with_flags(&mask, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
    listener.set_nonblocking(true)?;
    for fd in [&streams.stdin, &streams.stdout, &streams.stderr]
        .into_iter()
        .flatten()
    {
        rustix::io::ioctl_fionbio(fd, true)?;
    }
    let mut relay = Relay {
        streams,
        log,
        clients: Clients::default(),
        stdin_pending: Vec::new(),
        stdin_closes: false,
        stdin_once,
    };
    // It may have ended before the signal was blocked.
    let mut ended = reap(pid);
    while ended.is_none() {
        let ready = relay.wait(&signals, &listener, None)?;
        if ready.signal {
            while let Ok(Some(_)) = signals.read_signal() {}
            ended = reap(pid);
        }
        relay.serve(&ready, &listener);
    }
    at_end();
    relay.drain();
    let _ = reap(pid);
    let (code, signal) = ended.map_or((255, None), process::exit_code);
    relay.clients.finish(code);
    Ok((code, signal))
}

/// Collects every child that ended; gives the status of the one that counts.
fn reap(pid: Pid) -> Option<WaitStatus> {
    let mut found = None;
    while let Ok(Some((child, status))) = rustix::process::wait(WaitOptions::NOHANG) {
        if child == pid {
            found = Some(status);
        }
    }
    found
}

/// What `poll` found.
#[derive(Default)]
struct Ready {
    signal: bool,
    listener: bool,
    stdin: bool,
    stdout: bool,
    stderr: bool,
    clients: Vec<bool>,
}

impl Relay {
    fn wait(
        &self,
        signals: &SignalFd,
        listener: &UnixListener,
        timeout: Option<Timespec>,
    ) -> io::Result<Ready> {
        let mut fds = vec![
            PollFd::from_borrowed_fd(signals.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(listener.as_fd(), PollFlags::IN),
        ];
        let optional: [(Option<BorrowedFd<'_>>, PollFlags); 3] = [
            (
                self.streams
                    .stdin
                    .as_ref()
                    .map(AsFd::as_fd)
                    .filter(|_| !self.stdin_pending.is_empty()),
                PollFlags::OUT,
            ),
            (self.streams.stdout.as_ref().map(AsFd::as_fd), PollFlags::IN),
            (self.streams.stderr.as_ref().map(AsFd::as_fd), PollFlags::IN),
        ];
        for (fd, flags) in optional {
            if let Some(fd) = fd {
                fds.push(PollFd::from_borrowed_fd(fd, flags));
            }
        }
        let first_client = fds.len();
        self.clients.poll(&mut fds, self.stdin_pending.is_empty());
        match poll(&mut fds, timeout.as_ref()) {
            Err(rustix::io::Errno::INTR) => return Ok(Ready::default()),
            other => other?,
        };
        let hit: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        let mut next = hit.iter().copied().skip(2);
        let mut take = |present: bool| present && next.next().unwrap_or(false);
        Ok(Ready {
            signal: hit[0],
            listener: hit[1],
            stdin: take(optional[0].0.is_some()),
            stdout: take(optional[1].0.is_some()),
            stderr: take(optional[2].0.is_some()),
            clients: hit[first_client..].to_vec(),
        })
    }

    fn serve(&mut self, ready: &Ready, listener: &UnixListener) {
        if ready.stdout {
            self.read(Stream::Stdout);
        }
        if ready.stderr {
            self.read(Stream::Stderr);
        }
        if ready.stdin {
            self.write_stdin();
        }
        for command in self.clients.serve(&ready.clients) {
            self.obey(command);
        }
        if ready.listener {
            while let Ok((client, _)) = listener.accept() {
                self.clients.add(client);
            }
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Stdin(bytes) => {
                if self.streams.stdin.is_some() && !self.stdin_closes {
                    self.stdin_pending.extend(bytes);
                    self.write_stdin();
                }
            }
            Command::StdinEnds => {
                if self.stdin_once && !self.streams.terminal {
                    self.stdin_closes = true;
                    self.write_stdin();
                }
            }
            Command::Resize(size) => {
                if let (true, Some(terminal)) = (self.streams.terminal, &self.streams.stdout) {
                    let _ = rustix::termios::tcsetwinsize(terminal, size.into());
                }
            }
            Command::ReopenLog => {
                if let Some(log) = &mut self.log {
                    log.reopen();
                }
                self.clients.reopened();
            }
        }
    }

    fn write_stdin(&mut self) {
        if let Some(stdin) = &self.streams.stdin {
            match rustix::io::write(stdin, &self.stdin_pending) {
                Ok(written) => {
                    self.stdin_pending.drain(..written);
                }
                Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {}
                Err(_) => {
                    self.stdin_pending.clear();
                    self.stdin_closes = true;
                }
            }
            if self.stdin_closes && self.stdin_pending.is_empty() {
                self.streams.stdin = None;
            }
        }
    }

    /// Reads a stream once. Whether there may be more.
    fn read(&mut self, stream: Stream) -> bool {
        let source = match stream {
            Stream::Stdout => &mut self.streams.stdout,
            Stream::Stderr => &mut self.streams.stderr,
        };
        let Some(fd) = source else { return false };
        let mut chunk = [0; CHUNK];
        let count = match rustix::io::read(fd, &mut chunk) {
            Ok(count) => count,
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => return false,
            // A terminal whose last holder left answers with an error.
            Err(_) => 0,
        };
        if count == 0 {
            *source = None;
        }
        if let Some(log) = &mut self.log {
            log.add(stream, &chunk[..count]);
        }
        self.clients.output(stream, &chunk[..count]);
        count > 0
    }

    /// Reads what is left after the process is gone.
    fn drain(&mut self) {
        let deadline = Instant::now() + LINGER;
        while self.streams.stdout.is_some() || self.streams.stderr.is_some() {
            for stream in [Stream::Stdout, Stream::Stderr] {
                let mut reads = 0;
                while reads < LAST_READS && self.read(stream) {
                    reads += 1;
                }
            }
            let fds: Vec<_> = [&self.streams.stdout, &self.streams.stderr]
                .into_iter()
                .flatten()
                .collect();
            let mut fds: Vec<_> = fds
                .iter()
                .map(|fd| PollFd::new(*fd, PollFlags::IN))
                .collect();
            let left = deadline.saturating_duration_since(Instant::now());
            if fds.is_empty() || left.is_zero() {
                break;
            }
            let timeout = Timespec {
                tv_sec: 0,
                tv_nsec: i64::from(left.subsec_nanos()),
            };
            let _ = poll(&mut fds, Some(&timeout));
        }
        // What ended without a newline.
        if let Some(log) = &mut self.log {
            log.add(Stream::Stdout, &[]);
            log.add(Stream::Stderr, &[]);
        }
    }
}
