//! kubectl's JSONPath templates: `{range .items[*]}{.metadata.name}{"\n"}{end}`.

mod parse;
mod select;

pub(crate) use select::order;
#[cfg(test)]
mod tests;

use anyhow::Result;
use serde_json::Value;

/// A template, read.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    nodes: Vec<Node>,
    json: bool,
}

/// A piece of a template.
#[derive(Clone, Debug, PartialEq)]
enum Node {
    Text(String),
    Path(Vec<Step>),
    Range(Vec<Step>, Vec<Node>),
}

/// One step of a path.
#[derive(Clone, Debug, PartialEq)]
enum Step {
    /// Back to the whole document.
    Root,
    Key(String),
    Wild,
    Index(i64),
    Slice(Option<i64>, Option<i64>, i64),
    Union(Vec<Vec<Step>>),
    /// Everything below, at any depth.
    Deep,
    Filter(Operand, Option<(Comparison, Operand)>),
}

#[derive(Clone, Debug, PartialEq)]
enum Operand {
    Path(Vec<Step>),
    Value(Value),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Template {
    pub(crate) fn parse(text: &str) -> Result<Self> {
        Ok(Self {
            nodes: parse::template(text)?,
            json: false,
        })
    }

    /// The lenient form of `--sort-by` and custom columns: `metadata.name`, `.metadata.name`, `{.metadata.name}`.
    pub(crate) fn relaxed(text: &str) -> Result<Self> {
        let inner = text
            .strip_prefix('{')
            .and_then(|it| it.strip_suffix('}'))
            .unwrap_or(text);
        let dot = if inner.starts_with(['.', '[', '$', '@']) {
            ""
        } else {
            "."
        };
        Self::parse(&format!("{{{dot}{inner}}}"))
    }

    /// Results as a JSON list.
    pub(crate) fn into_json(mut self) -> Self {
        self.json = true;
        self
    }

    /// The values of the first path.
    pub(crate) fn values<'a>(&self, tree: &'a Value) -> Vec<&'a Value> {
        self.nodes
            .iter()
            .find_map(|node| match node {
                Node::Path(steps) => Some(select::select(tree, tree, steps)),
                _ => None,
            })
            .unwrap_or_default()
    }

    /// The text that the template makes of a tree.
    pub(crate) fn render(&self, tree: &Value) -> Result<String> {
        if self.json {
            let values = Value::Array(self.values(tree).into_iter().cloned().collect());
            return Ok(format!("{}\n", super::json(&values)));
        }
        let mut out = String::new();
        render(&self.nodes, tree, tree, &mut out);
        Ok(out)
    }
}

fn render(nodes: &[Node], root: &Value, at: &Value, out: &mut String) {
    for node in nodes {
        match node {
            Node::Text(text) => out.push_str(text),
            Node::Path(steps) => {
                let values = select::select(root, at, steps);
                let texts: Vec<String> = values.into_iter().map(text).collect();
                out.push_str(&texts.join(" "));
            }
            Node::Range(steps, inner) => {
                for item in select::select(root, at, steps) {
                    render(inner, root, item, out);
                }
            }
        }
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}
