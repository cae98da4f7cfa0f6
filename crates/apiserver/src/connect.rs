//! Streams and requests passed on: logs, exec, attach, port-forward and proxies. The door finds out
//! where they go and copies bytes; what they mean is between the client and who answers.

mod links;
mod proxied;
mod tunnel;

use crate::{
    BoxError, Door,
    answer::{Answer, Body},
    socket::{self, Bytewise},
    verbs::{Call, change::Current},
};
use async_trait::async_trait;
use bytes::Bytes;
use futures::{
    FutureExt as _, StreamExt as _,
    future::{self, BoxFuture},
    stream,
};
use http::{HeaderValue, Request, Response, Uri, header};
use http_body_util::{BodyExt, Limited};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kinds::{ProxyName, Route, Subresource};
use machinery::{addresses::with_port, status::Status};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};

/// How long a connection to a node may take.
const DIAL: Duration = Duration::from_secs(10);
/// The longest complaint taken from a kubelet.
const COMPLAINT_BYTES: usize = 2 << 10;

/// A connection, whatever it runs over.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A node or address cannot be reached.
#[derive(Debug, thiserror::Error)]
#[error("cannot reach {target}: {source}")]
pub struct DialError {
    /// Node name or address.
    pub target: String,
    /// Why.
    #[source]
    pub source: BoxError,
}

/// Reaches nodes and pods. Wired by the binary: in process, or over TLS.
#[async_trait]
pub trait NodeDialer: Send + Sync {
    /// A connection on which this node's kubelet speaks HTTP/1.1.
    async fn dial_node(&self, node: &str) -> Result<Box<dyn Stream>, DialError>;
    /// A connection to an address in the pod network.
    async fn dial_address(
        &self,
        host: &str,
        port: u16,
        tls: bool,
    ) -> Result<Box<dyn Stream>, DialError>;
}

/// Answers the request by passing it on.
pub(crate) async fn run(
    door: &Door,
    call: &Call,
    sub: &Subresource,
    name: &ProxyName,
    current: &Current,
    request: Request<Body>,
) -> Answer {
    let Some(dialer) = &door.config.dialer else {
        return Err(Status::unavailable(
            "nodes cannot be reached from this server",
        ));
    };
    let query = request.uri().query().unwrap_or_default();
    let (law, rest) = (call.resource.law, &call.target.rest);
    if sub.name == "proxy"
        && let Some(response) = proxied::to_the_root(&request, rest)
    {
        return Ok(response);
    }
    let destination = if *name == ProxyName::plain(&call.target.name) {
        law.connect(sub.name, &*current.view, rest, query)?
    } else {
        law.proxy(&*current.view, name, rest, query)?
    };
    let dialled = tokio::time::timeout(DIAL, dial(door, &**dialer, &destination.route)).await;
    let (stream, asked) = dialled.map_err(|_| {
        Status::failure(504, "Timeout", "Timeout: the node did not answer in time")
    })??;
    match sub.name {
        "log" => {}
        "proxy" => {
            let paths = (&**rest, &*destination.path_and_query);
            return proxied::run(door, stream, asked, paths, request).await;
        }
        _ => return forward(door, stream, &destination.path_and_query, request).await,
    }
    let (mut parts, body) = request.into_parts();
    let upgrade = socket::is_asked_for(&parts.headers)
        .then(|| parts.extensions.remove::<OnUpgrade>())
        .flatten();
    // The kubelet gives a log as a plain answer; a socket is the door's.
    parts.headers.remove(header::UPGRADE);
    let request = Request::from_parts(parts, body);
    let answer = forward(door, stream, &destination.path_and_query, request).await?;
    match upgrade {
        _ if answer.status().as_u16() >= 400 => Err(complaint(answer).await),
        Some(upgrade) => over_socket(door, call, upgrade, answer.into_body()),
        None => Ok(answer),
    }
}

/// A connection to who answers, and his host and port.
async fn dial(
    door: &Door,
    dialer: &dyn NodeDialer,
    route: &Route,
) -> Result<(Box<dyn Stream>, String), Status> {
    let (host, port, tls) = match route {
        Route::Kubelet { node } => {
            let stream = dialer.dial_node(node).await.map_err(unreachable)?;
            return Ok((stream, node.clone()));
        }
        Route::Address { host, port, tls } => (host.clone(), *port, *tls),
        Route::Service {
            namespace,
            name,
            port,
            tls,
        } => {
            let (host, port) = endpoint(door, namespace, name, port)?;
            (host, port, *tls)
        }
    };
    let stream = dialer.dial_address(&host, port, tls).await;
    Ok((stream.map_err(unreachable)?, with_port(&host, port)))
}

/// A body as messages, after an empty one that says that it begins.
fn over_socket(door: &Door, call: &Call, upgrade: OnUpgrade, body: Body) -> Answer {
    let form = Bytewise::of(&call.headers)
        .ok_or_else(|| Status::bad_request("none of the offered protocols is known"))?;
    let pieces = body.into_data_stream();
    let pieces = pieces.take_while(|piece| future::ready(piece.is_ok()));
    let pieces = pieces.filter_map(|piece| future::ready(piece.ok()));
    let begin = stream::once(future::ready(Bytes::new()));
    let messages = begin.chain(pieces).map(move |bytes| form.message(bytes));
    let mut response = socket::answer(door, &call.headers, upgrade, messages)?;
    form.announce(&mut response);
    Ok(response)
}

/// What a kubelet says in plain text when it has no log to give, as clients expect it.
async fn complaint(answer: Response<Body>) -> Status {
    let code = answer.status().as_u16();
    // Boxed: the compiler cannot prove this body's future `Send` within the request's.
    let reading: BoxFuture<'static, _> = Limited::new(answer.into_body(), COMPLAINT_BYTES)
        .collect()
        .boxed();
    let text = match reading.await {
        Ok(body) => String::from_utf8_lossy(&body.to_bytes()).trim().to_owned(),
        Err(error) => format!("the node's answer could not be read: {error}"),
    };
    match code {
        400 => Status::bad_request(text),
        404 => Status::failure(404, "NotFound", text),
        _ => Status::internal(&text),
    }
}

fn unreachable(error: DialError) -> Status {
    Status::unavailable(format!(
        "error trying to reach service: {error}: {}",
        error.source
    ))
}

/// A ready endpoint of a service's port.
fn endpoint(door: &Door, namespace: &str, name: &str, port: &str) -> Result<(String, u16), Status> {
    let none = || Status::unavailable(format!("no endpoints available for service {name:?}"));
    let resource = door
        .resources
        .find_any("discovery.k8s.io", "endpointslices")
        .ok_or_else(none)?;
    let selection = crate::watch_cache::Selection::of_namespace(namespace);
    let mut found = Vec::new();
    for item in door.cache.list(resource.slot, &selection, 0).items {
        let labels = item.labels();
        let service = labels.and_then(|it| it.get(machinery::endpoint_slices::SERVICE_NAME));
        if service.map(String::as_str) != Some(name) {
            continue;
        }
        let Ok(object) = resource.law.decode(&item.bytes()) else {
            continue;
        };
        let Some(slice) = object.downcast_ref::<EndpointSlice>() else {
            continue;
        };
        let ports = slice.ports.as_deref().unwrap_or_default();
        let number = ports.iter().find_map(|it| {
            let number = u16::try_from(it.port?).ok()?;
            let named = it.name.as_deref().unwrap_or_default() == port;
            (named || number.to_string() == port || (port.is_empty() && ports.len() == 1))
                .then_some(number)
        });
        let Some(number) = number else { continue };
        for endpoint in slice.endpoints.as_deref().unwrap_or_default() {
            let ready = endpoint
                .conditions
                .as_ref()
                .and_then(|it| it.ready)
                .unwrap_or(true);
            if let (true, Some(address)) = (ready, endpoint.addresses.first()) {
                found.push((address.clone(), number));
            }
        }
    }
    if found.is_empty() {
        return Err(none());
    }
    let chosen = door.config.random.below(found.len() as u64);
    Ok(found.swap_remove(usize::try_from(chosen).unwrap_or(0)))
}

/// Sends the request over the stream; after a 101 copies bytes both ways.
async fn forward(
    door: &Door,
    stream: Box<dyn Stream>,
    path_and_query: &str,
    mut request: Request<Body>,
) -> Answer {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| Status::unavailable(format!("error trying to reach service: {error}")))?;
    door.tasks().spawn("proxied connection", async move {
        if let Err(error) = connection.with_upgrades().await {
            tracing::debug!(%error, "a proxied connection ended early");
        }
    });
    let upgrade = request.extensions_mut().remove::<OnUpgrade>();
    let upgrades = request.headers().contains_key(header::UPGRADE);
    let (mut parts, body) = request.into_parts();
    parts.version = http::Version::HTTP_11;
    parts.extensions = http::Extensions::new();
    // The answerer must not be given the client's credentials.
    parts.headers.remove(header::AUTHORIZATION);
    if !parts.headers.contains_key(header::HOST) {
        let host = parts.uri.authority().map_or("localhost", |it| it.as_str());
        let host = HeaderValue::from_str(host)
            .map_err(|error| Status::bad_request(format!("the host cannot be named: {error}")))?;
        parts.headers.insert(header::HOST, host);
    }
    parts.uri = path_and_query
        .parse::<Uri>()
        .map_err(|error| Status::bad_request(format!("the path cannot be passed on: {error}")))?;
    if !upgrades {
        parts.headers.remove(header::CONNECTION);
    }
    let mut response = sender
        .send_request(Request::from_parts(parts, body))
        .await
        .map_err(|error| Status::unavailable(format!("error trying to reach service: {error}")))?;
    if response.status() == http::StatusCode::SWITCHING_PROTOCOLS {
        let theirs = hyper::upgrade::on(&mut response);
        let Some(ours) = upgrade else {
            return Err(Status::bad_request("this transport cannot be upgraded"));
        };
        door.tasks().spawn("tunnel", tunnel::copy(ours, theirs));
    } else {
        response.headers_mut().remove(header::CONNECTION);
        response.headers_mut().remove(header::TRANSFER_ENCODING);
    }
    Ok(response.map(|body| body.map_err(Into::into).boxed_unsync()))
}
