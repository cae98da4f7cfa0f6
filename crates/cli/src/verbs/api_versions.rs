//! `api-versions`: the group versions the server serves.

use crate::{print, session::Session};
use anyhow::Result;
use std::collections::BTreeSet;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {}

impl Arguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        let all: BTreeSet<String> = session
            .catalogue()
            .await?
            .resources
            .iter()
            .map(crate::resolve::Resource::api_version)
            .collect();
        for version in all {
            print::line(&version)?;
        }
        Ok(())
    }
}
