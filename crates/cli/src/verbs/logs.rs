//! `logs`: what containers print.

use super::exec::{container, find};
use crate::{
    flags::Files,
    print,
    selection::{self, Item, Narrow},
    session::Session,
};
use anyhow::{Result, bail};
use bytes::Bytes;
use futures::StreamExt;
use http::Method;
use http_body_util::BodyExt;
use std::io::Write;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// POD or TYPE/NAME
    pod: Option<String>,
    /// Container, as a second word.
    second: Option<String>,
    /// Container.
    #[arg(short, long)]
    container: Option<String>,
    /// All containers.
    #[arg(long)]
    all_containers: bool,
    /// Go on as more is printed.
    #[arg(short, long)]
    follow: bool,
    /// The container's previous run.
    #[arg(short, long)]
    previous: bool,
    /// Lines from the end; -1 for all.
    #[arg(long, allow_negative_numbers = true)]
    tail: Option<i64>,
    /// Newer than this: 5s, 2m, 3h.
    #[arg(long)]
    since: Option<String>,
    /// Newer than this time.
    #[arg(long)]
    since_time: Option<String>,
    /// With time stamps.
    #[arg(long)]
    timestamps: bool,
    /// At most this many bytes.
    #[arg(long)]
    limit_bytes: Option<u64>,
    /// Lines begin with pod and container.
    #[arg(long)]
    prefix: bool,
    /// Label selector instead of a name.
    #[arg(short = 'l', long, default_value = "")]
    selector: String,
}

impl Arguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        let pods = match (&self.pod, self.selector.is_empty()) {
            (Some(pod), _) => vec![find(session, pod).await?],
            (None, false) => {
                let narrow = Narrow {
                    labels: self.selector.clone(),
                    ..Narrow::default()
                };
                selection::items(session, &["pods".to_owned()], &Files::default(), &narrow).await?
            }
            (None, true) => bail!(
                "expected 'logs [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]'.\nPOD or TYPE/NAME is a required argument for the logs command"
            ),
        };
        let mut streams = Vec::new();
        for pod in &pods {
            let asked = self.container.as_deref().or(self.second.as_deref());
            let names = if self.all_containers {
                ["initContainers", "containers"]
                    .iter()
                    .flat_map(|list| pod.object["spec"][*list].as_array().into_iter().flatten())
                    .filter_map(|it| Some(it["name"].as_str()?.to_owned()))
                    .collect()
            } else {
                vec![container(pod, asked, false)?]
            };
            streams.extend(
                names
                    .into_iter()
                    .map(|name| self.stream(session, pod, name)),
            );
        }
        if self.follow {
            // All at once; the first failure ends them.
            futures::future::try_join_all(streams).await?;
        } else {
            for stream in streams {
                stream.await?;
            }
        }
        Ok(())
    }

    fn path(&self, pod: &Item, container: &str) -> Result<client::Path> {
        let mut path = pod.path().part("log").query("container", container);
        for (name, set) in [
            ("follow", self.follow),
            ("previous", self.previous),
            ("timestamps", self.timestamps),
        ] {
            if set {
                path = path.query(name, "true");
            }
        }
        let default = (!self.selector.is_empty() && !self.follow).then_some(10);
        if let Some(lines) = self.tail.or(default).filter(|it| *it >= 0) {
            path = path.query("tailLines", &lines.to_string());
        }
        if let Some(since) = &self.since {
            let seconds = machinery::durations::parse_go(since)?.as_secs();
            path = path.query("sinceSeconds", &seconds.max(1).to_string());
        }
        if let Some(time) = &self.since_time {
            path = path.query("sinceTime", time);
        }
        if let Some(bytes) = self.limit_bytes {
            path = path.query("limitBytes", &bytes.to_string());
        }
        Ok(path)
    }

    async fn stream(&self, session: &Session, pod: &Item, container: String) -> Result<()> {
        let path = self.path(pod, &container)?;
        let response = session
            .open(Method::GET, &path, "*/*", "", Bytes::new())
            .await?;
        let mut chunks = response.into_body().into_data_stream();
        let prefix = format!("[pod/{}/{container}] ", pod.name);
        let mut line = Vec::new();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk?;
            if !self.prefix {
                let mut out = std::io::stdout().lock();
                out.write_all(&chunk)?;
                out.flush()?;
                continue;
            }
            for part in chunk.split_inclusive(|byte| *byte == b'\n') {
                line.extend_from_slice(part);
                if line.ends_with(b"\n") {
                    print::write(&format!("{prefix}{}", String::from_utf8_lossy(&line)))?;
                    line.clear();
                }
            }
        }
        Ok(())
    }
}
