//! UIDs as the graph keeps them: a UUID in 16 bytes instead of the 36 of its text.

/// A UID.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Uid {
    /// As the server makes them.
    Uuid([u8; 16]),
    /// As somebody may have written one into an owner reference.
    Other(Box<str>),
}

impl Uid {
    /// The UID with this text.
    pub(super) fn of(text: &str) -> Self {
        uuid(text.as_bytes()).map_or_else(|| Self::Other(text.into()), Self::Uuid)
    }
}

/// The bytes of `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` in lower case: no two texts have the same.
fn uuid(text: &[u8]) -> Option<[u8; 16]> {
    if text.len() != 36 {
        return None;
    }
    let mut bytes = [0; 16];
    let mut digits = 0;
    for (at, character) in text.iter().enumerate() {
        if matches!(at, 8 | 13 | 18 | 23) {
            if *character != b'-' {
                return None;
            }
            continue;
        }
        let digit = match character {
            b'0'..=b'9' => character - b'0',
            b'a'..=b'f' => character - b'a' + 10,
            _ => return None,
        };
        bytes[digits / 2] = bytes[digits / 2] << 4 | digit;
        digits += 1;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_are_equal_and_others_are_not() {
        let plain = "0a1b2c3d-4e5f-4789-abcd-ef0123456789";
        let mut bytes = *b"\x0a\x1b\x2c\x3d\x4e\x5f\x47\x89\xab\xcd\xef\x01\x23\x45\x67\x89";
        assert_eq!(Uid::of(plain), Uid::Uuid(bytes));
        bytes[15] = 0x88;
        assert_ne!(Uid::of(plain), Uid::Uuid(bytes));
        for other in [
            "",
            "u",
            "0A1b2c3d-4e5f-4789-abcd-ef0123456789",
            "0a1b2c3d-4e5f-4789-abcd-ef012345678",
            "0a1b2c3d44e5f-4789-abcd-ef0123456789",
            "0a1b2c3d-4e5f-4789-abcd-ef012345678g",
        ] {
            assert_eq!(Uid::of(other), Uid::Other(other.into()));
        }
    }
}
