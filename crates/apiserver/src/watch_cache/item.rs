//! One object: its bytes as clients get them, and the little that selecting needs.

use bytes::Bytes;
use kinds::Law;
use serde::Deserialize;
use std::{borrow::Cow, collections::BTreeMap, ops::Range, sync::Arc};
use store::Revision;

const VERSION: &str = r#""resourceVersion":""#;
const METADATA: &[u8] = br#""metadata":{"#;

/// A stored object. Immutable; shared by everybody who reads it. There are as many as there is room for, so
/// it is as small as can be.
pub(crate) struct Item {
    /// Its key in the store, shared with the store.
    stored_key: Arc<str>,
    /// Where in that the local key begins.
    local_at: u32,
    /// Where `"resourceVersion":"N",` begins in the buffer: the revision stands nowhere else.
    version_at: u32,
    /// The object with its resourceVersion, then `}\n`: the end of a watch frame.
    buffer: Box<[u8]>,
    /// Absent when it has neither labels nor fields.
    selected: Option<Box<Selected>>,
}

/// An item whose bytes are handed out. The little that counts the holders is made when they are, so that an
/// object which nobody reads does not pay for it.
struct Shared(Arc<Item>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        &self.0.buffer
    }
}

/// What selectors look at.
#[derive(Clone)]
struct Selected {
    labels: BTreeMap<String, String>,
    fields: Vec<(&'static str, String)>,
}

#[derive(Default, Deserialize)]
struct Labels {
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
}

impl Item {
    /// From the stored bytes. `local` is the end of the key that names it within its resource.
    pub(crate) fn new(
        law: &dyn Law,
        (key, local): (&Arc<str>, &str),
        stored: &Bytes,
        revision: Revision,
    ) -> Self {
        let (buffer, version_at) = splice(stored, revision);
        let labels = labels(stored, version_at).unwrap_or_default();
        let fields = if law.selectable_field_names().is_empty() {
            Vec::new()
        } else {
            law.decode(stored)
                .map(|object| law.selectable_fields(&*object))
                .unwrap_or_default()
        };
        let selects = !labels.is_empty() || !fields.is_empty();
        Self {
            stored_key: Arc::clone(key),
            local_at: small(key.len() - local.len()),
            version_at: small(version_at),
            buffer: buffer.into_boxed_slice(),
            selected: selects.then(|| Box::new(Selected { labels, fields })),
        }
    }

    /// `NAMESPACE/NAME` or `NAME`.
    pub(crate) fn key(&self) -> &str {
        &self.stored_key[self.local_at as usize..]
    }

    /// The revision it was written at.
    pub(crate) fn revision(&self) -> Revision {
        let digits = self.buffer.get(self.version_at as usize + VERSION.len()..);
        let digits = digits.unwrap_or_default().iter();
        let digits = digits.take_while(|it| it.is_ascii_digit());
        digits.fold(0, |sum, digit| sum * 10 + Revision::from(digit - b'0'))
    }

    /// How many bytes it takes.
    pub(crate) fn size(&self) -> usize {
        self.buffer.len()
    }

    /// The object's JSON, to look at.
    pub(crate) fn json(&self) -> &[u8] {
        &self.buffer[..self.buffer.len() - 2]
    }

    /// The object's JSON, to hand out.
    pub(crate) fn bytes(self: &Arc<Self>) -> Bytes {
        self.framed().slice(..self.buffer.len() - 2)
    }

    /// The object's JSON and the `}\n` that ends a watch frame.
    pub(crate) fn framed(self: &Arc<Self>) -> Bytes {
        Bytes::from_owner(Shared(Arc::clone(self)))
    }

    /// The JSON of its metadata, to look at.
    pub(crate) fn metadata_json(&self) -> &[u8] {
        &self.buffer[self.metadata_range()]
    }

    /// The JSON of its metadata, to hand out.
    pub(crate) fn metadata(self: &Arc<Self>) -> Bytes {
        self.framed().slice(self.metadata_range())
    }

    fn metadata_range(&self) -> Range<usize> {
        // The revision is its first field.
        let start = (self.version_at as usize).saturating_sub(1);
        start..object_end(&self.buffer, start).unwrap_or(start)
    }

    /// The object as of another revision: what a deletion shows.
    pub(crate) fn at(&self, revision: Revision) -> Self {
        let start = self.version_at as usize;
        let end = start + version_field(self.revision()).len();
        let version = version_field(revision);
        let buffer = [
            &self.buffer[..start],
            version.as_bytes(),
            &self.buffer[end..],
        ];
        Self {
            stored_key: Arc::clone(&self.stored_key),
            buffer: buffer.concat().into_boxed_slice(),
            selected: self.selected.clone(),
            ..*self
        }
    }

    pub(crate) fn labels(&self) -> Option<&BTreeMap<String, String>> {
        self.selected.as_ref().map(|it| &it.labels)
    }

    pub(crate) fn namespace(&self) -> &str {
        let key = self.key();
        key.split_once('/').map_or("", |(namespace, _)| namespace)
    }

    pub(crate) fn name(&self) -> &str {
        let key = self.key();
        key.split_once('/').map_or(key, |(_, name)| name)
    }

    /// A field that selectors may name.
    pub(crate) fn field(&self, name: &str) -> Option<Cow<'_, str>> {
        match name {
            "metadata.name" => Some(self.name().into()),
            "metadata.namespace" => Some(self.namespace().into()),
            name => {
                let mut fields = self.selected.iter().flat_map(|it| &it.fields);
                let found = fields.find(|(own, _)| *own == name);
                found.map(|(_, value)| value.as_str().into())
            }
        }
    }
}

fn version_field(revision: Revision) -> String {
    format!("{VERSION}{revision}\",")
}

/// An offset within a key or an object: the store takes none that is larger.
fn small(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}

/// Puts the revision into stored bytes, right after `"metadata":{`; and where that is.
fn splice(stored: &[u8], revision: Revision) -> (Vec<u8>, usize) {
    let version = version_field(revision);
    let at = metadata_at(stored).unwrap_or(0);
    // Invariant: what the door writes has metadata with at least a name.
    debug_assert!(at > 0 && stored.get(at) != Some(&b'}'));
    // One piece of exactly this size: spare room would be kept as long as the object.
    let buffer = [&stored[..at], version.as_bytes(), &stored[at..], b"}\n"];
    (buffer.concat(), at)
}

/// The labels in metadata whose fields begin at `at`; what follows the metadata is not read.
fn labels(stored: &[u8], at: usize) -> Option<BTreeMap<String, String>> {
    let metadata = stored.get(at.checked_sub(1)?..)?;
    let mut metadata = serde_json::Deserializer::from_slice(metadata);
    Labels::deserialize(&mut metadata).ok()?.labels
}

/// Where the fields of the object's own metadata begin. What comes before it may hold metadata of
/// its own (a ControllerRevision's data), so depth counts.
fn metadata_at(json: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(json).ok()?;
    let (mut depth, mut at) = (0usize, 0);
    while let Some(byte) = json.get(at) {
        match byte {
            b'"' => {
                if depth == 1 && json[at..].starts_with(METADATA) {
                    return Some(at + METADATA.len());
                }
                at = string_end(text, at + 1)?;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        at += 1;
    }
    None
}

/// Where the object ends that begins at `at`. Its strings are short and its bytes are JSON.
fn object_end(json: &[u8], mut at: usize) -> Option<usize> {
    let (mut depth, mut quoted) = (0usize, false);
    loop {
        match json.get(at)? {
            b'\\' => at += 1,
            b'"' => quoted = !quoted,
            b'{' if !quoted => depth += 1,
            b'}' if !quoted => depth = depth.checked_sub(1)?,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return Some(at);
        }
    }
}

/// Where the string ends whose first character is at `from`. Long ones are searched by words, not by bytes.
fn string_end(text: &str, mut from: usize) -> Option<usize> {
    loop {
        let rest = text.get(from..)?;
        let quote = rest.find('"')?;
        let escapes = rest[..quote].bytes().rev().take_while(|it| *it == b'\\');
        if escapes.count() % 2 == 0 {
            return Some(from + quote);
        }
        // The quote is escaped: what follows it goes on.
        from += quote + 1;
    }
}

/// An answer's bytes: the stored form with its revision.
pub(crate) fn with_revision(stored: &[u8], revision: Revision) -> Bytes {
    let (mut buffer, _) = splice(stored, revision);
    buffer.truncate(buffer.len() - 2);
    buffer.into()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_revision_is_read_from_the_bytes() {
        let law = kinds::find("", "v1", "ConfigMap").unwrap();
        let stored = br#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x"}}"#;
        for revision in [0, 7, 10, Revision::MAX] {
            let key: Arc<str> = "/registry/core/configmaps/x".into();
            let stored = Bytes::from_static(stored);
            let item = Item::new(law, (&key, "x"), &stored, revision);
            assert_eq!(item.revision(), revision);
            assert_eq!(item.at(12).revision(), 12);
        }
    }

    #[test]
    fn an_object_takes_little() {
        // With the two counters of its Arc it has a size that the allocator knows, 64.
        assert_eq!(size_of::<Item>(), 48);
    }
}
