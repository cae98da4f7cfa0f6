//! `version`: of this program and of the server.

use crate::{
    print,
    session::{JSON, Session},
};
use anyhow::{Result, bail};
use client::Path;
use machinery::versions;
use serde_json::{Value, json};

/// Kustomize is not built in; kubectl prints the line all the same.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Only the client's version.
    #[arg(long)]
    client: bool,
    /// Output format: json or yaml.
    #[arg(short, long, default_value = "")]
    output: String,
}

impl Arguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        let mut all = json!({"clientVersion": versions::info()});
        let mut failed = None;
        if !self.client {
            match session.get(&Path::new("/version"), JSON).await {
                Ok(version) => all["serverVersion"] = version,
                Err(error) => failed = Some(error),
            }
        }
        let git = |version: &Value| {
            version["gitVersion"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        match self.output.as_str() {
            "" => {
                print::line(&format!("Client Version: {}", git(&all["clientVersion"])))?;
                if all.get("serverVersion").is_some() {
                    print::line(&format!("Server Version: {}", git(&all["serverVersion"])))?;
                }
            }
            "json" => print::line(&print::json(&all))?,
            "yaml" => print::write(&machinery::yaml::to_string(&all))?,
            _ => bail!("--output must be 'yaml' or 'json'"),
        }
        failed.map_or(Ok(()), Err)
    }
}
