//! Links of a web page that is seen through a proxy: those that begin at the page's root lead back through
//! the proxy (upstream: apimachinery's `util/proxy`). Only the values of such links change; every other byte
//! of the page stays.

/// Where the page hangs, and which hosts are its own.
pub(super) struct Mount {
    /// The path under which the page's root is seen; without a slash at its end.
    pub(super) prefix: String,
    /// The address that was asked: links to it lose their host.
    pub(super) asked: String,
    /// The host that the client named: links to it keep it.
    pub(super) named: String,
}

impl Mount {
    /// The link as the client has to follow it; none when it can as it is.
    pub(super) fn link(&self, target: &str) -> Option<String> {
        let (host, begin) = match target.find("//") {
            Some(slashes) if is_scheme(&target[..slashes]) => {
                let host = &target[slashes + 2..];
                let end = host.find(['/', '?', '#']).unwrap_or(host.len());
                (Some(&host[..end]), slashes + 2 + end)
            }
            _ => (None, 0),
        };
        let (before, path) = target.split_at(begin);
        let foreign = host.is_some_and(|host| host != self.asked && host != self.named);
        if foreign || !path.starts_with('/') {
            return None;
        }
        let before = if host == Some(&*self.named) {
            before
        } else {
            ""
        };
        let prefix = if path.starts_with(&self.prefix) {
            ""
        } else {
            &self.prefix
        };
        let link = format!("{before}{prefix}{path}");
        (link != target).then_some(link)
    }

    /// The page with its links as the client has to follow them.
    pub(super) fn page(&self, html: &[u8]) -> Vec<u8> {
        let mut scanner = Scanner { html, at: 0 };
        let mut out = Vec::with_capacity(html.len());
        let mut copied = 0;
        while let Some(tag) = scanner.tag() {
            while let Some((name, start, end)) = scanner.attribute() {
                let link = is_link(&tag, &name)
                    .then(|| std::str::from_utf8(&html[start..end]).ok())
                    .flatten()
                    .and_then(|link| self.link(link));
                if let Some(link) = link {
                    out.extend_from_slice(&html[copied..start]);
                    out.extend_from_slice(link.as_bytes());
                    copied = end;
                }
            }
            scanner.skip_text_of(&tag);
        }
        out.extend_from_slice(&html[copied..]);
        out
    }
}

/// Whether this stands before the slashes of a host: nothing, or a scheme with its colon.
fn is_scheme(text: &str) -> bool {
    text.is_empty()
        || text.strip_suffix(':').is_some_and(|scheme| {
            scheme.starts_with(|it: char| it.is_ascii_alphabetic())
                && scheme
                    .chars()
                    .all(|it| it.is_ascii_alphanumeric() || "+-.".contains(it))
        })
}

/// Whether HTML says that this attribute of this element is a link.
fn is_link(tag: &str, attribute: &str) -> bool {
    let links: &[&str] = match tag {
        "a" | "area" | "base" | "link" => &["href"],
        "applet" => &["codebase"],
        "audio" | "embed" | "script" | "source" => &["src"],
        "blockquote" | "del" | "ins" | "q" => &["cite"],
        "body" => &["background"],
        "button" => &["formaction"],
        "command" => &["icon"],
        "form" => &["action"],
        "frame" | "iframe" => &["longdesc", "src"],
        "head" => &["profile"],
        "html" => &["manifest"],
        "img" => &["longdesc", "src", "usemap"],
        "input" => &["src", "usemap", "formaction"],
        "object" => &["classid", "codebase", "data", "usemap"],
        "video" => &["poster", "src"],
        _ => &[],
    };
    links.contains(&attribute)
}

/// Walks the opening tags of a page; what is no tag is stepped over, however broken it is.
struct Scanner<'a> {
    html: &'a [u8],
    at: usize,
}

impl Scanner<'_> {
    /// The name of the next opening tag, in small letters; the scanner stands behind it.
    fn tag(&mut self) -> Option<String> {
        loop {
            self.skip(|byte| byte != b'<');
            self.at += 1;
            if self.rest().starts_with(b"!--") {
                self.skip_past(b"-->");
            } else if self.rest().first()?.is_ascii_alphabetic() {
                return Some(self.word(|byte| !is_space(byte) && !b"/>".contains(&byte)));
            }
        }
    }

    /// The next attribute of the tag: its name in small letters, and where its value stands.
    fn attribute(&mut self) -> Option<(String, usize, usize)> {
        self.skip(|byte| is_space(byte) || byte == b'/');
        if matches!(self.rest().first(), None | Some(b'>')) {
            return None;
        }
        let name = self.word(|byte| !is_space(byte) && !b"/>=".contains(&byte));
        self.skip(is_space);
        if self.rest().first() != Some(&b'=') {
            return Some((name, self.at, self.at));
        }
        self.at += 1;
        self.skip(is_space);
        let quote = self.rest().first().copied();
        let quote = quote.filter(|byte| b"\"'".contains(byte));
        self.at += usize::from(quote.is_some());
        let start = self.at;
        match quote {
            Some(quote) => self.skip(|byte| byte != quote),
            None => self.skip(|byte| !is_space(byte) && byte != b'>'),
        }
        let end = self.at;
        self.at += usize::from(quote.is_some() && end < self.html.len());
        Some((name, start, end))
    }

    /// Steps over the text of an element in which nothing is a tag.
    fn skip_text_of(&mut self, tag: &str) {
        let raw = [
            "iframe",
            "noembed",
            "noframes",
            "plaintext",
            "script",
            "style",
            "textarea",
            "title",
            "xmp",
        ];
        if !raw.contains(&tag) {
            return;
        }
        while self.at < self.html.len() {
            let ends = self.rest().strip_prefix(b"</").is_some_and(|rest| {
                rest.get(..tag.len())
                    .is_some_and(|name| name.eq_ignore_ascii_case(tag.as_bytes()))
            });
            if ends {
                return;
            }
            self.at += 1;
            self.skip(|byte| byte != b'<');
        }
    }

    fn rest(&self) -> &[u8] {
        self.html.get(self.at..).unwrap_or_default()
    }

    fn skip(&mut self, is_more: impl Fn(u8) -> bool) {
        let rest = self.rest();
        let end = rest.iter().position(|byte| !is_more(*byte));
        self.at += end.unwrap_or(rest.len());
    }

    fn skip_past(&mut self, end: &[u8]) {
        let rest = self.rest();
        let found = rest.windows(end.len()).position(|it| it == end);
        self.at += found.map_or(rest.len(), |found| found + end.len());
    }

    fn word(&mut self, is_more: impl Fn(u8) -> bool) -> String {
        let start = self.at;
        // At least one byte: the scanner must get on.
        self.at += 1;
        self.skip(is_more);
        String::from_utf8_lossy(&self.html[start..self.at]).to_ascii_lowercase()
    }
}

fn is_space(byte: u8) -> bool {
    b" \t\n\r\x0c".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount() -> Mount {
        Mount {
            prefix: "/api/p/proxy".to_owned(),
            asked: "10.42.0.9:80".to_owned(),
            named: "door:6443".to_owned(),
        }
    }

    #[test]
    fn links_from_the_root_lead_through_the_proxy() {
        for (target, expected) in [
            ("/", Some("/api/p/proxy/")),
            ("/a/b/?q=/x#f", Some("/api/p/proxy/a/b/?q=/x#f")),
            ("/?to=http://other/", Some("/api/p/proxy/?to=http://other/")),
            ("http://10.42.0.9:80/a", Some("/api/p/proxy/a")),
            ("//10.42.0.9:80/a", Some("/api/p/proxy/a")),
            (
                "https://door:6443/a",
                Some("https://door:6443/api/p/proxy/a"),
            ),
            ("/api/p/proxy/a", None),
            ("a/b", None),
            ("", None),
            ("#top", None),
            ("http://other/a", None),
            ("http://10.42.0.9:80", None),
            ("mailto:x@y", None),
            ("javascript:go('//x')", None),
        ] {
            assert_eq!(mount().link(target).as_deref(), expected, "{target}");
        }
    }

    #[test]
    fn only_links_of_a_page_change() {
        for (html, expected) in [
            (r#"<a href="/x">t</a>"#, r#"<a href="/api/p/proxy/x">t</a>"#),
            (
                "<A class=b HREF='/x' /><img src=/y>",
                "<A class=b HREF='/api/p/proxy/x' /><img src=/api/p/proxy/y>",
            ),
            (
                "<!-- <a href='/x'> --><a href = '/x'>",
                "<!-- <a href='/x'> --><a href = '/api/p/proxy/x'>",
            ),
            (
                "<script src='/s'>'<a href=\"/x\">'</SCRIPT><a href='/x'>",
                "<script src='/api/p/proxy/s'>'<a href=\"/x\">'</SCRIPT><a href='/api/p/proxy/x'>",
            ),
        ] {
            let page = mount().page(html.as_bytes());
            assert_eq!(String::from_utf8(page).unwrap(), expected);
        }
        for html in [
            "",
            "<",
            "<a",
            "<a href",
            "<a href=",
            "<a href='/x",
            "<a =>",
            "<!--",
            "<script",
            "<script>",
            "<script></scr",
            "a < b <div href='/x'> </a href='/x'> <a data-href='/x' href='x'>",
        ] {
            let page = mount().page(html.as_bytes());
            let expected = html.replace("<a href='/x", "<a href='/api/p/proxy/x");
            assert_eq!(String::from_utf8(page).unwrap(), expected, "{html}");
        }
        assert_eq!(mount().page(b"<a href=\"/\xff\">"), b"<a href=\"/\xff\">");
    }
}
