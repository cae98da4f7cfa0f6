//! YAML as kubectl reads and prints it: YAML 1.1 scalars (`yes`, `0777`), merge keys, several
//! documents; sorted keys and the quoting of upstream's `sigs.k8s.io/yaml` on the way out.

mod print;
mod read;
mod scalar;
#[cfg(test)]
mod tests;

pub use print::to_string;

use serde_json::Value;

/// Deepest nesting that is read; JSON decoders refuse more than 128.
pub const DEPTH_LIMIT: usize = 100;
/// Most nodes of one stream, those that aliases repeat included: the budget against alias bombs.
pub const NODES_LIMIT: usize = 1_000_000;

/// YAML that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Malformed.
    #[error("error converting YAML to JSON: yaml: {0}")]
    Syntax(String),
    /// Too deep or too large.
    #[error("error converting YAML to JSON: yaml: document exceeds {0}")]
    Limit(&'static str),
    /// Not text.
    #[error("error converting YAML to JSON: yaml: invalid UTF-8")]
    Encoding,
}

/// Reads every document of a stream; empty ones are left out. JSON is YAML, too.
///
/// # Errors
/// When a document is malformed or a limit is passed.
pub fn parse_documents(bytes: &[u8]) -> Result<Vec<Value>, Error> {
    Ok(read::documents_and_duplicates(text(bytes)?)?.0)
}

fn text(bytes: &[u8]) -> Result<&str, Error> {
    let text = std::str::from_utf8(bytes).map_err(|_| Error::Encoding)?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

fn first(documents: Vec<Value>) -> Value {
    documents.into_iter().next().unwrap_or(Value::Null)
}

/// Reads the first document, and says which keys it has twice, in goyaml's words: the error that upstream's
/// strict reading ends with.
///
/// # Errors
/// See [`parse_documents`].
pub fn parse_strict(bytes: &[u8]) -> Result<(Value, Option<String>), Error> {
    let (documents, duplicates) = read::documents_and_duplicates(text(bytes)?)?;
    let found = (!duplicates.is_empty()).then(|| {
        format!(
            "error converting YAML to JSON: yaml: unmarshal errors:\n  {}",
            duplicates.join("\n  ")
        )
    });
    Ok((first(documents), found))
}

/// Reads the first document; an empty stream is null.
///
/// # Errors
/// See [`parse_documents`].
pub fn parse(bytes: &[u8]) -> Result<Value, Error> {
    // JSON is the common case and its own decoder is stricter about numbers and faster.
    if bytes.trim_ascii_start().first() == Some(&b'{')
        && let Ok(tree) = serde_json::from_slice(bytes)
    {
        return Ok(tree);
    }
    parse_documents(bytes).map(first)
}
