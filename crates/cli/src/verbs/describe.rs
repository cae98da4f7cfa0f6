//! `describe`: everything about objects, for people.

use crate::{
    describe::describe,
    flags::Files,
    print,
    selection::{self, Narrow},
    session::Session,
};
use anyhow::Result;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// TYPE [NAME…] or TYPE/NAME…
    words: Vec<String>,
    #[command(flatten)]
    files: Files,
    /// Label selector.
    #[arg(short = 'l', long, default_value = "")]
    selector: String,
    /// In all namespaces.
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    /// Show the events of what is described.
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    show_events: bool,
}

impl Arguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        let narrow = Narrow {
            labels: self.selector.clone(),
            all_namespaces: self.all_namespaces,
            all: true,
            ..Narrow::default()
        };
        let items = selection::items(session, &self.words, &self.files, &narrow).await?;
        if items.is_empty() {
            let namespace = session.namespace().await?;
            eprintln!("No resources found in {namespace} namespace.");
        }
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                print::write("\n\n")?;
            }
            print::write(&describe(session, item, self.show_events).await?)?;
        }
        Ok(())
    }
}
