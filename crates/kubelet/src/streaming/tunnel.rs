//! A byte stream inside WebSocket messages: how kubectl since 1.31 carries SPDY through proxies that know only
//! WebSocket.

use super::websocket::Socket;
use bytes::Bytes;
use futures::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio_tungstenite::tungstenite::Message;

/// Bytes under way in each direction.
const BUFFER_BYTES: usize = 64 << 10;

/// The byte stream in a WebSocket; it ends when either side does.
pub(super) fn open(socket: Socket) -> DuplexStream {
    let (ours, theirs) = tokio::io::duplex(BUFFER_BYTES);
    let (mut sink, mut stream) = socket.split();
    let (mut reader, mut writer) = tokio::io::split(theirs);
    tokio::spawn(async move {
        let inbound = async {
            while let Some(Ok(message)) = stream.next().await {
                let bytes = match message {
                    Message::Binary(bytes) => bytes,
                    Message::Close(_) => break,
                    _ => continue,
                };
                if writer.write_all(&bytes).await.is_err() {
                    break;
                }
            }
        };
        let outbound = async {
            let mut buffer = vec![0; BUFFER_BYTES / 2];
            while let Ok(count) = reader.read(&mut buffer).await {
                let message = Message::Binary(Bytes::copy_from_slice(&buffer[..count]));
                if count == 0 || sink.send(message).await.is_err() {
                    break;
                }
            }
            let _ = sink.close().await;
        };
        tokio::select! {
            () = inbound => {}
            () = outbound => {}
        }
    });
    ours
}
