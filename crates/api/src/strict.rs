//! Strict field checks: unknown and duplicate fields, and values of the wrong type, in upstream's words.
//!
//! One pass over the bytes, no tree: it runs for every request that writes. Names are compared with their
//! case, as apimachinery does. Upstream: `sigs.k8s.io/json` strict decoding.

mod syntax;
#[cfg(test)]
mod tests;
mod values;
mod words;

pub use syntax::syntax_error;

use crate::{
    go_base64,
    schema::{Absent, Schemas, Seen, Shape, TypeRef},
};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::{
    cell::{Cell, RefCell},
    collections::HashSet,
    fmt,
    ops::Range,
};

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
    /// Whether something may be written otherwise than upstream would write it: a quantity as `1000m` for
    /// `1`, or a zero that Go leaves out.
    pub is_odd: bool,
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
    walked(json, schemas, of, Words::Json, false)
}

/// The same of an object that a strategic merge patch made, which upstream reads from a tree: with the words
/// of `runtime.DefaultUnstructuredConverter`, and its order.
#[must_use]
pub fn report_of_tree(json: &[u8], schemas: &Schemas, of: TypeRef) -> Report {
    let mut report = walked(json, schemas, of, Words::Tree, false);
    report.strict.sort();
    report
}

/// Why Go refuses JSON that the kind's type refused, moments and bytes included; none when it would not.
#[must_use]
pub fn refusal(json: &[u8], schemas: &Schemas, of: TypeRef) -> Option<String> {
    walked(json, schemas, of, Words::Json, true).malformed
}

fn walked(json: &[u8], schemas: &Schemas, of: TypeRef, words: Words, values: bool) -> Report {
    let walk = Walk {
        schemas,
        words,
        values,
        path: RefCell::default(),
        keys: RefCell::default(),
        strict: RefCell::default(),
        wrong: RefCell::default(),
        is_odd: Cell::default(),
    };
    let mut input = serde_json::Deserializer::from_slice(json);
    let seed = Seed {
        walk: &walk,
        shape: &Shape::Object(of),
        owner: "",
        named: None,
        omits_zero: false,
        root: true,
    };
    let outcome = seed.deserialize(&mut input).and_then(|()| input.end());
    let malformed = outcome.err().map(|error| match walk.wrong.into_inner() {
        Some(wrong) => wrong.replace(LITERAL, last_number(json, &error)),
        None => error.to_string(),
    });
    Report {
        strict: walk.strict.into_inner(),
        malformed,
        is_odd: walk.is_odd.get(),
    }
}

/// Stands for a number as it is written, which is known when the walk has stopped at it.
const LITERAL: &str = "\0";

/// The number at which the decoder stopped.
fn last_number<'j>(json: &'j [u8], error: &serde_json::Error) -> &'j str {
    let lines = json.split_inclusive(|byte| *byte == b'\n');
    let start: usize = lines
        .take(error.line().saturating_sub(1))
        .map(<[u8]>::len)
        .sum();
    let read = json.get(..start + error.column()).unwrap_or(json);
    let is_part = |byte: &u8| byte.is_ascii_digit() || b"+-.eE".contains(byte);
    let length = read.iter().rev().take_while(|byte| is_part(byte)).count();
    std::str::from_utf8(&read[read.len() - length..]).unwrap_or_default()
}

/// Whose words a value of the wrong type is told in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Words {
    /// Those of `encoding/json`.
    Json,
    /// Those of the converter of trees.
    Tree,
}

/// What stands where another type belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    Bool,
    Integer(i128),
    Float,
    String,
    Array,
    Object,
}

struct Walk<'a> {
    schemas: &'a Schemas,
    words: Words,
    /// Whether moments and bytes are held against their types, too.
    values: bool,
    path: RefCell<String>,
    /// Where keys of maps lie in the path.
    keys: RefCell<Vec<Range<usize>>>,
    strict: RefCell<Vec<String>>,
    wrong: RefCell<Option<String>>,
    is_odd: Cell<bool>,
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
    /// Go's name of the value's type, where the shape does not tell.
    named: Option<&'w str>,
    omits_zero: bool,
    root: bool,
}

impl<'w> Seed<'_, 'w> {
    /// A quantity that is a number: upstream writes text.
    fn odd_quantity<E>(&self) -> Result<(), E> {
        self.walk.is_odd.set(true);
        Ok(())
    }

    /// Notes a value that Go would leave out.
    fn note_zero(&self, is_zero: bool) {
        if is_zero && self.omits_zero {
            self.walk.is_odd.set(true);
        }
    }

    /// An item of the list, or a value of the map, that this is.
    fn inside(self, shape: &'w Shape) -> Self {
        let named = self.named.and_then(|named| match self.shape {
            Shape::List(_) => named.strip_prefix("[]"),
            _ => Some(named.strip_prefix("map[")?.split_once(']')?.1),
        });
        Seed {
            shape,
            named,
            omits_zero: false,
            root: false,
            ..self
        }
    }
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

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<(), E> {
        if matches!(self.shape, Shape::Boolean) {
            self.note_zero(!value);
            Ok(())
        } else {
            Err(self.refuse(Found::Bool))
        }
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<(), E> {
        match self.shape {
            Shape::Int32 | Shape::IntOrString if i32::try_from(number).is_err() => {
                Err(self.refuse(Found::Integer(number.into())))
            }
            Shape::Int32 | Shape::Int64 | Shape::Double => {
                self.note_zero(number == 0);
                Ok(())
            }
            Shape::IntOrString => Ok(()),
            Shape::Quantity => self.odd_quantity(),
            _ => Err(self.refuse(Found::Integer(number.into()))),
        }
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<(), E> {
        match (i64::try_from(number), self.shape) {
            (Ok(number), _) => self.visit_i64(number),
            (Err(_), Shape::Double) => Ok(()),
            (Err(_), Shape::Quantity) => self.odd_quantity(),
            (Err(_), _) => Err(self.refuse(Found::Integer(number.into()))),
        }
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<(), E> {
        match self.shape {
            Shape::Double => {
                self.note_zero(number == 0.0);
                Ok(())
            }
            Shape::Quantity => self.odd_quantity(),
            _ => Err(self.refuse(Found::Float)),
        }
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        let fault = match self.shape {
            Shape::Quantity => {
                if !values::is_plain_quantity(text) {
                    self.walk.is_odd.set(true);
                }
                values::quantity_fault(text).map(str::to_owned)
            }
            Shape::Bytes if self.walk.values => {
                go_base64::canonical(text).err().map(|it| it.to_string())
            }
            Shape::Time | Shape::MicroTime if self.walk.values => values::time_fault(text),
            Shape::String
            | Shape::Bytes
            | Shape::Time
            | Shape::MicroTime
            | Shape::Duration
            | Shape::IntOrString => None,
            _ => return Err(self.refuse(Found::String)),
        };
        self.note_zero(text.is_empty() && matches!(self.shape, Shape::String | Shape::Bytes));
        fault.map_or(Ok(()), |fault| Err(self.stop(fault)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let Shape::List(item) = self.shape else {
            return Err(self.refuse(Found::Array));
        };
        for at in 0usize.. {
            let seed = self.inside(item);
            let more = self
                .walk
                .within(format_args!("[{at}]"), "", || items.next_element_seed(seed))?;
            if more.is_none() {
                self.note_zero(at == 0);
                break;
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let of = match self.shape {
            Shape::Object(of) => Some(self.walk.schemas.get(*of)),
            Shape::Map(_) => None,
            _ => return Err(self.refuse(Found::Object)),
        };
        // Fields are told by their place in the type; other names by a set, which is rarely filled.
        let (mut seen, mut others) = (Seen::default(), HashSet::new());
        let mut is_empty = true;
        while let Some(key) = entries.next_key::<std::borrow::Cow<'_, str>>()? {
            is_empty = false;
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
                        let field = &of.fields[at];
                        entries.next_value_seed(Seed {
                            shape: &field.shape,
                            owner: of.short_name(),
                            named: field.go_type.as_deref(),
                            omits_zero: field.omits_zero || field.absent == Absent::Nil,
                            root: false,
                            ..self
                        })
                    }
                    (None, Shape::Map(value)) => {
                        let end = self.walk.path.borrow().len();
                        // With the dot before it.
                        let start = end - key.len() - usize::from(end > key.len());
                        self.walk.keys.borrow_mut().push(start..end);
                        entries.next_value_seed(self.inside(value))?;
                        self.walk.keys.borrow_mut().pop();
                        Ok(())
                    }
                    (None, _) => {
                        if !of.is_some_and(|of| of.open) && fresh {
                            self.walk.complain("unknown");
                        }
                        entries.next_value::<IgnoredAny>().map(|_| ())
                    }
                }
            })?;
        }
        self.note_zero(is_empty && of.is_none());
        Ok(())
    }
}
