//! `annotate`: sets and removes annotations.

use super::label::{Marks, mark};
use crate::session::Session;
use anyhow::Result;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    marks: Marks,
}

impl Arguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        mark(session, self.marks, "annotations", "annotated", "annotated").await
    }
}
