//! Names of images as upstream's `ParseImageName` reads them: `domain:port/path:tag@digest`. What may be left
//! out does not matter here; what is no such name has neither tag nor digest.

/// What follows the name.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Image<'a> {
    pub(super) tag: Option<&'a str>,
    pub(super) digest: Option<&'a str>,
}

const NAME_LIMIT_BYTES: usize = 255;
const TAG_LIMIT_BYTES: usize = 128;
const DIGEST_LEAST_DIGITS: usize = 32;
const IDENTIFIER_DIGITS: usize = 64;
const DEFAULT_DOMAIN: &str = "docker.io";
const DEFAULT_FOLDER: &str = "library/";

/// Reads the name of an image, when it is one.
pub(super) fn parse(text: &str) -> Option<Image<'_>> {
    let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if text.len() == IDENTIFIER_DIGITS && text.bytes().all(hex) {
        return None;
    }
    let (rest, digest) = match text.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (text, None),
    };
    let first = rest.split_once('/');
    let (domain, path) = first
        .filter(|it| it.0 == "localhost" || it.0.contains(['.', ':']))
        .unwrap_or((DEFAULT_DOMAIN, rest));
    let (path, tag) = match path.split_once(':') {
        Some((path, tag)) => (path, Some(tag)),
        None => (path, None),
    };
    let folder = match domain == DEFAULT_DOMAIN && !path.contains('/') {
        true => DEFAULT_FOLDER.len(),
        false => 0,
    };
    let fits = domain.len() + 1 + folder + path.len() <= NAME_LIMIT_BYTES;
    let good = fits
        && is_domain(domain)
        && path.split('/').all(is_component)
        && tag.is_none_or(is_tag)
        && digest.is_none_or(is_digest);
    good.then_some(Image { tag, digest })
}

/// Words between dots, and a port.
fn is_domain(text: &str) -> bool {
    let (host, port) = match text.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    };
    let word = |word: &str| {
        let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !word.is_empty()
            && word.bytes().all(inner)
            && !word.starts_with('-')
            && !word.ends_with('-')
    };
    let digits = |it: &str| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit());
    host.split('.').all(word) && port.is_none_or(digits)
}

/// Small letters and digits, with a dot, up to two underscores or any number of hyphens between them.
fn is_component(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let mut gaps = text.split(|it: char| it.is_ascii_lowercase() || it.is_ascii_digit());
    text.bytes().next().is_some_and(word)
        && text.bytes().last().is_some_and(word)
        && gaps.all(|it| matches!(it, "" | "." | "_" | "__") || it.bytes().all(|it| it == b'-'))
}

fn is_tag(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    text.len() <= TAG_LIMIT_BYTES
        && text.bytes().next().is_some_and(word)
        && text.bytes().all(|it| word(it) || it == b'.' || it == b'-')
}

/// `sha256:` and many digits.
fn is_digest(text: &str) -> bool {
    let Some((algorithm, digits)) = text.split_once(':') else {
        return false;
    };
    let word = |word: &str| {
        word.starts_with(|it: char| it.is_ascii_alphabetic())
            && word.bytes().all(|it| it.is_ascii_alphanumeric())
    };
    algorithm.split(['-', '_', '+', '.']).all(word)
        && digits.len() >= DIGEST_LEAST_DIGITS
        && digits.bytes().all(|it| it.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_upstream_reads_them() {
        let digest = "sha256:0123456789abcdef0123456789abcdef";
        let with = |image: &str| format!("{image}@{digest}");
        for (text, tag, digested) in [
            ("nginx", None, false),
            ("nginx:1.27", Some("1.27"), false),
            ("localhost:5000/a/b__c-d:latest", Some("latest"), false),
            ("registry.example.com/a", None, false),
            (&with("a/b"), None, true),
            (&with("a/b:v1"), Some("v1"), true),
        ] {
            let digest = digested.then_some(digest);
            assert_eq!(parse(text), Some(Image { tag, digest }), "{text}");
        }
        let long = "a".repeat(256);
        let identifier = "0123456789abcdef".repeat(4);
        for text in [
            "",
            "Nginx",
            "a//b",
            "a:",
            "a b",
            "a:b:c",
            "a___b",
            "-a",
            "a@sha256:0123",
            "a:-b",
            "x.y:port/a",
            &long,
            &identifier,
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
