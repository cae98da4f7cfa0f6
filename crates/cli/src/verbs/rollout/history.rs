//! `rollout history` and `rollout undo`: the revisions of a Deployment are its ReplicaSets.

use super::{Targets, change};
use crate::{
    print,
    selection::Item,
    session::{JSON, Session},
};
use anyhow::{Result, bail};
use machinery::workloads::{CHANGE_CAUSE, POD_TEMPLATE_HASH, REVISION};
use serde_json::{Value, json};

#[derive(Debug, clap::Args)]
pub(super) struct History {
    #[command(flatten)]
    targets: Targets,
    /// Show this revision's template.
    #[arg(long, default_value_t = 0)]
    revision: i64,
}

#[derive(Debug, clap::Args)]
pub(super) struct Undo {
    #[command(flatten)]
    targets: Targets,
    /// The revision to go back to; 0 for the last one.
    #[arg(long, default_value_t = 0)]
    to_revision: i64,
}

/// The ReplicaSets of a Deployment by revision.
async fn revisions(session: &Session, item: &Item) -> Result<Vec<(i64, Value)>> {
    if item.resource.kind != "Deployment" {
        bail!(
            "no history viewer has been implemented for {:?}",
            item.resource.kind
        );
    }
    let sets = session.catalogue().await?.resource("replicasets.apps")?;
    let list = session.get(&sets.collection(&item.namespace), JSON).await?;
    let mut found: Vec<(i64, Value)> = Vec::new();
    for set in list["items"].as_array().into_iter().flatten() {
        let owned = set["metadata"]["ownerReferences"]
            .as_array()
            .into_iter()
            .flatten()
            .any(|it| it["uid"] == item.object["metadata"]["uid"]);
        let revision = set["metadata"]["annotations"][REVISION]
            .as_str()
            .and_then(|it| it.parse().ok());
        if let (true, Some(revision)) = (owned, revision) {
            found.push((revision, set.clone()));
        }
    }
    found.sort_by_key(|(revision, _)| *revision);
    Ok(found)
}

fn bare_template(set: &Value) -> Value {
    let mut template = set["spec"]["template"].clone();
    if let Some(labels) = template["metadata"]["labels"].as_object_mut() {
        labels.remove(POD_TEMPLATE_HASH);
    }
    template
}

impl History {
    pub(super) async fn run(self, session: &Session) -> Result<()> {
        for item in self.targets.items(session).await? {
            let found = revisions(session, &item).await?;
            if self.revision > 0 {
                let Some((revision, set)) = found.iter().find(|(it, _)| *it == self.revision)
                else {
                    bail!("unable to find the specified revision");
                };
                print::line(&format!("{} with revision #{revision}", item.title()))?;
                let mut text = crate::describe::Text::default();
                crate::describe::pod_template(&mut text, 0, &set["spec"]["template"]);
                print::write(&text.finish())?;
                continue;
            }
            print::line(&format!("{} ", item.title()))?;
            let mut rows = vec![vec!["REVISION".to_owned(), "CHANGE-CAUSE".to_owned()]];
            for (revision, set) in found {
                let cause = set["metadata"]["annotations"][CHANGE_CAUSE]
                    .as_str()
                    .unwrap_or("<none>");
                rows.push(vec![revision.to_string(), cause.to_owned()]);
            }
            // This one table of kubectl has narrower gaps.
            let text: String = rows
                .iter()
                .map(|row| format!("{:<10}{}\n", row[0], row[1]))
                .collect();
            print::line(&text)?;
        }
        Ok(())
    }
}

impl Undo {
    pub(super) async fn run(self, session: &Session) -> Result<()> {
        for item in self.targets.items(session).await? {
            if item.object["spec"]["paused"] == true {
                bail!(
                    "you cannot rollback a paused deployment; resume it first with 'kubectl rollout resume' and try again"
                );
            }
            let found = revisions(session, &item).await?;
            let target = if self.to_revision > 0 {
                found.iter().find(|(it, _)| *it == self.to_revision)
            } else {
                found.iter().rev().nth(1)
            };
            let Some((_, set)) = target else {
                match self.to_revision {
                    0 => bail!("no rollout history found for deployment {:?}", item.name),
                    asked => bail!("unable to find specified revision {asked} in history"),
                }
            };
            let template = bare_template(set);
            let mut live = item.object["spec"]["template"].clone();
            if let Some(labels) = live["metadata"]["labels"].as_object_mut() {
                labels.remove(POD_TEMPLATE_HASH);
            }
            if template == live {
                let text = format!(
                    "{} skipped rollback (current template already matches revision)",
                    item.title()
                );
                print::line(&text)?;
                continue;
            }
            let cause = &set["metadata"]["annotations"][CHANGE_CAUSE];
            let mut template = template;
            template["$patch"] = "replace".into();
            let patch = json!({"metadata": {"annotations": {CHANGE_CAUSE: cause}}, "spec": {"template": template}});
            change(session, &item, &patch, "rolled back").await?;
        }
        Ok(())
    }
}
