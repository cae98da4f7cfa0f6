//! Documents written piece by piece: a path or a type at a time, so that the whole is never a tree in
//! memory.

use api::openapi::gnostic::Encoder;
use serde_json::{Map, Value};
use std::io::{self, Write};

/// A document before it is written.
pub(super) struct Document<'a> {
    /// The small fields.
    pub(super) head: Value,
    pub(super) sections: Vec<Section<'a>>,
}

/// A large map.
pub(super) struct Section<'a> {
    /// Where it stands. Sections are written in their order.
    pub(super) path: &'static [&'static str],
    pub(super) entries: Box<dyn Iterator<Item = (String, Value)> + 'a>,
}

pub(super) fn json(document: Document<'_>, out: &mut dyn Write) -> io::Result<()> {
    let mut head = document.head.to_string();
    head.pop();
    out.write_all(head.as_bytes())?;
    for section in document.sections {
        write!(out, ",\"{}\":{{", section.path.join("\":{\""))?;
        for (at, (name, entry)) in section.entries.enumerate() {
            let between = if at > 0 { "," } else { "" };
            write!(out, "{between}{}:{entry}", Value::from(name))?;
        }
        out.write_all("}".repeat(section.path.len()).as_bytes())?;
    }
    out.write_all(b"}")
}

/// A section is put together before it is written, since its length comes first.
pub(super) fn protobuf(
    encoder: &Encoder,
    document: Document<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    out.write_all(&encoder.part(&[], &document.head))?;
    for section in document.sections {
        let mut parts = Vec::new();
        for entry in section.entries {
            let entry = Value::Object(Map::from_iter([entry]));
            parts.extend(encoder.part(section.path, &entry));
        }
        out.write_all(&encoder.whole(section.path, parts))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn pieces_make_one_document() {
        let section = |path, entries: &[(&str, Value)]| Section {
            path,
            entries: Box::new(
                entries
                    .iter()
                    .map(|(name, entry)| ((*name).to_owned(), entry.clone()))
                    .collect::<Vec<_>>()
                    .into_iter(),
            ),
        };
        let document = || Document {
            head: json!({"openapi": "3.0.0"}),
            sections: vec![
                section(&["paths"], &[]),
                section(
                    &["components", "schemas"],
                    &[("A \"b\"", json!({"type": "object"})), ("C", json!({}))],
                ),
            ],
        };
        let whole = json!({"openapi": "3.0.0", "paths": {},
            "components": {"schemas": {"A \"b\"": {"type": "object"}, "C": {}}}});
        let (mut text, mut bytes) = (Vec::new(), Vec::new());
        json(document(), &mut text).unwrap();
        let read: Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(read, whole);
        protobuf(&Encoder::v3(), document(), &mut bytes).unwrap();
        assert_eq!(bytes, Encoder::v3().part(&[], &whole));
    }
}
