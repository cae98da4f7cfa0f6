//! Sessions over WebSocket: one message is a channel's number and data (`channel.k8s.io` version 1 to 5, binary or
//! base64).

use super::{Channel, INPUT_QUEUE, Output, RESIZE_QUEUE, Remote, Serve, handshake};
use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use futures::{
    SinkExt as _, StreamExt as _,
    stream::{SplitSink, SplitStream},
};
use http::{Request, Response};
use http_body_util::Full;
use hyper::{body::Incoming, upgrade::Upgraded};
use hyper_util::rt::TokioIo;
use runtime::session::TerminalSize;
use serde::Deserialize;
use std::io;
use tokio::sync::{Mutex, mpsc};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        protocol::{Role, WebSocketConfig},
    },
};
use tokio_util::sync::CancellationToken;

/// The subprotocols, the preferred first.
const PROTOCOLS: &[&str] = &[
    "v5.channel.k8s.io",
    "v4.channel.k8s.io",
    "v3.channel.k8s.io",
    "v2.channel.k8s.io",
    "channel.k8s.io",
    "v5.base64.channel.k8s.io",
    "v4.base64.channel.k8s.io",
    "base64.channel.k8s.io",
];
/// The largest message taken.
const MESSAGE_LIMIT_BYTES: usize = 4 << 20;
/// Since version 5: the channel whose number follows is closed.
const CLOSE: u8 = 255;

pub(super) type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// Switches to WebSocket and serves a session.
pub(super) fn session(mut request: Request<Incoming>, serve: Serve) -> Response<Full<Bytes>> {
    let (protocol, response) = match handshake::websocket(request.headers(), PROTOCOLS, Some("")) {
        Ok(accepted) => accepted,
        Err(refusal) => return *refusal,
    };
    let upgrading = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        match upgrading.await {
            Ok(upgraded) => serve_on(open(upgraded).await, protocol, serve).await,
            Err(error) => tracing::debug!(%error, "a client did not follow to WebSocket"),
        }
    });
    response
}

/// The server's end of a WebSocket.
pub(super) async fn open(upgraded: Upgraded) -> Socket {
    let config = WebSocketConfig::default()
        .max_message_size(Some(MESSAGE_LIMIT_BYTES))
        .max_frame_size(Some(MESSAGE_LIMIT_BYTES));
    WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await
}

async fn serve_on(socket: Socket, protocol: &'static str, serve: Serve) {
    let base64 = protocol.contains("base64");
    let (sink, stream) = socket.split();
    let (stdin_sender, stdin) = mpsc::channel(INPUT_QUEUE);
    let (resize_sender, resize) = mpsc::channel(RESIZE_QUEUE);
    let gone = CancellationToken::new();
    let output = Box::new(WebSocketOutput {
        sink: Mutex::new(sink),
        base64,
        gone: gone.clone(),
    });
    let reading = tokio::spawn(read(stream, base64, stdin_sender, resize_sender, gone));
    let status_objects = protocol.starts_with("v4.") || protocol.starts_with("v5.");
    serve(Remote {
        stdin,
        resize,
        output,
        status_objects,
    })
    .await;
    reading.abort();
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Size {
    width: u16,
    height: u16,
}

/// A size as clients write it: `{"Width":80,"Height":24}`.
pub(super) fn size(json: &[u8]) -> Option<TerminalSize> {
    let size: Size = serde_json::from_slice(json).ok()?;
    Some(TerminalSize {
        width: size.width,
        height: size.height,
    })
}

/// Takes the client's messages apart until it goes away.
async fn read(
    mut stream: SplitStream<Socket>,
    base64: bool,
    stdin: mpsc::Sender<Bytes>,
    resize: mpsc::Sender<TerminalSize>,
    gone: CancellationToken,
) {
    let mut stdin = Some(stdin);
    while let Some(Ok(message)) = stream.next().await {
        let Some((channel, data)) = take_apart(message, base64) else {
            continue;
        };
        match channel {
            0 => {
                if let Some(stdin) = &stdin {
                    // A process that has closed its input ignores the rest.
                    let _ = stdin.send(data).await;
                }
            }
            4 => {
                if let Some(size) = size(&data) {
                    let _ = resize.try_send(size);
                }
            }
            CLOSE if data.first() == Some(&0) => stdin = None,
            _ => {}
        }
    }
    gone.cancel();
}

/// The channel and data of a message; nothing for control messages and malformed ones.
pub(super) fn take_apart(message: Message, base64: bool) -> Option<(u8, Bytes)> {
    let bytes = match message {
        Message::Binary(bytes) => bytes,
        Message::Text(text) => Bytes::from(text),
        _ => return None,
    };
    let first = *bytes.first()?;
    let rest = bytes.slice(1..);
    if base64 {
        let data = STANDARD.decode(&rest).ok()?;
        return Some((first.checked_sub(b'0')?, Bytes::from(data)));
    }
    Some((first, rest))
}

struct WebSocketOutput {
    sink: Mutex<SplitSink<Socket, Message>>,
    base64: bool,
    gone: CancellationToken,
}

#[async_trait]
impl Output for WebSocketOutput {
    async fn write(&self, channel: Channel, data: Bytes) -> io::Result<()> {
        let number = match channel {
            Channel::Stdout => 1,
            Channel::Stderr => 2,
            Channel::Error => 3,
        };
        let message = put_together(number, &data, self.base64);
        self.sink
            .lock()
            .await
            .send(message)
            .await
            .map_err(io::Error::other)
    }

    async fn finish(&self) {
        close(&mut *self.sink.lock().await).await;
    }

    async fn gone(&self) {
        self.gone.cancelled().await;
    }
}

/// Says that nothing follows. A client that is gone already is as good.
pub(super) async fn close(sink: &mut SplitSink<Socket, Message>) {
    let normal = tokio_tungstenite::tungstenite::protocol::CloseFrame {
        code: tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode::Normal,
        reason: "".into(),
    };
    let _ = sink.send(Message::Close(Some(normal))).await;
    let _ = sink.close().await;
}

/// A message of a channel's data.
pub(super) fn put_together(channel: u8, data: &[u8], base64: bool) -> Message {
    if base64 {
        let channel = char::from(b'0'.saturating_add(channel));
        return Message::text(format!("{channel}{}", STANDARD.encode(data)));
    }
    let mut bytes = Vec::with_capacity(data.len() + 1);
    bytes.push(channel);
    bytes.extend_from_slice(data);
    Message::binary(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_apart_as_they_were_put_together() {
        for base64 in [false, true] {
            let (channel, data) = take_apart(put_together(1, b"hello", base64), base64).unwrap();
            assert_eq!((channel, &data[..]), (1, &b"hello"[..]));
        }
        assert_eq!(take_apart(Message::binary(Vec::new()), false), None);
        assert_eq!(take_apart(Message::text("0!"), true), None);
    }

    #[test]
    fn damaged_messages_come_apart_or_are_dropped() {
        fuzz::run("WebSocket messages", 2000, |random| {
            let base64 = random.one_in(2);
            let size = br#"{"Width":80,"Height":24}"#;
            let message = put_together(4, size, base64).into_data();
            let bytes = random.damaged(&message, &message);
            let message = if base64 {
                Message::text(String::from_utf8_lossy(&bytes).into_owned())
            } else {
                Message::binary(bytes.clone())
            };
            if let Some((channel, data)) = take_apart(message, base64) {
                assert!(data.len() < bytes.len().max(1) * 3);
                assert!(base64 || (channel == bytes[0] && data == bytes[1..]));
                if size != &data[..] && super::size(&data).is_some() {
                    assert!(serde_json::from_slice::<serde_json::Value>(&data).is_ok());
                }
            }
        });
    }

    #[test]
    fn sizes() {
        assert_eq!(
            size(br#"{"Width":80,"Height":24}"#),
            Some(TerminalSize {
                width: 80,
                height: 24
            })
        );
        assert_eq!(size(b"{}"), None);
    }
}
