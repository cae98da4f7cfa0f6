//! The channels of a WebSocket (`v5.channel.k8s.io`): one byte names the stream, the rest is data.

use crate::{failure::Exit, session::Session};
use anyhow::{Result, bail};
use client::Path;
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::io::Write;
use tokio::{io::AsyncReadExt, sync::mpsc};
use tokio_tungstenite::tungstenite::Message;

const STDIN: u8 = 0;
const STDOUT: u8 = 1;
const STDERR: u8 = 2;
const ERROR: u8 = 3;
const RESIZE: u8 = 4;
const CLOSE: u8 = 255;
/// Bytes of standard input sent at once.
const CHUNK_BYTES: usize = 8 << 10;
/// Messages that wait to be sent; reading input pauses beyond.
const QUEUE: usize = 16;

/// What is connected to the container.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terminal {
    pub(crate) stdin: bool,
    pub(crate) tty: bool,
}

/// Connects this terminal to the stream at `path` until it ends; the command's exit code is the error
/// [`Exit`].
pub(crate) async fn connect(session: &Session, path: &Path, terminal: Terminal) -> Result<()> {
    let request = http::Request::get(path.as_str()).body(Vec::new())?;
    let connection = session.client().await?.kube().connect(request).await?;
    let closes = connection.supports_stream_close();
    let raw = if terminal.tty { Raw::enter() } else { None };
    let (mut sink, mut source) = connection.into_stream().split();
    let (sender, mut queue) = mpsc::channel::<Message>(QUEUE);
    let mut helpers = tokio::task::JoinSet::new();
    helpers.spawn(async move {
        while let Some(message) = queue.recv().await {
            if sink.send(message).await.is_err() {
                return;
            }
        }
    });
    if terminal.stdin {
        helpers.spawn(input(sender.clone(), closes));
    }
    if terminal.tty {
        helpers.spawn(resizes(sender.clone()));
    }
    drop(sender);
    let mut verdict = None;
    while let Some(message) = source.next().await {
        let data = match message {
            Ok(Message::Binary(data)) => data,
            Ok(Message::Close(_)) => break,
            Ok(_) => continue,
            Err(error) if verdict.is_some() => {
                tracing::debug!(%error, "the connection ended after the result");
                break;
            }
            Err(error) => bail!("the connection to the container broke: {error}"),
        };
        match data.split_first() {
            Some((&STDOUT, text)) => put(&mut std::io::stdout(), text)?,
            Some((&STDERR, text)) => put(&mut std::io::stderr(), text)?,
            Some((&ERROR, text)) if !text.is_empty() => {
                verdict = Some(serde_json::from_slice::<Value>(text).unwrap_or(Value::Null));
                break;
            }
            _ => {}
        }
    }
    helpers.abort_all();
    drop(raw);
    judge(verdict)
}

fn put(out: &mut dyn Write, text: &[u8]) -> Result<()> {
    out.write_all(text)?;
    out.flush()?;
    Ok(())
}

/// What the error channel says of how the command ended.
fn judge(verdict: Option<Value>) -> Result<()> {
    let Some(status) = verdict else { return Ok(()) };
    if status["status"] == "Success" {
        return Ok(());
    }
    let message = status["message"].as_str().unwrap_or("the command failed");
    let causes = status["details"]["causes"].as_array();
    let code = causes
        .into_iter()
        .flatten()
        .find(|cause| cause["reason"] == "ExitCode")
        .and_then(|cause| cause["message"].as_str()?.parse::<u8>().ok());
    match code {
        Some(code) => {
            eprintln!("command terminated with exit code {code}");
            Err(Exit(code).into())
        }
        None => bail!("{message}"),
    }
}

async fn input(sender: mpsc::Sender<Message>, closes: bool) {
    let mut stdin = tokio::io::stdin();
    let mut buffer = vec![0; CHUNK_BYTES + 1];
    loop {
        match stdin.read(&mut buffer[1..]).await {
            Ok(0) | Err(_) => {
                if closes {
                    let _ = sender.send(Message::binary(vec![CLOSE, STDIN])).await;
                }
                return;
            }
            Ok(count) => {
                buffer[0] = STDIN;
                if sender
                    .send(Message::binary(buffer[..=count].to_vec()))
                    .await
                    .is_err()
                {
                    return;
                }
            }
        }
    }
}

/// Tells the size of the terminal now and whenever it changes.
async fn resizes(sender: mpsc::Sender<Message>) {
    let Ok(mut signals) =
        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::window_change())
    else {
        return;
    };
    loop {
        if let Ok(size) = rustix::termios::tcgetwinsize(std::io::stdin()) {
            let mut message = vec![RESIZE];
            message.extend(
                json!({"Width": size.ws_col, "Height": size.ws_row})
                    .to_string()
                    .bytes(),
            );
            if sender.send(Message::binary(message)).await.is_err() {
                return;
            }
        }
        if signals.recv().await.is_none() {
            return;
        }
    }
}

/// The terminal in raw mode; put back when dropped.
struct Raw(rustix::termios::Termios);

impl Raw {
    fn enter() -> Option<Self> {
        use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
        let before = tcgetattr(std::io::stdin()).ok()?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(std::io::stdin(), OptionalActions::Now, &raw).ok()?;
        Some(Self(before))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        use rustix::termios::{OptionalActions, tcsetattr};
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, &self.0);
    }
}
