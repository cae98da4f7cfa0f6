//! `run`: one pod of one image.

use super::create::{Shown, create};
use crate::session::Session;
use anyhow::{Result, bail};
use serde_json::json;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Name of the pod.
    name: String,
    /// Image to run.
    #[arg(long, required = true)]
    image: String,
    /// Arguments of the container (or its command, with --command), after `--`.
    #[arg(last = true)]
    words: Vec<String>,
    /// The words are the command.
    #[arg(long)]
    command: bool,
    /// NAME=VALUE; can be repeated.
    #[arg(long)]
    env: Vec<String>,
    /// Labels: a=b,c=d.
    #[arg(short = 'l', long, default_value = "")]
    labels: String,
    /// Port that the container exposes.
    #[arg(long)]
    port: Option<u16>,
    /// Always, OnFailure or Never.
    #[arg(long, default_value = "Always")]
    restart: String,
    /// Always, IfNotPresent or Never.
    #[arg(long)]
    image_pull_policy: Option<String>,
    #[command(flatten)]
    shown: Shown,
}

impl Arguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        let mut container = json!({"name": self.name, "image": self.image, "resources": {}});
        if !self.words.is_empty() {
            container[if self.command { "command" } else { "args" }] = json!(self.words);
        }
        let mut env = Vec::new();
        for pair in &self.env {
            let Some((name, value)) = pair.split_once('=') else {
                bail!("invalid env: {pair}");
            };
            env.push(json!({"name": name, "value": value}));
        }
        if !env.is_empty() {
            container["env"] = env.into();
        }
        if let Some(port) = self.port {
            container["ports"] = json!([{"containerPort": port}]);
        }
        if let Some(policy) = &self.image_pull_policy {
            container["imagePullPolicy"] = policy.as_str().into();
        }
        let mut labels = json!({});
        for pair in self.labels.split(',').filter(|it| !it.is_empty()) {
            let Some((key, value)) = pair.split_once('=') else {
                bail!("unexpected label spec: {pair}");
            };
            labels[key] = value.into();
        }
        if self.labels.is_empty() {
            labels["run"] = self.name.as_str().into();
        }
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": self.name, "labels": labels},
            "spec": {"containers": [container], "restartPolicy": self.restart, "dnsPolicy": "ClusterFirst"},
        });
        create(session, pod, &self.shown, "kubectl-run").await
    }
}
