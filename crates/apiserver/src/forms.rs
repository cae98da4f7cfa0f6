//! Objects and lists written in the form that was asked for. JSON, whole or of the metadata alone, is
//! handed out as it is stored; every other form is made from it, and protobuf is shared.

mod lists;
mod made;
mod pack;

pub(crate) use made::Made;

use crate::{
    answer::{self, Answer, Body},
    frames::{self, Pieces},
    negotiate::{Encoding, Form, Shape},
    resources::Resource,
    watch_cache::Item,
};
use api::protobuf;
use bytes::Bytes;
use http_body_util::{BodyExt, StreamBody};
use jiff::Timestamp;
use kinds::Column;
use machinery::status::Status;
use made::Of;
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};
use std::{borrow::Cow, sync::Arc};

/// The kind of metadata alone.
const PARTIAL: (&str, &str) = ("meta.k8s.io/v1", "PartialObjectMetadata");
/// What such an object begins with.
pub(crate) const PARTIAL_HEAD: &str =
    r#"{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":"#;

/// What a table row carries besides its cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Include {
    None,
    Metadata,
    Object,
}

impl Include {
    pub(crate) fn parse(text: Option<&str>) -> Result<Self, Status> {
        match text {
            None | Some("Metadata") => Ok(Self::Metadata),
            Some("None") => Ok(Self::None),
            Some("Object") => Ok(Self::Object),
            Some(other) => Err(Status::bad_request(format!(
                "unrecognized includeObject value: {other:?}"
            ))),
        }
    }
}

/// How to write objects of a resource.
#[derive(Clone)]
pub(crate) struct Writer {
    pub(crate) resource: Arc<Resource>,
    pub(crate) form: Form,
    pub(crate) include: Include,
    pub(crate) now: Timestamp,
    /// Whether the client takes a compressed answer.
    pub(crate) gzip: bool,
}

#[derive(Deserialize)]
struct Outline<'a> {
    #[serde(borrow)]
    metadata: &'a RawValue,
}

impl Writer {
    /// An answer of one object, given in its served form.
    pub(crate) fn object(&self, code: u16, view: Bytes) -> Answer {
        let bytes = match self.form.shape {
            Shape::Whole => view,
            Shape::Table => self.table_of(&view, true)?,
            Shape::Metadata => partial(metadata(&view)?.get()).into(),
        };
        self.encoded(code, bytes)
    }

    /// An answer of one stored object.
    pub(crate) fn item(&self, made: &Made, item: &Arc<Item>) -> Answer {
        match (self.form.shape, self.form.encoding) {
            (Shape::Whole | Shape::Metadata, Encoding::Protobuf) => {
                let bytes = self.protobuf(Some(made), item)?;
                Ok(answer::whole(200, self.form.media_type(), bytes))
            }
            _ => self.object(200, self.view_bytes(Some(made), item)?),
        }
    }

    /// An event about an object. `heading`: a table's columns too.
    pub(crate) fn event(
        &self,
        made: Option<&Made>,
        kind: &'static str,
        item: &Arc<Item>,
        heading: bool,
    ) -> Result<Pieces, Status> {
        let stored = self.resource.is_served_as_stored();
        Ok(match (self.form.shape, self.form.encoding) {
            (Shape::Table, _) => {
                let table = self.table_of(&self.view(made, item)?, heading)?;
                frames::around(kind, table)
            }
            (_, Encoding::Protobuf) => frames::protobuf(kind, self.protobuf(made, item)?),
            (Shape::Whole, _) if stored => frames::stored(kind, item.framed()),
            (Shape::Whole, _) => frames::around(kind, self.view_bytes(made, item)?),
            (Shape::Metadata, _) if stored => frames::partial(kind, item.metadata()),
            (Shape::Metadata, _) => {
                let view = self.view_bytes(made, item)?;
                let own = metadata(&view)?.get().as_bytes();
                frames::partial(kind, view.slice_ref(own))
            }
        })
    }

    /// An object's JSON in its served form, to look at: most often as it is stored, where it lies.
    fn view<'i>(&self, made: Option<&Made>, item: &'i Arc<Item>) -> Result<Cow<'i, [u8]>, Status> {
        if self.resource.is_served_as_stored() {
            return Ok(item.json().into());
        }
        Ok(Vec::from(self.view_bytes(made, item)?).into())
    }

    /// An object's JSON in its served form, to hand out.
    fn view_bytes(&self, made: Option<&Made>, item: &Arc<Item>) -> Result<Bytes, Status> {
        if self.resource.is_served_as_stored() {
            return Ok(item.bytes());
        }
        let of = Of::new(&self.resource, Form::JSON);
        made::shared(made, item, of, || self.resource.view_bytes(&item.bytes()))
    }

    /// An object in protobuf, with its envelope.
    fn protobuf(&self, made: Option<&Made>, item: &Arc<Item>) -> Result<Bytes, Status> {
        let of = Of::new(&self.resource, self.form);
        made::shared(made, item, of, || {
            // Nothing else is made for keeping meanwhile.
            let view = self.view(None, item)?;
            let encoded = match self.form.shape {
                Shape::Metadata => {
                    let own = partial(metadata(&view)?.get());
                    protobuf::encode_kind(PARTIAL.0, PARTIAL.1, own.as_bytes())
                }
                _ => {
                    protobuf::encode_kind(&self.resource.api_version(), self.resource.kind(), &view)
                }
            };
            encoded
                .map(Bytes::from)
                .map_err(|error| Status::internal(&error))
        })
    }

    /// A table of one object.
    fn table_of(&self, view: &[u8], heading: bool) -> Result<Bytes, Status> {
        let row = self.row(view)?;
        let mut metadata = json!({});
        if let Some(version) = resource_version(view) {
            metadata["resourceVersion"] = version.into();
        }
        let table = self.table(vec![row], metadata, heading);
        Ok(table.to_string().into())
    }

    fn row(&self, view: &[u8]) -> Result<Value, Status> {
        let (object, _) = self
            .resource
            .decode(view)
            .map_err(|error| Status::internal(&error))?;
        let cells: Vec<Value> = self
            .resource
            .law
            .row(&*object, self.now)
            .into_iter()
            .map(Value::from)
            .collect();
        let mut row = json!({ "cells": cells });
        match self.include {
            Include::None => row["object"] = Value::Null,
            Include::Metadata => {
                row["object"] = tree(partial(metadata(view)?.get()).as_bytes())?;
            }
            Include::Object => row["object"] = tree(view)?,
        }
        Ok(row)
    }

    fn table(&self, rows: Vec<Value>, metadata: Value, heading: bool) -> Value {
        let columns = heading.then(|| self.resource.law.columns());
        table(columns, rows, metadata)
    }

    /// Writes JSON in the wished encoding.
    fn encoded(&self, code: u16, json: Bytes) -> Answer {
        simple(self.form, code, json)
    }
}

/// A Table; without columns it goes on with one that had them.
pub(crate) fn table(columns: Option<&[Column]>, rows: Vec<Value>, metadata: Value) -> Value {
    let columns = columns.map(|columns| -> Vec<Value> {
        columns
            .iter()
            .map(|column| json!({ "name": column.name, "type": column.kind, "format": column.format, "description": column.description, "priority": column.priority }))
            .collect()
    });
    json!({ "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata, "columnDefinitions": columns, "rows": rows })
}

/// Any JSON that has a kind, in the wished encoding.
pub(crate) fn simple(form: Form, code: u16, json: impl Into<Bytes>) -> Answer {
    let json = json.into();
    let bytes = match form.encoding {
        Encoding::Json if form.pretty => indented(&json).into(),
        Encoding::Json => json,
        Encoding::Yaml => machinery::yaml::to_string(&tree(&json)?).into(),
        // Clients that ask for protobuf read the answer's media type; a few kinds have none.
        Encoding::Protobuf => match api::protobuf::encode(&json) {
            Ok(bytes) => bytes.into(),
            Err(error) => {
                tracing::debug!(%error, "answered in JSON");
                return Ok(answer::json(code, json));
            }
        },
    };
    Ok(answer::whole(code, form.media_type(), bytes))
}

/// JSON as people read it: two spaces a level, upstream's layout. Order and numbers stay as they are.
fn indented(json: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(json.len() * 2);
    let (mut depth, mut quoted, mut escaped) = (0, false, false);
    let line = |out: &mut Vec<u8>, depth: usize| {
        out.push(b'\n');
        out.resize(out.len() + 2 * depth, b' ');
    };
    for (at, &byte) in json.iter().enumerate() {
        if quoted {
            out.push(byte);
            quoted = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            continue;
        }
        match byte {
            b'{' | b'[' => {
                out.push(byte);
                let closes = json
                    .get(at + 1)
                    .is_some_and(|next| matches!(next, b'}' | b']'));
                if !closes {
                    depth += 1;
                    line(&mut out, depth);
                }
            }
            b'}' | b']' => {
                let opened = at.checked_sub(1).and_then(|at| json.get(at));
                if !opened.is_some_and(|last| matches!(last, b'{' | b'[')) {
                    depth = depth.saturating_sub(1);
                    line(&mut out, depth);
                }
                out.push(byte);
            }
            b',' => {
                out.push(byte);
                line(&mut out, depth);
            }
            b':' => out.extend_from_slice(b": "),
            b' ' | b'\n' | b'\t' | b'\r' => {}
            byte => {
                quoted = byte == b'"';
                out.push(byte);
            }
        }
    }
    out.push(b'\n');
    out
}

/// A body made of a stream of frames.
pub(crate) fn stream(
    frames: impl futures::Stream<Item = Result<http_body::Frame<Bytes>, crate::BoxError>>
    + Send
    + 'static,
) -> Body {
    StreamBody::new(frames).boxed_unsync()
}

pub(crate) fn tree(json: &[u8]) -> Result<Value, Status> {
    serde_json::from_slice(json).map_err(|error| Status::internal(&error))
}

/// An object's metadata as it is written in the object.
fn metadata(view: &[u8]) -> Result<&RawValue, Status> {
    let outline: Outline<'_> =
        serde_json::from_slice(view).map_err(|error| Status::internal(&error))?;
    Ok(outline.metadata)
}

/// The object that shows metadata alone.
fn partial(metadata: &str) -> String {
    [PARTIAL_HEAD, metadata, "}"].concat()
}

fn resource_version(view: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Meta {
        resource_version: Option<String>,
    }
    #[derive(Deserialize)]
    struct It {
        metadata: Meta,
    }
    serde_json::from_slice::<It>(view)
        .ok()?
        .metadata
        .resource_version
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indentation_changes_only_space() {
        let json = r#"{"a":{},"b":[],"c":[1,{"d":"x:{,\\\"}"}],"e":null}"#;
        let text = String::from_utf8(indented(json.as_bytes())).unwrap();
        let expected = "{\n  \"a\": {},\n  \"b\": [],\n  \"c\": [\n    1,\n    {\n      \"d\": \"x:{,\\\\\\\"}\"\n    }\n  ],\n  \"e\": null\n}\n";
        assert_eq!(text, expected);
        let (before, after): (Value, Value) = (
            serde_json::from_str(json).unwrap(),
            serde_json::from_str(&text).unwrap(),
        );
        assert_eq!(before, after);
    }
}
