//! Tells code from comments and strings, so that rules about one are not fooled by the others. It knows
//! just enough of Rust's lexical grammar for that.

/// A source taken apart. `code` has the same lines, with comments and the insides of literals blank.
#[derive(Debug, Default)]
pub(super) struct Lexed {
    pub(super) code: String,
    pub(super) comments: Vec<(usize, String)>,
    pub(super) strings: Vec<(usize, String)>,
}

/// Takes a source apart.
pub(super) fn lex(source: &str) -> Lexed {
    let mut lexer = Lexer {
        rest: source,
        line: 1,
        out: Lexed::default(),
    };
    while !lexer.rest.is_empty() {
        lexer.step();
    }
    lexer.out
}

struct Lexer<'a> {
    rest: &'a str,
    line: usize,
    out: Lexed,
}

impl Lexer<'_> {
    fn step(&mut self) {
        let rest = self.rest;
        if rest.starts_with("//") {
            let length = rest.find('\n').unwrap_or(rest.len());
            self.blank(length, Some(Part::Comment));
        } else if rest.starts_with("/*") {
            self.blank(block_comment(rest), Some(Part::Comment));
        } else if let Some((open, hashes)) = raw_string(rest).filter(|_| !self.in_word()) {
            let close = format!("\"{}", "#".repeat(hashes));
            let inside = rest[open..].find(&close).unwrap_or(rest.len() - open);
            self.literal(open, inside, close.len());
        } else if let Some(after) = rest.strip_prefix('"') {
            let inside = quoted(after, '"');
            self.literal(1, inside, 1);
        } else if rest.starts_with('\'') && is_char(rest) {
            self.blank(1, None);
            self.blank(quoted(self.rest, '\''), None);
            self.blank(1, None);
        } else {
            let next = rest.chars().next().map_or(1, char::len_utf8);
            self.keep(next);
        }
    }

    /// Whether the last thing kept is part of a word, so that `r"` there is not a raw string's start.
    fn in_word(&self) -> bool {
        let last = self.out.code.chars().next_back();
        last.is_some_and(|c| c.is_alphanumeric() || c == '_')
    }

    fn literal(&mut self, open: usize, inside: usize, close: usize) {
        self.keep(open);
        self.blank(inside, Some(Part::String));
        self.keep(close.min(self.rest.len()));
    }

    fn keep(&mut self, length: usize) {
        let (kept, rest) = self.rest.split_at(length);
        self.out.code.push_str(kept);
        self.line += kept.matches('\n').count();
        self.rest = rest;
    }

    fn blank(&mut self, length: usize, part: Option<Part>) {
        let (gone, rest) = self.rest.split_at(length.min(self.rest.len()));
        let blank = gone.chars().map(|c| if c == '\n' { '\n' } else { ' ' });
        self.out.code.extend(blank);
        match part {
            Some(Part::Comment) => {
                let lines = (self.line..).zip(gone.lines().map(str::to_owned));
                self.out.comments.extend(lines);
            }
            Some(Part::String) => self.out.strings.push((self.line, gone.to_owned())),
            None => {}
        }
        self.line += gone.matches('\n').count();
        self.rest = rest;
    }
}

#[derive(Clone, Copy)]
enum Part {
    Comment,
    String,
}

fn block_comment(text: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// Length of a raw string's opening, and how many hashes it has.
fn raw_string(text: &str) -> Option<(usize, usize)> {
    let prefix = ["r", "br", "cr"];
    let prefix = prefix.iter().find(|p| text.starts_with(**p))?.len();
    let hashes = text[prefix..].bytes().take_while(|b| *b == b'#').count();
    let open = prefix + hashes;
    text[open..].starts_with('"').then_some((open + 1, hashes))
}

/// Length of what stands before the closing quote.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at,
            _ => {}
        }
    }
    text.len()
}

/// Whether a quote begins a character, not a lifetime.
fn is_char(text: &str) -> bool {
    let mut chars = text.chars().skip(1);
    match chars.next() {
        Some('\\') => true,
        Some(_) => chars.next() == Some('\''),
        None => false,
    }
}
