//! `scale`: how many replicas.

use crate::{
    flags::{DryRun, Files},
    live,
    print::Output,
    selection::{self, Narrow},
    session::{JSON, MERGE, Session},
};
use anyhow::{Result, bail};
use serde_json::json;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// TYPE NAME… or TYPE/NAME…
    words: Vec<String>,
    #[command(flatten)]
    files: Files,
    /// The new number of replicas.
    #[arg(long, required = true)]
    replicas: i32,
    /// Only if there are this many now.
    #[arg(long)]
    current_replicas: Option<i64>,
    /// Label selector.
    #[arg(short = 'l', long, default_value = "")]
    selector: String,
    /// All of the type, in the namespace.
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
        if self.replicas < 0 {
            bail!(
                "The --replicas=COUNT flag is required, and COUNT must be greater than or equal to 0"
            );
        }
        let output = Output::parse(&self.output)?;
        let narrow = Narrow {
            labels: self.selector.clone(),
            all: self.all,
            ..Narrow::default()
        };
        for item in selection::items(session, &self.words, &self.files, &narrow).await? {
            if !self.dry_run.is_client() {
                let path = item.path().part("scale");
                if let Some(expected) = self.current_replicas {
                    let scale = session.get(&path, JSON).await?;
                    let actual = scale["spec"]["replicas"].as_i64().unwrap_or(0);
                    if actual != expected {
                        bail!("Expected replicas to be {expected}, was {actual}");
                    }
                }
                let patch = json!({"spec": {"replicas": self.replicas}});
                let dry_run = self.dry_run.query();
                session
                    .patch(path, MERGE, &patch, "kubectl-scale", dry_run)
                    .await?;
            }
            live::done(
                &output,
                &item.resource,
                &item.object,
                "scaled",
                self.dry_run,
            )?;
        }
        Ok(())
    }
}
