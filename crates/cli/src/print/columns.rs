//! `-o custom-columns=NAME:.metadata.name,…`.

use super::{jsonpath::Template, table};
use anyhow::{Result, bail};
use serde_json::Value;

/// Headings and the paths below them.
#[derive(Clone, Debug)]
pub(crate) struct Columns {
    columns: Vec<(String, Template)>,
    pub(crate) headers: bool,
}

impl Columns {
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut columns = Vec::new();
        for part in text.split(',') {
            let Some((heading, path)) = part.split_once(':') else {
                bail!("unexpected custom-columns spec: {part}, expected <header>:<json-path-expr>");
            };
            columns.push((heading.to_owned(), Template::relaxed(path)?));
        }
        Ok(Self {
            columns,
            headers: true,
        })
    }

    /// Two lines: headings, and a path below each.
    pub(crate) fn parse_file(text: &str) -> Result<Self> {
        let mut lines = text
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>());
        let (Some(headings), Some(paths)) = (lines.next(), lines.next()) else {
            bail!("a custom-columns file has a line of headings and a line of paths");
        };
        if headings.len() != paths.len() {
            bail!("number of headers does not match number of columns in the custom-columns file");
        }
        Ok(Self {
            columns: headings
                .into_iter()
                .zip(paths)
                .map(|(heading, path)| Ok((heading.to_owned(), Template::relaxed(path)?)))
                .collect::<Result<_>>()?,
            headers: true,
        })
    }

    pub(crate) fn render(&self, tree: &Value) -> Result<String> {
        let items = match tree["items"].as_array() {
            Some(items) if tree["kind"].as_str().is_some_and(|it| it.ends_with("List")) => {
                items.clone()
            }
            _ => vec![tree.clone()],
        };
        let mut rows = Vec::new();
        if self.headers {
            rows.push(
                self.columns
                    .iter()
                    .map(|(heading, _)| heading.clone())
                    .collect(),
            );
        }
        for item in &items {
            let row = self.columns.iter().map(|(_, path)| {
                let values = path.values(item);
                if values.is_empty() {
                    "<none>".to_owned()
                } else {
                    values
                        .iter()
                        .map(|it| cell(it))
                        .collect::<Vec<_>>()
                        .join(",")
                }
            });
            rows.push(row.collect());
        }
        Ok(table::Columns::default().render(&rows))
    }
}

/// Go's `%v` of a value.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => "<none>".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            format!("[{}]", items.iter().map(cell).collect::<Vec<_>>().join(" "))
        }
        Value::Object(map) => {
            let pairs: Vec<_> = map
                .iter()
                .map(|(key, value)| format!("{key}:{}", cell(value)))
                .collect();
            format!("map[{}]", pairs.join(" "))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn columns() {
        let columns = Columns::parse("NAME:.metadata.name,IMG:.c[*].i,NO:.x").unwrap();
        let list =
            json!({"kind":"List","items":[{"metadata":{"name":"a"},"c":[{"i":"x"},{"i":"y"}]}]});
        assert_eq!(
            columns.render(&list).unwrap(),
            "NAME   IMG   NO\na      x,y   <none>\n"
        );
        assert!(Columns::parse("NAME").is_err());
    }
}
