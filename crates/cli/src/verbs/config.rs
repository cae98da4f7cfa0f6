//! `config`: what the kubeconfig says.

use crate::{print, session::Session};
use anyhow::{Result, bail};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Display the current-context
    CurrentContext,
    /// Display the contexts' names
    GetContexts,
}

impl Arguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        let Some(file) = session.kubeconfig()? else {
            bail!("no kubeconfig was found");
        };
        match self.what {
            What::CurrentContext => match file.current_context {
                Some(context) => print::line(&context),
                None => bail!("current-context is not set"),
            },
            What::GetContexts => {
                for context in &file.contexts {
                    print::line(&context.name)?;
                }
                Ok(())
            }
        }
    }
}
