//! `create`: new objects from files, or from a few words.

mod generate;

use crate::{
    failure,
    flags::{DryRun, Files},
    live, manifest,
    print::Output,
    session::Session,
};
use anyhow::{Result, bail};
use serde_json::Value;

const MANAGER: &str = "kubectl-create";

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    files: Files,
    #[command(flatten)]
    shown: Shown,
    #[command(subcommand)]
    generate: Option<generate::Generate>,
}

/// How the result is shown and how far it goes.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Shown {
    #[command(flatten)]
    pub(crate) dry_run: DryRun,
    /// Output format: json, yaml, name.
    #[arg(short, long, default_value = "")]
    pub(crate) output: String,
    /// Keep the configuration in the last-applied annotation for a later apply.
    #[arg(long)]
    pub(crate) save_config: bool,
}

impl Arguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        if let Some(generate) = self.generate {
            return generate.run(session).await;
        }
        if self.files.filenames.is_empty() {
            bail!("must specify one of -f and -k");
        }
        let mut failed = None;
        for document in manifest::read(&self.files)? {
            let source = format!("error when creating {:?}: ", document.source);
            if let Err(error) = create(session, document.object, &self.shown, MANAGER).await
                && let Some(earlier) = failed.replace(failure::about(error, source))
            {
                eprintln!("{}", failure::text(&earlier));
            }
        }
        failed.map_or(Ok(()), Err)
    }
}

/// Creates one object where it belongs and shows it.
pub(crate) async fn create(
    session: &Session,
    object: Value,
    shown: &Shown,
    manager: &str,
) -> Result<()> {
    let output = Output::parse(&shown.output)?;
    let (resource, namespace) = manifest::place(session, &object).await?;
    let object = if shown.dry_run.is_client() && session.flags.namespace.is_none() {
        object
    } else {
        manifest::with_namespace(object, &namespace)
    };
    let object = if shown.save_config {
        super::apply::annotated(object)
    } else {
        object
    };
    let created = if shown.dry_run.is_client() {
        object
    } else {
        session
            .create(
                &resource,
                &namespace,
                &object,
                manager,
                shown.dry_run.query(),
            )
            .await?
    };
    live::done(&output, &resource, &created, "created", shown.dry_run)
}
