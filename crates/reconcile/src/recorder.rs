//! Events: what a component tells the user about an object, in the form of the core group or, with the
//! action that was tried, in that of `events.k8s.io`. Repeats of the same event raise its count or its
//! series instead of adding objects. Upstream: client-go's `tools/record` and `tools/events`.

use crate::correlator::{Correlator, Verdict};
use api::AnyObject;
use client::{Client, Patch};
use jiff::Timestamp;
use k8s_openapi::{
    api::core::v1::{Event, EventSource, ObjectReference},
    apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta, Time},
};
use machinery::durations;
use std::sync::Arc;
use stdx::{clock::Clock, tasks::Tasks};
use tokio::sync::mpsc;

/// Events that wait to be written; past it new ones are dropped, as upstream drops them.
const QUEUE_LIMIT: usize = 1000;
/// The longest message stored, in bytes.
const MESSAGE_LIMIT_BYTES: usize = 1024;

/// Names tried for one event beyond its first.
const NAMES_TRIED: usize = 64;

/// What an event is about.
pub type Reference = ObjectReference;

/// Records events for one component. Cheap to clone; never blocks its caller.
#[derive(Clone)]
pub struct Recorder {
    sender: mpsc::Sender<Event>,
    component: Arc<str>,
    host: Arc<str>,
    clock: Clock,
}

impl Recorder {
    /// Starts the writer on `tasks`. `host` is the node's name for node components, else empty.
    #[must_use]
    pub fn new(client: Client, component: &str, host: &str, clock: Clock, tasks: &Tasks) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE_LIMIT);
        let writer = write_events(client, receiver, clock.clone());
        tasks.spawn("event recorder", writer);
        Self {
            sender,
            component: component.into(),
            host: host.into(),
            clock,
        }
    }

    /// The same writer under another component's name.
    #[must_use]
    pub fn named(&self, component: &str) -> Self {
        Self {
            component: component.into(),
            ..self.clone()
        }
    }

    /// Records a `Normal` event.
    pub fn normal(&self, about: &Reference, reason: &str, message: &str) {
        self.record(about, "Normal", reason, message);
    }

    /// Records a `Warning` event.
    pub fn warning(&self, about: &Reference, reason: &str, message: &str) {
        self.record(about, "Warning", reason, message);
    }

    /// Records an event about an action that was tried, in the form of `events.k8s.io`; repeats become a
    /// series. `kind` is `Normal` or `Warning`.
    pub fn action(&self, about: &Reference, kind: &str, reason: &str, action: &str, note: &str) {
        let now = self.clock.now();
        let instance = match &*self.host {
            "" => self.component.to_string(),
            host => format!("{}-{host}", self.component),
        };
        self.queue(Event {
            event_time: Some(MicroTime(now)),
            action: Some(action.to_owned()),
            reporting_instance: Some(instance),
            count: None,
            first_timestamp: None,
            last_timestamp: None,
            source: None,
            ..self.event(about, kind, reason, note, now)
        });
    }

    fn record(&self, about: &Reference, kind: &str, reason: &str, message: &str) {
        self.queue(self.event(about, kind, reason, message, self.clock.now()));
    }

    fn queue(&self, event: Event) {
        if let Err(refused) = self.sender.try_send(event) {
            let event = refused.into_inner();
            tracing::warn!(
                reason = event.reason,
                message = event.message,
                "too many events wait to be written; this one is dropped"
            );
        }
    }

    fn event(
        &self,
        about: &Reference,
        kind: &str,
        reason: &str,
        message: &str,
        now: Timestamp,
    ) -> Event {
        let namespace = about
            .namespace
            .clone()
            .filter(|namespace| !namespace.is_empty())
            .unwrap_or_else(|| "default".to_owned());
        let name = about.name.as_deref().unwrap_or_default();
        let time = Some(Time(stdx::clock::whole_seconds(now)));
        Event {
            metadata: ObjectMeta {
                name: Some(format!("{name}.{:x}", now.as_nanosecond())),
                namespace: Some(namespace),
                ..ObjectMeta::default()
            },
            involved_object: about.clone(),
            reason: Some(reason.to_owned()),
            message: Some(shorten(message).to_owned()),
            type_: Some(kind.to_owned()),
            count: Some(1),
            first_timestamp: time.clone(),
            last_timestamp: time,
            source: Some(EventSource {
                component: Some(self.component.to_string()),
                host: Some(self.host.to_string()).filter(|host| !host.is_empty()),
            }),
            reporting_component: Some(self.component.to_string()),
            reporting_instance: Some(self.host.to_string()),
            ..Event::default()
        }
    }
}

/// A reference to an object, as events carry it.
#[must_use]
pub fn reference(object: &dyn AnyObject) -> Reference {
    let metadata = object.metadata();
    Reference {
        api_version: Some(object.api_version().to_owned()),
        kind: Some(object.kind().to_owned()),
        namespace: metadata.namespace.clone(),
        name: metadata.name.clone(),
        uid: metadata.uid.clone(),
        resource_version: metadata.resource_version.clone(),
        field_path: None,
    }
}

fn shorten(message: &str) -> &str {
    let mut end = message.len().min(MESSAGE_LIMIT_BYTES);
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    &message[..end]
}

/// Creates an event. Its name tells its nanosecond; when another about the same object has that, it takes a
/// later one.
async fn create(client: &Client, mut event: Event) -> Result<Event, client::Error> {
    for _ in 0..NAMES_TRIED {
        match client.create(&event).await {
            Err(error) if error.is_already_exists() => {}
            other => return other,
        }
        event.metadata.name = event.metadata.name.as_deref().map(later);
    }
    client.create(&event).await
}

/// The name of the next nanosecond.
fn later(name: &str) -> String {
    let (about, time) = name.rsplit_once('.').unwrap_or((name, "0"));
    let time = i128::from_str_radix(time, 16).unwrap_or(0);
    format!("{about}.{:x}", time.wrapping_add(1))
}

async fn write_events(client: Client, mut receiver: mpsc::Receiver<Event>, clock: Clock) {
    let mut correlator = Correlator::new();
    while let Some(mut event) = receiver.recv().await {
        let now = clock.now();
        let key = match correlator.judge(&mut event, now) {
            Verdict::Drop => continue,
            Verdict::Repeat { name, key } => {
                if repeat(&client, &event, &name).await {
                    continue;
                }
                event.series = None;
                key
            }
            Verdict::Create(key) => key,
        };
        match create(&client, event).await {
            Ok(stored) => correlator.created(&key, &stored, now),
            // Upstream drops an event that the server refuses, such as one for a namespace that ends.
            Err(error) => {
                tracing::debug!(%error, "an event could not be written")
            }
        }
    }
}

/// Raises the count or the series of an event written before; false when it is gone.
async fn repeat(client: &Client, event: &Event, name: &str) -> bool {
    let namespace = event.metadata.namespace.as_deref().unwrap_or_default();
    let last = event.last_timestamp.as_ref().map(|time| time.0.to_string());
    let tree = match &event.series {
        Some(series) => serde_json::json!({ "series": {
            "count": series.count,
            "lastObservedTime": series.last_observed_time.as_ref().map(|it| durations::rfc3339_micro(it.0)),
        } }),
        None => {
            serde_json::json!({ "count": event.count, "lastTimestamp": last, "message": event.message })
        }
    };
    let patched = client
        .patch::<Event>(namespace, name, "", &Patch::Merge(tree))
        .await;
    patched.is_ok()
}
