//! What was done to an object, shown as `-o` asks; and waiting until objects are in a state.

use crate::{
    flags::DryRun,
    print::{self, Output},
    resolve::Resource,
    selection::Item,
    session::{JSON, Session},
};
use anyhow::Result;
use serde_json::Value;
use std::time::Duration;

/// Between two looks at an object while waiting for it.
const POLL: Duration = Duration::from_millis(250);

/// `deployment.apps/web created`, or the object in the format asked for.
pub(crate) fn done(
    output: &Output,
    resource: &Resource,
    object: &Value,
    what: &str,
    dry_run: DryRun,
) -> Result<()> {
    let name = resource.name_of(object["metadata"]["name"].as_str().unwrap_or_default());
    if output.is_table() {
        return print::line(&format!("{name} {what}{}", dry_run.suffix()));
    }
    let mut object = object.clone();
    hide_managed_fields(&mut object);
    print::tree(output, &object, &name)
}

/// What `--show-managed-fields` would show.
pub(crate) fn hide_managed_fields(object: &mut Value) {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
    for item in object
        .get_mut("items")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        if item.get("metadata").is_some() {
            hide_managed_fields(item);
        }
    }
}

/// Waits until the object of this UID is gone.
pub(crate) async fn gone(
    session: &Session,
    item: &Item,
    uid: &str,
    timeout: Option<Duration>,
) -> Result<()> {
    let deadline = timeout.map(|timeout| tokio::time::Instant::now() + timeout);
    loop {
        let found = session.find(&item.resource, &item.namespace, &item.name);
        match found.await? {
            None => return Ok(()),
            Some(object) if object["metadata"]["uid"] != uid && !uid.is_empty() => return Ok(()),
            Some(_) => {}
        }
        if deadline.is_some_and(|deadline| tokio::time::Instant::now() >= deadline) {
            return Err(timed_out(item));
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Why waiting for an object ended without it.
pub(crate) fn timed_out(item: &Item) -> anyhow::Error {
    anyhow::anyhow!(
        "timed out waiting for the condition on {}/{}",
        item.resource.plural,
        item.name
    )
}

/// Looks at an object again and again until `ready` gives an answer; `None` when the time is over first.
pub(crate) async fn until<T>(
    session: &Session,
    path: &client::Path,
    timeout: Option<Duration>,
    mut ready: impl FnMut(&Value) -> Result<Option<T>>,
) -> Result<Option<T>> {
    let deadline = timeout.map(|timeout| tokio::time::Instant::now() + timeout);
    loop {
        let object = session.get(path, JSON).await?;
        if let Some(answer) = ready(&object)? {
            return Ok(Some(answer));
        }
        if deadline.is_some_and(|deadline| tokio::time::Instant::now() >= deadline) {
            return Ok(None);
        }
        tokio::time::sleep(POLL).await;
    }
}
