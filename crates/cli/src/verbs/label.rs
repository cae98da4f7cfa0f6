//! `label`: sets and removes labels. `annotate` is the same for annotations.

use crate::{
    flags::{DryRun, Files},
    live,
    print::{self, Output},
    selection::{self, Narrow},
    session::{MERGE, Session},
};
use anyhow::{Result, bail};
use serde_json::{Value, json};

/// What both verbs take.
#[derive(Debug, clap::Args)]
pub(crate) struct Marks {
    /// TYPE NAME… KEY=VALUE… KEY-…
    words: Vec<String>,
    #[command(flatten)]
    files: Files,
    /// Allow a value to change.
    #[arg(long)]
    overwrite: bool,
    /// Label selector.
    #[arg(short = 'l', long, default_value = "")]
    selector: String,
    /// All of the type.
    #[arg(long)]
    all: bool,
    /// In all namespaces.
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    /// Show them instead.
    #[arg(long)]
    list: bool,
    /// Output format.
    #[arg(short, long, default_value = "")]
    output: String,
    #[command(flatten)]
    dry_run: DryRun,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    marks: Marks,
}

impl Arguments {
    pub(crate) async fn run(self, session: &Session) -> Result<()> {
        mark(session, self.marks, "labels", "labeled", "unlabeled").await
    }
}

/// Whether a word sets (`a=b`) or removes (`a-`) a mark.
fn is_change(word: &str) -> bool {
    word.contains('=') || word.ends_with('-') && word.len() > 1
}

/// Changes `metadata.FIELD` as the words say.
pub(crate) async fn mark(
    session: &Session,
    marks: Marks,
    field: &str,
    set: &str,
    unset: &str,
) -> Result<()> {
    let output = Output::parse(&marks.output)?;
    let start = marks
        .words
        .iter()
        .skip(1)
        .position(|it| is_change(it))
        .map_or(marks.words.len(), |at| at + 1);
    let (words, changes) = marks.words.split_at(start);
    if changes.is_empty() && !marks.list {
        bail!(
            "at least one {} update is required",
            field.trim_end_matches('s')
        );
    }
    let narrow = Narrow {
        labels: marks.selector.clone(),
        all: marks.all,
        all_namespaces: marks.all_namespaces,
        ..Narrow::default()
    };
    for item in selection::items(session, words, &marks.files, &narrow).await? {
        let present = item.object["metadata"][field].clone();
        if marks.list {
            for (key, value) in present.as_object().into_iter().flatten() {
                print::line(&format!("{key}={}", value.as_str().unwrap_or_default()))?;
            }
            continue;
        }
        let (patch, sets) = changes_of(&present, changes, field, marks.overwrite)?;
        let unchanged = patch.as_object().is_none_or(serde_json::Map::is_empty);
        let mut object = item.object.clone();
        if !unchanged && !marks.dry_run.is_client() {
            let patch = json!({"metadata": {field: patch}});
            let manager = if field == "labels" {
                "kubectl-label"
            } else {
                "kubectl-annotate"
            };
            let dry_run = marks.dry_run.query();
            object = session
                .patch(item.path(), MERGE, &patch, manager, dry_run)
                .await?;
        }
        let what = match (unchanged, sets, field) {
            (true, _, "labels") => "not labeled",
            (false, false, _) => unset,
            _ => set,
        };
        live::done(&output, &item.resource, &object, what, marks.dry_run)?;
    }
    Ok(())
}

/// The merge patch that the words make, and whether it sets anything.
fn changes_of(
    present: &Value,
    changes: &[String],
    field: &str,
    overwrite: bool,
) -> Result<(Value, bool)> {
    let (mut patch, mut sets) = (json!({}), false);
    for change in changes {
        if let Some((key, value)) = change.split_once('=') {
            let old = present[key].as_str();
            if let Some(old) = old.filter(|old| *old != value && !overwrite) {
                bail!("'{key}' already has a value ({old}), and --overwrite is false");
            }
            if old != Some(value) {
                patch[key] = value.into();
                sets = true;
            }
            continue;
        }
        let key = change.trim_end_matches('-');
        if present.get(key).is_some() {
            patch[key] = Value::Null;
        } else {
            print::line(&format!(
                "{} {key:?} not found.",
                field.trim_end_matches('s')
            ))?;
        }
    }
    Ok((patch, sets))
}
