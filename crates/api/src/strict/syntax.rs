//! What Go says of bytes that are no JSON, for a body that was refused already. Upstream: the scanner of
//! `encoding/json`.

/// Most levels that Go reads.
const DEPTH_LIMIT: usize = 10_000;

const END: &str = "unexpected end of JSON input";

/// What may come next.
#[derive(Clone, Copy)]
enum Next {
    Value,
    ValueOrEnd,
    Key,
    KeyOrEnd,
    Colon,
    AfterMember,
    AfterItem,
    Nothing,
}

/// The first thing wrong with it; none when Go reads it.
#[must_use]
pub fn syntax_error(json: &[u8]) -> Option<String> {
    let scan = Scan { json };
    scan.whole().err()
}

struct Scan<'a> {
    json: &'a [u8],
}

impl Scan<'_> {
    fn peek(&self, at: usize) -> Option<u8> {
        self.json.get(at).copied()
    }

    fn wrong<T>(&self, at: usize, context: &str) -> Result<T, String> {
        // Go ends its input with a blank.
        let byte = quoted(self.peek(at).unwrap_or(b' '));
        Err(format!("invalid character {byte} {context}"))
    }

    fn whole(&self) -> Result<(), String> {
        // Whether each object or list around the place is an object.
        let mut around: Vec<bool> = Vec::new();
        let (mut at, mut next) = (0, Next::Value);
        loop {
            at += self.json[at..]
                .iter()
                .take_while(|it| it.is_ascii_whitespace())
                .count();
            let Some(byte) = self.peek(at) else {
                return match next {
                    Next::Nothing => Ok(()),
                    _ => Err(END.to_owned()),
                };
            };
            (at, next) = match (next, byte) {
                (Next::ValueOrEnd | Next::AfterItem, b']')
                | (Next::KeyOrEnd | Next::AfterMember, b'}') => {
                    around.pop();
                    (at + 1, after(&around))
                }
                (Next::Value | Next::ValueOrEnd, b'{' | b'[') => {
                    around.push(byte == b'{');
                    if around.len() > DEPTH_LIMIT {
                        return self.wrong(at, "exceeded max depth");
                    }
                    let within = if byte == b'{' {
                        Next::KeyOrEnd
                    } else {
                        Next::ValueOrEnd
                    };
                    (at + 1, within)
                }
                (Next::Value | Next::ValueOrEnd, _) => (self.scalar(at)?, after(&around)),
                (Next::Key | Next::KeyOrEnd, b'"') => (self.string(at + 1)?, Next::Colon),
                (Next::Colon, b':') | (Next::AfterItem, b',') => (at + 1, Next::Value),
                (Next::AfterMember, b',') => (at + 1, Next::Key),
                (Next::Key | Next::KeyOrEnd, _) => {
                    return self.wrong(at, "looking for beginning of object key string");
                }
                (Next::Colon, _) => return self.wrong(at, "after object key"),
                (Next::AfterMember, _) => return self.wrong(at, "after object key:value pair"),
                (Next::AfterItem, _) => return self.wrong(at, "after array element"),
                (Next::Nothing, _) => return self.wrong(at, "after top-level value"),
            };
        }
    }

    fn scalar(&self, at: usize) -> Result<usize, String> {
        match self.peek(at) {
            Some(b'"') => self.string(at + 1),
            Some(b't') => self.word(at, "true"),
            Some(b'f') => self.word(at, "false"),
            Some(b'n') => self.word(at, "null"),
            Some(b'-' | b'0'..=b'9') => self.number(at),
            _ => self.wrong(at, "looking for beginning of value"),
        }
    }

    fn word(&self, at: usize, word: &str) -> Result<usize, String> {
        for (index, letter) in word.bytes().enumerate().skip(1) {
            if self.peek(at + index) != Some(letter) {
                let letter = char::from(letter);
                return self.wrong(
                    at + index,
                    &format!("in literal {word} (expecting '{letter}')"),
                );
            }
        }
        Ok(at + word.len())
    }

    /// The end of a string that begins here.
    fn string(&self, mut at: usize) -> Result<usize, String> {
        loop {
            match (self.peek(at), self.peek(at + 1)) {
                (Some(b'"'), _) => return Ok(at + 1),
                (Some(b'\\'), Some(b'u')) => {
                    at = (at + 2..at + 6).try_fold(at, |_, digit| {
                        match self.peek(digit).is_some_and(|it| it.is_ascii_hexdigit()) {
                            true => Ok(digit + 1),
                            false => self.wrong(digit, "in \\u hexadecimal character escape"),
                        }
                    })?;
                }
                (Some(b'\\'), Some(b'b' | b'f' | b'n' | b'r' | b't' | b'\\' | b'/' | b'"')) => {
                    at += 2
                }
                (Some(b'\\'), _) => return self.wrong(at + 1, "in string escape code"),
                (Some(0..0x20), _) => return self.wrong(at, "in string literal"),
                (None, _) => return Err(END.to_owned()),
                (Some(_), _) => at += 1,
            }
        }
    }

    fn digits(&self, at: usize, context: &str) -> Result<usize, String> {
        let count = self.json[at.min(self.json.len())..]
            .iter()
            .take_while(|it| it.is_ascii_digit())
            .count();
        if count == 0 {
            return self.wrong(at, context);
        }
        Ok(at + count)
    }

    fn number(&self, at: usize) -> Result<usize, String> {
        let start = at + usize::from(self.peek(at) == Some(b'-'));
        let mut at = match self.peek(start) {
            Some(b'0') => start + 1,
            _ => self.digits(start, "in numeric literal")?,
        };
        if self.peek(at) == Some(b'.') {
            at = self.digits(at + 1, "after decimal point in numeric literal")?;
        }
        if let Some(b'e' | b'E') = self.peek(at) {
            let signed = matches!(self.peek(at + 1), Some(b'+' | b'-'));
            let context = "in exponent of numeric literal";
            at = self.digits(at + 1 + usize::from(signed), context)?;
        }
        Ok(at)
    }
}

fn after(around: &[bool]) -> Next {
    match around.last() {
        None => Next::Nothing,
        Some(true) => Next::AfterMember,
        Some(false) => Next::AfterItem,
    }
}

/// A byte as Go quotes it.
fn quoted(byte: u8) -> String {
    match char::from(byte) {
        '\'' => r"'\''".to_owned(),
        '\\' => r"'\\'".to_owned(),
        '\u{7}' => r"'\a'".to_owned(),
        '\u{8}' => r"'\b'".to_owned(),
        '\u{b}' => r"'\v'".to_owned(),
        '\u{c}' => r"'\f'".to_owned(),
        '\n' => r"'\n'".to_owned(),
        '\r' => r"'\r'".to_owned(),
        '\t' => r"'\t'".to_owned(),
        ascii if ascii.is_ascii_control() => format!("'\\x{byte:02x}'"),
        other if other.is_control() || other == '\u{a0}' || other == '\u{ad}' => {
            format!("'\\u{byte:04x}'")
        }
        other => format!("'{other}'"),
    }
}

#[cfg(test)]
mod tests;
