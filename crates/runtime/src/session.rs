//! Talking to a process in a container: exec and attach.

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot};

use crate::Result;

/// Output that [`crate::Pods::exec_sync`] keeps of each stream.
pub const EXEC_OUTPUT_LIMIT: usize = 16 << 20;
/// Terminal sizes waiting to be applied.
pub const RESIZE_QUEUE: usize = 8;

/// What a finished command said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExecOutput {
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
    /// Exit code; 128 plus the signal if one killed it.
    pub exit_code: i32,
}

/// A command to run in a container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExecRequest {
    /// Program and arguments.
    pub command: Vec<String>,
    /// Which streams to connect; with a terminal standard error is part of standard output.
    pub streams: Streams,
    /// Give it a terminal.
    pub tty: bool,
    /// The terminal's size from the start, if it is known.
    pub size: Option<TerminalSize>,
}

/// Which streams to connect.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Streams {
    /// Standard input.
    pub stdin: bool,
    /// Standard output.
    pub stdout: bool,
    /// Standard error.
    pub stderr: bool,
}

/// Size of a terminal in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TerminalSize {
    /// Columns.
    pub width: u16,
    /// Rows.
    pub height: u16,
}

impl From<TerminalSize> for rustix::termios::Winsize {
    fn from(size: TerminalSize) -> Self {
        Self {
            ws_col: size.width,
            ws_row: size.height,
            ws_xpixel: 0,
            ws_ypixel: 0,
        }
    }
}

/// A connected process. Dropping `stdin` closes its standard input;
/// dropping everything of an exec hangs it up.
pub struct Session {
    /// To its standard input, if asked for.
    pub stdin: Option<Box<dyn AsyncWrite + Send + Sync + Unpin>>,
    /// From its standard output or terminal, if asked for.
    pub stdout: Option<Box<dyn AsyncRead + Send + Sync + Unpin>>,
    /// From its standard error, if asked for and without a terminal.
    pub stderr: Option<Box<dyn AsyncRead + Send + Sync + Unpin>>,
    /// Changes the size of its terminal.
    pub resize: mpsc::Sender<TerminalSize>,
    /// The exit code, when it has ended.
    pub exit: oneshot::Receiver<Result<i32>>,
}

/// A byte stream both ways.
pub trait Socket: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Socket for T {}
