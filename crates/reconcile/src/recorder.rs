//! Events: what a component tells the user about an object. Repeats of the same event raise its
//! count instead of adding objects. Upstream: client-go's `tools/record` with its correlator.

use api::AnyObject;
use client::{Client, Patch};
use jiff::Timestamp;
use k8s_openapi::{
    api::core::v1::{Event, EventSource, ObjectReference},
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time},
};
use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};
use stdx::{clock::Clock, tasks::Tasks};
use tokio::sync::mpsc;

/// Events that wait to be written; past it new ones are dropped, as upstream drops them.
const QUEUE_LIMIT: usize = 1000;
/// Events remembered to raise the count of; upstream remembers 4,096.
const REMEMBERED: usize = 4096;
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
        tasks.spawn("event recorder", write_events(client, receiver));
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

    fn record(&self, about: &Reference, kind: &str, reason: &str, message: &str) {
        let event = self.event(about, kind, reason, message, self.clock.now());
        if self.sender.try_send(event).is_err() {
            tracing::warn!(
                reason,
                message,
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

/// What makes two events the same.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Sameness([String; 6]);

fn sameness(event: &Event) -> Sameness {
    let about = &event.involved_object;
    Sameness([
        about
            .uid
            .clone()
            .or_else(|| about.name.clone())
            .unwrap_or_default(),
        about.field_path.clone().unwrap_or_default(),
        event.type_.clone().unwrap_or_default(),
        event.reason.clone().unwrap_or_default(),
        event.message.clone().unwrap_or_default(),
        about.kind.clone().unwrap_or_default(),
    ])
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

async fn write_events(client: Client, mut receiver: mpsc::Receiver<Event>) {
    let mut written: HashMap<Sameness, (String, i32)> = HashMap::new();
    let mut order: VecDeque<Sameness> = VecDeque::new();
    while let Some(event) = receiver.recv().await {
        let same = sameness(&event);
        if let Some((name, count)) = written.get_mut(&same)
            && repeat(&client, &event, name, *count + 1).await
        {
            *count += 1;
            continue;
        }
        match create(&client, event).await {
            Ok(stored) => {
                let name = stored.metadata.name.unwrap_or_default();
                if written.insert(same.clone(), (name, 1)).is_none() {
                    order.push_back(same);
                }
                if order.len() > REMEMBERED
                    && let Some(oldest) = order.pop_front()
                {
                    written.remove(&oldest);
                }
            }
            // Upstream drops an event that the server refuses, such as one for a namespace that ends.
            Err(error) => {
                tracing::debug!(%error, "an event could not be written")
            }
        }
    }
}

/// Raises the count of an event written before; false when it is gone.
async fn repeat(client: &Client, event: &Event, name: &str, count: i32) -> bool {
    let namespace = event.metadata.namespace.as_deref().unwrap_or_default();
    let last = event.last_timestamp.as_ref().map(|time| time.0.to_string());
    let patch = Patch::Merge(serde_json::json!({ "count": count, "lastTimestamp": last }));
    client
        .patch::<Event>(namespace, name, "", &patch)
        .await
        .is_ok()
}
