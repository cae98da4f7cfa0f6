//! Tables: kubectl's spacing, and the server's tables laid out in it.

use crate::tree::{items, text};
use serde_json::Value;

/// Spaces after the widest cell of a column.
const PADDING: usize = 3;
/// Narrowest column, padding included.
const NARROWEST: usize = 6;

/// Lays rows out in columns. Widths are remembered, so that later rows stay aligned with earlier ones.
#[derive(Clone, Debug, Default)]
pub(crate) struct Columns {
    widths: Vec<usize>,
}

impl Columns {
    /// The text of `rows`; every cell but the last of its row is padded.
    pub(crate) fn render(&mut self, rows: &[Vec<String>]) -> String {
        for row in rows {
            for (at, cell) in row.iter().enumerate().take(row.len().saturating_sub(1)) {
                let width = (cell.chars().count() + PADDING).max(NARROWEST);
                match self.widths.get_mut(at) {
                    Some(known) => *known = (*known).max(width),
                    None => self.widths.push(width),
                }
            }
        }
        let mut out = String::new();
        for row in rows {
            for (at, cell) in row.iter().enumerate() {
                out.push_str(cell);
                if at + 1 < row.len() {
                    let width = self.widths.get(at).copied().unwrap_or(0);
                    let pad = width.saturating_sub(cell.chars().count());
                    out.extend(std::iter::repeat_n(' ', pad));
                }
            }
            out.push('\n');
        }
        out
    }
}

/// What of a server's table is shown.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layout {
    pub(crate) wide: bool,
    pub(crate) headers: bool,
    pub(crate) namespace: bool,
    pub(crate) labels: bool,
    /// Labels that get a column each.
    pub(crate) label_columns: Vec<String>,
    /// Put before names, when several types are shown: `deployment.apps/`.
    pub(crate) prefix: String,
}

impl Layout {
    /// The heading of a table.
    pub(crate) fn heading(&self, table: &Value) -> Vec<String> {
        let mut heading = Vec::new();
        if self.namespace {
            heading.push("NAMESPACE".to_owned());
        }
        for column in self.shown(table) {
            heading.push(text(&table["columnDefinitions"][column]["name"]).to_uppercase());
        }
        for label in &self.label_columns {
            heading.push(label.rsplit('/').next().unwrap_or(label).to_uppercase());
        }
        if self.labels {
            heading.push("LABELS".to_owned());
        }
        heading
    }

    fn shown(&self, table: &Value) -> Vec<usize> {
        items(&table["columnDefinitions"])
            .enumerate()
            .filter(|(_, column)| self.wide || column["priority"].as_i64().unwrap_or(0) == 0)
            .map(|(at, _)| at)
            .collect()
    }

    /// The cells of one of the table's rows. `columns` is the table with the definitions: watches send
    /// them only once.
    pub(crate) fn row(&self, columns: &Value, row: &Value) -> Vec<String> {
        let mut cells = Vec::new();
        let metadata = &row["object"]["metadata"];
        if self.namespace {
            cells.push(text(&metadata["namespace"]).to_owned());
        }
        for column in self.shown(columns) {
            let cell = cell_text(&row["cells"][column]);
            let is_name = column == 0 && !self.prefix.is_empty();
            cells.push(if is_name {
                format!("{}{cell}", self.prefix)
            } else {
                cell
            });
        }
        for label in &self.label_columns {
            cells.push(text(&metadata["labels"][label]).to_owned());
        }
        if self.labels {
            cells.push(labels_text(&metadata["labels"]));
        }
        cells
    }

    /// All rows, with the heading if it is wanted.
    pub(crate) fn rows(&self, table: &Value) -> Vec<Vec<String>> {
        let mut rows = Vec::new();
        if self.headers {
            rows.push(self.heading(table));
        }
        rows.extend(items(&table["rows"]).map(|row| self.row(table, row)));
        rows
    }
}

/// One line of a cell, so that no text from the cluster can break the table.
fn cell_text(cell: &Value) -> String {
    let whole = match cell {
        Value::String(text) => text.clone(),
        Value::Null => return String::new(),
        Value::Array(items) => items.iter().map(cell_text).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    };
    let line = match whole.find(['\n', '\r', '\u{c}']) {
        Some(end) => format!("{}...", &whole[..end]),
        None => whole,
    };
    line.chars()
        .map(|letter| if letter.is_control() { '?' } else { letter })
        .collect()
}

/// `a=b,c=d`, `<none>` without labels.
pub(crate) fn labels_text(labels: &Value) -> String {
    let pairs: Vec<String> = labels
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", text(value)))
        .collect();
    if pairs.is_empty() {
        "<none>".to_owned()
    } else {
        pairs.join(",")
    }
}

/// A table of names and ages for a server that does not print tables.
pub(crate) fn of_objects(items: &[Value]) -> Value {
    let now = jiff::Timestamp::now();
    let rows: Vec<Value> = items
        .iter()
        .map(|item| {
            let since = text(&item["metadata"]["creationTimestamp"]).parse().ok();
            serde_json::json!({
                "cells": [item["metadata"]["name"], machinery::durations::age(since, now)],
                "object": item,
            })
        })
        .collect();
    serde_json::json!({"kind": "Table", "columnDefinitions": [{"name": "Name"}, {"name": "Age"}], "rows": rows})
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn spacing_is_kubectls() {
        let rows = |text: &[&[&str]]| -> Vec<Vec<String>> {
            text.iter()
                .map(|row| row.iter().map(|it| (*it).to_owned()).collect())
                .collect()
        };
        let mut columns = Columns::default();
        let text = columns.render(&rows(&[&["NAME", "READY", "AGE"], &["a", "1/1", "5s"]]));
        assert_eq!(text, "NAME   READY   AGE\na      1/1     5s\n");
        assert_eq!(
            columns.render(&rows(&[&["b", "0/1", "7s"]])),
            "b      0/1     7s\n"
        );
    }

    #[test]
    fn layouts() {
        let table = json!({
            "columnDefinitions": [{"name":"Name"},{"name":"Ready"},{"name":"IP","priority":1}],
            "rows": [{"cells":["web", 2, "10.0.0.1\nx"], "object":{"metadata":{"namespace":"d","labels":{"a":"b"}}}}]
        });
        let plain = Layout {
            headers: true,
            ..Layout::default()
        };
        assert_eq!(plain.rows(&table), [["NAME", "READY"], ["web", "2"]]);
        let all = Layout {
            wide: true,
            namespace: true,
            labels: true,
            prefix: "pod/".to_owned(),
            label_columns: vec!["x/a".to_owned(), "a".to_owned()],
            ..plain
        };
        assert_eq!(
            all.rows(&table),
            [
                ["NAMESPACE", "NAME", "READY", "IP", "A", "A", "LABELS"],
                ["d", "pod/web", "2", "10.0.0.1...", "", "b", "a=b"]
            ]
        );
    }
}
