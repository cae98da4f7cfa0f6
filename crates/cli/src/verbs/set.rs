//! `set image`: other images for the containers of a workload.

use crate::{
    flags::{DryRun, Files},
    live,
    print::Output,
    selection::{self, Narrow},
    session::{STRATEGIC, Session},
};
use anyhow::{Result, bail};
use serde_json::{Value, json};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Update the image of a pod template
    Image(Image),
}

#[derive(Debug, clap::Args)]
struct Image {
    /// TYPE NAME CONTAINER=IMAGE… or TYPE/NAME CONTAINER=IMAGE…
    words: Vec<String>,
    #[command(flatten)]
    files: Files,
    /// Label selector.
    #[arg(short = 'l', long, default_value = "")]
    selector: String,
    /// All of the type.
    #[arg(long)]
    all: bool,
    /// Output format.
    #[arg(short, long, default_value = "")]
    output: String,
    #[command(flatten)]
    dry_run: DryRun,
}

impl Arguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        let What::Image(image) = self.what;
        image.run(session).await
    }
}

impl Image {
    async fn run(self, session: &Session) -> Result<()> {
        let output = Output::parse(&self.output)?;
        let (changes, words): (Vec<String>, Vec<String>) =
            self.words.iter().cloned().partition(|it| it.contains('='));
        if changes.is_empty() {
            bail!("at least one image update is required");
        }
        let narrow = Narrow {
            labels: self.selector.clone(),
            all: self.all,
            ..Narrow::default()
        };
        for item in selection::items(session, &words, &self.files, &narrow).await? {
            let at = if item.resource.kind == "Pod" {
                "/spec"
            } else {
                "/spec/template/spec"
            };
            let Some(spec) = item.object.pointer(at) else {
                bail!("{} has no pod template", item.title());
            };
            let (patch, changed) = changes_of(spec, &changes)?;
            if !changed {
                continue;
            }
            let patch = if at == "/spec" {
                json!({"spec": patch})
            } else {
                json!({"spec": {"template": {"spec": patch}}})
            };
            let mut object = item.object.clone();
            if !self.dry_run.is_client() {
                object = session
                    .patch(
                        item.path(),
                        STRATEGIC,
                        &patch,
                        "kubectl-set",
                        self.dry_run.query(),
                    )
                    .await?;
            }
            live::done(
                &output,
                &item.resource,
                &object,
                "image updated",
                self.dry_run,
            )?;
        }
        Ok(())
    }
}

/// A strategic patch of a pod spec, and whether it changes anything.
fn changes_of(spec: &Value, changes: &[String]) -> Result<(Value, bool)> {
    let (mut patch, mut changed) = (json!({}), false);
    for change in changes {
        let (name, image) = change.split_once('=').unwrap_or_default();
        let mut found = false;
        for list in ["containers", "initContainers"] {
            for container in spec[list].as_array().into_iter().flatten() {
                if name != "*" && container["name"] != name {
                    continue;
                }
                found = true;
                changed |= container["image"] != image;
                let entry = json!({"name": container["name"], "image": image});
                match patch[list].as_array_mut() {
                    Some(entries) => entries.push(entry),
                    None => patch[list] = json!([entry]),
                }
            }
        }
        if !found {
            bail!("unable to find container named {name:?}");
        }
    }
    Ok((patch, changed))
}
