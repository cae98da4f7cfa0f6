//! A probe (or hook) that asks over HTTP: 200 to 399 is success, certificates are not checked, redirects to
//! the same host are followed (upstream: `pkg/probe/http`).

use super::{Failed, tcp};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::{Container, HTTPGetAction};
use machinery::addresses::with_port;
use std::time::Duration;
use tokio::net::TcpStream;

/// What is read of an answer.
const BODY_LIMIT_BYTES: usize = 10 * 1024;
/// Redirects followed, as Go's client.
const REDIRECTS: usize = 10;

/// Where and what to ask.
#[derive(Clone, Debug)]
pub struct Target {
    tls: bool,
    host: String,
    port: u16,
    path: String,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Target {
    /// Of a probe's or hook's action.
    pub fn new(
        container: &Container,
        action: &HTTPGetAction,
        pod_ips: &[String],
    ) -> Result<Self, String> {
        let mut headers = Vec::new();
        for it in action.http_headers.iter().flatten() {
            let name = it
                .name
                .parse::<HeaderName>()
                .map_err(|error| format!("invalid header {:?}: {error}", it.name))?;
            let value = HeaderValue::from_str(&it.value)
                .map_err(|error| format!("invalid header {name}: {error}"))?;
            headers.push((name, value));
        }
        let host = action.host.clone().filter(|it| !it.is_empty());
        let path = action.path.as_deref().unwrap_or("/");
        Ok(Self {
            tls: action.scheme.as_deref() == Some("HTTPS"),
            host: host
                .or_else(|| pod_ips.first().cloned())
                .unwrap_or_default(),
            port: super::port(container, &action.port)?,
            path: if path.starts_with('/') {
                path.to_owned()
            } else {
                format!("/{path}")
            },
            headers,
        })
    }

    fn url(&self) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        format!(
            "{scheme}://{}{}",
            with_port(&self.host, self.port),
            self.path
        )
    }
}

/// Asks; the answer's body, cut.
pub async fn get(target: &Target, timeout: Duration) -> Result<Bytes, Failed> {
    let late = || {
        Failed::new(format!(
            "Get \"{}\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)",
            target.url()
        ))
    };
    tokio::time::timeout(timeout, follow(target.clone()))
        .await
        .unwrap_or_else(|_| Err(late()))
}

async fn follow(mut target: Target) -> Result<Bytes, Failed> {
    for _ in 0..REDIRECTS {
        let response = ask(&target)
            .await
            .map_err(|error| Failed::new(format!("Get \"{}\": {error}", target.url())))?;
        let status = response.status();
        let next = response
            .headers()
            .get(header::LOCATION)
            .and_then(|it| it.to_str().ok())
            .map(str::to_owned);
        let body = Limited::new(response.into_body(), BODY_LIMIT_BYTES)
            .collect()
            .await;
        let body = body
            .map(http_body_util::Collected::to_bytes)
            .unwrap_or_default();
        match next
            .filter(|_| is_redirect(status))
            .and_then(|next| redirected(&target, &next))
        {
            Some(next) => target = next,
            None if status.as_u16() >= 200 && status.as_u16() < 400 => return Ok(body),
            None => {
                return Err(Failed::new(format!(
                    "HTTP probe failed with statuscode: {}",
                    status.as_u16()
                )));
            }
        }
    }
    Err(Failed::new(format!(
        "Get \"{}\": stopped after {REDIRECTS} redirects",
        target.url()
    )))
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// The next target; another host is not followed and counts as success.
fn redirected(from: &Target, location: &str) -> Option<Target> {
    let uri: Uri = location.parse().ok()?;
    let path = uri
        .path_and_query()
        .map_or("/", |it| it.as_str())
        .to_owned();
    let mut next = Target {
        path,
        ..from.clone()
    };
    if let Some(host) = uri.host() {
        if host.trim_matches(['[', ']']) != from.host {
            return None;
        }
        next.tls = uri.scheme_str() == Some("https");
        next.port = uri.port_u16().unwrap_or(if next.tls { 443 } else { 80 });
    }
    Some(next)
}

type Fault = Box<dyn std::error::Error + Send + Sync>;

async fn ask(target: &Target) -> Result<Response<Incoming>, Fault> {
    let stream = TcpStream::connect((target.host.as_str(), target.port))
        .await
        .map_err(|error| tcp::refused(&target.host, target.port, &error))?;
    let mut request = Request::builder().uri(&target.path);
    for (name, value) in &target.headers {
        request = request.header(name, value);
    }
    for (name, value) in [
        (header::HOST, with_port(&target.host, target.port)),
        (header::USER_AGENT, "kube-probe/1.36".to_owned()),
        (header::ACCEPT, "*/*".to_owned()),
        (header::CONNECTION, "close".to_owned()),
    ] {
        if !target.headers.iter().any(|(known, _)| *known == name) {
            request = request.header(name, value);
        }
    }
    let request = request.body(Empty::<Bytes>::new())?;
    if target.tls {
        let connector = tokio_rustls::TlsConnector::from(stdx::certificates::unverified()?);
        let name = rustls::pki_types::ServerName::try_from(target.host.clone())?;
        exchange(connector.connect(name, stream).await?, request).await
    } else {
        exchange(stream, request).await
    }
}

async fn exchange(
    stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
    request: Request<Empty<Bytes>>,
) -> Result<Response<Incoming>, Fault> {
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    // Ends with the exchange: the request says `Connection: close`.
    tokio::spawn(async move {
        let _ = connection.await;
    });
    Ok(sender.send_request(request).await?)
}
