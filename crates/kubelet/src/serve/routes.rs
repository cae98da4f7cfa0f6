//! Which path is answered how.

use super::{Body, query::Query, respond, stats, text, whole};
use crate::{
    Kubelet, logs, pod,
    streaming::{self, Wanted},
};
use api::Object;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;
use machinery::percent;
use runtime::{
    container::Container,
    session::{ExecRequest, Streams},
};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// An answer that is not what was asked for.
type Refusal = Box<Response<Body>>;

fn refuse(status: StatusCode, message: impl Into<String>) -> Refusal {
    Box::new(text(status, message))
}

pub(super) async fn answer(kubelet: &Arc<Kubelet>, request: Request<Incoming>) -> Response<Body> {
    let path = request.uri().path().to_owned();
    let parts: Vec<String> = path.split('/').skip(1).map(percent::decode).collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let get = request.method() == Method::GET;
    let answered = match parts.as_slice() {
        ["healthz"] if get => Ok(text(StatusCode::OK, "ok")),
        ["pods"] if get => Ok(pods(kubelet)),
        ["stats", "summary"] if get => stats::summary(kubelet).await,
        ["metrics", "resource"] if get => stats::metrics(kubelet).await,
        ["containerLogs", namespace, name, container] if get => {
            container_logs(kubelet, &request, namespace, name, container).await
        }
        // The form with a UID names the pod exactly; names are exact here anyway.
        ["exec", namespace, name, container] | ["exec", namespace, name, _, container] => {
            exec(kubelet, request, namespace, name, container).await
        }
        ["attach", namespace, name, container] | ["attach", namespace, name, _, container] => {
            attach(kubelet, request, namespace, name, container).await
        }
        ["portForward", namespace, name] | ["portForward", namespace, name, _] => {
            port_forward(kubelet, request, namespace, name).await
        }
        _ => Err(refuse(StatusCode::NOT_FOUND, "404 page not found\n")),
    };
    answered.unwrap_or_else(|refusal| *refusal)
}

fn pods(kubelet: &Kubelet) -> Response<Body> {
    let items: Vec<Vec<u8>> = kubelet.pods().iter().map(|it| it.encode()).collect();
    let mut out = br#"{"kind":"PodList","apiVersion":"v1","metadata":{},"items":["#.to_vec();
    out.extend(items.join(&b','));
    out.extend_from_slice(b"]}");
    respond(StatusCode::OK, "application/json", whole(out))
}

fn find_pod(kubelet: &Kubelet, namespace: &str, name: &str) -> Result<Arc<Pod>, Refusal> {
    let found = kubelet.workers.pod(namespace, name);
    found.ok_or_else(|| refuse(StatusCode::NOT_FOUND, format!("pod {name:?} not found")))
}

/// The attempts of a container, newest first.
async fn attempts(
    kubelet: &Kubelet,
    pod: &Pod,
    container: &str,
) -> Result<Vec<Container>, Refusal> {
    let internal =
        |error: runtime::Error| refuse(StatusCode::INTERNAL_SERVER_ERROR, error.to_string());
    let all = kubelet.shared.runtime.pod(pod::uid(pod)).await;
    let (_, mut found) = all.map_err(internal)?;
    found.retain(|it| it.config.name == container);
    found.sort_by_key(|it| std::cmp::Reverse((it.config.attempt, it.created_at)));
    Ok(found)
}

async fn container_logs(
    kubelet: &Arc<Kubelet>,
    request: &Request<Incoming>,
    namespace: &str,
    name: &str,
    container: &str,
) -> Result<Response<Body>, Refusal> {
    let bad = |message: String| refuse(StatusCode::BAD_REQUEST, message);
    let query = Query::parse(request.uri().query().unwrap_or_default());
    let options = options(&query, kubelet.shared.clock.now()).map_err(bad)?;
    let pod = find_pod(kubelet, namespace, name)?;
    if pod::container(&pod, container).is_none() {
        return Err(refuse(
            StatusCode::NOT_FOUND,
            format!("container {container:?} not found in pod {name:?}"),
        ));
    }
    let all = attempts(kubelet, &pod, container).await?;
    let previous = query.is_set("previous");
    let chosen = if previous { all.get(1) } else { all.first() };
    let Some(chosen) = chosen else {
        return Err(bad(if previous {
            format!("previous terminated container {container:?} in pod {name:?} not found")
        } else {
            let why = waiting_reason(&pod, container);
            format!("container {container:?} in pod {name:?} is waiting to start: {why}")
        }));
    };
    let Some(path) = chosen.log_path.clone() else {
        return Err(bad(format!(
            "container {container:?} in pod {name:?} has no log"
        )));
    };
    let ended = CancellationToken::new();
    let guard = ended.clone().drop_guard();
    if options.follow {
        kubelet.tasks().spawn(
            "log follower",
            watch_end(Arc::clone(kubelet), chosen.id.clone(), ended.clone()),
        );
    }
    let (sender, receiver) = tokio::sync::mpsc::channel::<Bytes>(logs::CHUNKS);
    kubelet.tasks().spawn("log", async move {
        let _guard = guard;
        if let Err(error) = logs::send(path.clone(), options, ended, sender).await {
            tracing::debug!(%error, path = %path.display(), "a log could not be read");
        }
    });
    let frames = futures::stream::unfold(receiver, |mut receiver| async move {
        receiver
            .recv()
            .await
            .map(|chunk| (Ok(Frame::data(chunk)), receiver))
    });
    Ok(respond(
        StatusCode::OK,
        "text/plain",
        BodyExt::boxed(StreamBody::new(frames)),
    ))
}

fn waiting_reason(pod: &Pod, container: &str) -> String {
    let state = machinery::pods::container_status(pod, container).and_then(|it| it.state.as_ref());
    let reason = state
        .and_then(|it| it.waiting.as_ref())
        .and_then(|it| it.reason.clone());
    reason.unwrap_or_else(|| "ContainerCreating".to_owned())
}

/// Cancels `ended` once the container does not run.
async fn watch_end(kubelet: Arc<Kubelet>, id: String, ended: CancellationToken) {
    let mut events = kubelet.shared.runtime.events();
    loop {
        let status = kubelet.shared.runtime.container_status(&id).await;
        if !status.is_ok_and(|it| it.state.is_running()) {
            ended.cancel();
            return;
        }
        loop {
            tokio::select! {
                event = events.recv() => match event {
                    Ok(event) if event.container_id != id => {}
                    Ok(_) | Err(_) => break,
                },
                // The client hung up.
                () = ended.cancelled() => return,
            }
        }
    }
}

fn options(query: &Query, now: Timestamp) -> Result<logs::Options, String> {
    let natural = |name: &str| -> Result<Option<u64>, String> {
        let number = query.number(name)?;
        number
            .map(|it| {
                u64::try_from(it).map_err(|_| format!("{name} must be greater than or equal to 0"))
            })
            .transpose()
    };
    let since = match (query.get("sinceTime"), query.number("sinceSeconds")?) {
        (Some(time), _) => Some(
            time.parse()
                .map_err(|_| format!("invalid value {time:?} for parameter sinceTime"))?,
        ),
        (None, Some(seconds)) => now.checked_sub(SignedDuration::from_secs(seconds)).ok(),
        (None, None) => None,
    };
    Ok(logs::Options {
        follow: query.is_set("follow"),
        tail_lines: natural("tailLines")?,
        since,
        timestamps: query.is_set("timestamps"),
        limit_bytes: natural("limitBytes")?,
        stream: match query.get("stream") {
            Some("Stdout") => Some("stdout"),
            Some("Stderr") => Some("stderr"),
            _ => None,
        },
    })
}

async fn running(
    kubelet: &Kubelet,
    namespace: &str,
    name: &str,
    container: &str,
) -> Result<Container, Refusal> {
    let pod = find_pod(kubelet, namespace, name)?;
    let all = attempts(kubelet, &pod, container).await?;
    let current = all.into_iter().next().filter(|it| it.state.is_running());
    current.ok_or_else(|| {
        refuse(
            StatusCode::NOT_FOUND,
            format!("container not found ({container:?})"),
        )
    })
}

async fn exec(
    kubelet: &Arc<Kubelet>,
    request: Request<Incoming>,
    namespace: &str,
    name: &str,
    container: &str,
) -> Result<Response<Body>, Refusal> {
    let query = request.uri().query().unwrap_or_default().to_owned();
    let wanted = Wanted::from_query(&query);
    let command = Query::parse(&query).all("command");
    if command.is_empty() {
        return Err(refuse(
            StatusCode::BAD_REQUEST,
            "you must specify at least 1 command to execute",
        ));
    }
    let id = running(kubelet, namespace, name, container).await?.id;
    let runtime = Arc::clone(&kubelet.shared.runtime);
    let mut asked = ExecRequest {
        command,
        streams: streams(wanted),
        tty: wanted.tty,
        size: None,
    };
    let serve: streaming::Serve = Box::new(move |mut remote| {
        Box::pin(async move {
            if asked.tty {
                asked.size = remote.first_size().await;
            }
            streaming::connect(remote, async { runtime.exec(&id, asked).await }).await
        })
    });
    Ok(streaming::session(request, wanted, serve).map(BodyExt::boxed))
}

async fn attach(
    kubelet: &Arc<Kubelet>,
    request: Request<Incoming>,
    namespace: &str,
    name: &str,
    container: &str,
) -> Result<Response<Body>, Refusal> {
    let mut wanted = Wanted::from_query(request.uri().query().unwrap_or_default());
    let it = running(kubelet, namespace, name, container).await?;
    // The process has a terminal or not, whatever the client thinks.
    wanted.tty = it.config.tty;
    wanted.stderr &= !it.config.tty;
    let runtime = Arc::clone(&kubelet.shared.runtime);
    let serve: streaming::Serve = Box::new(move |remote| {
        Box::pin(async move {
            streaming::connect(remote, async {
                let session = runtime.attach(&it.id, streams(wanted)).await?;
                Ok(streaming::without_exit_code(session))
            })
            .await
        })
    });
    Ok(streaming::session(request, wanted, serve).map(BodyExt::boxed))
}

fn streams(wanted: Wanted) -> Streams {
    Streams {
        stdin: wanted.stdin,
        stdout: wanted.stdout,
        stderr: wanted.stderr,
    }
}

async fn port_forward(
    kubelet: &Arc<Kubelet>,
    request: Request<Incoming>,
    namespace: &str,
    name: &str,
) -> Result<Response<Body>, Refusal> {
    let pod = find_pod(kubelet, namespace, name)?;
    let internal =
        |error: runtime::Error| refuse(StatusCode::INTERNAL_SERVER_ERROR, error.to_string());
    let all = kubelet.shared.runtime.pod(pod::uid(&pod)).await;
    let (sandboxes, _) = all.map_err(internal)?;
    let ready = |it: &runtime::sandbox::Sandbox| it.state == runtime::sandbox::State::Ready;
    let Some(sandbox) = sandboxes.into_iter().find(ready) else {
        return Err(refuse(
            StatusCode::NOT_FOUND,
            format!("pod {name:?} has no running sandbox"),
        ));
    };
    let runtime = Arc::clone(&kubelet.shared.runtime);
    let dial: streaming::Dial = Arc::new(move |port| {
        let (runtime, id) = (Arc::clone(&runtime), sandbox.id.clone());
        Box::pin(async move {
            runtime
                .port_forward(&id, port)
                .await
                .map_err(|error| error.to_string())
        })
    });
    let ports = Query::parse(request.uri().query().unwrap_or_default()).all("port");
    Ok(streaming::port_forward(request, &ports, dial).map(BodyExt::boxed))
}
