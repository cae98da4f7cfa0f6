//! What is sent over a WebSocket, as browsers need it: a watch, each event a text message, and a log in binary
//! ones. What the client says is read, so that its end is noticed, and ignored (upstream: `wsstream`).
//!
//! A page of any origin may ask, here and for exec, attach and port-forward, as upstream lets it: no credential comes
//! along that the page did not bring itself, unless somebody installs a client certificate in his browser, which would
//! lend it to every page for other requests too.

use crate::{
    Door,
    answer::{self, Answer, Body},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
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
        protocol::{Role, WebSocketConfig},
    },
};

pub(crate) use tokio_tungstenite::tungstenite::protocol::Message;

/// Most bytes of a message that a client sends; nothing it says matters.
const MESSAGE_BYTES: usize = 64 << 10;

/// Whether the request asks for a WebSocket.
pub(crate) fn is_asked_for(headers: &HeaderMap) -> bool {
    headers
        .get(header::UPGRADE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.eq_ignore_ascii_case("websocket"))
}

/// The protocols that the client offers.
pub(crate) fn offered(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let fields = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL);
    let fields = fields.into_iter().filter_map(|it| it.to_str().ok());
    fields.flat_map(|it| it.split(',')).map(str::trim)
}

/// How bytes are sent to a client that offers these protocols.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bytewise {
    /// As they are; upstream's default.
    Plain,
    /// As they are, asked for by name.
    Binary,
    /// As text, in base64.
    Base64,
}

impl Bytewise {
    /// The first of the client's protocols that is known; none when it offers only others.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut names = offered(headers).peekable();
        if names.peek().is_none() {
            return Some(Self::Plain);
        }
        let known = [Self::Plain, Self::Binary, Self::Base64];
        names.find_map(|name| known.into_iter().find(|it| it.name() == name))
    }

    fn name(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Binary => "binary.k8s.io",
            Self::Base64 => "base64.binary.k8s.io",
        }
    }

    /// The answer's header that says so.
    pub(crate) fn announce(self, response: &mut Response<Body>) {
        if self != Self::Plain {
            let name = HeaderValue::from_static(self.name());
            let fields = response.headers_mut();
            fields.insert(header::SEC_WEBSOCKET_PROTOCOL, name);
        }
    }

    pub(crate) fn message(self, bytes: Bytes) -> Message {
        match self {
            Self::Plain | Self::Binary => Message::binary(bytes),
            Self::Base64 => Message::text(STANDARD.encode(bytes)),
        }
    }
}

/// Switches protocols and sends what `messages` gives.
pub(crate) fn answer(
    door: &Door,
    headers: &HeaderMap,
    upgrade: OnUpgrade,
    messages: impl Stream<Item = Message> + Send + 'static,
) -> Answer {
    let key = headers.get(header::SEC_WEBSOCKET_KEY);
    let key = key.ok_or_else(|| Status::bad_request("missing or bad Sec-WebSocket-Key"))?;
    let accept = derive_accept_key(key.as_bytes());
    door.tasks().spawn("socket", async move {
        match upgrade.await {
            Ok(upgraded) => send(TokioIo::new(upgraded), messages).await,
            Err(error) => tracing::debug!(%error, "a socket was lost before it began"),
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
