//! Any object: its fields under headings, as kubectl shows custom resources.

use super::text::Text;
use serde_json::Value;

pub(super) fn describe(out: &mut Text, object: &Value) {
    let metadata = &object["metadata"];
    out.field(0, "Name", metadata["name"].as_str().unwrap_or_default());
    out.field(
        0,
        "Namespace",
        metadata["namespace"].as_str().unwrap_or_default(),
    );
    out.map(0, "Labels", &metadata["labels"], "=");
    out.map(0, "Annotations", &metadata["annotations"], ": ");
    fields(
        out,
        0,
        object,
        &[
            "metadata.name",
            "metadata.namespace",
            "metadata.labels",
            "metadata.annotations",
            "metadata.managedFields",
        ],
        "",
    );
}

/// Fields in alphabetic order, their names in words: `apiVersion` is `API Version`.
fn fields(out: &mut Text, level: usize, tree: &Value, hidden: &[&str], at: &str) {
    for (name, value) in tree.as_object().into_iter().flatten() {
        let path = if at.is_empty() {
            name.clone()
        } else {
            format!("{at}.{name}")
        };
        if hidden.contains(&path.as_str()) {
            continue;
        }
        let title = words(name);
        match value {
            Value::Object(_) => {
                out.line(level, &format!("{title}:"));
                fields(out, level + 1, value, hidden, &path);
            }
            Value::Array(list) => {
                out.line(level, &format!("{title}:"));
                for item in list {
                    match item {
                        Value::Object(_) => fields(out, level + 1, item, hidden, &path),
                        other => out.line(level + 1, &plain(other)),
                    }
                }
            }
            other => out.line(level, &format!("{title}:\t{}", plain(other))),
        }
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.replace('\n', "\\n"),
        Value::Null => "<nil>".to_owned(),
        other => other.to_string(),
    }
}

fn words(name: &str) -> String {
    if name.contains(['.', '/', '-', '_']) {
        return name.to_owned();
    }
    let mut out = String::new();
    for (at, letter) in name.chars().enumerate() {
        if at == 0 {
            out.extend(letter.to_uppercase());
            continue;
        }
        if letter.is_uppercase() && !out.ends_with(char::is_uppercase) {
            out.push(' ');
        }
        out.push(letter);
    }
    let known = [
        ("Api ", "API "),
        ("Uid", "UID"),
        ("Ip", "IP"),
        ("Url", "URL"),
    ];
    for (from, to) in known {
        if out == from.trim_end() || out.starts_with(from) {
            out = out.replacen(from.trim_end(), to.trim_end(), 1);
        }
    }
    out
}
