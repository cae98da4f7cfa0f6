//! `cordon` and `uncordon`: whether new pods may be placed on a node.

use crate::{
    flags::Files,
    print,
    selection::{self, Narrow},
    session::{STRATEGIC, Session},
};
use anyhow::Result;
use serde_json::json;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Nodes.
    #[arg(required = true)]
    nodes: Vec<String>,
}

/// The opposite.
#[derive(Debug, clap::Args)]
pub(crate) struct Uncordon {
    /// Nodes.
    #[arg(required = true)]
    nodes: Vec<String>,
}

impl Arguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        set(session, self.nodes, true).await
    }
}

impl Uncordon {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        set(session, self.nodes, false).await
    }
}

async fn set(session: &Session, nodes: Vec<String>, wanted: bool) -> Result<()> {
    let mut words = vec!["nodes".to_owned()];
    words.extend(
        nodes
            .iter()
            .map(|it| it.trim_start_matches("node/").to_owned()),
    );
    let what = if wanted { "cordoned" } else { "uncordoned" };
    for item in selection::items(session, &words, &Files::default(), &Narrow::default()).await? {
        if item.object["spec"]["unschedulable"]
            .as_bool()
            .unwrap_or(false)
            == wanted
        {
            print::line(&format!("{} already {what}", item.title()))?;
            continue;
        }
        let patch = json!({"spec": {"unschedulable": wanted.then_some(true)}});
        session
            .patch(item.path(), STRATEGIC, &patch, "kubectl-cordon", "")
            .await?;
        print::line(&format!("{} {what}", item.title()))?;
    }
    Ok(())
}
