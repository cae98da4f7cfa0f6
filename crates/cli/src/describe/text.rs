//! Lines whose tab-separated cells align with those above and below, as Go's tabwriter sets them.

pub(super) use crate::tree::{items, plain, text};

use serde_json::Value;

/// Spaces after the widest cell.
const PADDING: usize = 2;

/// A description being written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Text {
    lines: Vec<Vec<String>>,
}

impl Text {
    /// A line at an indentation level; tabs part its cells.
    pub(crate) fn line(&mut self, level: usize, text: &str) {
        let text = format!("{}{text}", "  ".repeat(level));
        self.lines
            .push(text.split('\t').map(str::to_owned).collect());
    }

    /// `Name:  value`, the value `<none>` when empty.
    pub(crate) fn field(&mut self, level: usize, name: &str, value: &str) {
        let value = if value.is_empty() { "<none>" } else { value };
        self.line(level, &format!("{name}:\t{value}"));
    }

    /// A field whose further values stand below the first.
    pub(crate) fn list(&mut self, level: usize, name: &str, values: &[String]) {
        let Some((first, rest)) = values.split_first() else {
            return self.line(level, &format!("{name}:\t<none>"));
        };
        self.line(level, &format!("{name}:\t{first}"));
        for value in rest {
            self.line(level, &format!("\t{value}"));
        }
    }

    /// Labels and annotations: one `key=value` (or `key: value`) a line.
    pub(crate) fn map(&mut self, level: usize, name: &str, map: &Value, between: &str) {
        let values: Vec<String> = map
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(key, _)| *key != machinery::workloads::LAST_APPLIED)
            .flat_map(|(key, value)| entry(key, value.as_str().unwrap_or_default(), between))
            .collect();
        self.list(level, name, &values);
    }

    /// The text, aligned.
    pub(crate) fn finish(self) -> String {
        let mut out = String::new();
        for (at, line) in self.lines.iter().enumerate() {
            for (column, cell) in line.iter().enumerate() {
                out.push_str(cell);
                if column + 1 < line.len() {
                    let width = self.width(at, column);
                    let pad = width.saturating_sub(cell.chars().count());
                    out.extend(std::iter::repeat_n(' ', pad));
                }
            }
            out.push('\n');
        }
        out
    }

    /// The width of a column in the run of lines around `at` that have it.
    fn width(&self, at: usize, column: usize) -> usize {
        let has = |line: &&Vec<String>| line.len() > column + 1;
        let cells = self.lines[at..].iter().take_while(has);
        let above = self.lines[..at].iter().rev().take_while(has);
        let widest = cells
            .chain(above)
            .map(|line| line[column].chars().count())
            .max();
        widest.unwrap_or(0) + PADDING
    }
}

/// `key=value`; long values and such of several lines stand below their key, cut.
fn entry(key: &str, value: &str, between: &str) -> Vec<String> {
    const LONGEST: usize = 140;
    let value = value.trim();
    let short = key.len() + value.len() + 2 <= LONGEST && !value.contains('\n');
    if short || between == "=" {
        return vec![format!("{key}{between}{value}")];
    }
    let cut = |line: &str| match line.char_indices().nth(LONGEST - 3) {
        // As kubectl cuts, which counts to the last letter kept.
        Some((at, last)) if line.chars().count() > LONGEST => {
            format!("  {}{last}...", &line[..at])
        }
        _ => format!("  {line}"),
    };
    std::iter::once(format!("{key}:"))
        .chain(value.lines().map(cut))
        .collect()
}

/// A time as descriptions show it: `Fri, 02 Jan 2026 15:04:05 +0000`.
pub(super) fn time(value: &Value) -> String {
    let Ok(time) = text(value).parse::<jiff::Timestamp>() else {
        return "<unset>".to_owned();
    };
    time.to_zoned(jiff::tz::TimeZone::system())
        .strftime("%a, %d %b %Y %H:%M:%S %z")
        .to_string()
}

/// The controller of an object: `ReplicaSet/web-1`.
pub(super) fn controlled_by(object: &Value) -> Option<String> {
    let owner =
        items(&object["metadata"]["ownerReferences"]).find(|it| it["controller"] == true)?;
    Some(format!("{}/{}", text(&owner["kind"]), text(&owner["name"])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_lines_align() {
        let mut text = Text::default();
        text.field(0, "Name", "x");
        text.list(0, "Labels", &["a=b".to_owned(), "c=d".to_owned()]);
        text.line(0, "Containers:");
        text.field(1, "Image", "");
        assert_eq!(
            text.finish(),
            "Name:    x\nLabels:  a=b\n         c=d\nContainers:\n  Image:  <none>\n"
        );
    }
}
