//! From the parser's events to trees, within the budgets.

use super::{DEPTH_LIMIT, Error, NODES_LIMIT, scalar};
use crate::node::depth_of;
use granit_parser::{Event, Parser, ScalarStyle, Tag};
use serde_json::{Map, Value};
use std::collections::HashMap;

/// A map key that merges the map beside it.
const MERGE: &str = "<<";

/// Most duplicate keys that are reported.
const REPORT_LIMIT: usize = 100;

/// The documents, and where a map of the stream has a key again.
pub(super) fn documents_and_duplicates(text: &str) -> Result<(Vec<Value>, Vec<String>), Error> {
    let mut reader = Reader {
        parser: Parser::new_from_str(text),
        anchors: HashMap::new(),
        nodes: 0,
        line: 0,
        duplicates: Vec::new(),
    };
    let mut documents = Vec::new();
    loop {
        match reader.next()? {
            Event::StreamEnd => return Ok((documents, reader.duplicates)),
            Event::DocumentStart(..) => {
                reader.anchors.clear();
                let event = reader.next()?;
                let (tree, _) = reader.node(event, 0)?;
                if !tree.is_null() {
                    documents.push(tree);
                }
            }
            _ => {}
        }
    }
}

/// Bytes of text that cost as much of the budget as a node: a long text repeated is a bomb, too.
const TEXT_OF_A_NODE: usize = 64;

fn check(nodes: usize) -> Result<(), Error> {
    if nodes > NODES_LIMIT {
        return Err(Error::Limit("1000000 nodes"));
    }
    Ok(())
}

struct Reader<'a> {
    parser: Parser<'a, granit_parser::StrInput<'a>>,
    /// Trees of anchored nodes, with what each costs.
    anchors: HashMap<usize, (Value, usize)>,
    nodes: usize,
    /// Where the last event began, counted from 1.
    line: usize,
    duplicates: Vec<String>,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<Event<'a>, Error> {
        match self.parser.next_event() {
            None => Ok(Event::StreamEnd),
            Some(Ok((event, span))) => {
                self.line = span.start.line();
                Ok(event)
            }
            Some(Err(error)) => Err(Error::Syntax(error.to_string())),
        }
    }

    fn count(&mut self, nodes: usize) -> Result<(), Error> {
        self.nodes = self.nodes.saturating_add(nodes);
        check(self.nodes)
    }

    /// The tree that begins with `event`, and whether it was a plain scalar.
    fn node(&mut self, event: Event<'a>, depth: usize) -> Result<(Value, bool), Error> {
        if depth > DEPTH_LIMIT {
            return Err(Error::Limit("100 levels"));
        }
        let before = self.nodes;
        self.count(1)?;
        let (tree, anchor, plain) = match event {
            Event::Alias(id) => {
                let (tree, size) = self
                    .anchors
                    .get(&id)
                    .ok_or_else(|| Error::Syntax("unknown anchor referenced".to_owned()))?;
                let size = *size;
                self.nodes = self.nodes.saturating_add(size);
                check(self.nodes)?;
                let tree = tree.clone();
                if depth + depth_of(&tree) > DEPTH_LIMIT {
                    return Err(Error::Limit("100 levels"));
                }
                (tree, 0, false)
            }
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                self.count(text.len() / TEXT_OF_A_NODE)?;
                (scalar_value(&text, plain, tag.as_deref())?, anchor, plain)
            }
            Event::SequenceStart(_, anchor, _) => (self.sequence(depth)?, anchor, false),
            Event::MappingStart(_, anchor, _) => (self.mapping(depth)?, anchor, false),
            _ => (Value::Null, 0, false),
        };
        if anchor > 0 {
            let size = self.nodes - before;
            // What is kept for aliases is held twice, and once more for each anchor around it.
            self.count(size)?;
            self.anchors.insert(anchor, (tree.clone(), size));
        }
        Ok((tree, plain))
    }

    fn sequence(&mut self, depth: usize) -> Result<Value, Error> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                Event::SequenceEnd => return Ok(Value::Array(items)),
                Event::StreamEnd => return Err(unexpected_end()),
                event => items.push(self.node(event, depth + 1)?.0),
            }
        }
    }

    fn mapping(&mut self, depth: usize) -> Result<Value, Error> {
        let (mut map, mut merged) = (Map::new(), Map::new());
        loop {
            let event = match self.next()? {
                Event::MappingEnd => break,
                Event::StreamEnd => return Err(unexpected_end()),
                event => event,
            };
            let line = self.line;
            let (key, plain) = self.node(event, depth + 1)?;
            let event = self.next()?;
            let (value, _) = self.node(event, depth + 1)?;
            if plain && key == MERGE {
                merge(&mut merged, value)?;
            } else {
                let key = key_text(key)?;
                if map.contains_key(&key) && self.duplicates.len() < REPORT_LIMIT {
                    self.duplicates
                        .push(format!("line {line}: key {key:?} already set in map"));
                }
                map.insert(key, value);
            }
        }
        for (key, value) in merged {
            map.entry(key).or_insert(value);
        }
        Ok(Value::Object(map))
    }
}

fn unexpected_end() -> Error {
    Error::Syntax("unexpected end of stream".to_owned())
}

/// Earlier maps of a merge win.
fn merge(into: &mut Map<String, Value>, value: Value) -> Result<(), Error> {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                into.entry(key).or_insert(value);
            }
            Ok(())
        }
        Value::Array(maps) if maps.iter().all(Value::is_object) => {
            maps.into_iter().try_for_each(|map| merge(into, map))
        }
        _ => Err(Error::Syntax(
            "map merge requires map or sequence of maps as the value".to_owned(),
        )),
    }
}

/// JSON's keys are strings; scalars become their text, as upstream converts them.
fn key_text(key: Value) -> Result<String, Error> {
    match key {
        Value::String(text) => Ok(text),
        Value::Bool(truth) => Ok(truth.to_string()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Null => Ok("null".to_owned()),
        Value::Array(_) | Value::Object(_) => Err(Error::Syntax("invalid map key".to_owned())),
    }
}

fn scalar_value(text: &str, plain: bool, tag: Option<&Tag>) -> Result<Value, Error> {
    let wrong = |kind: &str| Error::Syntax(format!("cannot decode {text:?} as a !!{kind}"));
    let tag = tag.map(|tag| {
        if tag.suffix() == "binary" {
            "binary"
        } else {
            tag.core_suffix().unwrap_or("")
        }
    });
    match tag {
        Some("str") => Ok(Value::String(text.to_owned())),
        Some("binary") => Ok(Value::String(text.split_whitespace().collect())),
        Some(kind @ ("int" | "float" | "bool" | "null")) => {
            let value = scalar::resolve(text);
            let fits = match kind {
                "int" => value.is_i64() || value.is_u64(),
                "float" => value.is_number(),
                "bool" => value.is_boolean(),
                _ => value.is_null(),
            };
            if fits { Ok(value) } else { Err(wrong(kind)) }
        }
        _ if plain => Ok(scalar::resolve(text)),
        _ => Ok(Value::String(text.to_owned())),
    }
}
