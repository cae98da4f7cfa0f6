//! Printing with upstream's layout: keys in natural order, lists flush with their key, lines folded
//! after 80 columns, strings plain wherever that reads back as the same string.

use super::scalar;
use serde_json::{Map, Value};
use std::cmp::Ordering;

/// Lines are folded at the first space after this column.
const WIDTH: usize = 80;

/// A whole document, ending in a newline.
#[must_use]
pub fn to_string(tree: &Value) -> String {
    let mut out = Printer::default();
    match tree {
        Value::Object(map) if !map.is_empty() => out.map(map, 0),
        Value::Array(items) if !items.is_empty() => out.list(items, 0),
        other => {
            out.scalar(other, 0);
            out.text.push('\n');
        }
    }
    out.text
}

#[derive(Default)]
struct Printer {
    text: String,
}

impl Printer {
    fn indent(&mut self, indent: usize) {
        self.text.extend(std::iter::repeat_n(' ', indent));
    }

    fn column(&self) -> usize {
        let start = self.text.rfind('\n').map_or(0, |at| at + 1);
        self.text[start..].chars().count()
    }

    /// A block map whose first line's indentation may already stand (after `- `).
    fn map(&mut self, map: &Map<String, Value>, indent: usize) {
        let mut keys: Vec<&String> = map.keys().collect();
        keys.sort_by(|a, b| natural(a, b));
        for (at, key) in keys.into_iter().enumerate() {
            if at > 0 || self.column() == 0 {
                self.indent(indent);
            }
            self.string(key, indent, true);
            self.text.push(':');
            self.value(map.get(key).unwrap_or(&Value::Null), indent);
        }
    }

    fn value(&mut self, value: &Value, indent: usize) {
        match value {
            Value::Object(map) if !map.is_empty() => {
                self.text.push('\n');
                self.map(map, indent + 2);
            }
            Value::Array(items) if !items.is_empty() => {
                self.text.push('\n');
                self.list(items, indent);
            }
            other => {
                self.text.push(' ');
                self.scalar(other, indent);
                if !self.text.ends_with('\n') || !other.is_string() {
                    self.text.push('\n');
                }
            }
        }
    }

    fn list(&mut self, items: &[Value], indent: usize) {
        for (at, item) in items.iter().enumerate() {
            if at > 0 || self.column() == 0 {
                self.indent(indent);
            }
            self.text.push('-');
            match item {
                Value::Object(map) if !map.is_empty() => {
                    self.text.push(' ');
                    self.map(map, indent + 2);
                }
                Value::Array(items) if !items.is_empty() => {
                    self.text.push(' ');
                    self.list(items, indent + 2);
                }
                other => self.value(other, indent),
            }
        }
    }

    fn scalar(&mut self, value: &Value, indent: usize) {
        match value {
            Value::String(text) => self.string(text, indent, false),
            Value::Object(_) => self.text.push_str("{}"),
            Value::Array(_) => self.text.push_str("[]"),
            other => self.text.push_str(&other.to_string()),
        }
    }

    fn string(&mut self, text: &str, indent: usize, key: bool) {
        let traits = Traits::of(text);
        let means_string = scalar::resolve(text).is_string()
            && !scalar::is_timestamp(text)
            && !scalar::is_base_60(text)
            && !is_special_float(text);
        if text.contains('\n') {
            if !key && traits.literal {
                self.literal(text, indent + 2);
            } else {
                self.double_quoted(text, indent + 2, key);
            }
        } else if !means_string {
            self.double_quoted(text, indent + 2, key);
        } else if traits.plain {
            self.folded(text, indent + 2, key);
        } else if traits.single_quoted {
            self.text.push('\'');
            self.folded(&text.replace('\'', "''"), indent + 2, key);
            self.text.push('\'');
        } else {
            self.double_quoted(text, indent + 2, key);
        }
    }

    /// Writes words, breaking the line at a lone space beyond the width.
    fn folded(&mut self, text: &str, indent: usize, key: bool) {
        let letters: Vec<char> = text.chars().collect();
        let mut column = self.column();
        for (at, letter) in letters.iter().enumerate() {
            let lone = *letter == ' '
                && at > 0
                && letters[at - 1] != ' '
                && letters.get(at + 1).is_some_and(|it| *it != ' ');
            if lone && !key && column > WIDTH {
                self.text.push('\n');
                self.indent(indent);
                column = indent;
            } else {
                self.text.push(*letter);
                column += 1;
            }
        }
    }

    fn double_quoted(&mut self, text: &str, indent: usize, key: bool) {
        self.text.push('"');
        let letters: Vec<char> = text.chars().collect();
        let mut column = self.column();
        let mut after_space = false;
        for (at, letter) in letters.iter().enumerate() {
            if *letter == ' ' {
                let inside = at > 0 && at + 1 < letters.len();
                if !key && !after_space && column > WIDTH && inside {
                    self.text.push('\n');
                    self.indent(indent);
                    column = indent;
                    if letters[at + 1] == ' ' {
                        self.text.push('\\');
                        column += 1;
                    }
                } else {
                    self.text.push(' ');
                    column += 1;
                }
                after_space = true;
                continue;
            }
            after_space = false;
            let before = self.text.len();
            escape(&mut self.text, *letter);
            column += self.text[before..].chars().count();
        }
        self.text.push('"');
    }

    fn literal(&mut self, text: &str, indent: usize) {
        self.text.push('|');
        if text.starts_with([' ', '\n']) {
            self.text.push('2');
        }
        if !text.ends_with('\n') {
            self.text.push('-');
        } else if text.ends_with("\n\n") || text == "\n" {
            self.text.push('+');
        }
        self.text.push('\n');
        for line in text.split_inclusive('\n') {
            if line != "\n" {
                self.indent(indent);
            }
            self.text.push_str(line);
        }
        if !text.ends_with('\n') {
            self.text.push('\n');
        }
    }
}

fn is_special_float(text: &str) -> bool {
    let text = text.strip_prefix(['-', '+']).unwrap_or(text);
    matches!(text, ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN") || text == "<<"
}

fn is_printable(letter: char) -> bool {
    matches!(letter, '\n' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}')
        && letter != '\u{feff}'
}

fn escape(out: &mut String, letter: char) {
    match letter {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\0' => out.push_str("\\0"),
        '\u{7}' => out.push_str("\\a"),
        '\u{8}' => out.push_str("\\b"),
        '\t' => out.push_str("\\t"),
        '\n' => out.push_str("\\n"),
        '\u{b}' => out.push_str("\\v"),
        '\u{c}' => out.push_str("\\f"),
        '\r' => out.push_str("\\r"),
        '\u{1b}' => out.push_str("\\e"),
        '\u{85}' => out.push_str("\\N"),
        '\u{2028}' => out.push_str("\\L"),
        '\u{2029}' => out.push_str("\\P"),
        other if is_printable(other) => out.push(other),
        other if u32::from(other) <= 0xff => out.push_str(&format!("\\x{:02X}", u32::from(other))),
        other if u32::from(other) <= 0xffff => {
            out.push_str(&format!("\\u{:04X}", u32::from(other)))
        }
        other => out.push_str(&format!("\\U{:08X}", u32::from(other))),
    }
}

/// Which styles can carry a string; upstream's `analyze_scalar`.
struct Traits {
    plain: bool,
    single_quoted: bool,
    literal: bool,
}

impl Traits {
    fn of(text: &str) -> Self {
        let letters: Vec<char> = text.chars().collect();
        let blank = |at: usize| {
            letters
                .get(at)
                .is_none_or(|it| matches!(it, ' ' | '\t' | '\n' | '\r'))
        };
        let mut indicators = text.starts_with("---") || text.starts_with("...");
        let (mut special, mut space_break, mut break_space) = (false, false, false);
        for (at, letter) in letters.iter().enumerate() {
            indicators |= match (at, letter) {
                (
                    0,
                    '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"'
                    | '%' | '@' | '`',
                ) => true,
                (0, '?' | '-') | (_, ':') => blank(at + 1),
                (_, '#') => at > 0 && blank(at - 1),
                _ => false,
            };
            special |= !is_printable(*letter);
            if at > 0 {
                space_break |= letters[at - 1] == ' ' && *letter == '\n';
                break_space |= letters[at - 1] == '\n' && *letter == ' ';
            }
        }
        let edge = |text: Option<&char>| text.is_some_and(|it| matches!(it, ' ' | '\n'));
        let edges = edge(letters.first()) || edge(letters.last());
        let hard = special || space_break;
        Self {
            plain: !indicators && !edges && !hard && !text.contains('\n') && !text.is_empty(),
            single_quoted: !hard && !break_space,
            literal: !hard && letters.last() != Some(&' '),
        }
    }
}

/// Go's order of map keys: letters after the rest, digits by number.
fn natural(a: &str, b: &str) -> Ordering {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    for at in 0..a.len().min(b.len()) {
        if a[at] == b[at] {
            continue;
        }
        match (a[at].is_alphabetic(), b[at].is_alphabetic()) {
            (true, true) => return a[at].cmp(&b[at]),
            (true, false) => return Ordering::Greater,
            (false, true) => return Ordering::Less,
            (false, false) => {}
        }
        let leading = (a[at] == '0' || b[at] == '0')
            && a[..at]
                .iter()
                .rev()
                .take_while(|it| it.is_ascii_digit())
                .any(|it| *it != '0');
        let run = |list: &[char]| {
            let digits: Vec<_> = list[at..]
                .iter()
                .take_while(|it| it.is_ascii_digit())
                .collect();
            let number = digits.iter().fold(u128::from(leading), |sum, digit| {
                sum.saturating_mul(10)
                    .saturating_add(u128::from(digit.to_digit(10).unwrap_or(0)))
            });
            (number, digits.len())
        };
        return run(&a).cmp(&run(&b)).then(a[at].cmp(&b[at]));
    }
    a.len().cmp(&b.len())
}
