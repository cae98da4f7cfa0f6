//! Those attached to a container: servers on behalf of their users.
//!
//! Frames both ways: kind, length (4 bytes, little-endian), payload. A client begins with [`ATTACH`] or
//! [`REOPEN`]. One that does not read what it asked for is let go, so that it cannot stop the container.

use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use rustix::event::{PollFd, PollFlags};

use crate::session::TerminalSize;
use crate::shim::log::Stream;

pub(crate) const STDIN: u8 = 0;
pub(crate) const STDOUT: u8 = 1;
pub(crate) const STDERR: u8 = 2;
pub(crate) const RESIZE: u8 = 4;
pub(crate) const EXIT: u8 = 5;
/// Payload: one byte, bits for the streams wanted (1 standard input, 2 output, 4 error).
pub(crate) const ATTACH: u8 = 8;
/// Answered with the same when done.
pub(crate) const REOPEN: u8 = 9;
/// Longest payload.
pub(crate) const FRAME_LIMIT: usize = 64 << 10;
/// Output kept for a client that reads slowly.
const BACKLOG: usize = 1 << 20;
/// Clients at a time.
const CLIENTS: usize = 32;

/// What a client wants of the relay.
pub(super) enum Command {
    Stdin(Vec<u8>),
    StdinEnds,
    Resize(TerminalSize),
    ReopenLog,
}

#[derive(Default)]
pub(super) struct Clients {
    all: Vec<Client>,
}

struct Client {
    socket: UnixStream,
    received: Vec<u8>,
    unsent: Vec<u8>,
    stdin: bool,
    stdout: bool,
    stderr: bool,
    reopening: bool,
    gone: bool,
}

impl Clients {
    pub(super) fn add(&mut self, socket: UnixStream) {
        if self.all.len() < CLIENTS && socket.set_nonblocking(true).is_ok() {
            self.all.push(Client {
                socket,
                received: Vec::new(),
                unsent: Vec::new(),
                stdin: false,
                stdout: false,
                stderr: false,
                reopening: false,
                gone: false,
            });
        }
    }

    /// One entry for each client, in order.
    pub(super) fn poll<'a>(&'a self, fds: &mut Vec<PollFd<'a>>, read: bool) {
        for client in &self.all {
            let mut flags = PollFlags::empty();
            flags.set(PollFlags::IN, read);
            flags.set(PollFlags::OUT, !client.unsent.is_empty());
            fds.push(PollFd::from_borrowed_fd(client.socket.as_fd(), flags));
        }
    }

    pub(super) fn serve(&mut self, ready: &[bool]) -> Vec<Command> {
        let mut commands = Vec::new();
        for (client, _) in self.all.iter_mut().zip(ready).filter(|(_, ready)| **ready) {
            client.flush();
            client.receive(&mut commands);
            if client.gone && client.stdin {
                commands.push(Command::StdinEnds);
            }
        }
        self.all.retain(|client| !client.gone);
        commands
    }

    pub(super) fn output(&mut self, stream: Stream, bytes: &[u8]) {
        for client in &mut self.all {
            let (wanted, kind) = match stream {
                Stream::Stdout => (client.stdout, STDOUT),
                Stream::Stderr => (client.stderr, STDERR),
            };
            if wanted && !bytes.is_empty() {
                client.send(kind, bytes);
            }
        }
    }

    /// Tells those who asked that the log is open again.
    pub(super) fn reopened(&mut self) {
        for client in self.all.iter_mut().filter(|c| c.reopening) {
            client.reopening = false;
            client.send(REOPEN, &[]);
        }
    }

    /// Tells everyone the exit code, waiting a moment for what they have not read.
    pub(super) fn finish(&mut self, code: i32) {
        for client in &mut self.all {
            let _ = client.socket.set_nonblocking(false);
            let wait = std::time::Duration::from_secs(1);
            let _ = client.socket.set_write_timeout(Some(wait));
            client.send(EXIT, &code.to_le_bytes());
            client.flush();
        }
    }
}

impl Client {
    fn send(&mut self, kind: u8, payload: &[u8]) {
        self.unsent.push(kind);
        self.unsent.extend((payload.len() as u32).to_le_bytes());
        self.unsent.extend(payload);
        self.flush();
        self.gone |= self.unsent.len() > BACKLOG;
    }

    fn flush(&mut self) {
        while !self.unsent.is_empty() && !self.gone {
            match self.socket.write(&self.unsent) {
                Ok(written) => {
                    self.unsent.drain(..written);
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => return,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(_) => self.gone = true,
            }
        }
    }

    fn receive(&mut self, commands: &mut Vec<Command>) {
        let mut chunk = [0; 16 << 10];
        match self.socket.read(&mut chunk) {
            Ok(0) => self.gone = true,
            Ok(count) => self.received.extend(&chunk[..count]),
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(_) => self.gone = true,
        }
        while let Some((kind, payload)) = self.next_frame() {
            self.take(kind, payload, commands);
        }
    }

    fn next_frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let head: [u8; 5] = self.received.get(..5)?.try_into().ok()?;
        let length = u32::from_le_bytes([head[1], head[2], head[3], head[4]]) as usize;
        if length > FRAME_LIMIT {
            self.gone = true;
            return None;
        }
        let payload = self.received.get(5..5 + length)?.to_vec();
        self.received.drain(..5 + length);
        Some((head[0], payload))
    }

    fn take(&mut self, kind: u8, payload: Vec<u8>, commands: &mut Vec<Command>) {
        match (kind, payload.as_slice()) {
            (ATTACH, [wanted]) => {
                self.stdin = wanted & 1 != 0;
                self.stdout = wanted & 2 != 0;
                self.stderr = wanted & 4 != 0;
            }
            (STDIN, []) if self.stdin => {
                self.stdin = false;
                commands.push(Command::StdinEnds);
            }
            (STDIN, _) if self.stdin => commands.push(Command::Stdin(payload)),
            (RESIZE, [w0, w1, h0, h1]) => commands.push(Command::Resize(TerminalSize {
                width: u16::from_le_bytes([*w0, *w1]),
                height: u16::from_le_bytes([*h0, *h1]),
            })),
            (REOPEN, _) => {
                self.reopening = true;
                commands.push(Command::ReopenLog);
            }
            _ => self.gone = true,
        }
    }
}
