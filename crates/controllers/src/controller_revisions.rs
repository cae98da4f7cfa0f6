//! The earlier templates of a DaemonSet or StatefulSet, kept as ControllerRevisions. Upstream:
//! `pkg/controller/history`.

use api::Object;
use client::{DeleteOptions, Patch};
use k8s_openapi::{
    api::{
        apps::v1::ControllerRevision,
        core::v1::{PodTemplate, PodTemplateSpec},
    },
    apimachinery::pkg::{apis::meta::v1::ObjectMeta, runtime::RawExtension},
};
use machinery::{owners, workloads};
use reconcile::{Cache, Error, Writes};
use serde_json::{Value, json};
use std::{collections::BTreeSet, sync::Arc};

/// The label that tells pods of one revision from another's.
pub(crate) const HASH: &str = "controller-revision-hash";
/// Names tried for a new revision whose hash is taken by another's.
const ATTEMPTS: i32 = 5;

/// The revisions of an owner.
pub(crate) struct History {
    /// Oldest first, the current one last.
    pub(crate) all: Vec<Arc<ControllerRevision>>,
    /// The revision of the present template.
    pub(crate) current: Arc<ControllerRevision>,
    /// How often a hash was taken by another template.
    pub(crate) collisions: Option<i32>,
}

/// The name of a revision.
pub(crate) fn name(revision: &ControllerRevision) -> &str {
    revision.metadata.name.as_deref().unwrap_or_default()
}

/// The hash that the label of a revision or of a pod names.
pub(crate) fn hash_of(metadata: &ObjectMeta) -> &str {
    let labels = metadata.labels.as_ref();
    labels
        .and_then(|it| it.get(HASH))
        .map_or("", String::as_str)
}

/// What a revision stores: a patch that brings the template back.
fn patch_to(template: &PodTemplateSpec) -> Value {
    let whole = PodTemplate {
        template: Some(template.clone()),
        ..PodTemplate::default()
    };
    let tree: Value = serde_json::from_slice(&whole.encode()).unwrap_or_default();
    let mut template = tree.get("template").cloned().unwrap_or_else(|| json!({}));
    template["$patch"] = json!("replace");
    json!({"spec": {"template": template}})
}

/// The template that a revision stores.
pub(crate) fn template(revision: &ControllerRevision) -> Option<PodTemplateSpec> {
    let mut template = revision.data.as_ref()?.0.pointer("/spec/template")?.clone();
    template.as_object_mut()?.remove("$patch");
    let tree = json!({"metadata": {}, "template": template});
    PodTemplate::decode(tree.to_string().as_bytes())
        .ok()?
        .template
}

fn same(revision: &ControllerRevision, data: &Value) -> bool {
    revision.data.as_ref().is_some_and(|it| it.0 == *data)
}

fn owned<T: Object>(owner: &T, cache: &Cache<ControllerRevision>) -> Vec<Arc<ControllerRevision>> {
    let metadata = owner.metadata();
    let uid = metadata.uid.as_deref().unwrap_or_default();
    let mut all = cache.list_in(metadata.namespace.as_deref().unwrap_or_default());
    all.retain(|revision| owners::is_controlled_by(&revision.metadata, uid));
    all.sort_by_key(|revision| (revision.revision, revision.metadata.name.clone()));
    all
}

/// The revisions of `owner`, the one of `template` made or renewed when it is not the newest.
pub(crate) async fn observe<T: Object>(
    owner: &T,
    template: &PodTemplateSpec,
    collisions: Option<i32>,
    cache: &Cache<ControllerRevision>,
    writes: &Writes,
) -> Result<History, Error> {
    let mut all = owned(owner, cache);
    let data = patch_to(template);
    let next = all.last().map_or(0, |last| last.revision) + 1;
    let found = all.iter().rposition(|revision| same(revision, &data));
    let (current, collisions) = match found {
        Some(index) if index + 1 == all.len() => (Arc::clone(&all[index]), collisions),
        // A template that came back is the newest again.
        Some(index) => {
            let old = all.remove(index);
            let namespace = old.metadata.namespace.as_deref().unwrap_or_default();
            let patch = Patch::Merge(json!({ "revision": next }));
            let renewed = writes.patch(namespace, name(&old), "", &patch).await?;
            all.push(Arc::new(renewed));
            (Arc::clone(&all[all.len() - 1]), collisions)
        }
        None => {
            let (made, collisions) =
                create(owner, template, data, next, collisions, writes).await?;
            all.push(Arc::clone(&made));
            (made, collisions)
        }
    };
    Ok(History {
        all,
        current,
        collisions,
    })
}

fn metadata_of<T: Object>(owner: &T, template: &PodTemplateSpec, hash: &str) -> ObjectMeta {
    let metadata = owner.metadata();
    let labels = template.metadata.as_ref().and_then(|it| it.labels.clone());
    let mut labels = labels.unwrap_or_default();
    labels.insert(HASH.to_owned(), hash.to_owned());
    let owner_name = metadata.name.as_deref().unwrap_or_default();
    ObjectMeta {
        name: Some(format!("{owner_name}-{hash}")),
        namespace: metadata.namespace.clone(),
        labels: Some(labels),
        // Among them the change's cause, which `kubectl rollout history` shows.
        annotations: metadata.annotations.clone(),
        owner_references: Some(vec![owners::controller_reference(owner)]),
        ..ObjectMeta::default()
    }
}

async fn create<T: Object>(
    owner: &T,
    template: &PodTemplateSpec,
    data: Value,
    revision: i64,
    mut collisions: Option<i32>,
    writes: &Writes,
) -> Result<(Arc<ControllerRevision>, Option<i32>), Error> {
    let metadata = owner.metadata();
    let owner_name = metadata.name.as_deref().unwrap_or_default();
    for _ in 0..ATTEMPTS {
        let hash = workloads::template_hash(template, collisions);
        let new = ControllerRevision {
            metadata: metadata_of(owner, template, &hash),
            data: Some(RawExtension(data.clone())),
            revision,
        };
        match writes.create(&new).await {
            Ok(made) => return Ok((Arc::new(made), collisions)),
            Err(error) if error.is_already_exists() => {
                let namespace = metadata.namespace.as_deref().unwrap_or_default();
                let found: ControllerRevision = writes.client().get(namespace, name(&new)).await?;
                let uid = metadata.uid.as_deref().unwrap_or_default();
                if same(&found, &data) && owners::is_controlled_by(&found.metadata, uid) {
                    return Ok((Arc::new(found), collisions));
                }
                collisions = Some(collisions.unwrap_or(0) + 1);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(Error::Other(format!(
        "the names of {ATTEMPTS} revisions of {owner_name} are taken; delete the ControllerRevisions that are not its own"
    )))
}

/// Deletes the oldest revisions beyond `limit` that no pod and no status names.
pub(crate) async fn truncate(
    history: &History,
    live: &BTreeSet<String>,
    limit: Option<i32>,
    writes: &Writes,
) -> Result<(), Error> {
    let limit = usize::try_from(limit.unwrap_or(10)).unwrap_or(0);
    let dead: Vec<_> = history
        .all
        .iter()
        .filter(|it| {
            name(it) != name(&history.current)
                && !live.contains(name(it))
                && !live.contains(hash_of(&it.metadata))
        })
        .collect();
    for revision in dead.iter().take(dead.len().saturating_sub(limit)) {
        let namespace = revision.metadata.namespace.as_deref().unwrap_or_default();
        writes
            .delete::<ControllerRevision>(namespace, name(revision), &DeleteOptions::default())
            .await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_tells_the_cause_of_its_change() {
        let owner =
            json!({"metadata": {"name": "d", "annotations": {"kubernetes.io/change-cause": "c"}}});
        let owner = PodTemplate::decode(owner.to_string().as_bytes()).unwrap();
        let metadata = metadata_of(&owner, &PodTemplateSpec::default(), "h");
        assert_eq!(metadata.name.as_deref(), Some("d-h"));
        assert_eq!(metadata.annotations, owner.metadata.annotations);
        assert_eq!(hash_of(&metadata), "h");
    }

    #[test]
    fn templates_come_back() {
        let tree = json!({"metadata": {}, "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "resources": {}}]}}});
        let wanted = PodTemplate::decode(tree.to_string().as_bytes())
            .unwrap()
            .template
            .unwrap();
        let revision = ControllerRevision {
            data: Some(RawExtension(patch_to(&wanted))),
            ..ControllerRevision::default()
        };
        assert_eq!(template(&revision), Some(wanted.clone()));
        assert!(same(&revision, &patch_to(&wanted)));
        assert!(!same(&revision, &patch_to(&PodTemplateSpec::default())));
    }
}
