//! `delete`: asks for objects to go and waits until they are gone.

use crate::{
    failure,
    flags::{DryRun, Files},
    live, print,
    selection::{self, Item, Narrow},
    session::{JSON, Session},
};
use anyhow::{Result, bail};
use http::Method;
use serde_json::{Value, json};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// TYPE[,TYPE…] [NAME…] or TYPE/NAME…
    words: Vec<String>,
    #[command(flatten)]
    files: Files,
    /// Label selector.
    #[arg(short = 'l', long, default_value = "")]
    selector: String,
    /// Field selector.
    #[arg(long, default_value = "")]
    field_selector: String,
    /// Delete all resources of the types, in the namespace.
    #[arg(long)]
    all: bool,
    /// In all namespaces.
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    /// Seconds given to terminate; negative for the object's own.
    #[arg(long, default_value_t = -1, allow_negative_numbers = true)]
    grace_period: i64,
    /// Do not wait for graceful termination; with --grace-period=0.
    #[arg(long)]
    force: bool,
    /// Terminate at once (grace period 1).
    #[arg(long)]
    now: bool,
    /// Wait until the resources are gone.
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    wait: bool,
    /// How long to wait; 0 for a long time.
    #[arg(long, default_value = "0s")]
    timeout: String,
    /// Dependents: background, orphan or foreground.
    #[arg(long, default_value = "background", default_missing_value = "background", num_args = 0..=1, require_equals = true)]
    cascade: String,
    /// Say nothing about an object that does not exist.
    #[arg(long)]
    ignore_not_found: bool,
    /// Output format: name.
    #[arg(short, long, default_value = "")]
    output: String,
    #[command(flatten)]
    dry_run: DryRun,
}

impl Arguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        let options = self.options()?;
        let timeout = machinery::durations::parse_go(&self.timeout)?;
        let timeout = (!timeout.is_zero()).then(|| timeout.unsigned_abs());
        if self.force && self.grace_period == 0 {
            eprintln!(
                "Warning: Immediate deletion does not wait for confirmation that the running resource has been terminated. The resource may continue to run on the cluster indefinitely."
            );
        }
        let mut failed: Option<anyhow::Error> = None;
        let mut pending: Vec<(Item, String)> = Vec::new();
        let items = self.items(session, &mut failed).await?;
        if items.is_empty() && failed.is_none() {
            print::line("No resources found")?;
        }
        for item in items {
            match self.delete(session, &item, &options).await {
                Ok(uid) => pending.push((item, uid)),
                Err(error) => {
                    let missing = failure::status(&error).is_some_and(|it| it.is("NotFound"));
                    if !(missing && self.ignore_not_found)
                        && let Some(earlier) = failed.replace(error)
                    {
                        eprintln!("{}", failure::text(&earlier));
                    }
                }
            }
        }
        if self.wait && self.dry_run.query().is_empty() && !self.dry_run.is_client() {
            for (item, uid) in &pending {
                live::gone(session, item, uid, timeout).await?;
            }
        }
        failed.map_or(Ok(()), Err)
    }

    fn options(&self) -> Result<Value> {
        let propagation = match self.cascade.as_str() {
            "background" | "true" => "Background",
            "orphan" | "false" => "Orphan",
            "foreground" => "Foreground",
            other => bail!(
                "invalid cascade value ({other}). Must be \"background\", \"foreground\", or \"orphan\""
            ),
        };
        let mut options =
            json!({"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": propagation});
        let grace = match (self.now, self.force, self.grace_period) {
            (true, _, -1) => 1,
            (_, true, -1) => 0,
            (_, false, 0) if !self.now => 1,
            (_, _, given) => given,
        };
        if grace >= 0 {
            options["gracePeriodSeconds"] = grace.into();
        }
        if !self.dry_run.query().is_empty() {
            options["dryRun"] = json!(["All"]);
        }
        Ok(options)
    }

    /// What is to go. Objects named one by one need not be fetched first.
    async fn items(
        &self,
        session: &Session,
        failed: &mut Option<anyhow::Error>,
    ) -> Result<Vec<Item>> {
        let mut items = Vec::new();
        for document in crate::manifest::read(&self.files)? {
            let (resource, namespace) = crate::manifest::place(session, &document.object).await?;
            let name = document.object["metadata"]["name"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            items.push(Item {
                resource,
                namespace,
                name,
                object: Value::Null,
            });
        }
        if self.words.is_empty() {
            if self.files.filenames.is_empty() {
                bail!("You must provide one or more resources by argument or filename.");
            }
            return Ok(items);
        }
        let narrow = Narrow {
            labels: self.selector.clone(),
            fields: self.field_selector.clone(),
            all_namespaces: self.all_namespaces,
            all: self.all,
        };
        for group in selection::groups(session, &self.words).await? {
            let namespace = session.namespace().await?;
            if group.names.is_empty() {
                let words = [group.resource.qualified()];
                match selection::items(session, &words, &Files::default(), &narrow).await {
                    Ok(found) => items.extend(found),
                    Err(error) if failure::status(&error).is_some() => *failed = Some(error),
                    Err(error) => return Err(error),
                }
            }
            for name in group.names {
                let namespace = if group.resource.namespaced {
                    namespace.clone()
                } else {
                    String::new()
                };
                items.push(Item {
                    resource: group.resource.clone(),
                    namespace,
                    name,
                    object: Value::Null,
                });
            }
        }
        Ok(items)
    }

    /// Deletes one object and gives its UID.
    async fn delete(&self, session: &Session, item: &Item, options: &Value) -> Result<String> {
        let answer = if self.dry_run.is_client() {
            Value::Null
        } else {
            session
                .send(Method::DELETE, &item.path(), JSON, options)
                .await?
        };
        let forced = self.force && self.grace_period <= 0;
        let what = if forced { "force deleted" } else { "deleted" };
        if self.output == "name" {
            print::line(&item.title())?;
        } else {
            let kind = item.resource.title();
            let place = if item.namespace.is_empty() {
                String::new()
            } else {
                format!(" from {} namespace", item.namespace)
            };
            print::line(&format!(
                "{kind} {:?} {what}{place}{}",
                item.name,
                self.dry_run.suffix()
            ))?;
        }
        let uid = match answer["kind"].as_str() {
            Some("Status") => &answer["details"]["uid"],
            _ => &answer["metadata"]["uid"],
        };
        Ok(uid.as_str().unwrap_or_default().to_owned())
    }
}
