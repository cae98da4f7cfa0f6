//! Watching: frames of one JSON document a line, as the server writes them.

use crate::{Client, Error, Form, ListOptions, Path};
use api::Object;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use http::Method;
use http_body_util::BodyExt;
use machinery::status::Status;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::{marker::PhantomData, pin::Pin};

/// The longest frame that is read.
const FRAME_LIMIT_BYTES: usize = 16 << 20;

/// What happened to an object.
#[derive(Clone, Debug)]
pub enum WatchEvent<T> {
    /// It exists, or entered the selection.
    Added(T),
    /// It changed.
    Modified(T),
    /// It is gone, or left the selection; its last state.
    Deleted(T),
    /// Nothing happened up to this revision.
    Bookmark {
        /// `resourceVersion` to go on from.
        revision: String,
        /// Whether this ends the initial events (`sendInitialEvents`).
        initial_events_end: bool,
    },
}

/// A frame with its object still in JSON.
#[derive(Debug, Deserialize)]
pub struct Frame {
    /// `ADDED`, `MODIFIED`, `DELETED`, `BOOKMARK` or `ERROR`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The object's JSON.
    pub object: Box<RawValue>,
}

/// A running watch; ends when the server ends it.
pub struct WatchStream<T> {
    path: String,
    chunks: Pin<Box<dyn futures::Stream<Item = Result<Bytes, Error>> + Send>>,
    buffer: BytesMut,
    _kind: PhantomData<fn() -> T>,
}

impl Client {
    /// Watches a namespace (all when empty) from `revision` on.
    ///
    /// # Errors
    /// [`Error::is_expired`] when the revision is no longer kept: list again.
    pub async fn watch<T: Object>(
        &self,
        namespace: &str,
        options: &ListOptions,
        revision: &str,
    ) -> Result<WatchStream<T>, Error> {
        let path = options
            .add_to(Path::of::<T>(namespace))
            .query("watch", "true")
            .query("allowWatchBookmarks", "true")
            .query_if("resourceVersion", revision);
        self.watch_at(path, Form::Json).await
    }

    /// Watches any path in any form.
    ///
    /// # Errors
    /// See [`Client::watch`].
    pub async fn watch_at<T>(&self, path: Path, form: Form) -> Result<WatchStream<T>, Error> {
        let response = self
            .open(Method::GET, &path, "", Bytes::new(), form)
            .await?;
        let what = path.as_str().to_owned();
        let chunks = response.into_body().into_data_stream().map(move |chunk| {
            chunk.map_err(|source| Error::Transport {
                request: format!("GET {what}"),
                source: source.into(),
            })
        });
        Ok(WatchStream {
            path: path.as_str().to_owned(),
            chunks: Box::pin(chunks),
            buffer: BytesMut::new(),
            _kind: PhantomData,
        })
    }
}

impl<T> WatchStream<T> {
    /// The next frame, undecoded; `None` when the server ended the watch.
    ///
    /// # Errors
    /// The server's Status for an `ERROR` frame, or what broke the stream.
    pub async fn next_frame(&mut self) -> Result<Option<Frame>, Error> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line = self.buffer.split_to(end + 1);
                if line.trim_ascii().is_empty() {
                    continue;
                }
                let frame: Frame =
                    serde_json::from_slice(&line).map_err(|error| self.unreadable(&error))?;
                if frame.kind == "ERROR" {
                    let status: Status = serde_json::from_str(frame.object.get())
                        .map_err(|error| self.unreadable(&error))?;
                    return Err(Error::Status(Box::new(status)));
                }
                return Ok(Some(frame));
            }
            if self.buffer.len() > FRAME_LIMIT_BYTES {
                return Err(self.unreadable(&"a frame exceeds 16 MiB"));
            }
            match self.chunks.next().await {
                None => return Ok(None),
                Some(chunk) => self.buffer.extend_from_slice(&chunk?),
            }
        }
    }

    fn unreadable(&self, detail: &dyn std::fmt::Display) -> Error {
        Error::Answer {
            request: self.path.clone(),
            detail: detail.to_string(),
        }
    }
}

impl<T: Object> WatchStream<T> {
    /// The next event; `None` when the server ended the watch.
    ///
    /// # Errors
    /// See [`WatchStream::next_frame`].
    pub async fn next(&mut self) -> Result<Option<WatchEvent<T>>, Error> {
        let Some(frame) = self.next_frame().await? else {
            return Ok(None);
        };
        let json = frame.object.get().as_bytes();
        if frame.kind == "BOOKMARK" {
            return self.bookmark(json).map(Some);
        }
        let object = T::decode(json).map_err(|error| self.unreadable(&error))?;
        match frame.kind.as_str() {
            "ADDED" => Ok(Some(WatchEvent::Added(object))),
            "MODIFIED" => Ok(Some(WatchEvent::Modified(object))),
            "DELETED" => Ok(Some(WatchEvent::Deleted(object))),
            other => Err(self.unreadable(&format!("unknown event type {other:?}"))),
        }
    }

    fn bookmark(&self, json: &[u8]) -> Result<WatchEvent<T>, Error> {
        #[derive(Deserialize)]
        struct Bookmark {
            metadata: Metadata,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Metadata {
            resource_version: String,
            #[serde(default)]
            annotations: std::collections::BTreeMap<String, String>,
        }
        let bookmark: Bookmark =
            serde_json::from_slice(json).map_err(|error| self.unreadable(&error))?;
        Ok(WatchEvent::Bookmark {
            revision: bookmark.metadata.resource_version,
            initial_events_end: bookmark
                .metadata
                .annotations
                .contains_key("k8s.io/initial-events-end"),
        })
    }
}
