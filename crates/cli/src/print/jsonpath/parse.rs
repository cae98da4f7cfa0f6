//! The grammar of templates.

use super::{Comparison, Node, Operand, Step};
use anyhow::{Result, bail};
use serde_json::Value;

pub(super) fn template(text: &str) -> Result<Vec<Node>> {
    let mut stack: Vec<(Vec<Step>, Vec<Node>)> = Vec::new();
    let mut nodes = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let Some(open) = rest.find('{') else {
            nodes.push(Node::Text(rest.to_owned()));
            break;
        };
        if open > 0 {
            nodes.push(Node::Text(rest[..open].to_owned()));
        }
        let Some(close) = closing(&rest[open..]) else {
            bail!("error parsing jsonpath {text}, unclosed action");
        };
        let action = rest[open + 1..open + close].trim();
        rest = &rest[open + close + 1..];
        if let Some(path) = action.strip_prefix("range ") {
            let steps = whole_path(path.trim())?;
            stack.push((steps, std::mem::take(&mut nodes)));
        } else if action == "end" {
            let Some((steps, outer)) = stack.pop() else {
                bail!("error parsing jsonpath {text}, not in range, nothing to end");
            };
            let inner = std::mem::replace(&mut nodes, outer);
            nodes.push(Node::Range(steps, inner));
        } else {
            actions(action, &mut nodes)?;
        }
    }
    if !stack.is_empty() {
        bail!("error parsing jsonpath {text}, unterminated range");
    }
    Ok(nodes)
}

/// Where the brace that opens `text` closes, quotes respected.
fn closing(text: &str) -> Option<usize> {
    let (mut quote, mut escaped) = (None, false);
    for (at, letter) in text.char_indices() {
        match (quote, letter) {
            _ if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), letter) if letter == open => quote = None,
            (None, '"' | '\'') => quote = Some(letter),
            (None, '}') => return Some(at),
            _ => {}
        }
    }
    None
}

/// The literals and paths inside one pair of braces.
fn actions(action: &str, nodes: &mut Vec<Node>) -> Result<()> {
    let mut parser = Cursor::new(action);
    loop {
        parser.spaces();
        match parser.peek() {
            None => return Ok(()),
            Some('"' | '\'') => nodes.push(Node::Text(parser.quoted()?)),
            Some(_) => nodes.push(Node::Path(parser.path()?)),
        }
    }
}

fn whole_path(text: &str) -> Result<Vec<Step>> {
    let mut parser = Cursor::new(text);
    let steps = parser.path()?;
    parser.spaces();
    if parser.peek().is_some() {
        bail!("unrecognized text after the path in {text}");
    }
    Ok(steps)
}

struct Cursor {
    letters: Vec<char>,
    at: usize,
}

impl Cursor {
    fn new(text: &str) -> Self {
        Self {
            letters: text.chars().collect(),
            at: 0,
        }
    }

    fn peek(&self) -> Option<char> {
        self.letters.get(self.at).copied()
    }

    fn eat(&mut self, letter: char) -> bool {
        let found = self.peek() == Some(letter);
        self.at += usize::from(found);
        found
    }

    fn spaces(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }

    fn shown(&self) -> String {
        self.letters.iter().collect()
    }

    fn quoted(&mut self) -> Result<String> {
        let quote = self.peek();
        self.at += 1;
        let mut text = String::new();
        while let Some(letter) = self.peek() {
            self.at += 1;
            if Some(letter) == quote {
                return Ok(text);
            }
            if letter != '\\' {
                text.push(letter);
                continue;
            }
            let escaped = self.peek();
            self.at += 1;
            match escaped {
                Some('n') => text.push('\n'),
                Some('t') => text.push('\t'),
                Some('r') => text.push('\r'),
                Some(other) => text.push(other),
                None => {}
            }
        }
        bail!("unterminated quoted string in {}", self.shown())
    }

    fn path(&mut self) -> Result<Vec<Step>> {
        let mut steps = Vec::new();
        if self.eat('$') {
            steps.push(Step::Root);
        } else {
            self.eat('@');
        }
        let start = self.at;
        loop {
            match self.peek() {
                Some('.') => {
                    self.at += 1;
                    if self.eat('.') {
                        steps.push(Step::Deep);
                    }
                    match self.peek() {
                        Some('[') => {}
                        Some('*') => {
                            self.at += 1;
                            steps.push(Step::Wild);
                        }
                        _ => {
                            let name = self.name();
                            if !name.is_empty() {
                                steps.push(Step::Key(name));
                            }
                        }
                    }
                }
                Some('[') => {
                    self.at += 1;
                    steps.push(self.bracket()?);
                }
                _ if self.at == start
                    && steps.is_empty()
                    && self.letters.get(start.wrapping_sub(1)) != Some(&'@') =>
                {
                    bail!("unrecognized identifier in jsonpath {}", self.shown());
                }
                _ => return Ok(steps),
            }
        }
    }

    fn name(&mut self) -> String {
        let mut name = String::new();
        while let Some(letter) = self.peek() {
            match letter {
                '\\' => {
                    self.at += 1;
                    name.extend(self.peek());
                }
                '.' | '[' | ']' | '|' | ',' | ')' | '=' | '!' | '<' | '>' | '\'' | '"' => break,
                letter if letter.is_whitespace() => break,
                letter => name.push(letter),
            }
            self.at += 1;
        }
        name
    }

    fn bracket(&mut self) -> Result<Step> {
        if self.eat('?') {
            return self.filter();
        }
        let mut parts = Vec::new();
        loop {
            self.spaces();
            match self.peek() {
                Some('*') => {
                    self.at += 1;
                    parts.push(vec![Step::Wild]);
                }
                Some('"' | '\'') => parts.push(vec![Step::Key(self.quoted()?)]),
                Some('.' | '@') => parts.push(self.path()?),
                Some(letter) if letter.is_ascii_digit() || letter == '-' || letter == ':' => {
                    parts.push(vec![self.index()?]);
                }
                _ => bail!("invalid array index in jsonpath {}", self.shown()),
            }
            self.spaces();
            if self.eat(',') {
                continue;
            }
            if !self.eat(']') {
                bail!("unterminated array in jsonpath {}", self.shown());
            }
            return Ok(match parts.as_mut_slice() {
                [one] if one.len() == 1 => one.remove(0),
                _ => Step::Union(parts),
            });
        }
    }

    fn number(&mut self) -> Option<i64> {
        let start = self.at;
        self.eat('-');
        while self.peek().is_some_and(|it| it.is_ascii_digit()) {
            self.at += 1;
        }
        self.letters[start..self.at]
            .iter()
            .collect::<String>()
            .parse()
            .ok()
    }

    fn index(&mut self) -> Result<Step> {
        let first = self.number();
        if !self.eat(':') {
            return match first {
                Some(index) => Ok(Step::Index(index)),
                None => bail!("invalid array index in jsonpath {}", self.shown()),
            };
        }
        let last = self.number();
        let step = if self.eat(':') {
            self.number().unwrap_or(1)
        } else {
            1
        };
        if step <= 0 {
            bail!("step must be > 0 in jsonpath {}", self.shown());
        }
        Ok(Step::Slice(first, last, step))
    }

    fn filter(&mut self) -> Result<Step> {
        if !self.eat('(') {
            bail!("unexpected filter in jsonpath {}", self.shown());
        }
        let left = self.operand()?;
        self.spaces();
        let mut comparison = None;
        for (text, kind) in [
            ("==", Comparison::Equal),
            ("!=", Comparison::NotEqual),
            ("<=", Comparison::LessOrEqual),
            (">=", Comparison::GreaterOrEqual),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
        ] {
            let letters: Vec<char> = text.chars().collect();
            if self.letters[self.at..].starts_with(&letters) {
                self.at += letters.len();
                comparison = Some((kind, self.operand()?));
                break;
            }
        }
        self.spaces();
        if !self.eat(')') || !self.eat(']') {
            bail!("unclosed array expect ] in jsonpath {}", self.shown());
        }
        Ok(Step::Filter(left, comparison))
    }

    fn operand(&mut self) -> Result<Operand> {
        self.spaces();
        match self.peek() {
            Some('"' | '\'') => Ok(Operand::Value(Value::String(self.quoted()?))),
            Some('@' | '$' | '.') => Ok(Operand::Path(self.path()?)),
            _ => {
                let start = self.at;
                while self
                    .peek()
                    .is_some_and(|it| it.is_ascii_alphanumeric() || "-.+".contains(it))
                {
                    self.at += 1;
                }
                let text: String = self.letters[start..self.at].iter().collect();
                match serde_json::from_str(&text) {
                    Ok(value) => Ok(Operand::Value(value)),
                    Err(_) => bail!("unrecognized value {text:?} in jsonpath {}", self.shown()),
                }
            }
        }
    }
}
