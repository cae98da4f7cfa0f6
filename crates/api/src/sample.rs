//! Random objects that fit a schema, for tests in every crate: that decoding and encoding lose nothing,
//! that defaulting is idempotent.
//!
//! What comes out is what Go would print: no empty lists or maps, no zero where a field is not a
//! pointer, canonical quantities. The same seed gives the same object.

use crate::schema::{Form, Schemas, Shape, TypeRef, builtin};
use serde_json::{Map, Value, json};

/// Objects nest no deeper than this: below it, only what is required is there.
const DEPTH: u32 = 6;

/// One chance in so many that an optional field is there, near the root and far from it.
const CHANCES: [u64; 2] = [2, 5];

const WORDS: [&str; 8] = [
    "a",
    "web",
    "data-0",
    "x.example.com",
    "Ω ≠ \"q\"\\",
    "10.0.0.1",
    "80",
    "tab\there",
];
const KEYS: [&str; 4] = ["app", "kubernetes.io/name", "zone", "é"];
const QUANTITIES: [&str; 6] = ["0", "100m", "1", "1500Mi", "2Gi", "5k"];

/// A random object of a built-in kind, with `apiVersion` and `kind`; `None` for a kind without a schema.
#[must_use]
pub fn object(api_version: &str, kind: &str, seed: u64) -> Option<Value> {
    let schemas = builtin();
    let of = schemas.api_kind(api_version, kind)?;
    let mut object = typed(schemas, of, seed);
    object.insert("apiVersion".into(), api_version.into());
    object.insert("kind".into(), kind.into());
    Some(object.into())
}

/// A random object of a type of any arena.
#[must_use]
pub fn typed(schemas: &Schemas, of: TypeRef, seed: u64) -> Map<String, Value> {
    let mut sampler = Sampler {
        schemas,
        state: seed,
    };
    sampler.object(of, 0)
}

struct Sampler<'a> {
    schemas: &'a Schemas,
    state: u64,
}

impl Sampler<'_> {
    /// SplitMix64.
    fn below(&mut self, limit: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ (bits >> 31)) % limit
    }

    fn pick<'p>(&mut self, from: &[&'p str]) -> &'p str {
        from[self.below(from.len() as u64) as usize]
    }

    fn object(&mut self, of: TypeRef, depth: u32) -> Map<String, Value> {
        let schemas = self.schemas;
        let mut object = Map::new();
        let kind = schemas.get(of);
        for field in &kind.fields {
            let inline = || {
                let inner = kind.inline.iter().map(|inline| schemas.get(inline.of));
                inner.filter_map(|inner| inner.field(&field.name)).next()
            };
            // The two are the root's own; items of lists lack them.
            if ["apiVersion", "kind"].contains(&&*field.name) && field.proto.is_none() {
                continue;
            }
            let chance = CHANCES[usize::from(depth > 2)];
            let wanted = depth < DEPTH && self.below(chance) == 0;
            // Go prints a struct that is not a pointer, whatever is in it.
            let pointer = field.proto.is_none_or(|proto| proto.pointer);
            let printed = matches!(field.shape, Shape::Object(_)) && !pointer;
            // What has a default is there in every object that passed through the door.
            let declared = if field.proto.is_some() {
                None
            } else {
                inline()
            }
            .unwrap_or(field);
            let defaulted = declared.default.is_some() && field.shape == Shape::String;
            if !field.required && !wanted && !printed && !defaulted {
                continue;
            }
            let form = field.proto.map(|proto| proto.form).unwrap_or_default();
            let value = match form {
                Form::Plain | Form::Wrapped => self.value(&field.shape, depth),
                form => self.schema(form, depth),
            };
            // A zero is there only where Go can tell it from none, or prints it always.
            let told = field.required || field.proto.is_some_and(|proto| proto.pointer);
            if told || !is_zero(&value) {
                object.insert(field.name.to_string(), value);
            }
        }
        object
    }

    fn value(&mut self, shape: &Shape, depth: u32) -> Value {
        match shape {
            Shape::String => self.pick(&WORDS).into(),
            Shape::Bytes => self.pick(&["aGVsbG8=", "AAECAw=="]).into(),
            Shape::Boolean => (self.below(2) == 0).into(),
            Shape::Int32 => ((self.below(5) as i64 - 1) * 1000).into(),
            Shape::Int64 => ((self.below(5) as i64 - 1) * 10_000_000_000).into(),
            Shape::Double => json!(self.below(9) as f64 / 4.0 + 0.125),
            Shape::Time => self
                .pick(&["2026-01-02T03:04:05Z", "1969-12-31T23:59:59Z"])
                .into(),
            Shape::MicroTime => self
                .pick(&["2026-01-02T03:04:05.000006Z", "2026-01-02T03:04:05.600000Z"])
                .into(),
            Shape::Duration => "1m30s".into(),
            Shape::Quantity => self.pick(&QUANTITIES).into(),
            Shape::IntOrString => match self.below(2) {
                0 => (self.below(3) * 40).into(),
                _ => self.pick(&["http", "25%"]).into(),
            },
            Shape::Object(of) => self.object(*of, depth + 1).into(),
            Shape::List(item) => {
                let length = 1 + self.below(2);
                (0..length).map(|_| self.value(item, depth + 1)).collect()
            }
            Shape::Map(of) => {
                let length = 1 + self.below(3);
                let entries = (0..length).map(|_| {
                    let key = self.pick(&KEYS).to_owned();
                    (key, self.value(of, depth + 1))
                });
                Value::Object(entries.collect())
            }
            Shape::Any => json!({"anything": [1, null, {"deep": self.pick(&WORDS)}]}),
        }
    }

    /// A part of a schema that is one of several things.
    fn schema(&mut self, form: Form, depth: u32) -> Value {
        match (form, self.below(2)) {
            (Form::SchemaOrBool(_), 0) => true.into(),
            (Form::SchemaOrArray(of), 0) => vec![Value::from(self.object(of, depth + 1))].into(),
            (Form::SchemaOrStrings(_), 0) => json!(["a"]),
            (Form::SchemaOrArray(of) | Form::SchemaOrBool(of) | Form::SchemaOrStrings(of), _) => {
                self.object(of, depth + 1).into()
            }
            (Form::Plain | Form::Wrapped, _) => Value::Null,
        }
    }
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_i64() == Some(0),
        _ => false,
    }
}
