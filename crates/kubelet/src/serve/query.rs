//! The query of a request. Pure.

/// Name and value pairs, decoded.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn parse(text: &str) -> Self {
        let pairs = text.split('&').filter(|it| !it.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        });
        Self(pairs.collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
            .filter(|it| !it.is_empty())
    }

    pub(super) fn all(&self, name: &str) -> Vec<String> {
        self.0
            .iter()
            .filter(|(known, _)| known == name)
            .map(|(_, value)| value.clone())
            .collect()
    }

    pub(super) fn is_set(&self, name: &str) -> bool {
        matches!(self.get(name), Some("true" | "1"))
    }

    /// A number, if one was given; the error names the parameter.
    pub(super) fn number(&self, name: &str) -> Result<Option<i64>, String> {
        self.get(name)
            .map(|it| {
                it.parse()
                    .map_err(|_| format!("invalid value {it:?} for parameter {name}"))
            })
            .transpose()
    }
}

/// Undoes percent-encoding; `+` is a space. What is malformed stays.
pub(super) fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let hex = text
            .get(at + 1..at + 3)
            .and_then(|it| u8::from_str_radix(it, 16).ok());
        match (byte, hex) {
            (b'%', Some(value)) => {
                out.push(value);
                at += 3;
                continue;
            }
            (b'+', _) => out.push(b' '),
            _ => out.push(*byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries() {
        let query =
            Query::parse("command=sh&command=-c&command=echo+%22h%C3%A9%22%&tty=1&tail=x&follow=");
        assert_eq!(query.all("command"), ["sh", "-c", "echo \"hé\"%"]);
        assert!(query.is_set("tty") && !query.is_set("follow"));
        assert_eq!(
            query.number("tail"),
            Err("invalid value \"x\" for parameter tail".into())
        );
        assert_eq!(query.number("none"), Ok(None));
    }
}
