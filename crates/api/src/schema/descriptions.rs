//! What each type and field is for, in upstream's words: for OpenAPI and `explain`.
//!
//! Kept apart from the table because it is ten times as large and almost never needed: it is
//! decompressed when asked for and dropped by the caller afterwards.

use serde_json::{Map, Value};
use std::collections::HashMap;

/// The text's uncompressed size is refused beyond this.
const LIMIT: usize = 16 << 20;

/// Descriptions by type name; the empty field name is the type's own.
#[derive(Debug, Default)]
pub struct Descriptions {
    text: String,
    at: HashMap<(u32, u32), (u32, u32)>,
    names: HashMap<String, u32>,
}

/// Decompresses the descriptions of the built-in types. Ask once per document, not per type.
#[must_use]
pub fn load() -> Descriptions {
    let compressed = include_bytes!("descriptions.zst");
    // Invariant: the committed text decompresses; a test of this module proves it for every build.
    let bytes = zstd::bulk::decompress(compressed, LIMIT).unwrap_or_default();
    Descriptions::parse(String::from_utf8(bytes).unwrap_or_default())
}

impl Descriptions {
    /// Records end with U+001E; their parts, type, field and text, are parted by U+001F.
    fn parse(text: String) -> Self {
        let mut descriptions = Self::default();
        let start = text.as_ptr() as usize;
        for record in text.split('\u{1e}') {
            let mut parts = record.splitn(3, '\u{1f}');
            let (Some(of), Some(field), Some(words)) = (parts.next(), parts.next(), parts.next())
            else {
                continue;
            };
            let key = (descriptions.number(of), descriptions.number(field));
            // Offsets fit: the text is smaller than LIMIT.
            let from = (words.as_ptr() as usize - start) as u32;
            descriptions
                .at
                .insert(key, (from, from + words.len() as u32));
        }
        descriptions.text = text;
        descriptions
    }

    fn number(&mut self, name: &str) -> u32 {
        let next = self.names.len() as u32;
        match self.names.get(name) {
            Some(known) => *known,
            None => *self.names.entry(name.to_owned()).or_insert(next),
        }
    }

    fn find(&self, of: &str, field: &str) -> Option<&str> {
        let key = (*self.names.get(of)?, *self.names.get(field)?);
        let (from, to) = *self.at.get(&key)?;
        self.text.get(from as usize..to as usize)
    }

    /// What the type is for.
    #[must_use]
    pub fn of_type(&self, name: &str) -> Option<&str> {
        self.find(name, "")
    }

    /// Keywords of OpenAPI that only documents show, by the field's name or the empty one of the type:
    /// enumerations, defaults that Go implies, list types that are the rule anyway.
    #[must_use]
    pub fn keywords(&self, name: &str, field: &str) -> Option<Map<String, Value>> {
        serde_json::from_str(self.find(name, &format!("{field}\u{1d}"))?).ok()
    }

    /// What the field is for.
    #[must_use]
    pub fn of_field(&self, name: &str, field: &str) -> Option<&str> {
        self.find(name, field)
    }
}
