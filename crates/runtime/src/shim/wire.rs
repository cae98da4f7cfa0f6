//! Messages between the server and the children of the launcher: JSON with its length before it,
//! file descriptors beside it.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::container::LogLimits;
use crate::session::TerminalSize;

/// Longest message: the arguments of a command are the largest part.
const MESSAGE_LIMIT: usize = 4 << 20;
/// Most descriptors beside one message.
const DESCRIPTORS: usize = 4;

/// What a child is asked to do.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Request {
    Sandbox(SandboxRequest),
    Start(StartRequest),
    Exec(ExecRequest),
    Dial(DialRequest),
}

/// Makes namespaces and pins them to files.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SandboxRequest {
    /// Where each namespace is pinned; `None` keeps the machine's.
    pub(crate) net: Option<PathBuf>,
    pub(crate) ipc: Option<PathBuf>,
    pub(crate) uts: Option<PathBuf>,
    pub(crate) hostname: String,
    pub(crate) sysctls: Vec<(String, String)>,
    /// Start a pause process with a PID namespace of its own, in this cgroup.
    pub(crate) pause_cgroup: Option<String>,
}

/// Starts a container and stays as its shim.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StartRequest {
    /// The container's directory, with `config.json` in it.
    pub(crate) dir: PathBuf,
    pub(crate) cgroup: String,
    pub(crate) log: Option<PathBuf>,
    pub(crate) log_limits: LogLimits,
    pub(crate) stdin: bool,
    pub(crate) stdin_once: bool,
    pub(crate) tty: bool,
    /// The container has no PID namespace of its own, so that its children can outlive its first process.
    pub(crate) shared_pids: bool,
}

/// Runs a command in a container; the descriptors are standard input, output and error.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ExecRequest {
    pub(crate) dir: PathBuf,
    pub(crate) cgroup: String,
    pub(crate) pid: u32,
    pub(crate) pid_start_time: u64,
    pub(crate) command: Vec<String>,
    pub(crate) tty: bool,
    pub(crate) size: Option<TerminalSize>,
}

/// Connects to a loopback port.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct DialRequest {
    pub(crate) netns: PathBuf,
    pub(crate) port: u16,
}

/// What a child answers.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Reply {
    Failed {
        reason: String,
    },
    /// A sandbox; with the pause process if there is one.
    Sandbox {
        pause: Option<Process>,
    },
    /// A container runs.
    Started {
        process: Process,
        shim: Process,
    },
    /// A command runs; beside it comes the terminal if there is one.
    Running,
    /// A command ended.
    Exited {
        code: i32,
    },
    /// A connection; the descriptor is beside it.
    Connected,
}

/// A process that can be told from a later one with the same number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    /// In clock ticks since the machine started.
    pub(crate) start_time: u64,
}

pub(crate) fn encode<T: Serialize>(message: &T) -> io::Result<Vec<u8>> {
    let body = serde_json::to_vec(message)?;
    if body.len() > MESSAGE_LIMIT {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "argument list too long",
        ));
    }
    let mut bytes = (body.len() as u32).to_le_bytes().to_vec();
    bytes.extend(body);
    Ok(bytes)
}

/// Sends a message, blocking.
pub(crate) fn send<T: Serialize>(
    socket: &UnixStream,
    message: &T,
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<()> {
    let bytes = encode(message)?;
    let sent = send_with(socket.as_fd(), &bytes, descriptors)?;
    (&mut &*socket).write_all(&bytes[sent..])
}

/// One call of `sendmsg`. Returns how many bytes went out; the descriptors go with the first.
pub(crate) fn send_with(
    socket: BorrowedFd<'_>,
    bytes: &[u8],
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let flags = SendFlags::NOSIGNAL;
    Ok(sendmsg(
        socket,
        &[IoSlice::new(bytes)],
        &mut ancillary,
        flags,
    )?)
}

/// One call of `recvmsg`. Zero bytes mean the end.
pub(crate) fn receive_with(
    socket: BorrowedFd<'_>,
    bytes: &mut [u8],
    descriptors: &mut Vec<OwnedFd>,
) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let received = recvmsg(
        socket,
        &mut [IoSliceMut::new(bytes)],
        &mut ancillary,
        RecvFlags::CMSG_CLOEXEC,
    )?;
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            descriptors.extend(rights);
        }
    }
    Ok(received.bytes)
}

/// Receives a message, blocking.
pub(crate) fn receive<T: DeserializeOwned>(socket: &UnixStream) -> io::Result<(T, Vec<OwnedFd>)> {
    let mut descriptors = Vec::new();
    let mut head = [0; 4];
    let first = receive_with(socket.as_fd(), &mut head, &mut descriptors)?;
    if first == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    (&mut &*socket).read_exact(&mut head[first..])?;
    let mut body = vec![0; length(head)?];
    (&mut &*socket).read_exact(&mut body)?;
    Ok((serde_json::from_slice(&body)?, descriptors))
}

/// The length a message announces.
pub(crate) fn length(head: [u8; 4]) -> io::Result<usize> {
    let length = u32::from_le_bytes(head) as usize;
    if length > MESSAGE_LIMIT {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "message too long",
        ));
    }
    Ok(length)
}
