//! What a conversion did, for the warning that shows a client the form to write instead.

use serde_json::Value;

/// Most changes that one warning names.
const LIMIT: usize = 12;
/// Longest value that is shown whole.
const VALUE_BYTES: usize = 160;

/// The fields that a conversion changed or filled.
#[derive(Debug, Default)]
pub(super) struct Notes {
    fields: Vec<String>,
}

impl Notes {
    /// A field of the current form, and what it holds now.
    pub(super) fn set(&mut self, path: impl AsRef<str>, value: &Value) {
        let mut value = value.to_string();
        if value.len() > VALUE_BYTES {
            "…".clone_into(&mut value);
        }
        self.fields.push(format!("{}: {value}", path.as_ref()));
    }

    /// Something to know that is no field.
    pub(super) fn say(&mut self, text: impl Into<String>) {
        self.fields.push(text.into());
    }

    /// One sentence, when there is anything to tell.
    pub(super) fn text(mut self, api_version: &str, kind: &str) -> Option<String> {
        if self.fields.is_empty() {
            return None;
        }
        let more = self.fields.len().saturating_sub(LIMIT);
        self.fields.truncate(LIMIT);
        if more > 0 {
            self.fields.push(format!("and {more} more"));
        }
        Some(format!(
            "as {api_version} {kind} this is written {}",
            self.fields.join("; ")
        ))
    }
}
