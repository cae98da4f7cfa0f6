//! What changed in a spec, as upstream's messages show it: a unified difference of two specs in Go's JSON.
//! Upstream validates its internal types, whose JSON has Go's names, every field, and Go's order of them.
//! Upstream: `util/diff.Diff`.

mod shapes;
#[cfg(test)]
mod tests;
mod unified;

use serde_json::{Map, Value, json};

/// JSON with fields in a given order.
enum Node {
    Leaf(String),
    List(Vec<Node>),
    Fields(Vec<(String, Node)>),
}

/// What differs between the `spec` of two objects, which is a `shape`.
pub(crate) fn difference<O: api::Object>(shape: &str, old: &O, new: &O) -> String {
    let [old, new] = [old, new].map(|object| {
        let tree = serde_json::from_slice::<Value>(&object.encode()).unwrap_or_default();
        let spec = tree.get("spec").and_then(Value::as_object).cloned();
        let mut text = String::new();
        let fields = fields(shape, &within(spec.unwrap_or_default()));
        print(&mut text, &Node::Fields(fields), 0);
        text
    });
    unified::difference(&old, &new)
}

/// Upstream keeps what a pod shares with its host beside the rest of its security.
fn within(mut spec: Map<String, Value>) -> Map<String, Value> {
    for name in [
        "hostNetwork",
        "hostPID",
        "hostIPC",
        "hostUsers",
        "shareProcessNamespace",
    ] {
        let Some(value) = spec.remove(name) else {
            continue;
        };
        let security = spec.entry("securityContext").or_insert_with(|| json!({}));
        if let Some(security) = security.as_object_mut() {
            security.insert(name.to_owned(), value);
        }
    }
    spec
}

/// The fields of a `shape`; see [`shapes`].
fn fields(shape: &str, tree: &Map<String, Value>) -> Vec<(String, Node)> {
    let mut lines = shapes::SHAPES.lines();
    let own = lines.find_map(|it| it.strip_prefix(shape)?.strip_prefix(' '));
    let mut fields = Vec::new();
    for token in own.unwrap_or_default().split(' ') {
        if let Some(inner) = token.strip_prefix('+') {
            fields.extend(self::fields(inner, tree));
            continue;
        }
        let (name, rest) = word(token);
        let (key, kind) = rest.strip_prefix('@').map_or((name, rest), word);
        let named = |it: &(&String, &Value)| it.0.eq_ignore_ascii_case(key);
        let value = tree.iter().find(named).map(|it| it.1);
        let value = value.filter(|it| !it.is_null());
        if kind == "^" {
            let below = tree.get("metadata").and_then(|it| it.get(key));
            let value = value.or(below).map(plain);
            fields.extend(value.map(|it| (name.to_owned(), it)));
        } else {
            fields.push((name.to_owned(), node(kind, value)));
        }
    }
    fields
}

/// The name that a text begins with, and what follows it.
fn word(text: &str) -> (&str, &str) {
    let end = text.find(|it: char| !it.is_ascii_alphanumeric());
    text.split_at(end.unwrap_or(text.len()))
}

fn node(kind: &str, value: Option<&Value>) -> Node {
    let structure = |shape: &str, value: &Value| {
        let none = Map::new();
        Node::Fields(fields(shape, value.as_object().unwrap_or(&none)))
    };
    if let Some(shape) = kind.strip_prefix(':') {
        return structure(shape, value.unwrap_or(&Value::Null));
    }
    let Some(value) = value else {
        let zero = match kind {
            "=" => "\"\"",
            "#" => "0",
            "?" => "false",
            "%" => "\"0\"",
            _ => "null",
        };
        return Node::Leaf(zero.to_owned());
    };
    if let Some(shape) = kind.strip_prefix('*') {
        structure(shape, value)
    } else if let Some(shape) = kind.strip_prefix("[]") {
        let items = value.as_array().into_iter().flatten();
        Node::List(items.map(|it| structure(shape, it)).collect())
    } else {
        plain(value)
    }
}

/// JSON in its own order.
fn plain(value: &Value) -> Node {
    match value {
        Value::Array(items) => Node::List(items.iter().map(plain).collect()),
        Value::Object(tree) => {
            let fields = tree.iter().map(|(name, it)| (name.clone(), plain(it)));
            Node::Fields(fields.collect())
        }
        other => Node::Leaf(escaped(other)),
    }
}

/// Go escapes what HTML would take for its own.
fn escaped(value: &Value) -> String {
    let mut text = value.to_string();
    for (letter, code) in [
        ("<", "\\u003c"),
        (">", "\\u003e"),
        ("&", "\\u0026"),
        ("\u{2028}", "\\u2028"),
        ("\u{2029}", "\\u2029"),
    ] {
        text = text.replace(letter, code);
    }
    text
}

/// One value a line, a blank deeper for each level.
fn print(out: &mut String, node: &Node, depth: usize) {
    let (open, close, items): (_, _, Vec<(String, &Node)>) = match node {
        Node::Leaf(text) => return out.push_str(text),
        Node::List(items) => (
            '[',
            ']',
            items.iter().map(|it| (String::new(), it)).collect(),
        ),
        Node::Fields(fields) => {
            let name = |it: &String| format!("{}: ", escaped(&json!(it)));
            let items = fields.iter().map(|(field, it)| (name(field), it));
            ('{', '}', items.collect())
        }
    };
    out.push(open);
    for (index, (name, item)) in items.iter().enumerate() {
        out.push_str(if index == 0 { "\n" } else { ",\n" });
        out.push_str(&" ".repeat(depth + 1));
        out.push_str(name);
        print(out, item, depth + 1);
    }
    if !items.is_empty() {
        out.push('\n');
        out.push_str(&" ".repeat(depth));
    }
    out.push(close);
}
