//! Base64 as Go reads it (`encoding/base64`'s `StdEncoding`): line breaks count for nothing, and the bits
//! that are left over may be anything.

use base64::{Engine, engine::general_purpose::STANDARD};

/// Where base64 is malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("illegal base64 data at input byte {0}")]
pub(crate) struct Corrupt(pub(crate) usize);

/// The same bytes, written as others read them, too.
pub(crate) fn canonical(text: &str) -> Result<String, Corrupt> {
    Ok(STANDARD.encode(decode(text.as_bytes())?))
}

/// The bytes.
pub(crate) fn decode(text: &[u8]) -> Result<Vec<u8>, Corrupt> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let mut at = skip_breaks(text, 0);
    while at < text.len() {
        let (mut group, mut count) = (0u32, 0);
        while count < 4 {
            let Some(letter) = text.get(at) else {
                return Err(Corrupt(at - count));
            };
            at += 1;
            match value(*letter) {
                Some(bits) => {
                    group = group << 6 | bits;
                    count += 1;
                }
                None if is_break(*letter) => {}
                None if *letter == b'=' && count >= 2 => break,
                None => return Err(Corrupt(at - 1)),
            }
        }
        if count < 4 {
            at = padding(text, at, count)?;
        }
        let whole = (group << (6 * (4 - count))).to_be_bytes();
        bytes.extend_from_slice(&whole[1..count]);
        at = skip_breaks(text, at);
    }
    Ok(bytes)
}

/// The end of text of which the first padding was read.
fn padding(text: &[u8], at: usize, count: usize) -> Result<usize, Corrupt> {
    let mut at = skip_breaks(text, at);
    if count == 2 {
        match text.get(at) {
            None => return Err(Corrupt(text.len())),
            Some(b'=') => at = skip_breaks(text, at + 1),
            Some(_) => return Err(Corrupt(at - 1)),
        }
    }
    match text.len() {
        end if end == at => Ok(at),
        _ => Err(Corrupt(at)),
    }
}

fn skip_breaks(text: &[u8], at: usize) -> usize {
    let breaks = text[at..].iter().take_while(|letter| is_break(**letter));
    at + breaks.count()
}

fn is_break(letter: u8) -> bool {
    matches!(letter, b'\r' | b'\n')
}

fn value(letter: u8) -> Option<u32> {
    let (first, least) = match letter {
        b'A'..=b'Z' => (b'A', 0),
        b'a'..=b'z' => (b'a', 26),
        b'0'..=b'9' => (b'0', 52),
        b'+' => (b'+', 62),
        b'/' => (b'/', 63),
        _ => return None,
    };
    Some(u32::from(letter - first) + least)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_go_reads_it() {
        let table: [(&str, Result<&str, usize>); 27] = [
            ("", Ok("")),
            ("\n", Ok("")),
            ("AAA=\n", Ok("\0\0")),
            ("AAAA\n", Ok("\0\0\0")),
            ("!!!!", Err(0)),
            ("====", Err(0)),
            ("x===", Err(1)),
            ("=AAA", Err(0)),
            ("A=AA", Err(1)),
            ("AA=A", Err(2)),
            ("AA==A", Err(4)),
            ("AAA=AAAA", Err(4)),
            ("AAAAA", Err(4)),
            ("AAAAAA", Err(4)),
            ("A=", Err(1)),
            ("A==", Err(1)),
            ("AA=", Err(3)),
            ("AA==", Ok("\0")),
            ("AAAAAA=", Err(7)),
            ("YWJjZA=====", Err(8)),
            ("A!\n", Err(1)),
            ("A=\n", Err(1)),
            ("c3VyZQ==", Ok("sure")),
            ("c3VyZQ=\r\n=\n", Ok("sure")),
            ("c3\nVy\r\nZWx5", Ok("surely")),
            ("\nc3VyZQ==\n\n", Ok("sure")),
            ("c3VyZR==", Ok("sure")),
        ];
        for (text, expected) in table {
            let expected = expected.map(|it| it.as_bytes().to_vec());
            assert_eq!(
                decode(text.as_bytes()),
                expected.map_err(Corrupt),
                "{text:?}"
            );
        }
    }

    #[test]
    fn what_others_read_is_read_alike() {
        let bytes: Vec<u8> = (0..=255).collect();
        for end in 0..bytes.len() {
            let text = STANDARD.encode(&bytes[..end]);
            assert_eq!(decode(text.as_bytes()).unwrap(), bytes[..end]);
            assert_eq!(canonical(&text).unwrap(), text);
        }
    }
}
