//! Query strings, as the API reads them.

use machinery::{durations, percent, status::Status};
use std::time::Duration;

/// Decoded pairs in their order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn parse(raw: Option<&str>) -> Self {
        Self(percent::pairs(raw.unwrap_or_default()).collect())
    }

    /// The first value of `key`; `None` when absent or empty.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        let found = self
            .0
            .iter()
            .find(|(own, value)| own == key && !value.is_empty());
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(own, _)| own == key)
            .map(|(_, value)| value.as_str())
    }

    /// A whole number; an absent or empty one is none.
    ///
    /// # Errors
    /// 400 in the words of Go's parser.
    pub(crate) fn integer(&self, key: &str) -> Result<Option<i64>, Status> {
        self.get(key).map_or(Ok(None), |text| {
            text.parse().map(Some).map_err(|_| {
                Status::bad_request(format!(
                    "strconv.ParseInt: parsing {text:?}: invalid syntax"
                ))
            })
        })
    }

    /// What `?timeout=` allows, at most `most`; 0 is upstream's word for that.
    ///
    /// # Errors
    /// 400 for what is no duration.
    pub(crate) fn deadline(&self, most: Duration) -> Result<Duration, Status> {
        let Some(text) = self.get("timeout") else {
            return Ok(most);
        };
        let asked = durations::parse_go(text).map_err(|error| {
            Status::bad_request(format!(
                "invalid timeout specified in the request URL: {error}"
            ))
        })?;
        let asked = Duration::try_from(asked).unwrap_or(most);
        Ok(if asked.is_zero() {
            most
        } else {
            asked.min(most)
        })
    }

    /// `?key`, `?key=true`, `?key=1`: upstream reads all but `false` and `0` as true.
    pub(crate) fn truth(&self, key: &str) -> bool {
        self.all(key)
            .next()
            .is_some_and(|value| !matches!(value, "false" | "0" | "False" | "F" | "f"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_decoded() {
        let query = Query::parse(Some("labelSelector=a%3Db%2Cc&watch=1&empty="));
        assert_eq!(query.get("labelSelector"), Some("a=b,c"));
        assert!(query.truth("watch"));
        assert_eq!(query.get("empty"), None);
    }

    #[test]
    fn damaged_queries_are_read_as_far_as_they_go() {
        const PARTS: [&str; 14] = [
            "limit", "timeout", "watch", "=", "&", "%", "%2", "%41", "%ff", "%zz", "+", "-9", "1h",
            "é",
        ];
        fuzz::run("queries", 3000, |random| {
            let raw = match random.below(2) {
                0 => random.text(&PARTS, 20),
                _ => String::from_utf8_lossy(
                    &random.damaged(b"limit=5&timeout=1h&labelSelector=a%3Db", b"%%41%"),
                )
                .into_owned(),
            };
            let query = Query::parse(Some(&raw));
            let read: usize = query
                .0
                .iter()
                .map(|(key, value)| key.len() + value.len())
                .sum();
            // A byte that is no UTF-8 becomes three.
            assert!(read <= raw.len() * 3, "{raw:?}");
            for key in ["limit", "timeout", "watch"] {
                query.truth(key);
                assert!(
                    query
                        .integer(key)
                        .is_ok_and(|it| it.is_none() == query.get(key).is_none())
                        || query.get(key).is_some()
                );
            }
            let most = Duration::from_secs(60);
            assert!(
                query.deadline(most).is_ok_and(|it| it <= most) || query.get("timeout").is_some(),
                "{raw:?}"
            );
            let escaped: String = raw.bytes().map(|byte| format!("%{byte:02x}")).collect();
            assert_eq!(percent::decode(&escaped), raw);
        });
    }
}
