//! Percent-encoding in paths and queries. What is malformed stays as it is; bytes that are no UTF-8 are replaced.

/// A path's part without its encoding.
#[must_use]
pub fn decode(text: &str) -> String {
    decoded(text, false)
}

/// The pairs of a query in their order, without their encoding; one without a value has an empty one.
pub fn pairs(query: &str) -> impl Iterator<Item = (String, String)> {
    let pairs = query.split('&').filter(|it| !it.is_empty());
    let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.map(|(key, value)| (decoded(key, true), decoded(value, true)))
}

/// A part of a path, or a key or value of a query, as it is written there.
#[must_use]
pub fn encode(text: &str) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:".contains(&byte) {
            out.push(byte.into());
        } else {
            let digit = |it: u8| char::from(DIGITS[usize::from(it)]);
            out.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    out
}

fn decoded(text: &str, plus_is_space: bool) -> String {
    let digit = |byte: Option<&u8>| byte.and_then(|it| char::from(*it).to_digit(16));
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escaped = digit(bytes.get(at + 1)).zip(digit(bytes.get(at + 2)));
        match (byte, escaped) {
            (b'%', Some((high, low))) => {
                out.extend(u8::try_from(high << 4 | low));
                at += 2;
            }
            (b'+', _) if plus_is_space => out.push(b' '),
            _ => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8(out)
        .unwrap_or_else(|damaged| String::from_utf8_lossy(damaged.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_decoded() {
        let read: Vec<_> = pairs("a=%C3%A9+%zz&&b&c==%&d=%+1%4").collect();
        let expected = [("a", "é %zz"), ("b", ""), ("c", "=%"), ("d", "% 1%4")];
        let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(read, expected);
        assert_eq!(decode("a+b%2Fc%ff"), "a+b/c\u{fffd}");
    }

    #[test]
    fn what_is_encoded_is_read_again() {
        assert_eq!(encode("a b/é:1,%"), "a%20b%2F%C3%A9:1%2C%25");
        let every: String = ('\0'..'\u{300}').collect();
        assert_eq!(decode(&encode(&every)), every);
    }
}
