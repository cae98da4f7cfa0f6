//! Query strings of connections, and the `[scheme:]name[:port]` form of proxied names.

use machinery::{
    percent::{self, encode},
    status::Status,
};

/// Pairs in their order; a key may come more than once.
#[derive(Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads a raw query; malformed escapes stay as they are.
    pub(crate) fn parse(raw: &str) -> Self {
        Self(percent::pairs(raw).collect())
    }

    pub(crate) fn add(&mut self, key: &str, value: &str) {
        self.0.push((key.to_owned(), value.to_owned()));
    }

    pub(crate) fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        let pairs = self.0.iter().filter(move |pair| pair.0 == key);
        pairs.map(|pair| pair.1.as_str())
    }

    pub(crate) fn first<'a>(&'a self, key: &'a str) -> Option<&'a str> {
        self.all(key).next()
    }

    /// Upstream reads every value but these as true.
    pub(crate) fn is_true(&self, key: &str) -> bool {
        self.first(key)
            .is_some_and(|it| !matches!(it.to_ascii_lowercase().as_str(), "false" | "0"))
    }

    /// `path?query`, or the path alone.
    pub(crate) fn onto(&self, path: String) -> String {
        let pairs: Vec<_> = self
            .0
            .iter()
            .map(|(key, value)| format!("{}={}", encode(key), encode(value)))
            .collect();
        joined(&path, &pairs.join("&"))
    }
}

/// A path with its leading slash, and the query when there is one.
pub(crate) fn joined(path: &str, query: &str) -> String {
    let path = path.trim_start_matches('/');
    if query.is_empty() {
        format!("/{path}")
    } else {
        format!("/{path}?{query}")
    }
}

/// The name in a proxy path: `name`, `name:port`, `scheme:name:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyName {
    /// `http`, `https` or empty.
    pub scheme: String,
    /// Object name.
    pub name: String,
    /// Port name or number; empty for the only or first one.
    pub port: String,
}

impl ProxyName {
    /// Reads the form; `None` when it is malformed.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, name, port) = match text.split(':').collect::<Vec<_>>()[..] {
            [name] => ("", name, ""),
            [name, port] => ("", name, port),
            [scheme @ ("" | "http" | "https"), name, port] => (scheme, name, port),
            _ => return None,
        };
        (!name.is_empty()).then(|| Self {
            scheme: scheme.to_owned(),
            name: name.to_owned(),
            port: port.to_owned(),
        })
    }

    /// A name without scheme and port.
    #[must_use]
    pub fn plain(name: &str) -> Self {
        Self {
            scheme: String::new(),
            name: name.to_owned(),
            port: String::new(),
        }
    }

    /// Whether the scheme asks for TLS.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.scheme == "https"
    }

    pub(crate) fn default_port(&self) -> u16 {
        if self.is_tls() { 443 } else { 80 }
    }

    pub(crate) fn port_number(&self) -> Result<Option<u16>, Status> {
        if self.port.is_empty() {
            return Ok(None);
        }
        let number = self.port.parse().ok().filter(|it| *it != 0);
        number.map(Some).ok_or_else(|| {
            Status::bad_request(format!("invalid port in proxy request: {:?}", self.port))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxied_names() {
        let check = |text: &str| {
            ProxyName::parse(text).map(|it| format!("{}|{}|{}", it.scheme, it.name, it.port))
        };
        assert_eq!(check("web").as_deref(), Some("|web|"));
        assert_eq!(check("web:http").as_deref(), Some("|web|http"));
        assert_eq!(check("https:web:443").as_deref(), Some("https|web|443"));
        assert_eq!(check("https:web:").as_deref(), Some("https|web|"));
        assert_eq!(check("ftp:web:1"), None);
        assert_eq!(check(""), None);
    }

    #[test]
    fn queries() {
        let query = Query::parse("command=echo&command=a%20b%26c&tty=false&stdin=1");
        assert_eq!(query.all("command").collect::<Vec<_>>(), ["echo", "a b&c"]);
        assert!(query.is_true("stdin") && !query.is_true("tty") && !query.is_true("stdout"));
        let mut sent = Query::default();
        sent.add("command", "a b&c");
        assert_eq!(sent.onto("/exec".into()), "/exec?command=a%20b%26c");
    }
}
