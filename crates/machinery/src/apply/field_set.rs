//! Sets of field paths and their wire form, `FieldsV1`: `{"f:spec":{"f:replicas":{}}}`.

use crate::node::{Node, Rule};
use serde_json::{Map, Value};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// Deepest nesting that is read.
const DEPTH_LIMIT: usize = 100;

/// One step of a path. Keys and values are kept as canonical JSON, so that they compare.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// `f:name`
    Field(String),
    /// `k:{"name":"x"}`
    Key(String),
    /// `v:"x"`
    Value(String),
    /// `i:0`
    Index(i64),
}

impl Step {
    fn wire(&self) -> String {
        match self {
            Self::Field(name) => format!("f:{name}"),
            Self::Key(json) => format!("k:{json}"),
            Self::Value(json) => format!("v:{json}"),
            Self::Index(index) => format!("i:{index}"),
        }
    }

    fn read(text: &str) -> Result<Self, Error> {
        let bad = || Error(text.to_owned());
        let canonical = |json: &str| {
            serde_json::from_str::<Value>(json)
                .map(|value| canonical(&value))
                .map_err(|_| bad())
        };
        match text.split_once(':').ok_or_else(bad)? {
            ("f", name) => Ok(Self::Field(name.to_owned())),
            ("k", json) => Ok(Self::Key(canonical(json)?)),
            ("v", json) => Ok(Self::Value(canonical(json)?)),
            ("i", digits) => digits.parse().map(Self::Index).map_err(|_| bad()),
            _ => Err(bad()),
        }
    }
}

impl fmt::Display for Step {
    /// As messages show it: `.name`, `[name="x"]`, `[="x"]`, `[0]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => write!(f, ".{name}"),
            Self::Key(json) => {
                let parts: Map<String, Value> = serde_json::from_str(json).unwrap_or_default();
                let parts: Vec<_> = parts
                    .iter()
                    .map(|(name, value)| format!("{name}={value}"))
                    .collect();
                write!(f, "[{}]", parts.join(","))
            }
            Self::Value(json) => write!(f, "[={json}]"),
            Self::Index(index) => write!(f, "[{index}]"),
        }
    }
}

/// JSON with sorted keys.
pub(super) fn canonical(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let sorted: BTreeMap<_, _> = map.iter().collect();
            let parts: Vec<_> = sorted
                .into_iter()
                .map(|(name, value)| format!("{}:{}", Value::from(name.as_str()), canonical(value)))
                .collect();
            format!("{{{}}}", parts.join(","))
        }
        other => other.to_string(),
    }
}

/// `fieldsV1` that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed field set element {0:?}")]
pub struct Error(String);

/// A set of paths: which of the steps here are members, and what lies below them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Set {
    members: BTreeSet<Step>,
    children: BTreeMap<Step, Set>,
}

impl Set {
    /// Reads `fieldsV1`.
    ///
    /// # Errors
    /// When an element is malformed or nested too deeply.
    pub fn parse(tree: &Value) -> Result<Self, Error> {
        Self::parse_at(tree, 0)
    }

    fn parse_at(tree: &Value, depth: usize) -> Result<Self, Error> {
        let map = tree
            .as_object()
            .filter(|_| depth < DEPTH_LIMIT)
            .ok_or_else(|| Error(tree.to_string().chars().take(80).collect()))?;
        let mut set = Self::default();
        for (name, below) in map {
            if name == "." {
                continue;
            }
            let step = Step::read(name)?;
            let own = below.as_object().is_some_and(|it| it.contains_key("."));
            let child = Self::parse_at(below, depth + 1)?;
            if own || child.is_empty() {
                set.members.insert(step.clone());
            }
            if !child.is_empty() {
                set.children.insert(step, child);
            }
        }
        Ok(set)
    }

    /// The wire form.
    #[must_use]
    pub fn to_tree(&self) -> Value {
        let mut map = Map::new();
        for step in self.members.iter().chain(self.children.keys()) {
            let mut below = match self.children.get(step) {
                Some(child) => child.to_tree(),
                None => Value::Object(Map::new()),
            };
            if let Value::Object(below) = &mut below
                && !below.is_empty()
                && self.members.contains(step)
            {
                below.insert(".".to_owned(), Value::Object(Map::new()));
            }
            map.insert(step.wire(), below);
        }
        Value::Object(map)
    }

    /// Whether it has no path.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty() && self.children.values().all(Self::is_empty)
    }

    /// Whether the step here is a path of the set.
    pub(super) fn has(&self, step: &Step) -> bool {
        self.members.contains(step)
    }

    /// Whether the step here is a path of the set or leads to one.
    pub(super) fn leads(&self, step: &Step) -> bool {
        self.has(step) || self.children.contains_key(step)
    }

    /// What lies below the step.
    pub(super) fn below(&self, step: &Step) -> Option<&Self> {
        self.children.get(step)
    }

    pub(super) fn insert(&mut self, path: &[Step]) {
        match path {
            [] => {}
            [last] => {
                self.members.insert(last.clone());
            }
            [first, rest @ ..] => self.children.entry(first.clone()).or_default().insert(rest),
        }
    }

    /// Adds every path of `other`.
    pub fn add(&mut self, other: &Self) {
        self.members.extend(other.members.iter().cloned());
        for (step, child) in &other.children {
            self.children.entry(step.clone()).or_default().add(child);
        }
    }

    /// Removes every path of `other`.
    pub fn subtract(&mut self, other: &Self) {
        self.members.retain(|step| !other.members.contains(step));
        for (step, child) in &other.children {
            if let Some(own) = self.children.get_mut(step) {
                own.subtract(child);
            }
        }
        self.children.retain(|_, child| !child.is_empty());
    }

    /// The paths that both have.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let mut both = Self {
            members: self.members.intersection(&other.members).cloned().collect(),
            children: BTreeMap::new(),
        };
        for (step, child) in &self.children {
            if let Some(theirs) = other.children.get(step) {
                let child = child.intersection(theirs);
                if !child.is_empty() {
                    both.children.insert(step.clone(), child);
                }
            }
        }
        both
    }

    /// Removes the path of field names and all below it.
    pub(super) fn remove_field(&mut self, names: &[&str]) {
        self.edit(names, true);
    }

    /// Removes the path of field names but not what lies below it.
    pub(super) fn remove_member(&mut self, names: &[&str]) {
        self.edit(names, false);
    }

    fn edit(&mut self, names: &[&str], below: bool) {
        let [first, rest @ ..] = names else { return };
        let step = Step::Field((*first).to_owned());
        if rest.is_empty() {
            self.members.remove(&step);
            if below {
                self.children.remove(&step);
            }
        } else if let Some(child) = self.children.get_mut(&step) {
            child.edit(rest, below);
            if child.is_empty() {
                self.children.remove(&step);
            }
        }
    }

    /// Keeps only what lies at or below one of the paths of field names; `*` is any one step.
    pub(super) fn keep(&mut self, paths: &[&[&str]]) {
        let fits = |step: &Step, name: &str| match step {
            _ if name == "*" => true,
            Step::Field(own) => own == name,
            _ => false,
        };
        let below = |step: &Step| -> Vec<&[&str]> {
            let fitting = paths
                .iter()
                .filter(|path| path.first().is_some_and(|name| fits(step, name)));
            fitting.map(|path| &path[1..]).collect()
        };
        self.members.retain(|step| below(step).contains(&&[][..]));
        self.children.retain(|step, child| {
            let rest = below(step);
            if !rest.contains(&&[][..]) {
                child.keep(&rest);
            }
            !child.is_empty()
        });
    }

    /// Every path, as messages show it.
    #[must_use]
    pub fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        self.collect("", &mut paths);
        paths
    }

    /// Members before what lies deeper, as upstream walks a set.
    fn collect(&self, prefix: &str, paths: &mut Vec<String>) {
        paths.extend(self.members.iter().map(|step| format!("{prefix}{step}")));
        for (step, child) in &self.children {
            child.collect(&format!("{prefix}{step}"), paths);
        }
    }

    /// The paths that naming `value` owns.
    pub(crate) fn of(value: &Value, node: Node<'_>) -> Self {
        let mut set = Self::default();
        set.fill(value, node);
        set
    }

    fn fill(&mut self, value: &Value, node: Node<'_>) {
        match (node.rule(value), value) {
            (Rule::Map, Value::Object(map)) => {
                for (name, value) in map {
                    let (step, child) = (Step::Field(name.clone()), node.child(name));
                    let leaf = value.is_null()
                        || child.rule(value) == Rule::Leaf
                        || value.as_object().is_some_and(Map::is_empty);
                    self.enter(step, value, child, leaf || node.is_map());
                }
            }
            (rule @ (Rule::Set | Rule::Keyed(_)), Value::Array(items)) => {
                for item in items {
                    self.enter(step_of(item, rule, node.item()), item, node.item(), true);
                }
            }
            _ => {}
        }
    }

    fn enter(&mut self, step: Step, value: &Value, node: Node<'_>, member: bool) {
        let below = Self::of(value, node);
        if member {
            self.members.insert(step.clone());
        }
        if !below.is_empty() {
            self.children.insert(step, below);
        }
    }
}

/// How an item of a set or keyed list is told from the others.
pub(super) fn step_of(item: &Value, rule: Rule<'_>, node: Node<'_>) -> Step {
    let Rule::Keyed(keys) = rule else {
        return Step::Value(canonical(item));
    };
    let mut key = Map::new();
    for name in keys {
        if let Some(value) = item.get(&**name).or_else(|| node.default_of(name)) {
            key.insert(name.to_string(), value.clone());
        }
    }
    Step::Key(canonical(&Value::Object(key)))
}
