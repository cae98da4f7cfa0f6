//! Many objects: what they take in memory, and lists of them.

use super::Run;
use crate::{
    http::{Connection, Encoding},
    load::Latencies,
};
use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use hyper::Method;
use std::time::{Duration, Instant};

/// Times that a list is read.
const LISTS: u32 = 20;
/// Objects in a page.
const PAGE: u64 = 500;
/// Bytes at a list's begin that hold its own metadata.
const HEAD_BYTES: usize = 2048;
/// Time for what a load leaves behind to settle before memory is read.
const SETTLE: Duration = Duration::from_secs(2);

impl Run {
    /// Memory per object, from an empty server to the largest list.
    pub(super) async fn memory(&mut self) -> Result<()> {
        let objects = self.amounts.lists.iter().max().copied().unwrap_or_default();
        tokio::time::sleep(SETTLE).await;
        let before = self.memory_mb()?;
        self.filled(objects).await?;
        tokio::time::sleep(SETTLE).await;
        let Some((before, after)) = before.zip(self.memory_mb()?) else {
            eprintln!("bench: memory is not measured without --pid");
            return Ok(());
        };
        let each = (after - before) * 1e6 / objects.max(1) as f64;
        self.figure("api_memory_per_object", each, "bytes")
            .with("objects", objects)
            .with_number("rss_mb_before", Some(before))
            .with_number("rss_mb", Some(after))
            .print();
        Ok(())
    }

    pub(super) async fn lists(&mut self) -> Result<()> {
        for objects in self.amounts.lists.clone() {
            let path = self.filled(objects).await?;
            self.list(&path, objects, Encoding::Json).await?;
            self.pages(&path, objects).await?;
        }
        Ok(())
    }

    pub(super) async fn list(&self, path: &str, objects: u64, encoding: Encoding) -> Result<()> {
        let mut connection = Connection::open(&self.target).await?.speaking(encoding);
        let mut latencies = Latencies::default();
        let (mut bytes, before) = (0, self.cpu()?);
        for _ in 0..LISTS {
            let start = Instant::now();
            let body = connection.expect(Method::GET, path, Bytes::new()).await?;
            latencies.push(start.elapsed());
            bytes = body.len();
        }
        let cpu = self.cpu_since(before)?;
        self.figure("api_list", latencies.percentile(0.5), "ms")
            .with("objects", objects)
            .with("bytes", bytes)
            .with("encoding", encoding.name())
            .with_number("p99_ms", Some(latencies.percentile(0.99)))
            .with_number("server_cpu_ms_per_list", cpu.map(|it| each_ms(it, LISTS)))
            .print();
        Ok(())
    }

    /// The whole list, page by page.
    async fn pages(&self, path: &str, objects: u64) -> Result<()> {
        let mut connection = Connection::open(&self.target).await?;
        let (mut all, mut each) = (Latencies::default(), Latencies::default());
        let before = self.cpu()?;
        let times = LISTS / 4;
        for _ in 0..times {
            let start = Instant::now();
            let mut token = String::new();
            let mut pages = 0;
            loop {
                let page = Instant::now();
                let path = format!("{path}?limit={PAGE}&continue={token}");
                let body = connection.expect(Method::GET, &path, Bytes::new()).await?;
                each.push(page.elapsed());
                pages += 1;
                match next_page(&body)? {
                    Some(next) => token = next,
                    None => break,
                }
            }
            ensure!(
                pages >= objects / PAGE,
                "the list ended after {pages} pages"
            );
            all.push(start.elapsed());
        }
        let cpu = self.cpu_since(before)?;
        self.figure("api_list_in_pages", all.percentile(0.5), "ms")
            .with("objects", objects)
            .with("page", PAGE)
            .with_number("page_p50_ms", Some(each.percentile(0.5)))
            .with_number("page_p99_ms", Some(each.percentile(0.99)))
            .with_number("server_cpu_ms_per_list", cpu.map(|it| each_ms(it, times)))
            .print();
        Ok(())
    }
}

fn each_ms(seconds: f64, times: u32) -> f64 {
    seconds * 1000.0 / f64::from(times)
}

/// The continue token, without reading the whole list.
fn next_page(body: &[u8]) -> Result<Option<String>> {
    let head = &body[..body.len().min(HEAD_BYTES)];
    // Cut inside a character at worst, behind the metadata.
    let head = String::from_utf8_lossy(head);
    let head = head.split(r#""items""#).next().unwrap_or_default();
    let Some((_, rest)) = head.split_once(r#""continue":""#) else {
        return Ok(None);
    };
    let (token, _) = rest.split_once('"').context("the continue token is cut")?;
    Ok((!token.is_empty()).then(|| token.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_found() {
        let cases = [
            (
                r#"{"metadata":{"resourceVersion":"1","continue":"abc"},"items":[]}"#,
                Some("abc"),
            ),
            (r#"{"metadata":{"continue":""},"items":[]}"#, None),
            (r#"{"metadata":{},"items":[{"continue":"no"}]}"#, None),
        ];
        for (body, token) in cases {
            assert_eq!(next_page(body.as_bytes()).unwrap().as_deref(), token);
        }
        assert!(next_page(br#"{"metadata":{"continue":"ab"#).is_err());
    }
}
