//! Strict field checks: unknown and duplicate fields, and values of the wrong type, in upstream's words.
//!
//! One pass over the bytes, no tree: it runs for every request that writes. Names are compared with their
//! case, as apimachinery does. Upstream: `sigs.k8s.io/json` strict decoding.

use crate::schema::{Schemas, Shape, Type, TypeRef};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::{cell::RefCell, collections::HashSet, fmt};

/// Upstream reports no more than this many fields of one object.
const REPORT_LIMIT: usize = 100;

/// What a body breaks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Unknown and duplicate fields, in the order met: `unknown field "spec.foo"`.
    pub strict: Vec<String>,
    /// The first value of the wrong type, or the malformed JSON: the request is bad whatever the
    /// strictness asked for.
    pub malformed: Option<String>,
}

impl Report {
    /// `strict decoding error: …`, all in one; none when the fields are in order.
    #[must_use]
    pub fn strict_error(&self) -> Option<String> {
        if self.strict.is_empty() {
            return None;
        }
        Some(format!("strict decoding error: {}", self.strict.join(", ")))
    }
}

/// Unknown and duplicate fields of a body: `unknown field "spec.foo"`, `duplicate field "spec.replicas"`.
#[must_use]
pub fn check(json: &[u8], schemas: &Schemas, of: TypeRef) -> Vec<String> {
    report(json, schemas, of).strict
}

/// Checks fields and the types of values.
#[must_use]
pub fn report(json: &[u8], schemas: &Schemas, of: TypeRef) -> Report {
    let walk = Walk {
        schemas,
        path: RefCell::default(),
        strict: RefCell::default(),
        wrong: RefCell::default(),
    };
    let mut input = serde_json::Deserializer::from_slice(json);
    let seed = Seed {
        walk: &walk,
        shape: &Shape::Object(of),
        owner: "",
        root: true,
    };
    let outcome = seed.deserialize(&mut input).and_then(|()| input.end());
    let malformed = walk
        .wrong
        .into_inner()
        .or_else(|| outcome.err().map(|error| error.to_string()));
    Report {
        strict: walk.strict.into_inner(),
        malformed,
    }
}

struct Walk<'a> {
    schemas: &'a Schemas,
    path: RefCell<String>,
    strict: RefCell<Vec<String>>,
    wrong: RefCell<Option<String>>,
}

impl Walk<'_> {
    fn complain(&self, what: &str) {
        let mut strict = self.strict.borrow_mut();
        let message = format!("{what} field \"{}\"", self.path.borrow());
        if strict.len() < REPORT_LIMIT && !strict.contains(&message) {
            strict.push(message);
        }
    }

    /// Runs with a step added to the path.
    fn within<T>(&self, step: fmt::Arguments<'_>, separator: &str, work: impl FnOnce() -> T) -> T {
        let before = self.path.borrow().len();
        {
            let mut path = self.path.borrow_mut();
            if before > 0 {
                path.push_str(separator);
            }
            // Writing to a string cannot fail.
            let _ = fmt::Write::write_fmt(&mut *path, step);
        }
        let outcome = work();
        self.path.borrow_mut().truncate(before);
        outcome
    }
}

/// A value to be read as a shape. `owner` is the struct whose field it is, for messages about types.
#[derive(Clone, Copy)]
struct Seed<'a, 'w> {
    walk: &'w Walk<'a>,
    shape: &'w Shape,
    owner: &'w str,
    root: bool,
}

impl Seed<'_, '_> {
    fn go_type(&self) -> String {
        match self.shape {
            Shape::String => "string".into(),
            Shape::Bytes => "[]uint8".into(),
            Shape::Boolean => "bool".into(),
            Shape::Int32 => "int32".into(),
            Shape::Int64 => "int64".into(),
            Shape::Double => "float64".into(),
            Shape::Time => "v1.Time".into(),
            Shape::MicroTime => "v1.MicroTime".into(),
            Shape::Duration => "v1.Duration".into(),
            Shape::Quantity => "resource.Quantity".into(),
            Shape::IntOrString => "intstr.IntOrString".into(),
            Shape::Any => "interface {}".into(),
            Shape::Object(of) => go_name(self.walk.schemas.get(*of)),
            Shape::List(item) => format!(
                "[]{}",
                Seed {
                    shape: item,
                    ..*self
                }
                .go_type()
            ),
            Shape::Map(value) => format!(
                "map[string]{}",
                Seed {
                    shape: value,
                    ..*self
                }
                .go_type()
            ),
        }
    }

    /// Records a value of the wrong type, as Go words it, and stops the walk.
    fn refuse<E: serde::de::Error>(&self, found: &str) -> E {
        let go_type = self.go_type();
        // Go names fields without the indices of lists.
        let mut path = String::new();
        let mut skip = false;
        for c in self.walk.path.borrow().chars() {
            skip = (skip || c == '[') && c != ']';
            if !skip && c != ']' {
                path.push(c);
            }
        }
        let message = if self.root {
            format!("json: cannot unmarshal {found} into Go value of type {go_type}")
        } else {
            format!(
                "json: cannot unmarshal {found} into Go struct field {}.{path} of type {go_type}",
                self.owner
            )
        };
        *self.walk.wrong.borrow_mut() = Some(message.clone());
        E::custom(message)
    }
}

/// `v1.PodSpec` of `io.k8s.api.core.v1.PodSpec`.
fn go_name(of: &Type) -> String {
    let mut words = of.name.rsplit('.');
    let (name, package) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    format!("{package}.{name}")
}

impl<'de> DeserializeSeed<'de> for Seed<'_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<(), D::Error> {
        match self.shape {
            // Duplicates inside raw JSON are the raw JSON's business.
            Shape::Any => input.deserialize_ignored_any(IgnoredAny).map(|_| ()),
            _ => input.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for Seed<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.go_type())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<(), E> {
        if matches!(self.shape, Shape::Boolean) {
            Ok(())
        } else {
            Err(self.refuse("bool"))
        }
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<(), E> {
        match self.shape {
            Shape::Int32 | Shape::IntOrString if i32::try_from(number).is_err() => {
                Err(self.refuse(&format!("number {number}")))
            }
            Shape::Int32 | Shape::Int64 | Shape::Double | Shape::Quantity | Shape::IntOrString => {
                Ok(())
            }
            _ => Err(self.refuse("number")),
        }
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<(), E> {
        match (i64::try_from(number), self.shape) {
            (Ok(number), _) => self.visit_i64(number),
            (Err(_), Shape::Double | Shape::Quantity) => Ok(()),
            (Err(_), _) => Err(self.refuse(&format!("number {number}"))),
        }
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<(), E> {
        match self.shape {
            Shape::Double | Shape::Quantity => Ok(()),
            Shape::Int32 | Shape::Int64 | Shape::IntOrString => {
                Err(self.refuse(&format!("number {number}")))
            }
            _ => Err(self.refuse("number")),
        }
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<(), E> {
        match self.shape {
            Shape::String
            | Shape::Bytes
            | Shape::Time
            | Shape::MicroTime
            | Shape::Duration
            | Shape::Quantity
            | Shape::IntOrString => Ok(()),
            _ => Err(self.refuse("string")),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let Shape::List(item) = self.shape else {
            return Err(self.refuse("array"));
        };
        for at in 0usize.. {
            let seed = Seed {
                shape: item,
                root: false,
                ..self
            };
            let more = self
                .walk
                .within(format_args!("[{at}]"), "", || items.next_element_seed(seed))?;
            if more.is_none() {
                break;
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let of = match self.shape {
            Shape::Object(of) => Some(self.walk.schemas.get(*of)),
            Shape::Map(_) => None,
            _ => return Err(self.refuse("object")),
        };
        // Fields are told by their place in the type; other names by a set, which is rarely filled.
        let (mut seen, mut others) = (Seen::default(), HashSet::new());
        while let Some(key) = entries.next_key::<std::borrow::Cow<'_, str>>()? {
            let field = of.and_then(|of| {
                of.fields
                    .binary_search_by(|f| (*f.name).cmp(&*key))
                    .ok()
                    .map(|at| (of, at))
            });
            self.walk.within(format_args!("{key}"), ".", || {
                let fresh = match field {
                    Some((_, at)) => seen.insert(at),
                    None => others.insert(key.to_string()),
                };
                if !fresh {
                    self.walk.complain("duplicate");
                }
                match (field, self.shape) {
                    (Some((of, at)), _) => {
                        let owner = of.short_name();
                        entries.next_value_seed(Seed {
                            shape: &of.fields[at].shape,
                            owner,
                            root: false,
                            ..self
                        })
                    }
                    (None, Shape::Map(value)) => entries.next_value_seed(Seed {
                        shape: value,
                        root: false,
                        ..self
                    }),
                    (None, _) => {
                        if !of.is_some_and(|of| of.open) && fresh {
                            self.walk.complain("unknown");
                        }
                        entries.next_value::<IgnoredAny>().map(|_| ())
                    }
                }
            })?;
        }
        Ok(())
    }
}

/// Which of a type's fields were met. No type has more than 128 but custom resources may.
#[derive(Default)]
struct Seen {
    few: u128,
    many: HashSet<usize>,
}

impl Seen {
    fn insert(&mut self, at: usize) -> bool {
        if at >= 128 {
            return self.many.insert(at);
        }
        let fresh = self.few & 1 << at == 0;
        self.few |= 1 << at;
        fresh
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::builtin;

    fn deployment(json: &str) -> Report {
        let of = builtin()
            .kind("apps", "v1", "Deployment")
            .expect("a known kind");
        report(json.as_bytes(), builtin(), of)
    }

    #[test]
    fn unknown_and_duplicate_fields_are_collected_in_order() {
        let found = deployment(
            r#"{"kind":"Deployment","spec":{"foo":1,"replicas":1,"replicas":2,
               "template":{"spec":{"containers":[{"name":"a","Image":"x"},{"imag":1}]}}},"metadata":{"labels":{"a":"b","a":"c"}}}"#,
        );
        assert_eq!(
            found.strict_error().expect("broken"),
            "strict decoding error: unknown field \"spec.foo\", duplicate field \"spec.replicas\", \
             unknown field \"spec.template.spec.containers[0].Image\", \
             unknown field \"spec.template.spec.containers[1].imag\", duplicate field \"metadata.labels.a\""
        );
        assert_eq!(found.malformed, None);
    }

    #[test]
    fn wrong_types_are_told_in_go_words() {
        let check = |json: &str, expected: &str| {
            assert_eq!(deployment(json).malformed.as_deref(), Some(expected));
        };
        check(
            r#"{"spec":{"replicas":"three"}}"#,
            "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32",
        );
        check(
            r#"{"spec":{"template":{"spec":{"containers":{"name":"a"}}}}}"#,
            "json: cannot unmarshal object into Go struct field PodSpec.spec.template.spec.containers of type []v1.Container",
        );
        check(
            r#"{"metadata":{"labels":{"a":1}}}"#,
            "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels.a of type string",
        );
        check(
            r#"[]"#,
            "json: cannot unmarshal array into Go value of type v1.Deployment",
        );
    }

    #[test]
    fn null_is_absent() {
        assert_eq!(
            deployment(
                r#"{"spec":{"replicas":null,"template":null,"selector":{"matchLabels":null}}}"#
            ),
            Report::default()
        );
    }
}
