//! The query of a request. Pure.

/// Name and value pairs, decoded.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn parse(text: &str) -> Self {
        Self(machinery::percent::pairs(text).collect())
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
