//! Streams between a client and a container: exec, attach and port-forward over WebSocket and SPDY/3.1, as kubectl
//! and the client libraries speak them. Upstream: `kubelet/pkg/cri/streaming` and `apimachinery/util/httpstream`.
//!
//! A [`Remote`] hides which of the two a client speaks; [`process`] connects it to a process, and [`forward`]
//! connects ports.

mod forward;
mod handshake;
mod process;
mod spdy;
mod spdy_remote;
mod tunnel;
mod websocket;

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use runtime::session::TerminalSize;
use std::{io, time::Duration};
use tokio::sync::mpsc;

pub(crate) use process::{connect, without_exit_code};

/// Chunks of input that wait for a process that does not read.
const INPUT_QUEUE: usize = 32;
/// Sizes that wait to be applied.
const RESIZE_QUEUE: usize = 8;

/// How long a command that gets a terminal waits to know its size: a program that asks once, at its start, must not
/// be told a terminal of no size.
const FIRST_SIZE: Duration = Duration::from_millis(100);

/// The streams a client asks for, from the query of its request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) stdin: bool,
    pub(crate) stdout: bool,
    pub(crate) stderr: bool,
    pub(crate) tty: bool,
}

impl Wanted {
    /// Reads `input`, `output`, `error` and `tty`, or their long forms `stdin`, `stdout`, `stderr`.
    pub(crate) fn from_query(query: &str) -> Self {
        let is_set = |names: [&str; 2]| {
            query.split('&').any(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                names.contains(&name) && (value == "1" || value == "true")
            })
        };
        let tty = is_set(["tty", "tty"]);
        Self {
            stdin: is_set(["input", "stdin"]),
            stdout: is_set(["output", "stdout"]),
            // A terminal has one output.
            stderr: is_set(["error", "stderr"]) && !tty,
            tty,
        }
    }
}

/// Where output goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Channel {
    Stdout,
    Stderr,
    /// How the process ended.
    Error,
}

/// The client's side of a session.
pub(crate) struct Remote {
    /// Input, until the client closes it.
    pub(crate) stdin: mpsc::Receiver<Bytes>,
    /// New sizes of the client's terminal.
    pub(crate) resize: mpsc::Receiver<TerminalSize>,
    /// Output.
    pub(crate) output: Box<dyn Output>,
    /// Whether the end is told as a Status object; the oldest protocols have plain text.
    pub(crate) status_objects: bool,
}

impl Remote {
    /// The size that clients with a terminal send first; nothing if it does not come at once.
    pub(crate) async fn first_size(&mut self) -> Option<TerminalSize> {
        tokio::time::timeout(FIRST_SIZE, self.resize.recv())
            .await
            .ok()
            .flatten()
    }
}

/// Takes output to the client.
#[async_trait]
pub(crate) trait Output: Send + Sync {
    /// Sends a chunk; waits while the client does not read.
    async fn write(&self, channel: Channel, data: Bytes) -> io::Result<()>;
    /// Says that nothing follows on any channel.
    async fn finish(&self);
    /// Returns when the client is gone.
    async fn gone(&self);
}

/// What serves a session once it is connected.
pub(crate) type Serve = Box<dyn FnOnce(Remote) -> BoxFuture<'static, ()> + Send>;

/// Answers a request for exec or attach: switches protocols and runs `serve` on the session, or says why not.
pub(crate) fn session(
    request: Request<Incoming>,
    wanted: Wanted,
    serve: Serve,
) -> Response<Full<Bytes>> {
    if handshake::is_websocket(request.headers()) {
        return websocket::session(request, serve);
    }
    if handshake::is_spdy(request.headers()) {
        return spdy_remote::session(request, wanted, serve);
    }
    handshake::refuse("exec and attach need an upgrade to WebSocket or SPDY/3.1")
}

/// Connects one TCP port of a pod.
pub(crate) type Dial = std::sync::Arc<
    dyn Fn(u16) -> BoxFuture<'static, Result<Box<dyn runtime::session::Socket>, String>>
        + Send
        + Sync,
>;

/// Answers a request for port-forward; `ports` are those that its query names.
pub(crate) fn port_forward(
    request: Request<Incoming>,
    ports: &[String],
    dial: Dial,
) -> Response<Full<Bytes>> {
    if handshake::is_websocket(request.headers()) {
        return forward::over_websocket(request, ports, dial);
    }
    if handshake::is_spdy(request.headers()) {
        return forward::over_spdy(request, dial);
    }
    handshake::refuse("port-forward needs an upgrade to WebSocket or SPDY/3.1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_has_one_output() {
        let wanted = Wanted::from_query("command=sh&input=1&output=1&error=1&tty=1");
        assert_eq!(
            wanted,
            Wanted {
                stdin: true,
                stdout: true,
                stderr: false,
                tty: true
            }
        );
        assert!(Wanted::from_query("stdout=true&stderr=true").stderr);
        assert_eq!(Wanted::from_query(""), Wanted::default());
    }
}
