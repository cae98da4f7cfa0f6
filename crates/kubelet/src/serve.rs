//! The kubelet's own API: logs, exec, attach, port-forward, the node's pods and their use of resources
//! (upstream: `kubelet/server`).
//!
//! It is served on any byte stream: one within the process, or TLS. Whoever hands a connection over has
//! decided that its other end may use all of it; the TLS configuration given to [`listen`] must let in the
//! API server's certificate and nobody else's.

mod query;
mod routes;
mod stats;

use crate::Kubelet;
use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use runtime::session::Socket;
use std::{convert::Infallible, sync::Arc, time::Duration};
use tokio::{net::TcpListener, sync::Semaphore};
use tokio_rustls::TlsAcceptor;

/// The body of an answer.
pub type Body = BoxBody<Bytes, Infallible>;

/// Connections served at once on the port.
const CONNECTIONS: usize = 1024;
/// A TLS handshake takes no longer.
const HANDSHAKE: Duration = Duration::from_secs(10);

impl Kubelet {
    /// Answers one request.
    pub async fn handle(self: &Arc<Self>, request: Request<Incoming>) -> Response<Body> {
        routes::answer(self, request).await
    }

    /// Serves HTTP/1.1 with upgrades on a stream until its other end is done.
    pub async fn serve(self: Arc<Self>, stream: Box<dyn Socket>) {
        let service = hyper::service::service_fn(move |request| {
            let kubelet = Arc::clone(&self);
            async move { Ok::<_, Infallible>(kubelet.handle(request).await) }
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection to the kubelet ended early");
        }
    }
}

/// Serves connections of `listener` over TLS until dropped.
pub async fn listen(kubelet: Arc<Kubelet>, listener: TcpListener, tls: Arc<rustls::ServerConfig>) {
    let (acceptor, places) = (
        TlsAcceptor::from(tls),
        Arc::new(Semaphore::new(CONNECTIONS)),
    );
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "the kubelet could not accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (kubelet, acceptor) = (Arc::clone(&kubelet), acceptor.clone());
        kubelet
            .tasks()
            .clone()
            .spawn("kubelet connection", async move {
                let _place = place;
                match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
                    Ok(Ok(stream)) => kubelet.serve(Box::new(stream)).await,
                    Ok(Err(error)) => {
                        tracing::debug!(%error, "a TLS handshake with the kubelet failed")
                    }
                    Err(_) => tracing::debug!("a TLS handshake with the kubelet took too long"),
                }
            });
    }
}

fn whole(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).boxed()
}

fn text(status: StatusCode, message: impl Into<String>) -> Response<Body> {
    respond(status, "text/plain; charset=utf-8", whole(message.into()))
}

fn respond(status: StatusCode, content_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        http::HeaderValue::from_static(content_type),
    );
    response
}
