//! TLS on a port: HTTP/1.1 and HTTP/2, client certificates when offered, connections bounded in
//! number and in how long they may dally.

use crate::{
    BoxError, Door,
    answer::Body,
    authn::PeerCertificate,
    greeting::{Greeted, greeted},
    idle::Busy,
    stall::Stalling,
};
use futures::{FutureExt as _, future::BoxFuture};
use http_body_util::BodyExt;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{
        conn::auto::Builder,
        graceful::{GracefulShutdown, Watcher},
    },
};
use rustls::ServerConfig;
use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};
use stdx::tasks::Tasks;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    sync::Semaphore,
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Connections at once.
const CONNECTIONS: usize = 10_000;
/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long the headers of a request may take.
const HEADERS: Duration = Duration::from_secs(30);
/// Bytes of headers.
const HEADER_BYTES: usize = 64 << 10;
/// Streams of one HTTP/2 connection.
const STREAMS: u32 = 1000;
/// How long connections may take to end when the server stops.
const FAREWELL: Duration = Duration::from_secs(5);

/// The requests of one connection and their answers, until it ends.
type Answering = BoxFuture<'static, Result<(), BoxError>>;

/// What a listener needs besides the door.
#[derive(Clone)]
pub struct Listening {
    /// TLS; without it connections are plain, for tests.
    pub tls: Option<Arc<ServerConfig>>,
}

/// A listener at work. Dropping it stops it without waiting.
#[must_use = "dropping it stops the listener"]
pub struct Serving {
    stop: DropGuard,
    accepting: JoinHandle<()>,
}

impl Serving {
    /// Takes no more connections, lets the present ones end their requests for a few seconds, and
    /// waits until all are gone.
    pub async fn finish(self) {
        drop(self.stop);
        if let Err(error) = self.accepting.await {
            tracing::error!(%error, "the listener ended abnormally");
        }
    }
}

impl Door {
    /// Serves connections of `listener` until `tasks` stops or the answer is finished or dropped.
    pub fn serve(
        self: &Arc<Self>,
        listener: TcpListener,
        listening: Listening,
        tasks: &Tasks,
    ) -> Serving {
        let stop = tasks.stopping().child_token();
        // Connections stop last, after they were asked to end.
        let connections = Tasks::new();
        let accepting = Arc::clone(self).accept(listener, listening, stop.clone(), connections);
        Serving {
            stop: stop.drop_guard(),
            accepting: tokio::spawn(accepting),
        }
    }

    async fn accept(
        self: Arc<Self>,
        listener: TcpListener,
        listening: Listening,
        stopping: CancellationToken,
        connections: Tasks,
    ) {
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        let farewell = Arc::new(GracefulShutdown::new());
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                return;
            };
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = stopping.cancelled() => break,
            };
            let (socket, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors, most likely: wait for some to be freed.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let _ = socket.set_nodelay(true);
            let door = Arc::clone(&self);
            let tls = listening.tls.clone();
            let watcher = farewell.watcher();
            connections.spawn("connection", async move {
                let _place = place;
                // What is needed only until the first request is let go then: most connections are idle.
                let begun = Box::pin(door.connection(socket, peer, tls, watcher)).await;
                if let Some(serving) = begun
                    && let Err(error) = serving.await
                {
                    tracing::debug!(%peer, %error, "a connection ended early");
                }
            });
        }
        drop(listener);
        if let Some(farewell) = Arc::into_inner(farewell) {
            let _ = tokio::time::timeout(FAREWELL, farewell.shutdown()).await;
        }
        connections.finish().await;
    }

    /// What serves a connection from its first request on; nothing if it does not come that far.
    async fn connection(
        self: Arc<Self>,
        socket: tokio::net::TcpStream,
        peer: SocketAddr,
        tls: Option<Arc<ServerConfig>>,
        watcher: Watcher,
    ) -> Option<Answering> {
        let Some(tls) = tls else {
            let stream = first_bytes(Stalling::new(socket), peer).await?;
            return Some(self.requests(stream, None, watcher));
        };
        let handshake = TlsAcceptor::from(tls).accept(Stalling::new(socket));
        let stream = match tokio::time::timeout(HANDSHAKE, handshake).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                tracing::debug!(%peer, %error, "TLS handshake failed");
                return None;
            }
            Err(_) => {
                tracing::debug!(%peer, "TLS handshake took too long");
                return None;
            }
        };
        let certificate = stream
            .get_ref()
            .1
            .peer_certificates()
            .and_then(|chain| chain.first())
            .map(|leaf| PeerCertificate::new(leaf.clone().into_owned()));
        let stream = first_bytes(stream, peer).await?;
        Some(self.requests(stream, certificate, watcher))
    }

    fn requests<S>(
        self: Arc<Self>,
        stream: Greeted<S>,
        certificate: Option<PeerCertificate>,
        watcher: Watcher,
    ) -> Answering
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let busy = stream.busy();
        let service = service_fn(move |request: http::Request<Incoming>| {
            let door = Arc::clone(&self);
            let certificate = certificate.clone();
            let asked = busy.as_ref().map(Busy::asked);
            async move {
                let mut request = request.map(boxed);
                // Only the process itself may say who it is.
                request.extensions_mut().remove::<crate::User>();
                if let Some(certificate) = certificate {
                    request.extensions_mut().insert(certificate);
                }
                let response = door.handle(request).await;
                Ok::<_, Infallible>(match asked {
                    Some(asked) => asked.answered(response),
                    None => response,
                })
            }
        });
        let mut builder = Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADERS)
            .max_buf_size(HEADER_BYTES);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS)
            .max_header_list_size(u32::try_from(HEADER_BYTES).unwrap_or(u32::MAX))
            .keep_alive_interval(Duration::from_secs(30))
            .keep_alive_timeout(Duration::from_secs(20));
        let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
        watcher.watch(connection.into_owned()).boxed()
    }
}

/// A stream whose first bytes have come in time.
async fn first_bytes<S: AsyncRead + Unpin>(stream: S, peer: SocketAddr) -> Option<Greeted<S>> {
    match tokio::time::timeout(HEADERS, greeted(stream)).await {
        Ok(Ok(stream)) => Some(stream),
        Ok(Err(error)) => {
            tracing::debug!(%peer, %error, "a connection without a request");
            None
        }
        Err(_) => {
            tracing::debug!(%peer, "a connection that asks nothing");
            None
        }
    }
}

fn boxed(body: Incoming) -> Body {
    body.map_err(Into::into).boxed_unsync()
}
