//! Field paths and the errors that validation finds at them: upstream's `util/validation/field`,
//! with its texts, since users and conformance tests read them.

use std::fmt;

/// Where in an object: `spec.containers[0].name`. Built root first; cheap to extend.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path(String);

impl Path {
    /// A path of one name (or a dotted chain of names).
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// The field `name` below this path.
    #[must_use]
    pub fn child(&self, name: &str) -> Self {
        if self.0.is_empty() {
            Self(name.to_owned())
        } else {
            Self(format!("{}.{name}", self.0))
        }
    }

    /// Item `index` of the list at this path.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        Self(format!("{}[{index}]", self.0))
    }

    /// Entry `key` of the map at this path.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        Self(format!("{}[{key}]", self.0))
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is wrong with a field; the variants are upstream's `field.ErrorType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A value that must be given is absent.
    Required,
    /// The same value twice where values must differ.
    Duplicate,
    /// A value that is malformed or not allowed with the others.
    Invalid,
    /// A value outside a closed list.
    NotSupported,
    /// A field that must not be set here.
    Forbidden,
    /// Longer than allowed.
    TooLong,
    /// More items than allowed.
    TooMany,
    /// A reference to something that does not exist.
    NotFound,
    /// A value of the wrong type.
    TypeInvalid,
    /// Sampan's own failure.
    Internal,
}

impl Fault {
    /// The `reason` of a cause in a Status, as upstream's `metav1.CauseType`.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Required => "FieldValueRequired",
            Self::Duplicate => "FieldValueDuplicate",
            Self::Invalid => "FieldValueInvalid",
            Self::NotSupported => "FieldValueNotSupported",
            Self::Forbidden => "FieldValueForbidden",
            Self::TooLong => "FieldValueTooLong",
            Self::TooMany => "FieldValueTooMany",
            Self::NotFound => "FieldValueNotFound",
            Self::TypeInvalid => "FieldValueTypeInvalid",
            Self::Internal => "InternalError",
        }
    }
}

/// One error at one field. `Display` gives `path: message`, as upstream prints it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// Where.
    pub path: Path,
    /// What kind of fault.
    pub fault: Fault,
    /// The whole message without the path, such as `Invalid value: "x": must be …`.
    pub message: String,
    /// The rule that was broken, when it came after objects that break it: an update may leave it
    /// broken. Its name is that of upstream's option.
    pub ratchet: Option<&'static str>,
}

/// Errors in the order they were found.
pub type ErrorList = Vec<Error>;

impl Error {
    /// The error, of a rule that came after objects that break it.
    #[must_use]
    pub fn ratcheted(self, rule: &'static str) -> Self {
        Self {
            ratchet: Some(rule),
            ..self
        }
    }

    /// `Required value: detail`.
    #[must_use]
    pub fn required(path: &Path, detail: &str) -> Self {
        Self::plain(path, Fault::Required, "Required value", detail)
    }

    /// `Forbidden: detail`.
    #[must_use]
    pub fn forbidden(path: &Path, detail: &str) -> Self {
        Self::plain(path, Fault::Forbidden, "Forbidden", detail)
    }

    /// `Invalid value: value: detail`; strings are quoted as Go's `%q` does.
    #[must_use]
    pub fn invalid(path: &Path, value: impl Into<Value>, detail: &str) -> Self {
        Self::valued(path, Fault::Invalid, "Invalid value", value.into(), detail)
    }

    /// `Duplicate value: value`.
    #[must_use]
    pub fn duplicate(path: &Path, value: impl Into<Value>) -> Self {
        Self::valued(path, Fault::Duplicate, "Duplicate value", value.into(), "")
    }

    /// `Not found: value`.
    #[must_use]
    pub fn not_found(path: &Path, value: impl Into<Value>) -> Self {
        Self::valued(path, Fault::NotFound, "Not found", value.into(), "")
    }

    /// `Unsupported value: value: supported values: "a", "b"` (`supported` is listed in its order).
    #[must_use]
    pub fn not_supported(path: &Path, value: impl Into<Value>, supported: &[&str]) -> Self {
        let list: Vec<_> = supported.iter().map(|item| format!("{item:?}")).collect();
        let detail = if list.is_empty() {
            String::new()
        } else {
            format!("supported values: {}", list.join(", "))
        };
        Self::valued(
            path,
            Fault::NotSupported,
            "Unsupported value",
            value.into(),
            &detail,
        )
    }

    /// `Too long: may not be more than N bytes`.
    #[must_use]
    pub fn too_long(path: &Path, limit_bytes: usize) -> Self {
        let unit = if limit_bytes == 1 { "byte" } else { "bytes" };
        let detail = format!("may not be more than {limit_bytes} {unit}");
        Self::plain(path, Fault::TooLong, "Too long", &detail)
    }

    /// `Too many: N: must have at most M items`.
    #[must_use]
    pub fn too_many(path: &Path, actual: usize, limit: usize) -> Self {
        let unit = if limit == 1 { "item" } else { "items" };
        let detail = format!("{actual}: must have at most {limit} {unit}");
        Self::plain(path, Fault::TooMany, "Too many", &detail)
    }

    fn plain(path: &Path, fault: Fault, title: &str, detail: &str) -> Self {
        let message = if detail.is_empty() {
            title.to_owned()
        } else {
            format!("{title}: {detail}")
        };
        Self {
            path: path.clone(),
            fault,
            message,
            ratchet: None,
        }
    }

    fn valued(path: &Path, fault: Fault, title: &str, value: Value, detail: &str) -> Self {
        let title = format!("{title}: {}", value.0);
        Self::plain(path, fault, &title, detail)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

/// The offending value as a message shows it: strings quoted, numbers bare, the rest as JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value(String);

impl Value {
    /// A value in upstream's own spelling, when it is no plain JSON of the field (its internal types).
    #[must_use]
    pub fn shown(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// A struct: its fields in Go's order.
    #[must_use]
    pub fn fields<const N: usize>(fields: [(&str, Value); N]) -> Self {
        let fields = fields.map(|(name, value)| format!("{name:?}:{}", value.0));
        Self(format!("{{{}}}", fields.join(",")))
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self(format!("{text:?}"))
    }
}
impl From<&String> for Value {
    fn from(text: &String) -> Self {
        text.as_str().into()
    }
}
impl From<String> for Value {
    fn from(text: String) -> Self {
        text.as_str().into()
    }
}
impl From<i32> for Value {
    fn from(number: i32) -> Self {
        Self(number.to_string())
    }
}
impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self(number.to_string())
    }
}
impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self(truth.to_string())
    }
}
impl From<serde_json::Value> for Value {
    fn from(tree: serde_json::Value) -> Self {
        Self(tree.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structs_are_shown_in_the_order_given() {
        let inner = Value::fields([("B", "\"".into()), ("A", 1.into())]);
        let shown = Value::fields([("Type", inner), ("Nil", Value::shown("null"))]);
        let error = Error::invalid(&Path::new("spec"), shown, "no");
        let text = r#"spec: Invalid value: {"Type":{"B":"\"","A":1},"Nil":null}: no"#;
        assert_eq!(error.to_string(), text);
    }

    #[test]
    fn texts_are_upstreams() {
        let name = Path::new("spec").child("containers").index(0).child("name");
        let table = [
            (
                Error::required(&name, ""),
                "spec.containers[0].name: Required value",
            ),
            (
                Error::invalid(&name, "A", "bad"),
                r#"spec.containers[0].name: Invalid value: "A": bad"#,
            ),
            (
                Error::invalid(&name, -1, "bad"),
                "spec.containers[0].name: Invalid value: -1: bad",
            ),
            (
                Error::duplicate(&name, "a"),
                r#"spec.containers[0].name: Duplicate value: "a""#,
            ),
            (
                Error::not_supported(&name, "x", &["A", "B"]),
                r#"spec.containers[0].name: Unsupported value: "x": supported values: "A", "B""#,
            ),
            (
                Error::too_long(&name, 63),
                "spec.containers[0].name: Too long: may not be more than 63 bytes",
            ),
            (
                Error::too_many(&name, 3, 1),
                "spec.containers[0].name: Too many: 3: must have at most 1 item",
            ),
            (
                Error::forbidden(&name.key("k"), "no"),
                "spec.containers[0].name[k]: Forbidden: no",
            ),
        ];
        for (error, text) in table {
            assert_eq!(error.to_string(), text);
        }
    }
}
