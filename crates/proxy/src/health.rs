//! Answers load balancers that ask whether this node has pods of a service whose traffic stays on the node: a server
//! on the service's `healthCheckNodePort` (upstream: `pkg/proxy/healthcheck/service_health.go`).

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::{Response, StatusCode};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use reconcile::Key;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::RETRY;

/// Connections to one service's port that are served at once.
const CONNECTIONS: usize = 64;
/// The longest a connection lives.
const CONNECTION: Duration = Duration::from_secs(10);

/// What a service wants told, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HealthCheck {
    pub(crate) port: u16,
    /// Ready endpoints on this node.
    pub(crate) local_endpoints: usize,
}

/// The servers, one for each service that wants one.
pub(crate) struct HealthServers {
    address: IpAddr,
    servers: BTreeMap<Key, Server>,
}

struct Server {
    port: u16,
    local_endpoints: Arc<AtomicUsize>,
    /// Ends with this.
    _task: JoinSet<()>,
}

impl HealthServers {
    pub(crate) fn new(address: IpAddr) -> Self {
        Self {
            address,
            servers: BTreeMap::new(),
        }
    }

    /// Starts, changes or ends the server of a service.
    pub(crate) fn set(&mut self, service: &Key, wanted: Option<HealthCheck>) {
        let Some(HealthCheck {
            port,
            local_endpoints,
        }) = wanted
        else {
            self.servers.remove(service);
            return;
        };
        if let Some(server) = self.servers.get(service).filter(|it| it.port == port) {
            server
                .local_endpoints
                .store(local_endpoints, Ordering::Relaxed);
            return;
        }
        let local_endpoints = Arc::new(AtomicUsize::new(local_endpoints));
        let mut task = JoinSet::new();
        let address = SocketAddr::new(self.address, port);
        task.spawn(serve(
            address,
            service.clone(),
            Arc::clone(&local_endpoints),
        ));
        let server = Server {
            port,
            local_endpoints,
            _task: task,
        };
        self.servers.insert(service.clone(), server);
    }
}

async fn serve(address: SocketAddr, service: Key, local_endpoints: Arc<AtomicUsize>) {
    let mut failures = 0;
    let listener = loop {
        match TcpListener::bind(address).await {
            Ok(listener) => break listener,
            Err(error) => {
                let wait = RETRY.delay(failures);
                failures = failures.saturating_add(1);
                tracing::warn!(%service, %address, %error, ?wait, "the health check of a service cannot be served");
                tokio::time::sleep(wait).await;
            }
        }
    };
    let free = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        // The semaphore is never closed.
        let Ok(permit) = Arc::clone(&free).acquire_owned().await else {
            return;
        };
        while connections.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((socket, _)) => {
                let (service, count) = (service.clone(), Arc::clone(&local_endpoints));
                connections.spawn(async move {
                    let _ =
                        tokio::time::timeout(CONNECTION, connection(socket, service, count)).await;
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%service, %error, "a connection to a health check was not accepted");
                tokio::time::sleep(RETRY.delay(0)).await;
            }
        }
    }
}

async fn connection(socket: TcpStream, service: Key, local_endpoints: Arc<AtomicUsize>) {
    let answers = service_fn(|_| {
        let answer = answer(&service, local_endpoints.load(Ordering::Relaxed));
        async move { Ok::<_, Infallible>(answer) }
    });
    let served =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(socket), answers);
    if let Err(error) = served.await {
        tracing::debug!(%error, "a connection to a health check broke");
    }
}

fn answer(service: &Key, local_endpoints: usize) -> Response<String> {
    let text = format!(
        "{{\n\t\"service\": {{\n\t\t\"namespace\": {:?},\n\t\t\"name\": {:?}\n\t}},\n\t\"localEndpoints\": {local_endpoints},\n\t\"serviceProxyHealthy\": true\n}}",
        service.namespace, service.name
    );
    let mut response = Response::new(text);
    if local_endpoints == 0 {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    let headers = response.headers_mut();
    let fixed = http::HeaderValue::from_static;
    headers.insert("content-type", fixed("application/json"));
    headers.insert("x-content-type-options", fixed("nosniff"));
    headers.insert("x-load-balancing-endpoint-weight", local_endpoints.into());
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    async fn ask(port: u16) -> Option<String> {
        let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.ok()?;
        let request = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        socket.write_all(request.as_bytes()).await.ok()?;
        let mut text = String::new();
        socket.read_to_string(&mut text).await.ok()?;
        Some(text)
    }

    async fn until(port: u16, holds: impl Fn(&Option<String>) -> bool) -> Option<String> {
        loop {
            let answer = ask(port).await;
            if holds(&answer) {
                return answer;
            }
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_server_comes_tells_and_goes() {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let mut servers = HealthServers::new(Ipv4Addr::LOCALHOST.into());
        let (service, other) = (Key::new("ns", "web"), Key::new("ns", "next"));
        let mut set = |service: &Key, local_endpoints: Option<usize>| {
            let wanted = local_endpoints.map(|local_endpoints| HealthCheck {
                port,
                local_endpoints,
            });
            servers.set(service, wanted);
        };
        set(&service, Some(2));
        let answer = until(port, Option::is_some).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(
            answer.contains("x-load-balancing-endpoint-weight: 2\r\n"),
            "{answer}"
        );
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        assert_eq!(
            body,
            "{\n\t\"service\": {\n\t\t\"namespace\": \"ns\",\n\t\t\"name\": \"web\"\n\t},\n\t\"localEndpoints\": 2,\n\t\"serviceProxyHealthy\": true\n}"
        );
        set(&service, Some(0));
        let answer = ask(port).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        // Another service takes the port over as soon as it is free.
        set(&other, Some(1));
        set(&service, None);
        let named = |it: &Option<String>| it.as_ref().is_some_and(|it| it.contains("\"next\""));
        until(port, named).await;
        set(&other, None);
        until(port, Option::is_none).await;
    }
}
