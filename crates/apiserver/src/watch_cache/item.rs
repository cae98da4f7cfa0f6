//! One object: its bytes as clients get them, and the little that selecting needs.

use bytes::{BufMut, Bytes, BytesMut};
use kinds::Law;
use serde::Deserialize;
use std::{borrow::Cow, collections::BTreeMap, sync::Arc};
use store::Revision;

const METADATA: &[u8] = br#""metadata":{"#;

/// A stored object. Immutable; shared by everybody who reads it.
pub(crate) struct Item {
    /// `NAMESPACE/NAME` or `NAME`.
    pub(crate) key: Arc<str>,
    pub(crate) labels: BTreeMap<String, String>,
    fields: Vec<(&'static str, String)>,
    pub(crate) revision: Revision,
    /// The object with its resourceVersion, then `}\n`: the end of a watch frame.
    buffer: Bytes,
    /// Where `"resourceVersion":"N",` lies in it.
    version_at: std::ops::Range<usize>,
}

#[derive(Deserialize)]
struct Labelled {
    #[serde(default)]
    metadata: Labels,
}

#[derive(Default, Deserialize)]
struct Labels {
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
}

impl Item {
    /// From the stored bytes.
    pub(crate) fn new(law: &dyn Law, key: &str, stored: &Bytes, revision: Revision) -> Self {
        let (buffer, version_at) = splice(stored, revision);
        let labels = serde_json::from_slice::<Labelled>(stored)
            .ok()
            .and_then(|it| it.metadata.labels)
            .unwrap_or_default();
        let fields = if law.selectable_field_names().is_empty() {
            Vec::new()
        } else {
            law.decode(stored)
                .map(|object| law.selectable_fields(&*object))
                .unwrap_or_default()
        };
        Self {
            key: key.into(),
            labels,
            fields,
            revision,
            buffer,
            version_at,
        }
    }

    /// The object's JSON.
    pub(crate) fn bytes(&self) -> Bytes {
        self.buffer.slice(..self.buffer.len() - 2)
    }

    /// The object's JSON and the `}\n` that ends a watch frame.
    pub(crate) fn framed(&self) -> Bytes {
        self.buffer.clone()
    }

    /// The object as of another revision: what a deletion shows.
    pub(crate) fn at(&self, revision: Revision) -> Self {
        let version = version_field(revision);
        let mut buffer = BytesMut::with_capacity(self.buffer.len() + 8);
        buffer.put_slice(&self.buffer[..self.version_at.start]);
        buffer.put_slice(version.as_bytes());
        buffer.put_slice(&self.buffer[self.version_at.end..]);
        Self {
            key: Arc::clone(&self.key),
            labels: self.labels.clone(),
            fields: self.fields.clone(),
            revision,
            buffer: buffer.freeze(),
            version_at: self.version_at.start..self.version_at.start + version.len(),
        }
    }

    pub(crate) fn namespace(&self) -> &str {
        self.key
            .split_once('/')
            .map_or("", |(namespace, _)| namespace)
    }

    pub(crate) fn name(&self) -> &str {
        self.key
            .split_once('/')
            .map_or(&*self.key, |(_, name)| name)
    }

    /// A field that selectors may name.
    pub(crate) fn field(&self, name: &str) -> Option<Cow<'_, str>> {
        match name {
            "metadata.name" => Some(self.name().into()),
            "metadata.namespace" => Some(self.namespace().into()),
            name => self
                .fields
                .iter()
                .find(|(own, _)| *own == name)
                .map(|(_, value)| value.as_str().into()),
        }
    }
}

fn version_field(revision: Revision) -> String {
    format!(r#""resourceVersion":"{revision}","#)
}

/// Puts the revision into stored bytes, right after `"metadata":{`.
fn splice(stored: &[u8], revision: Revision) -> (Bytes, std::ops::Range<usize>) {
    let version = version_field(revision);
    let mut buffer = BytesMut::with_capacity(stored.len() + version.len() + 2);
    let at = metadata_at(stored).unwrap_or(0);
    // Invariant: what the door writes has metadata with at least a name.
    debug_assert!(at > 0 && stored.get(at) != Some(&b'}'));
    buffer.put_slice(&stored[..at]);
    let start = buffer.len();
    if at > 0 {
        buffer.put_slice(version.as_bytes());
    }
    let range = start..buffer.len();
    buffer.put_slice(&stored[at..]);
    buffer.put_slice(b"}\n");
    (buffer.freeze(), range)
}

/// Where the fields of the object's own metadata begin. What comes before it may hold metadata of
/// its own (a ControllerRevision's data), so depth counts.
fn metadata_at(json: &[u8]) -> Option<usize> {
    let (mut depth, mut at) = (0usize, 0);
    while let Some(byte) = json.get(at) {
        match byte {
            b'"' => {
                if depth == 1 && json[at..].starts_with(METADATA) {
                    return Some(at + METADATA.len());
                }
                at += 1;
                while *json.get(at)? != b'"' {
                    at += if json[at] == b'\\' { 2 } else { 1 };
                }
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        at += 1;
    }
    None
}

/// An answer's bytes: the stored form with its revision.
pub(crate) fn with_revision(stored: &[u8], revision: Revision) -> Bytes {
    let (buffer, _) = splice(stored, revision);
    buffer.slice(..buffer.len() - 2)
}

/// JSON of an object with one more field, `"name":value,`, at the start of its metadata.
pub(crate) fn with_metadata(plain: &[u8], field: &str) -> Vec<u8> {
    let at = metadata_at(plain).unwrap_or(0);
    // Invariant: what the door writes has metadata with at least a name.
    debug_assert!(at > 0 && plain.get(at) != Some(&b'}'));
    let mut whole = Vec::with_capacity(plain.len() + field.len());
    whole.extend_from_slice(&plain[..at]);
    if at > 0 {
        whole.extend_from_slice(field.as_bytes());
    }
    whole.extend_from_slice(&plain[at..]);
    whole
}
