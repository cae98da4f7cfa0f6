//! Field selectors, `status.phase=Running,metadata.name!=x`: upstream's `apimachinery/pkg/fields`.

use std::fmt;

/// A malformed selector or one on a field that cannot be selected; upstream's texts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A term without an operator.
    #[error("invalid selector: '{0}'; can't understand '{1}'")]
    Term(String, String),
    /// A backslash before something that needs none.
    #[error("invalid field selector: invalid escape sequence: {0}")]
    Escape(String),
    /// A character that has to be escaped.
    #[error("invalid field selector: unescaped character in value: {0:?}")]
    Unescaped(char),
    /// A field the kind does not offer.
    #[error("field label not supported: {0}")]
    Unknown(String),
}

/// One term.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// Such as `metadata.name`.
    pub field: String,
    /// Whether the value must be equal (or must differ).
    pub equal: bool,
    /// The value, unescaped.
    pub value: String,
}

/// A conjunction of terms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector(Vec<Requirement>);

impl Selector {
    /// Reads the text of a `fieldSelector` query parameter.
    ///
    /// # Errors
    /// When a term has no operator or a value is badly escaped.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut requirements = Vec::new();
        for term in split_terms(text) {
            if term.is_empty() {
                continue;
            }
            let (field, equal, value) =
                split_term(term).ok_or_else(|| Error::Term(text.to_owned(), term.to_owned()))?;
            requirements.push(Requirement {
                field: field.to_owned(),
                equal,
                value: unescape(value)?,
            });
        }
        requirements.sort_by(|a, b| a.field.cmp(&b.field));
        Ok(Self(requirements))
    }

    /// Whether the fields that `get` looks up satisfy every term. An absent field is the empty string.
    #[must_use]
    pub fn matches_by(&self, get: &dyn Fn(&str) -> Option<String>) -> bool {
        self.0
            .iter()
            .all(|it| (get(&it.field).unwrap_or_default() == it.value) == it.equal)
    }

    /// The value `field` must equal, when a term says so.
    #[must_use]
    pub fn exact(&self, field: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|it| it.equal && it.field == field)
            .map(|it| it.value.as_str())
    }

    /// Refuses terms on fields not in `known`.
    ///
    /// # Errors
    /// `field label not supported: x`.
    pub fn check_known(&self, known: &[&str]) -> Result<(), Error> {
        match self.0.iter().find(|it| !known.contains(&it.field.as_str())) {
            Some(unknown) => Err(Error::Unknown(unknown.field.clone())),
            None => Ok(()),
        }
    }

    /// The same terms on fields of other names: a field becomes what `spelled` says, if anything.
    #[must_use]
    pub fn renamed(mut self, spelled: &dyn Fn(&str) -> Option<&'static str>) -> Self {
        for term in &mut self.0 {
            if let Some(name) = spelled(&term.field) {
                name.clone_into(&mut term.field);
            }
        }
        self.0.sort_by(|a, b| a.field.cmp(&b.field));
        self
    }

    /// The terms, sorted by field.
    #[must_use]
    pub fn requirements(&self) -> &[Requirement] {
        &self.0
    }

    /// Whether there is nothing to satisfy.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, it) in self.0.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            let operator = if it.equal { "=" } else { "!=" };
            write!(f, "{comma}{}{operator}{}", it.field, escape(&it.value))?;
        }
        Ok(())
    }
}

/// Splits at commas that no backslash precedes.
fn split_terms(text: &str) -> Vec<&str> {
    let (mut terms, mut start, mut escaped) = (Vec::new(), 0, false);
    for (index, letter) in text.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ',' => {
                terms.push(&text[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    terms.push(&text[start..]);
    terms
}

fn split_term(term: &str) -> Option<(&str, bool, &str)> {
    for (index, _) in term.char_indices() {
        let rest = &term[index..];
        for (operator, equal) in [("!=", false), ("==", true), ("=", true)] {
            if let Some(value) = rest.strip_prefix(operator) {
                return Some((&term[..index], equal, value));
            }
        }
    }
    None
}

fn escape(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for letter in value.chars() {
        if matches!(letter, '\\' | ',' | '=') {
            out.push('\\');
        }
        out.push(letter);
    }
    out
}

fn unescape(value: &str) -> Result<String, Error> {
    let mut out = String::with_capacity(value.len());
    let mut letters = value.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some(next @ ('\\' | ',' | '=')) => out.push(next),
                Some(next) => return Err(Error::Escape(format!("\\{next}"))),
                None => return Err(Error::Escape("\\".to_owned())),
            },
            ',' | '=' => return Err(Error::Unescaped(letter)),
            other => out.push(other),
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn forms_and_verdicts() {
        let get = |field: &str| match field {
            "status.phase" => Some("Running".to_owned()),
            "metadata.name" => Some("a,b".to_owned()),
            _ => None,
        };
        let table = [
            ("", "", true),
            ("status.phase=Running", "status.phase=Running", true),
            ("status.phase==Running", "status.phase=Running", true),
            ("status.phase!=Running", "status.phase!=Running", false),
            (r"metadata.name=a\,b", r"metadata.name=a\,b", true),
            ("x=,metadata.name!=y", "metadata.name!=y,x=", true),
        ];
        for (text, canonical, verdict) in table {
            let selector = Selector::parse(text).unwrap();
            assert_eq!(selector.to_string(), canonical);
            assert_eq!(selector.matches_by(&get), verdict, "{text}");
        }
        assert_eq!(
            Selector::parse("a").unwrap_err().to_string(),
            "invalid selector: 'a'; can't understand 'a'"
        );
        let selector = Selector::parse("b=c,a=d").unwrap();
        assert_eq!(selector.exact("b"), Some("c"));
        assert_eq!(
            selector.check_known(&["a"]).unwrap_err().to_string(),
            "field label not supported: b"
        );
    }

    proptest! {
        #[test]
        fn no_input_panics(text in ".{0,40}") {
            if let Ok(selector) = Selector::parse(&text) {
                prop_assert_eq!(Selector::parse(&selector.to_string()), Ok(selector));
            }
        }
    }
}
