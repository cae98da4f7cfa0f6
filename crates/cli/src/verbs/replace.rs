//! `replace`: puts whole objects in the place of live ones.

use super::create::Shown;
use crate::{
    failure,
    flags::Files,
    live, manifest,
    print::Output,
    session::{JSON, Session},
};
use anyhow::{Result, bail};
use http::Method;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    files: Files,
    #[command(flatten)]
    shown: Shown,
}

impl Arguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        if self.files.filenames.is_empty() {
            bail!("must specify one of -f and -k");
        }
        let output = Output::parse(&self.shown.output)?;
        for document in manifest::read(&self.files)? {
            let (resource, namespace) = manifest::place(session, &document.object).await?;
            let mut object = manifest::with_namespace(document.object, &namespace);
            let name = object["metadata"]["name"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            if !self.shown.dry_run.is_client() {
                let path = resource
                    .object(&namespace, &name)
                    .query("fieldManager", "kubectl-replace")
                    .query_if("dryRun", self.shown.dry_run.query());
                object = session
                    .send(Method::PUT, &path, JSON, &object)
                    .await
                    .map_err(|error| {
                        failure::about(
                            error,
                            format!("error when replacing {:?}: ", document.source),
                        )
                    })?;
            }
            live::done(&output, &resource, &object, "replaced", self.shown.dry_run)?;
        }
        Ok(())
    }
}
