//! Output: tables as the server gives them, trees as JSON or YAML, and templates over trees.

pub(crate) mod columns;
pub(crate) mod jsonpath;
pub(crate) mod table;

use anyhow::{Result, bail};
use serde_json::Value;
use std::{fs, io::Write};

/// What `-o` asks for.
#[derive(Clone, Debug, Default)]
pub(crate) enum Output {
    /// The server's table.
    #[default]
    Table,
    /// The server's table with all columns.
    Wide,
    Json,
    Yaml,
    Name,
    JsonPath(jsonpath::Template),
    Columns(columns::Columns),
}

impl Output {
    /// Reads the value of `-o`; empty for the default.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let (name, rest) = text.split_once('=').unwrap_or((text, ""));
        let content = |what: &str| -> Result<String> {
            if rest.is_empty() {
                bail!("{what} format specified but no {what} given");
            }
            Ok(rest.to_owned())
        };
        Ok(match name {
            "" => Self::Table,
            "wide" => Self::Wide,
            "json" => Self::Json,
            "yaml" => Self::Yaml,
            "name" => Self::Name,
            "jsonpath" => Self::JsonPath(jsonpath::Template::parse(&content("template")?)?),
            "jsonpath-as-json" => {
                Self::JsonPath(jsonpath::Template::parse(&content("template")?)?.into_json())
            }
            "jsonpath-file" => {
                let text = fs::read_to_string(rest)?;
                Self::JsonPath(jsonpath::Template::parse(text.trim_end_matches('\n'))?)
            }
            "custom-columns" => {
                Self::Columns(columns::Columns::parse(&content("custom-columns")?)?)
            }
            "custom-columns-file" => {
                Self::Columns(columns::Columns::parse_file(&fs::read_to_string(rest)?)?)
            }
            other => bail!(
                "unable to match a printer suitable for the output format {other:?}, allowed formats are: custom-columns,custom-columns-file,json,jsonpath,jsonpath-as-json,jsonpath-file,name,wide,yaml"
            ),
        })
    }

    /// Whether the server prints.
    pub(crate) fn is_table(&self) -> bool {
        matches!(self, Self::Table | Self::Wide)
    }
}

/// Prints one tree in any format but tables. `name` is `deployment.apps/web`.
pub(crate) fn tree(output: &Output, tree: &Value, name: &str) -> Result<()> {
    let text = match output {
        Output::Table | Output::Wide => return Ok(()),
        Output::Json => format!("{}\n", json(tree)),
        Output::Yaml => machinery::yaml::to_string(tree),
        Output::Name => format!("{name}\n"),
        Output::JsonPath(template) => template.render(tree)?,
        Output::Columns(columns) => columns.render(tree)?,
    };
    write(&text)
}

/// Writes to standard output at once.
pub(crate) fn write(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}

/// Writes a line to standard output at once.
pub(crate) fn line(text: &str) -> Result<()> {
    write(&format!("{text}\n"))
}

/// JSON with sorted keys, four spaces and Go's escapes.
pub(crate) fn json(tree: &Value) -> String {
    let mut out = String::new();
    pretty(tree, 0, &mut out);
    out
}

fn pretty(tree: &Value, depth: usize, out: &mut String) {
    let indent = |out: &mut String, depth: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n("    ", depth));
    };
    match tree {
        Value::Object(map) if !map.is_empty() => {
            out.push('{');
            let mut keys: Vec<_> = map.iter().collect();
            keys.sort_by_key(|(key, _)| *key);
            for (at, (key, value)) in keys.into_iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                indent(out, depth + 1);
                out.push_str(&scalar(&Value::from(key.as_str())));
                out.push_str(": ");
                pretty(value, depth + 1, out);
            }
            indent(out, depth);
            out.push('}');
        }
        Value::Array(items) if !items.is_empty() => {
            out.push('[');
            for (at, value) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                indent(out, depth + 1);
                pretty(value, depth + 1, out);
            }
            indent(out, depth);
            out.push(']');
        }
        other => out.push_str(&scalar(other)),
    }
}

/// A scalar as Go's encoder writes it.
fn scalar(value: &Value) -> String {
    let text = value.to_string();
    if value.is_string() {
        text.replace('<', "\\u003c")
            .replace('>', "\\u003e")
            .replace('&', "\\u0026")
    } else {
        text
    }
}

/// Several objects as kubectl shows them together.
pub(crate) fn list_of(items: Vec<Value>) -> Value {
    serde_json::json!({"apiVersion": "v1", "items": items, "kind": "List", "metadata": {"resourceVersion": ""}})
}
