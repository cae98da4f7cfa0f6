//! Image names as people write them and as they are kept: `nginx` is `docker.io/library/nginx:latest`.
//! Pure.

use std::fmt;

/// Longest name without tag and digest, as upstream.
const NAME_LIMIT: usize = 255;

/// A name with everything spelled out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    /// `docker.io`, `localhost:5000`.
    pub registry: String,
    /// `library/nginx`.
    pub repository: String,
    /// `latest` unless there is a digest.
    pub tag: Option<String>,
    /// `sha256:…`.
    pub digest: Option<String>,
}

impl Name {
    /// Reads a name. The error says what is wrong in upstream's words (`InvalidImageName`).
    pub fn parse(text: &str) -> Result<Self, String> {
        let invalid = |why: &str| format!("couldn't parse image name {text:?}: {why}");
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) if is_digest(digest) => (rest, Some(digest.to_owned())),
            Some(_) => return Err(invalid("invalid digest format")),
            None => (text, None),
        };
        let (name, tag) = match rest.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
            _ => (rest, None),
        };
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return Err(invalid("invalid tag format"));
        }
        let (registry, repository) = match name.split_once('/') {
            Some((first, rest)) if is_host(first) => (first, rest.to_owned()),
            _ => ("docker.io", name.to_owned()),
        };
        let registry = if registry == "index.docker.io" {
            "docker.io"
        } else {
            registry
        };
        let repository = if registry == "docker.io" && !repository.contains('/') {
            format!("library/{repository}")
        } else {
            repository
        };
        if name.len() > NAME_LIMIT {
            return Err(invalid(
                "repository name must not be more than 255 characters",
            ));
        }
        if !repository.split('/').all(is_component) {
            let upper = repository.chars().any(|c| c.is_ascii_uppercase());
            let why = if upper {
                "repository name must be lowercase"
            } else {
                "invalid reference format"
            };
            return Err(invalid(why));
        }
        let tag = tag.map(str::to_owned);
        Ok(Name {
            registry: registry.to_owned(),
            repository,
            tag: tag.or_else(|| digest.is_none().then(|| "latest".to_owned())),
            digest,
        })
    }

    /// Without tag and digest.
    pub fn base(&self) -> String {
        format!("{}/{}", self.registry, self.repository)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

/// Whether this is `sha256:` and 64 hexadecimal digits.
pub(crate) fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:").is_some_and(is_hex)
}

/// Whether this is the hexadecimal part of a digest.
pub(crate) fn is_hex(text: &str) -> bool {
    text.len() == 64
        && text
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

fn is_tag(tag: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    tag.len() <= 128
        && tag.starts_with(word)
        && tag.chars().all(|c| word(c) || c == '.' || c == '-')
}

fn is_host(text: &str) -> bool {
    text == "localhost" || text.contains(['.', ':']) || text.chars().any(|c| c.is_ascii_uppercase())
}

fn is_component(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.starts_with(plain)
        && text.ends_with(plain)
        && text
            .chars()
            .all(|c| plain(c) || matches!(c, '.' | '_' | '-'))
        && !text.contains("..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_spelled_out() {
        let hex = "a".repeat(64);
        let cases = [
            ("nginx", "docker.io/library/nginx:latest".to_owned()),
            ("nginx:1.27", "docker.io/library/nginx:1.27".to_owned()),
            ("bitnami/redis", "docker.io/bitnami/redis:latest".to_owned()),
            (
                "index.docker.io/library/x",
                "docker.io/library/x:latest".to_owned(),
            ),
            ("localhost/x", "localhost/x:latest".to_owned()),
            ("127.0.0.1:5000/a/b:v1", "127.0.0.1:5000/a/b:v1".to_owned()),
            ("localhost:5000/x", "localhost:5000/x:latest".to_owned()),
            (
                "registry.k8s.io/pause:3.9",
                "registry.k8s.io/pause:3.9".to_owned(),
            ),
            (
                &format!("nginx@sha256:{hex}"),
                format!("docker.io/library/nginx@sha256:{hex}"),
            ),
            (
                &format!("nginx:1@sha256:{hex}"),
                format!("docker.io/library/nginx:1@sha256:{hex}"),
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(Name::parse(text).unwrap().to_string(), expected, "{text}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "Nginx",
            "a//b",
            "x:",
            "x:-1",
            "x@sha256:12",
            "a/../b",
            "ngi nx",
            "/x",
            "x/",
        ] {
            assert!(Name::parse(text).is_err(), "{text:?}");
        }
        let upper = Name::parse("Nginx").unwrap_err();
        assert!(upper.contains("must be lowercase"), "{upper}");
    }
}
