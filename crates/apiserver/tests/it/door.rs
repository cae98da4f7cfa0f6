//! A door to test, and words to ask it in.

use apiserver::{Body, Config, Door, ServiceNetwork, User, admission, authz::Standing};
use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use serde_json::Value;
use std::{sync::Arc, time::Duration};
use stdx::{clock::Clock, random::Random, tasks::Tasks};

pub(crate) struct Tested {
    pub(crate) door: Arc<Door>,
    store: Arc<dyn store::Store>,
    tasks: Tasks,
}

impl Drop for Tested {
    fn drop(&mut self) {
        self.tasks.stop();
    }
}

pub(crate) async fn open() -> Tested {
    open_with(Arc::new(store::Memory::new()), &["10.43.0.0/24"]).await
}

/// A door on a store, whose Services live in these ranges.
pub(crate) async fn open_with(store: Arc<dyn store::Store>, ranges: &[&str]) -> Tested {
    open_at(store, ranges, "192.0.2.1").await
}

/// The same, advertised at this address.
pub(crate) async fn open_at(
    store: Arc<dyn store::Store>,
    ranges: &[&str],
    address: &str,
) -> Tested {
    open_configured(config(store, ranges, address)).await
}

/// A door made of these parts.
pub(crate) async fn open_configured(config: Config) -> Tested {
    let (tasks, store) = (Tasks::new(), Arc::clone(&config.store));
    let door = Door::new(config, &tasks).await.unwrap();
    door.bootstrap().await.unwrap();
    Tested { door, store, tasks }
}

/// What most doors have: nobody is authenticated, and it is always New Year.
pub(crate) fn config(store: Arc<dyn store::Store>, ranges: &[&str], address: &str) -> Config {
    Config {
        store,
        clock: Clock::fixed("2026-01-01T00:00:00Z".parse().unwrap()),
        random: Random::from_seed(1),
        authenticators: Vec::new(),
        authorizer: Arc::new(Standing::default()),
        admission: admission::standard(),
        tokens: None,
        dialer: None,
        advertise_removed_apis: false,
        parts: Arc::new(Vec::new),
        network: ServiceNetwork {
            service_cidrs: ranges.iter().map(|it| it.parse().unwrap()).collect(),
            node_ports: (30000, 32767),
            advertise_address: address.parse().unwrap(),
            port: 6443,
        },
    }
}

pub(crate) fn body(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

pub(crate) fn request(
    method: Method,
    path: &str,
    media_type: &str,
    bytes: impl Into<Bytes>,
) -> Request<Body> {
    Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", media_type)
        .header("user-agent", "test/1.0")
        .extension(User::new("admin", &[User::MASTERS]))
        .body(body(bytes))
        .unwrap()
}

impl Tested {
    /// Writes more config maps of another namespace than the watch cache keeps events.
    pub(crate) async fn churn(&self) {
        self.write_directly(70, 128).await;
    }

    /// Writes `each` config maps of the namespace `churn` in one transaction, that often, straight into
    /// the store.
    pub(crate) async fn write_directly(&self, rounds: usize, each: usize) {
        for round in 0..rounds {
            let key = |number: usize| format!("/registry/core/configmaps/churn/c{number}");
            let object = format!(
                r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"c","namespace":"churn","uid":"{round}"}}}}"#
            );
            let mut transaction = store::Transaction::put(key(0), object.clone());
            for number in 1..each {
                transaction = transaction.and_put(key(number), object.clone());
            }
            self.store.transact(transaction).await.unwrap();
        }
        // Who writes past the door has the cache look at the store.
        assert_eq!(
            self.get("/api/v1/namespaces/churn/configmaps?limit=1")
                .await
                .0,
            200
        );
    }

    /// Writes straight into the store.
    pub(crate) async fn write(&self, key: &str, object: String) {
        let transaction = store::Transaction::put(key, object);
        self.store.transact(transaction).await.unwrap();
    }

    /// Forgets all history.
    pub(crate) async fn compact(&self) {
        self.store.compact(self.store.revision()).await.unwrap();
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> (u16, Value) {
        let response = self.door.handle(request).await;
        read(response).await
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        self.send(request(Method::GET, path, "", "")).await
    }

    pub(crate) async fn post(&self, path: &str, object: &Value) -> (u16, Value) {
        self.send(request(
            Method::POST,
            path,
            "application/json",
            object.to_string(),
        ))
        .await
    }

    pub(crate) async fn put(&self, path: &str, object: &Value) -> (u16, Value) {
        self.send(request(
            Method::PUT,
            path,
            "application/json",
            object.to_string(),
        ))
        .await
    }

    pub(crate) async fn patch(&self, path: &str, kind: &str, patch: &Value) -> (u16, Value) {
        self.send(request(Method::PATCH, path, kind, patch.to_string()))
            .await
    }

    pub(crate) async fn delete(&self, path: &str, options: &Value) -> (u16, Value) {
        let bytes = if options.is_null() {
            String::new()
        } else {
            options.to_string()
        };
        self.send(request(Method::DELETE, path, "application/json", bytes))
            .await
    }

    pub(crate) async fn watch(&self, path: &str) -> Frames {
        Frames::of(self.door.handle(request(Method::GET, path, "", "")).await)
    }
}

pub(crate) async fn read(response: Response<Body>) -> (u16, Value) {
    let code = response.status().as_u16();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    (
        code,
        serde_json::from_str(&text).unwrap_or(Value::String(text)),
    )
}

/// The frames of a watch.
pub(crate) struct Frames {
    body: Body,
    read: Vec<u8>,
}

impl Frames {
    pub(crate) fn of(response: Response<Body>) -> Self {
        assert_eq!(response.status(), 200);
        Self {
            body: response.into_body(),
            read: Vec::new(),
        }
    }

    /// The next event; none when the watch has ended.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        let line = self.next_line().await?;
        Some(serde_json::from_slice(&line).unwrap())
    }

    /// The next event as it is written in JSON.
    pub(crate) async fn next_line(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                return Some(self.read.drain(..=end).collect());
            }
            self.more().await?;
        }
    }

    /// The next event as it is written in protobuf, with its length.
    pub(crate) async fn next_message(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(length) = self.read.first_chunk() {
                let end = 4 + u32::from_be_bytes(*length) as usize;
                if self.read.len() >= end {
                    return Some(self.read.drain(..end).collect());
                }
            }
            self.more().await?;
        }
    }

    async fn more(&mut self) -> Option<()> {
        let frame = tokio::time::timeout(Duration::from_secs(5), self.body.frame());
        let frame = frame.await.expect("no event")?.unwrap();
        self.read.extend_from_slice(&frame.into_data().unwrap());
        Some(())
    }

    /// `TYPE name`.
    pub(crate) async fn short(&mut self) -> String {
        let event = self.next().await.unwrap();
        let name = event["object"]["metadata"]["name"]
            .as_str()
            .unwrap_or_default();
        format!("{} {name}", event["type"].as_str().unwrap())
    }
}
