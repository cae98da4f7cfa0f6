//! A probe that asks `grpc.health.v1.Health/Check` (upstream: `pkg/probe/grpc`). One unary call in the clear,
//! so the message is written and read by hand.

use super::{Failed, tcp};
use bytes::{Bytes, BytesMut};
use http::{Request, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::{TokioExecutor, TokioIo};
use machinery::addresses::with_port;
use std::time::Duration;
use tokio::net::TcpStream;

const BODY_LIMIT_BYTES: usize = 4096;
const SERVING: u8 = 1;

/// Asks whether `service` serves.
pub async fn check(host: &str, port: u16, service: &str, timeout: Duration) -> Result<(), Failed> {
    let address = with_port(host, port);
    let late = || {
        Failed::new(format!(
            "timeout: failed to connect service {address:?} within {timeout:?}: context deadline exceeded"
        ))
    };
    match tokio::time::timeout(timeout, ask(host, port, service)).await {
        Err(_) => Err(late()),
        Ok(Err(error)) => Err(Failed::new(format!(
            "error: failed to connect service at {address:?}: {error}"
        ))),
        Ok(Ok(Ok(SERVING))) => Ok(()),
        Ok(Ok(Ok(status))) => {
            let name =
                ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"].get(usize::from(status));
            Err(Failed::new(format!(
                "service unhealthy (responded with {:?})",
                name.unwrap_or(&"UNKNOWN")
            )))
        }
        Ok(Ok(Err(message))) => Err(Failed::new(format!("error: health rpc failed: {message}"))),
    }
}

type Fault = Box<dyn std::error::Error + Send + Sync>;

async fn ask(host: &str, port: u16, service: &str) -> Result<Result<u8, String>, Fault> {
    let stream = TcpStream::connect((host, port))
        .await
        .map_err(|error| tcp::refused(host, port, &error))?;
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let request = Request::post(format!(
        "http://{}/grpc.health.v1.Health/Check",
        with_port(host, port)
    ))
    .header(header::CONTENT_TYPE, "application/grpc")
    .header(header::TE, "trailers")
    .header(header::USER_AGENT, "kube-probe/1.36")
    .body(Full::new(message(service)))?;
    let response = sender.send_request(request).await?;
    let headers = response.headers().clone();
    let body = Limited::new(response.into_body(), BODY_LIMIT_BYTES)
        .collect()
        .await?;
    connection.abort();
    let status = body.trailers().unwrap_or(&headers);
    let text = |name: &str| {
        status
            .get(name)
            .or_else(|| headers.get(name))
            .and_then(|it| it.to_str().ok())
    };
    match text("grpc-status") {
        None | Some("0") => Ok(Ok(status_of(&body.to_bytes()))),
        Some(code) => Ok(Err(format!(
            "code {code}: {}",
            text("grpc-message").unwrap_or_default()
        ))),
    }
}

/// `HealthCheckRequest { service }` in a gRPC frame.
fn message(service: &str) -> Bytes {
    let mut body = BytesMut::new();
    if !service.is_empty() {
        body.extend_from_slice(&[0x0a, u8::try_from(service.len().min(127)).unwrap_or(127)]);
        body.extend_from_slice(&service.as_bytes()[..service.len().min(127)]);
    }
    let mut frame = BytesMut::from(&[0u8][..]);
    frame.extend_from_slice(&u32::try_from(body.len()).unwrap_or(0).to_be_bytes());
    frame.extend_from_slice(&body);
    frame.freeze()
}

/// The status in a `HealthCheckResponse`: field 1, a varint.
fn status_of(frame: &[u8]) -> u8 {
    match frame.get(5..) {
        Some([0x08, status, ..]) => *status,
        _ => 0,
    }
}
