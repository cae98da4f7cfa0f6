//! `patch`: changes fields.

use crate::{
    flags::{DryRun, Files},
    live,
    print::Output,
    selection::{self, Narrow},
    session::{JSON_PATCH, MERGE, STRATEGIC, Session},
};
use anyhow::{Context, Result, bail};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// TYPE NAME or TYPE/NAME
    words: Vec<String>,
    #[command(flatten)]
    files: Files,
    /// The patch, as JSON or YAML.
    #[arg(short, long, default_value = "")]
    patch: String,
    /// A file with the patch.
    #[arg(long)]
    patch_file: Option<String>,
    /// json, merge or strategic.
    #[arg(long = "type", default_value = "strategic")]
    kind: String,
    /// A subresource to patch.
    #[arg(long)]
    subresource: Option<String>,
    /// Output format.
    #[arg(short, long, default_value = "")]
    output: String,
    #[command(flatten)]
    dry_run: DryRun,
}

impl Arguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        let text = match &self.patch_file {
            Some(path) => {
                std::fs::read_to_string(path).with_context(|| format!("reading {path}"))?
            }
            None if self.patch.is_empty() => {
                bail!("must specify --patch or --patch-file containing the contents of the patch")
            }
            None => self.patch.clone(),
        };
        let patch = machinery::yaml::parse(text.as_bytes()).context("unable to parse the patch")?;
        let content_type = match self.kind.as_str() {
            "json" => JSON_PATCH,
            "merge" => MERGE,
            "strategic" => STRATEGIC,
            _ => bail!(
                "--type must be one of [json merge strategic], not {:?}",
                self.kind
            ),
        };
        let output = Output::parse(&self.output)?;
        for item in selection::items(session, &self.words, &self.files, &Narrow::default()).await? {
            let mut path = item.path();
            if let Some(subresource) = &self.subresource {
                path = path.part(subresource);
            }
            let mut patched = item.object.clone();
            if !self.dry_run.is_client() {
                let dry_run = self.dry_run.query();
                patched = session
                    .patch(path, content_type, &patch, "kubectl-patch", dry_run)
                    .await?;
            }
            let revision =
                |object: &serde_json::Value| object["metadata"]["resourceVersion"].clone();
            let same =
                revision(&patched) == revision(&item.object) && self.dry_run.query().is_empty();
            let what = if same {
                "patched (no change)"
            } else {
                "patched"
            };
            live::done(&output, &item.resource, &patched, what, self.dry_run)?;
        }
        Ok(())
    }
}
