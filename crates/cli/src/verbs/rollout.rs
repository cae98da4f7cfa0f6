//! `rollout`: how a workload's change goes, has gone, and back.

mod history;
mod status;

use crate::{
    flags::{DryRun, Files},
    live,
    print::Output,
    selection::{self, Narrow},
    session::{STRATEGIC, Session},
};
use anyhow::{Result, bail};
use serde_json::json;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// View rollout history
    History(history::History),
    /// Mark the resource as paused
    Pause(Targets),
    /// Restart the pods of a workload
    Restart(Targets),
    /// Resume a paused resource
    Resume(Targets),
    /// Show the status of the rollout
    Status(status::Status),
    /// Undo a previous rollout
    Undo(history::Undo),
}

/// What is meant.
#[derive(Debug, clap::Args)]
struct Targets {
    /// TYPE NAME… or TYPE/NAME…
    words: Vec<String>,
    #[command(flatten)]
    files: Files,
    /// Label selector.
    #[arg(short = 'l', long, default_value = "")]
    selector: String,
}

impl Targets {
    async fn items(&self, session: &Session) -> Result<Vec<selection::Item>> {
        if self.words.is_empty() && self.files.filenames.is_empty() {
            bail!("required resource not specified");
        }
        let narrow = Narrow {
            labels: self.selector.clone(),
            all: true,
            ..Narrow::default()
        };
        selection::items(session, &self.words, &self.files, &narrow).await
    }
}

impl Arguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        match self.what {
            What::History(it) => it.run(session).await,
            What::Undo(it) => it.run(session).await,
            What::Status(it) => it.run(session).await,
            What::Restart(it) => restart(session, &it).await,
            What::Pause(it) => pause(session, &it, true).await,
            What::Resume(it) => pause(session, &it, false).await,
        }
    }
}

async fn restart(session: &Session, targets: &Targets) -> Result<()> {
    let now = jiff::Zoned::now()
        .strftime("%Y-%m-%dT%H:%M:%S%:z")
        .to_string();
    let now = now.replace("+00:00", "Z");
    for item in targets.items(session).await? {
        if item.object["spec"]["paused"] == true {
            bail!(
                "{}s {:?} can't restart paused deployment (run rollout resume first)",
                item.resource.singular,
                item.name
            );
        }
        let annotations = json!({machinery::workloads::RESTARTED_AT: now});
        let patch = json!({"spec": {"template": {"metadata": {"annotations": annotations}}}});
        change(session, &item, &patch, "restarted").await?;
    }
    Ok(())
}

async fn pause(session: &Session, targets: &Targets, paused: bool) -> Result<()> {
    for item in targets.items(session).await? {
        let is_paused = item.object["spec"]["paused"] == true;
        if is_paused == paused {
            let state = if paused {
                "already paused"
            } else {
                "not paused"
            };
            bail!(
                "{}s.{} {:?} is {state}",
                item.resource.singular,
                item.resource.group,
                item.name
            );
        }
        let patch = json!({"spec": {"paused": paused.then_some(true)}});
        change(
            session,
            &item,
            &patch,
            if paused { "paused" } else { "resumed" },
        )
        .await?;
    }
    Ok(())
}

async fn change(
    session: &Session,
    item: &selection::Item,
    patch: &serde_json::Value,
    what: &str,
) -> Result<()> {
    let object = session
        .patch(item.path(), STRATEGIC, patch, "kubectl-rollout", "")
        .await?;
    live::done(
        &Output::Table,
        &item.resource,
        &object,
        what,
        DryRun::default(),
    )
}
