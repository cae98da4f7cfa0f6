//! `exec`: a command in a container.

use crate::{
    selection::{self, Item, Narrow},
    session::{JSON, Session},
    streams::{self, Terminal},
};
use anyhow::{Result, bail};
use std::io::IsTerminal;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// POD or TYPE/NAME
    pod: String,
    /// The command, after `--`.
    #[arg(last = true, required = true)]
    command: Vec<String>,
    /// Container; the first one unless given.
    #[arg(short, long)]
    container: Option<String>,
    /// Pass standard input.
    #[arg(short = 'i', long)]
    stdin: bool,
    /// Standard input is a terminal.
    #[arg(short, long)]
    tty: bool,
    /// Only output of the command.
    #[arg(short, long)]
    quiet: bool,
}

impl Arguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        let pod = find(session, &self.pod).await?;
        let phase = pod.object["status"]["phase"].as_str().unwrap_or_default();
        if matches!(phase, "Succeeded" | "Failed") {
            bail!("cannot exec into a container in a completed pod; current phase is {phase}");
        }
        let container = container(&pod, self.container.as_deref(), self.quiet)?;
        let mut tty = self.tty;
        if tty && !(self.stdin && std::io::stdin().is_terminal()) {
            eprintln!("Unable to use a TTY - input is not a terminal or the right kind of file");
            tty = false;
        }
        let mut path = pod.path().part("exec");
        for word in &self.command {
            path = path.query("command", word);
        }
        path = path.query("container", &container).query("stdout", "true");
        if self.stdin {
            path = path.query("stdin", "true");
        }
        path = path.query(if tty { "tty" } else { "stderr" }, "true");
        streams::connect(
            session,
            &path,
            Terminal {
                stdin: self.stdin,
                tty,
            },
        )
        .await
    }
}

/// The pod that `POD`, `pod/NAME` or a workload's name means; of a workload a running pod.
pub(crate) async fn find(session: &Session, word: &str) -> Result<Item> {
    let words = if word.contains('/') {
        vec![word.to_owned()]
    } else {
        vec!["pods".to_owned(), word.to_owned()]
    };
    let found = selection::items(
        session,
        &words,
        &crate::flags::Files::default(),
        &Narrow::default(),
    )
    .await?;
    let Some(item) = found.into_iter().next() else {
        bail!("no pod is called {word:?}");
    };
    if item.resource.kind == "Pod" {
        return Ok(item);
    }
    let pods = pods_of(session, &item).await?;
    let ready = |pod: &Item| pod.object["status"]["phase"] == "Running";
    let title = item.title();
    pods.iter()
        .find(|pod| ready(pod))
        .or(pods.first())
        .cloned()
        .ok_or_else(|| anyhow::anyhow!("no pods of {title} were found"))
}

/// The pods that a workload or service selects.
pub(crate) async fn pods_of(session: &Session, item: &Item) -> Result<Vec<Item>> {
    let selector = selector_text(&item.object)?;
    if selector.is_empty() {
        bail!("{} has no selector", item.title());
    }
    let pods = session.catalogue().await?.resource("pods")?.clone();
    let path = pods
        .collection(&item.namespace)
        .query("labelSelector", &selector);
    let list = session.get(&path, JSON).await?;
    let found = list["items"].as_array().cloned().unwrap_or_default();
    Ok(found
        .into_iter()
        .map(|object| Item::of(&pods, object))
        .collect())
}

/// The selector of a workload (`matchLabels`, `matchExpressions`) or of a service (plain labels) as text.
pub(crate) fn selector_text(object: &serde_json::Value) -> Result<String> {
    let selector = &object["spec"]["selector"];
    let typed = selector.get("matchLabels").is_some() || selector.get("matchExpressions").is_some();
    let labels = if typed {
        &selector["matchLabels"]
    } else {
        selector
    };
    let mut terms: Vec<String> = labels
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some(format!("{key}={}", value.as_str()?)))
        .collect();
    for term in selector["matchExpressions"]
        .as_array()
        .into_iter()
        .flatten()
    {
        let key = term["key"].as_str().unwrap_or_default();
        let values: Vec<&str> = term["values"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|it| it.as_str())
            .collect();
        terms.push(match term["operator"].as_str() {
            Some("In") => format!("{key} in ({})", values.join(",")),
            Some("NotIn") => format!("{key} notin ({})", values.join(",")),
            Some("Exists") => key.to_owned(),
            Some("DoesNotExist") => format!("!{key}"),
            other => bail!("unknown selector operator {other:?}"),
        });
    }
    Ok(terms.join(","))
}

/// The container asked for, else the annotated default, else the first.
pub(crate) fn container(pod: &Item, asked: Option<&str>, quiet: bool) -> Result<String> {
    let spec = &pod.object["spec"];
    let names = |list: &str| -> Vec<String> {
        let list = spec[list].as_array().into_iter().flatten();
        list.filter_map(|it| Some(it["name"].as_str()?.to_owned()))
            .collect()
    };
    let containers = names("containers");
    let all: Vec<String> = [
        containers.clone(),
        names("initContainers"),
        names("ephemeralContainers"),
    ]
    .concat();
    if let Some(asked) = asked {
        if !all.iter().any(|it| it == asked) {
            bail!("container {asked} is not valid for pod {}", pod.name);
        }
        return Ok(asked.to_owned());
    }
    let default = &pod.object["metadata"]["annotations"]["kubectl.kubernetes.io/default-container"];
    if let Some(default) = default
        .as_str()
        .filter(|it| all.iter().any(|name| name == it))
    {
        return Ok(default.to_owned());
    }
    let Some(first) = containers.first() else {
        bail!("pod {} has no containers", pod.name);
    };
    if containers.len() > 1 && !quiet {
        eprintln!("Defaulted container {first:?} out of: {}", all.join(", "));
    }
    Ok(first.clone())
}
