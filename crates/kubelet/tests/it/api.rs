//! An API server of a few lines: objects as JSON trees, watches, revisions, nothing checked.

use bytes::Bytes;
use futures::{StreamExt, future::BoxFuture, stream};
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::Frame;
use kube::client::Body;
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::Arc,
    task::{Context, Poll},
};
use tokio::sync::watch;

type Answer = Response<UnsyncBoxBody<Bytes, Infallible>>;
type Key = (String, String, String);

#[derive(Default)]
struct State {
    objects: BTreeMap<Key, Value>,
    log: Vec<(u64, &'static str, Key, Value)>,
    revision: u64,
}

#[derive(Clone)]
pub struct Api {
    state: Arc<Mutex<State>>,
    seen: watch::Sender<u64>,
}

impl Api {
    pub fn new() -> Self {
        Self {
            state: Arc::default(),
            seen: watch::Sender::new(0),
        }
    }

    pub fn client(&self) -> client::Client {
        client::Client::new(kube::Client::new(self.clone(), "default"), "test")
    }

    /// Stores an object and tells watchers.
    pub fn put(&self, plural: &str, mut object: Value) -> Value {
        let text = |it: &Value| it.as_str().unwrap_or_default().to_owned();
        let key = (
            plural.to_owned(),
            text(&object["metadata"]["namespace"]),
            text(&object["metadata"]["name"]),
        );
        let mut state = self.state.lock();
        state.revision += 1;
        let revision = state.revision + 1;
        state.revision = revision;
        object["metadata"]["resourceVersion"] = json!(revision.to_string());
        if object["metadata"]["uid"].is_null() {
            object["metadata"]["uid"] = json!(format!("uid-{revision}"));
        }
        let known = state.objects.insert(key.clone(), object.clone()).is_some();
        state.log.push((
            revision,
            if known { "MODIFIED" } else { "ADDED" },
            key,
            object.clone(),
        ));
        drop(state);
        self.seen.send_replace(revision);
        object
    }

    pub fn get(&self, plural: &str, namespace: &str, name: &str) -> Option<Value> {
        self.state
            .lock()
            .objects
            .get(&(plural.into(), namespace.into(), name.into()))
            .cloned()
    }

    pub fn list(&self, plural: &str) -> Vec<Value> {
        self.state
            .lock()
            .objects
            .iter()
            .filter(|(key, _)| key.0 == plural)
            .map(|(_, it)| it.clone())
            .collect()
    }

    pub fn remove(&self, plural: &str, namespace: &str, name: &str) -> Option<Value> {
        let key = (plural.to_owned(), namespace.to_owned(), name.to_owned());
        let mut state = self.state.lock();
        let gone = state.objects.remove(&key)?;
        state.revision += 1;
        let revision = state.revision;
        state.log.push((revision, "DELETED", key, gone.clone()));
        drop(state);
        self.seen.send_replace(revision);
        Some(gone)
    }

    /// Waits until an object is as wanted.
    pub async fn wait(&self, plural: &str, name: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut seen = self.seen.subscribe();
        let waiting = async {
            loop {
                seen.borrow_and_update();
                if let Some(it) = self
                    .get(plural, "default", name)
                    .or_else(|| self.get(plural, "", name))
                    && wanted(&it)
                {
                    return it;
                }
                seen.changed().await.unwrap();
            }
        };
        match tokio::time::timeout(std::time::Duration::from_secs(30), waiting).await {
            Ok(it) => it,
            Err(_) => panic!(
                "{plural} {name} never came to its state: {:#?}",
                self.get(plural, "default", name)
            ),
        }
    }

    /// Waits until an object is gone.
    pub async fn wait_gone(&self, plural: &str, name: &str) {
        let mut seen = self.seen.subscribe();
        let gone = seen.wait_for(|_| self.get(plural, "default", name).is_none());
        tokio::time::timeout(std::time::Duration::from_secs(30), gone)
            .await
            .expect("never gone")
            .unwrap();
    }

    async fn answer(self, request: Request<Body>) -> Answer {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let tree: Value = serde_json::from_slice(&body).unwrap_or_default();
        let query = parts
            .uri
            .query()
            .unwrap_or_default()
            .replace("%3D", "=")
            .replace("%2C", ",");
        let all: Vec<&str> = parts.uri.path().split('/').skip(1).collect();
        let rest = if all[0] == "api" {
            &all[2..]
        } else {
            &all[3..]
        };
        let (namespace, rest) = match rest {
            ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (*namespace, rest),
            rest => ("", rest),
        };
        let plural = rest[0];
        match (&parts.method, rest) {
            (&Method::GET, [_]) if query.contains("watch=") => self.watch(plural, &query),
            (&Method::GET, [_]) => {
                let items: Vec<_> = self
                    .list(plural)
                    .into_iter()
                    .filter(|it| selected(it, &query))
                    .collect();
                let revision = self.state.lock().revision.max(1).to_string();
                ok(
                    &json!({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": revision}, "items": items}),
                )
            }
            (&Method::GET, [_, name]) => self
                .get(plural, namespace, name)
                .map_or_else(missing, |it| ok(&it)),
            (&Method::POST, [_]) => ok(&self.put(plural, tree)),
            (&Method::POST, [_, _, "token"]) => {
                let mut tree = tree;
                tree["status"] =
                    json!({"token": "a-token", "expirationTimestamp": "2999-01-01T00:00:00Z"});
                ok(&tree)
            }
            (&Method::PUT, [_, name, sub @ ..]) => {
                let Some(mut old) = self.get(plural, namespace, name) else {
                    return missing();
                };
                if tree["metadata"]["resourceVersion"] != old["metadata"]["resourceVersion"] {
                    return status(409, "Conflict");
                }
                if sub == ["status"] {
                    old["status"] = tree["status"].clone();
                    return ok(&self.put(plural, old));
                }
                ok(&self.put(plural, tree))
            }
            (&Method::DELETE, [_, name]) => self
                .remove(plural, namespace, name)
                .map_or_else(missing, |_| {
                    ok(&json!({"kind": "Status", "status": "Success"}))
                }),
            _ => ok(
                &json!({"kind": "Event", "apiVersion": "v1", "metadata": {}, "involvedObject": {}}),
            ),
        }
    }

    fn watch(&self, plural: &str, query: &str) -> Answer {
        let from = query
            .split('&')
            .find_map(|it| it.strip_prefix("resourceVersion="))
            .and_then(|it| it.parse().ok());
        let (plural, query, state) = (plural.to_owned(), query.to_owned(), Arc::clone(&self.state));
        let frames = stream::unfold(
            (from.unwrap_or(0u64), self.seen.subscribe()),
            move |(at, mut seen)| {
                let (plural, query, state) = (plural.clone(), query.clone(), Arc::clone(&state));
                async move {
                    seen.wait_for(|revision| *revision > at).await.ok()?;
                    let state = state.lock();
                    let fresh = state.log.iter().filter(|(revision, _, key, it)| {
                        *revision > at && key.0 == plural && selected(it, &query)
                    });
                    let lines: Vec<String> = fresh
                        .map(|(_, kind, _, it)| {
                            format!("{}\n", json!({"type": kind, "object": it}))
                        })
                        .collect();
                    let revision = state.revision;
                    drop(state);
                    Some((
                        Ok(Frame::data(Bytes::from(lines.concat()))),
                        (revision, seen),
                    ))
                }
            },
        );
        Response::new(BodyExt::boxed_unsync(StreamBody::new(frames.boxed())))
    }
}

fn selected(it: &Value, query: &str) -> bool {
    let Some(fields) = query
        .split('&')
        .find_map(|it| it.strip_prefix("fieldSelector="))
    else {
        return true;
    };
    fields.split(',').all(|term| {
        let (path, value) = term.split_once('=').unwrap();
        let found = path.split('.').fold(it, |it, part| &it[part]);
        found.as_str().unwrap_or_default() == value
    })
}

fn ok(tree: &Value) -> Answer {
    Response::new(Full::new(Bytes::from(tree.to_string())).boxed_unsync())
}

fn status(code: u16, reason: &str) -> Answer {
    let body = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": reason});
    let mut answer = ok(&body);
    *answer.status_mut() = http::StatusCode::from_u16(code).unwrap();
    answer
}

fn missing() -> Answer {
    status(404, "NotFound")
}

impl tower::Service<Request<Body>> for Api {
    type Response = Answer;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Answer, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let api = self.clone();
        Box::pin(async move { Ok(api.answer(request).await) })
    }
}
