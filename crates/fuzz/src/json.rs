//! JSON as only a hostile writer writes it: keys twice, numbers that no type holds, spaces, escapes.

use crate::Random;
use serde_json::Value;

/// The tree as text; about one token in `rarity` is written in a hostile way.
#[must_use]
pub fn text(tree: &Value, random: &mut Random, rarity: usize) -> String {
    let mut text = String::new();
    write(tree, random, rarity, &mut text);
    text
}

fn write(tree: &Value, random: &mut Random, rarity: usize, out: &mut String) {
    let odd = random.one_in(rarity);
    match tree {
        Value::Object(map) => {
            out.push('{');
            for (at, (key, value)) in map.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                if random.one_in(rarity) {
                    let first = random.pick(&["null", "1", "\"x\"", "{}", "[]"]);
                    out.push_str(&format!("{}:{first},", Value::from(key.as_str())));
                }
                out.push_str(&Value::from(key.as_str()).to_string());
                out.push(':');
                write(value, random, rarity, out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (at, value) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write(value, random, rarity, out);
            }
            out.push_str(if odd { " \n\t]" } else { "]" });
        }
        Value::Number(_) if odd => out.push_str(random.pick(&[
            "1e999",
            "-0",
            "0.1e-999",
            "1E5",
            "12345678901234567890",
            "01",
            "+1",
            "NaN",
        ])),
        Value::String(_) if odd => out.push_str(random.pick(&[
            r#""\ud800""#,
            r#""\u0000""#,
            r#""\x""#,
            "\"\u{1}\"",
            r#""é""#,
        ])),
        other => out.push_str(&other.to_string()),
    }
}
