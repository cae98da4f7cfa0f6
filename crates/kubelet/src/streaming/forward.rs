//! Port-forward: each connection of the client to a port of the pod is a pair of streams, one for data and one for
//! errors.

mod channels;

use super::{Dial, handshake, spdy, tunnel, websocket};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::{body::Incoming, upgrade::OnUpgrade};
use hyper_util::rt::TokioIo;
use std::{collections::HashMap, io};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_util::sync::CancellationToken;

const SPDY_PROTOCOL: &str = "portforward.k8s.io";
const TUNNEL_PROTOCOL: &str = "SPDY/3.1+portforward.k8s.io";
/// Streams of pairs whose other half has not come yet.
const UNPAIRED: usize = 256;
/// Data read at once, in bytes.
const CHUNK_BYTES: usize = 32 << 10;

/// Switches to SPDY.
pub(super) fn over_spdy(mut request: Request<Incoming>, dial: Dial) -> Response<Full<Bytes>> {
    let (_, response) = match handshake::spdy(request.headers(), &[SPDY_PROTOCOL], SPDY_PROTOCOL) {
        Ok(accepted) => accepted,
        Err(refusal) => return *refusal,
    };
    let upgrading = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        match upgrading.await {
            Ok(upgraded) => serve(TokioIo::new(upgraded), dial).await,
            Err(error) => tracing::debug!(%error, "a client did not follow to SPDY"),
        }
    });
    response
}

/// Switches to a WebSocket that carries SPDY, or a channel for each port.
pub(super) fn over_websocket(
    mut request: Request<Incoming>,
    ports: &[String],
    dial: Dial,
) -> Response<Full<Bytes>> {
    let [plain, base64] = channels::PROTOCOLS;
    let known = [TUNNEL_PROTOCOL, plain, base64];
    let (protocol, response) = match handshake::websocket(request.headers(), &known, Some("")) {
        Ok(accepted) => accepted,
        Err(refusal) => return *refusal,
    };
    let tunnels = protocol == TUNNEL_PROTOCOL;
    let ports = match channels::ports(ports) {
        Ok(ports) => ports,
        Err(_) if tunnels => Vec::new(),
        Err(why) => return handshake::refuse(&why),
    };
    let upgrading: OnUpgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let socket = match upgrading.await {
            Ok(upgraded) => websocket::open(upgraded).await,
            Err(error) => {
                return tracing::debug!(%error, "a client did not follow to WebSocket");
            }
        };
        if tunnels {
            serve(tunnel::open(socket), dial).await;
        } else {
            channels::serve(socket, protocol == base64, ports, dial).await;
        }
    });
    response
}

/// Pairs streams by their request id and serves each pair, until the connection ends.
async fn serve(io: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + 'static, dial: Dial) {
    let stop = CancellationToken::new();
    let mut streams = spdy::serve(io, stop.clone());
    let mut waiting: HashMap<String, spdy::Stream> = HashMap::new();
    while let Some(stream) = streams.recv().await {
        let id = pair_id(&stream);
        let Some(first) = waiting.remove(&id) else {
            if waiting.len() < UNPAIRED {
                waiting.insert(id, stream);
            }
            continue;
        };
        let is_data = |stream: &spdy::Stream| stream.header("streamtype") == Some("data");
        let (data, error) = if is_data(&first) {
            (first, stream)
        } else {
            (stream, first)
        };
        tokio::spawn(pair(data, error, dial.clone()));
    }
    stop.cancel();
}

/// Clients older than request ids open the error stream first and the data stream right after: they pair by port.
fn pair_id(stream: &spdy::Stream) -> String {
    let id = stream.header("requestid").or_else(|| stream.header("port"));
    id.unwrap_or_default().to_owned()
}

async fn pair(data: spdy::Stream, error: spdy::Stream, dial: Dial) {
    let port = data
        .header("port")
        .and_then(|text| text.parse::<u16>().ok())
        .filter(|port| *port > 0);
    let result = match port {
        None => Err(format!(
            "{:?} is not a port",
            data.header("port").unwrap_or_default()
        )),
        Some(port) => match dial(port).await {
            Ok(socket) => copy(data, socket)
                .await
                .map_err(|error| format!("port {port}: {error}")),
            Err(why) => {
                let _ = data.output.finish().await;
                Err(why)
            }
        },
    };
    if let Err(why) = result {
        let _ = error.output.write(Bytes::from(why)).await;
    }
    let _ = error.output.finish().await;
}

/// Copies both ways; a half that ends is half-closed on the other side.
async fn copy(mut data: spdy::Stream, socket: Box<dyn runtime::session::Socket>) -> io::Result<()> {
    let (mut reader, mut writer) = tokio::io::split(socket);
    let inbound = async {
        while let Some(chunk) = data.input.recv().await {
            writer.write_all(&chunk).await?;
        }
        writer.shutdown().await
    };
    let outbound = async {
        let mut buffer = vec![0; CHUNK_BYTES];
        loop {
            let count = reader.read(&mut buffer).await?;
            if count == 0 {
                return data.output.finish().await;
            }
            data.output
                .write(Bytes::copy_from_slice(&buffer[..count]))
                .await?;
        }
    };
    tokio::select! {
        // The pod's side ends the connection; the client's end alone does not.
        result = outbound => result,
        result = async { inbound.await?; std::future::pending().await } => result,
        () = data.output.gone() => Ok(()),
    }
}
