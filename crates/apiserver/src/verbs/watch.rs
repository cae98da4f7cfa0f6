//! `watch`: every change after a revision, as it happens. Reads the cache's ring at the client's own
//! pace; a client that stops reading falls behind the ring and is told to list again.

use super::{Call, list_options::ListOptions, too_old};
use crate::{
    Door,
    answer::{self, Answer, Body},
    forms::{self, Writer},
    frames::{self, Pieces},
    negotiate::{self, Encoding, Shape},
    socket::{self, Message},
    watch_cache::{CacheEvent, Item, Lost, Selection},
};
use bytes::Bytes;
use futures::StreamExt;
use http::Request;
use http_body::Frame;
use machinery::status::Status;
use serde_json::json;
use std::{array, collections::VecDeque, sync::Arc, time::Duration};
use store::Revision;
use tokio::time::Instant;

/// Time between bookmarks.
const BOOKMARK_EVERY: Duration = Duration::from_secs(60);
/// Shortest time a watch lives that names none; up to twice that, upstream's `min-request-timeout`.
const LEAST_SECONDS: u64 = 1800;
/// Longest time a watch lives, whatever it asks for.
const LONGEST_SECONDS: u64 = 10 * 365 * 86400;
/// Events read from the ring at a time.
const STEP: usize = 128;

/// One watch, between two reads of the client.
struct Watching {
    door: Arc<Door>,
    writer: Writer,
    selection: Selection,
    changed: tokio::sync::watch::Receiver<Revision>,
    /// Everything up to here was looked at.
    seen: Revision,
    /// Objects that exist already, still to be sent as ADDED.
    initial: VecDeque<Arc<Item>>,
    /// Whether there are so few that what is made of them is kept for others.
    initial_kept: bool,
    /// The bookmark that ends them, when asked for.
    initial_end: bool,
    events: VecDeque<Arc<CacheEvent>>,
    /// Frames go out in pieces, so that the object is nobody's copy.
    in_pieces: bool,
    /// What is left of the frame that was begun.
    begun: array::IntoIter<Bytes, 3>,
    bookmarks: bool,
    next_bookmark: Instant,
    bookmark_due: bool,
    until: Instant,
    heading_sent: bool,
    ended: bool,
    /// Counts the watch while it lives.
    _gauge: crate::metrics::Gauge,
}

/// Answers the request; the body goes on until the client or the time-out ends it.
pub(crate) async fn run(door: &Arc<Door>, call: &Call, request: Request<Body>) -> Answer {
    let mut selection = call.selection()?;
    one_object(call, &mut selection)?;
    let bookmarks = call.query.truth("allowWatchBookmarks");
    let options = ListOptions::read(call, true)?;
    let send_initial = options.send_initial_events;
    let from = options.revision.filter(|at| *at > 0);
    match from {
        // A list that is not older than this; a plain watch just waits for what comes.
        Some(at) if send_initial == Some(true) => door.cache.reach_named(at).await?,
        Some(_) => {}
        None => door.cache.catch_up().await,
    }
    let slot = call.resource.slot;
    let changed = door.cache.subscribe_to(slot, &selection);
    let (initial, seen): (Vec<_>, _) = match (from, send_initial) {
        (Some(at), None | Some(false)) => {
            if let Err(Lost { oldest }) = door.cache.events_after(slot, at, 1) {
                return Ok(answer::whole(
                    200,
                    negotiate::stream(call.form)?.stream_type(),
                    frames::error(call.form.encoding, &too_old(at, oldest)),
                ));
            }
            (Vec::new(), door.cache.place(slot, at))
        }
        (None, Some(false)) => (Vec::new(), door.cache.revision()),
        (None, None) | (_, Some(true)) => {
            let page = door.cache.list(slot, &selection, 0);
            (page.items, page.revision)
        }
    };
    let mut writer = call.writer()?;
    writer.form = negotiate::stream(writer.form)?;
    let form = writer.form;
    let over_socket = socket::is_asked_for(&call.headers);
    let now = Instant::now();
    let watching = Watching {
        door: Arc::clone(door),
        selection,
        changed,
        seen,
        initial_kept: door.made.holding(&initial).is_some(),
        initial: initial.into(),
        initial_end: send_initial == Some(true) && bookmarks,
        events: VecDeque::new(),
        in_pieces: !over_socket,
        begun: Pieces::default().into_iter(),
        bookmarks,
        next_bookmark: now + BOOKMARK_EVERY,
        bookmark_due: false,
        until: now + lifetime(door, &options),
        heading_sent: false,
        ended: false,
        _gauge: door.metrics.watch_started(),
        writer,
    };
    let events = futures::stream::unfold(watching, |mut watching| async move {
        let bytes = watching.next().await?;
        Some((bytes, watching))
    });
    if over_socket {
        let messages = events.map(move |event| message(form.encoding, event));
        return socket::answer(door, &call.headers, hyper::upgrade::on(request), messages);
    }
    let mut response = answer::whole(200, form.stream_type(), Bytes::new());
    *response.body_mut() = forms::stream(events.map(|bytes| Ok(Frame::data(bytes))));
    Ok(response)
}

/// The message of a socket that tells of an event. A message has a length of its own, so that protobuf's is left out.
fn message(encoding: Encoding, event: Bytes) -> Message {
    match encoding {
        Encoding::Protobuf => Message::binary(frames::without_length(event)),
        Encoding::Json | Encoding::Yaml => {
            Message::text(String::from_utf8_lossy(event.trim_ascii_end()).into_owned())
        }
    }
}

/// A watch of a path that names an object selects that one.
fn one_object(call: &Call, selection: &mut Selection) -> Result<(), Status> {
    let name = &call.target.name;
    let fields = &selection.fields;
    if name.is_empty() || fields.exact("metadata.name") == Some(name.as_str()) {
        return Ok(());
    }
    if !fields.is_everything() {
        return Err(Status::bad_request(
            "fieldSelector metadata.name doesn't match requested name",
        ));
    }
    selection.fields = machinery::fields::Selector::parse(&format!("metadata.name={name}"))
        .map_err(|error| Status::bad_request(error.to_string()))?;
    Ok(())
}

fn lifetime(door: &Door, options: &ListOptions) -> Duration {
    let least = || LEAST_SECONDS + door.config.random.below(LEAST_SECONDS);
    let asked = options.timeout_seconds.filter(|it| *it > 0);
    Duration::from_secs(asked.unwrap_or_else(least).min(LONGEST_SECONDS))
}

/// What a change of an object means to those who see only a selection.
enum Seen {
    Added(Arc<Item>),
    Modified(Arc<Item>),
    Deleted(Arc<Item>),
}

impl Watching {
    /// The next bytes for the client, an event in one piece or two; `None` ends the watch.
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(rest) = self.begun.find(|piece| !piece.is_empty()) {
            return Some(rest);
        }
        loop {
            if self.ended {
                return None;
            }
            if let Some(item) = self.initial.pop_front() {
                return Some(self.frame("ADDED", &item, self.initial_kept));
            }
            if std::mem::take(&mut self.initial_end) {
                return Some(self.bookmark(true));
            }
            while let Some(event) = self.events.pop_front() {
                if let Some(frame) = self.event(&event) {
                    return Some(frame);
                }
            }
            match self.read() {
                Ok(true) => continue,
                // What happened elsewhere was looked at just now.
                Ok(false) if std::mem::take(&mut self.bookmark_due) => {
                    return Some(self.bookmark(false));
                }
                Ok(false) => {}
                Err(Lost { oldest }) => {
                    self.ended = true;
                    let status = too_old(self.seen, oldest);
                    return Some(frames::error(self.writer.form.encoding, &status));
                }
            }
            tokio::select! {
                changed = self.changed.changed() => changed.ok()?,
                () = tokio::time::sleep_until(self.next_bookmark), if self.bookmarks => {
                    self.bookmark_due = true;
                }
                () = tokio::time::sleep_until(self.until) => {
                    self.ended = true;
                    return self.bookmarks.then(|| self.bookmark(false));
                }
                () = self.door.closing() => return None,
            }
        }
    }

    /// Takes events from the ring; whether there were any.
    fn read(&mut self) -> Result<bool, Lost> {
        self.changed.borrow_and_update();
        let slot = self.writer.resource.slot;
        let (events, seen) = self.door.cache.events_after(slot, self.seen, STEP)?;
        self.seen = seen;
        self.events.extend(events);
        Ok(!self.events.is_empty())
    }

    fn event(&mut self, event: &CacheEvent) -> Option<Bytes> {
        Some(match self.seen(event)? {
            Seen::Added(item) => self.frame("ADDED", &item, true),
            Seen::Modified(item) => self.frame("MODIFIED", &item, true),
            Seen::Deleted(item) => self.frame("DELETED", &item, true),
        })
    }

    fn seen(&self, event: &CacheEvent) -> Option<Seen> {
        let selected = |item: &&Arc<Item>| self.selection.matches(item);
        let before = event.previous.as_ref().filter(selected);
        let after = event.current.as_ref().filter(selected);
        match (before, after) {
            (None, None) => None,
            (None, Some(item)) => Some(Seen::Added(Arc::clone(item))),
            (Some(_), Some(item)) => Some(Seen::Modified(Arc::clone(item))),
            (Some(last), None) => Some(Seen::Deleted(event.gone(last))),
        }
    }

    /// The first piece of an event's frame, or all of it. `keeps`: what is made for it is kept for others.
    fn frame(&mut self, kind: &'static str, item: &Arc<Item>, keeps: bool) -> Bytes {
        let heading = !std::mem::replace(&mut self.heading_sent, true);
        let made = keeps.then_some(&*self.door.made);
        let pieces = match self.writer.event(made, kind, item, heading) {
            Ok(pieces) => pieces,
            Err(status) => {
                self.ended = true;
                frames::whole(frames::error(self.writer.form.encoding, &status))
            }
        };
        if !self.in_pieces {
            return pieces.concat().into();
        }
        self.begun = pieces.into_iter();
        self.begun.next().unwrap_or_default()
    }

    fn bookmark(&mut self, initial_end: bool) -> Bytes {
        self.next_bookmark = Instant::now() + BOOKMARK_EVERY;
        let mut metadata = json!({ "resourceVersion": self.seen.to_string() });
        if initial_end {
            metadata["annotations"] = json!({ "k8s.io/initial-events-end": "true" });
        }
        let (kind, version) = match self.writer.form.shape {
            Shape::Whole => (
                self.writer.resource.kind(),
                self.writer.resource.api_version(),
            ),
            Shape::Metadata => ("PartialObjectMetadata", "meta.k8s.io/v1".to_owned()),
            Shape::Table => ("Table", "meta.k8s.io/v1".to_owned()),
        };
        let mut object = json!({ "kind": kind, "apiVersion": version, "metadata": metadata });
        if self.writer.form.shape == Shape::Table {
            object["columnDefinitions"] = json!(null);
            object["rows"] = json!([]);
        }
        let encoding = self.writer.form.encoding;
        match frames::object(encoding, "BOOKMARK", object.to_string().as_bytes()) {
            Ok(frame) => frame,
            Err(status) => {
                self.ended = true;
                frames::error(encoding, &status)
            }
        }
    }
}
