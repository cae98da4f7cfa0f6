//! A watch over a WebSocket, as browsers need it: each event is a message, text for JSON and binary for
//! protobuf. What the client says is read, so that its end is noticed, and ignored.

use crate::{
    Door,
    answer::{self, Answer},
    frames,
    negotiate::Encoding,
};
use bytes::Bytes;
use futures::{SinkExt, Stream, StreamExt};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use machinery::status::Status;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        handshake::derive_accept_key,
        protocol::{Message, Role, WebSocketConfig},
    },
};

/// Most bytes of a message that a client sends; nothing it says matters.
const MESSAGE_BYTES: usize = 64 << 10;

/// Whether the request asks for a WebSocket.
pub(super) fn is_asked_for(headers: &HeaderMap) -> bool {
    headers
        .get(header::UPGRADE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.eq_ignore_ascii_case("websocket"))
}

/// Switches protocols and sends what `events` gives.
pub(super) fn answer(
    door: &Door,
    headers: &HeaderMap,
    upgrade: OnUpgrade,
    events: impl Stream<Item = Bytes> + Send + 'static,
    encoding: Encoding,
) -> Answer {
    let key = headers.get(header::SEC_WEBSOCKET_KEY);
    let key = key.ok_or_else(|| Status::bad_request("missing or bad Sec-WebSocket-Key"))?;
    let accept = derive_accept_key(key.as_bytes());
    door.tasks().spawn("watch over a socket", async move {
        match upgrade.await {
            Ok(upgraded) => {
                let messages = events.map(|event| message(encoding, event));
                send(TokioIo::new(upgraded), messages).await;
            }
            Err(error) => tracing::debug!(%error, "a watch was lost before it began"),
        }
    });
    let mut response = Response::new(answer::full(Bytes::new()));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let fields = response.headers_mut();
    fields.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    fields.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    if let Ok(accept) = HeaderValue::try_from(accept) {
        fields.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    Ok(response)
}

/// The message that tells of an event. A message has a length of its own, so that protobuf's is left out.
fn message(encoding: Encoding, event: Bytes) -> Message {
    match encoding {
        Encoding::Protobuf => Message::binary(frames::without_length(event)),
        Encoding::Json | Encoding::Yaml => {
            Message::text(String::from_utf8_lossy(event.trim_ascii_end()).into_owned())
        }
    }
}

async fn send<S>(stream: S, messages: impl Stream<Item = Message>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let limits = WebSocketConfig::default()
        .max_message_size(Some(MESSAGE_BYTES))
        .max_frame_size(Some(MESSAGE_BYTES));
    let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, Some(limits)).await;
    let mut messages = std::pin::pin!(messages);
    loop {
        tokio::select! {
            message = messages.next() => {
                let Some(message) = message else { break };
                if socket.send(message).await.is_err() {
                    return;
                }
            }
            said = socket.next() => match said {
                None | Some(Err(_) | Ok(Message::Close(_))) => return,
                Some(Ok(_)) => {}
            },
        }
    }
    let _ = socket.close(None).await;
}
