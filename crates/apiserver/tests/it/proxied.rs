//! Web pages through the proxy subresource: redirects, links, and what the page's server is told.

use crate::wire::listen;
use flate2::{Compression, write::GzEncoder};
use serde_json::json;
use std::io::Write as _;

const PAGE: &[u8] = br#"<a href="/x">t</a>"#;

/// What the test's node says at some paths.
pub(crate) fn page(path: &str, head: &str) -> Option<Vec<u8>> {
    let (fields, body) = match path {
        "/page?a=b" => ("Content-Type: text/html; charset=utf-8\r\n", PAGE.to_vec()),
        "/packed" => {
            let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
            packed.write_all(PAGE).unwrap();
            let fields = "Content-Type: text/html\r\nContent-Encoding: gzip\r\n";
            (fields, packed.finish().unwrap())
        }
        "/broken" => {
            let fields = "Content-Type: text/html\r\nContent-Encoding: gzip\r\n";
            (fields, PAGE.to_vec())
        }
        "/long" => {
            let mut page = PAGE.to_vec();
            page.resize((4 << 20) + 1, b' ');
            ("Content-Type: text/html\r\n", page)
        }
        "/text" => ("Content-Type: text/plain\r\n", PAGE.to_vec()),
        "/moved" => ("Location: /to/\r\n", Vec::new()),
        "/told/" => ("", head.to_lowercase().into_bytes()),
        _ => return None,
    };
    let head = format!(
        "HTTP/1.1 200 OK\r\n{fields}Content-Length: {}\r\n\r\n",
        body.len()
    );
    Some([head.into_bytes(), body].concat())
}

#[tokio::test]
async fn pages_lead_back_through_the_proxy() {
    let wire = listen().await;
    wire.post("/api/v1/nodes", &json!({ "metadata": { "name": "n" } }))
        .await;
    let (admin, root) = (wire.admin(), "/api/v1/nodes/n/proxy");
    let linked = format!("\r\n\r\n<a href=\"{root}/x\">t</a>");
    let unlinked = "\r\n\r\n<a href=\"/x\">t</a>";
    for (path, expected) in [
        ("/page?a=b", &*linked),
        ("/packed", &linked),
        ("/text", unlinked),
        ("/broken", unlinked),
        ("/moved", &format!("location: {root}/to/\r\n")),
        ("/told/", &format!("x-forwarded-uri: {root}/told/\r\n")),
        ("/told/", "\r\nhost: door\r\n"),
        ("/", "\r\n\r\n/"),
    ] {
        let answer = wire.ask(Some(&admin), &format!("{root}{path}"), "").await;
        assert!(answer.contains(expected), "{path}: {answer}");
    }
    let long = wire.ask(Some(&admin), &format!("{root}/long"), "").await;
    let (head, body) = long.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("content-length: 4194305\r\n"), "{head}");
    assert!(body.starts_with(unlinked.trim()) && body.len() == (4 << 20) + 1);
    let root_less = wire.ask(Some(&admin), &format!("{root}?a=b"), "").await;
    assert!(root_less.starts_with("HTTP/1.1 301"), "{root_less}");
    let location = format!("location: {root}/?a=b\r\n");
    assert!(root_less.contains(&location), "{root_less}");
}
