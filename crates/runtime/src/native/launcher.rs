//! The server's end of the launcher: starts it, starts it again if it died, and talks to its children.

use std::io;
use std::mem;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream as StdStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use parking_lot::Mutex;
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::UnixStream;

use crate::error::Error;
use crate::shim::wire::{self, Reply, Request};

/// How to execute this binary as a launcher.
pub(super) struct Launcher {
    program: PathBuf,
    cgroup: String,
    live: Mutex<Option<Live>>,
}

struct Live {
    socket: OwnedFd,
    child: Child,
}

impl Drop for Launcher {
    fn drop(&mut self) {
        if let Some(live) = self.live.get_mut().take() {
            end(live);
        }
    }
}

/// A launcher leaves when its socket closes.
fn end(live: Live) {
    drop(live.socket);
    let mut child = live.child;
    let _ = child.wait();
}

impl Launcher {
    /// Ends the process; a later call would start another.
    pub(super) fn stop(&self) {
        if let Some(live) = self.live.lock().take() {
            end(live);
        }
    }

    pub(super) fn new(program: PathBuf, cgroup: String) -> Self {
        Launcher {
            program,
            cgroup,
            live: Mutex::new(None),
        }
    }

    fn spawn(&self) -> io::Result<Live> {
        let (socket, theirs) = rustix::net::socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        )?;
        let child = Command::new(&self.program)
            .args(["shim", "launcher", &self.cgroup])
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::from(theirs))
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()?;
        Ok(Live { socket, child })
    }

    /// A connection to a new child of the launcher.
    fn connect(&self) -> io::Result<StdStream> {
        let (ours, theirs) = StdStream::pair()?;
        let mut live = self.live.lock();
        for _ in 0..2 {
            let current = match live.take() {
                Some(current) => current,
                None => self.spawn()?,
            };
            match wire::send_with(current.socket.as_fd(), &[0], &[theirs.as_fd()]) {
                Ok(_) => {
                    *live = Some(current);
                    return Ok(ours);
                }
                // It died. The next round starts another.
                Err(_) => end(current),
            }
        }
        Err(io::Error::other("the launcher does not stay alive"))
    }

    /// Sends a request to a new child.
    pub(super) async fn call(
        &self,
        request: &Request,
        descriptors: &[BorrowedFd<'_>],
    ) -> io::Result<Connection> {
        let socket = self.connect()?;
        socket.set_nonblocking(true)?;
        let mut stream = UnixStream::from_std(socket)?;
        let bytes = wire::encode(request)?;
        let sent = stream
            .async_io(Interest::WRITABLE, || {
                wire::send_with(stream.as_fd(), &bytes, descriptors)
            })
            .await?;
        stream.write_all(&bytes[sent..]).await?;
        Ok(Connection { stream })
    }
}

/// A child at work.
pub(super) struct Connection {
    stream: UnixStream,
}

impl Connection {
    /// The next reply with its descriptors. A child that died is an error.
    pub(super) async fn receive(&mut self) -> io::Result<(Reply, Vec<OwnedFd>)> {
        let mut head = [0; 4];
        let mut descriptors = Vec::new();
        let stream = &self.stream;
        let first = stream
            .async_io(Interest::READABLE, || {
                wire::receive_with(stream.as_fd(), &mut head, &mut descriptors)
            })
            .await?;
        if first == 0 {
            return Err(io::Error::other("the helper process died"));
        }
        self.stream.read_exact(&mut head[first..]).await?;
        let mut body = vec![0; wire::length(head)?];
        self.stream.read_exact(&mut body).await?;
        Ok((serde_json::from_slice(&body)?, mem::take(&mut descriptors)))
    }
}

/// Turns what went wrong on the way to a child into the runtime's error.
pub(super) fn failed(operation: &'static str, object: &str) -> impl Fn(io::Error) -> Error {
    let object = object.to_owned();
    move |e| Error::Helper {
        operation,
        object: object.clone(),
        reason: e.to_string(),
    }
}

/// What a child said that does not fit.
pub(super) fn refused(operation: &'static str, object: &str, reply: Reply) -> Error {
    let reason = match reply {
        Reply::Failed { reason } => reason,
        other => format!("unexpected reply {other:?}"),
    };
    Error::Helper {
        operation,
        object: object.to_owned(),
        reason,
    }
}
