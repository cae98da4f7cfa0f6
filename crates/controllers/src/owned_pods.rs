//! The pods that a workload controls: finding, adopting and letting go, creating and deleting them with
//! the events that say so. Upstream: `PodControllerRefManager` and `RealPodControl`.

use api::Object;
use client::{DeleteOptions, Patch};
use futures::{StreamExt, stream};
use k8s_openapi::{
    api::core::v1::{Pod, PodTemplateSpec},
    apimachinery::pkg::apis::meta::v1::{LabelSelector, OwnerReference},
};
use machinery::{labels::Selector, owners, pods};
use reconcile::{Cache, Change, Error, Key, Recorder, Reference, Writes};
use std::sync::Arc;

/// Pods created or deleted in one round at most, as upstream.
pub(crate) const BURST: usize = 500;
/// Requests of one reconcile under way at once.
const PARALLEL: usize = 16;

/// Which pods a workload may hold.
pub(crate) struct Claim<'a> {
    /// Its selector.
    pub(crate) selector: &'a Selector,
    /// What else a pod needs to be one of its own, such as a name.
    pub(crate) fits: &'a (dyn Fn(&Pod) -> bool + Send + Sync),
    /// Put on adopted pods.
    pub(crate) finalizer: Option<&'a str>,
}

#[derive(Debug, PartialEq)]
enum Verdict {
    Owned,
    Adopt,
    Release,
    Foreign,
}

impl Claim<'_> {
    fn judge(&self, uid: &str, ending: bool, pod: &Pod) -> Verdict {
        let selected = self.selector.matches(pod.metadata.labels.as_ref()) && (self.fits)(pod);
        match owners::controller_of(&pod.metadata) {
            Some(owner) if owner.uid != uid => Verdict::Foreign,
            Some(_) if selected => Verdict::Owned,
            Some(_) if !ending && !pods::is_terminating(pod) => Verdict::Release,
            None if !ending && selected && pods::is_active(pod) => Verdict::Adopt,
            _ => Verdict::Foreign,
        }
    }

    /// The owner's pods, after adopting those that fit and letting go those that no longer do.
    pub(crate) async fn pods<T: Object>(
        &self,
        owner: &T,
        cache: &Cache<Pod>,
        writes: &Writes,
    ) -> Result<Vec<Arc<Pod>>, Error> {
        let metadata = owner.metadata();
        let uid = metadata.uid.as_deref().unwrap_or_default();
        let ending = metadata.deletion_timestamp.is_some();
        let mut owned = Vec::new();
        for pod in cache.list_in(metadata.namespace.as_deref().unwrap_or_default()) {
            match self.judge(uid, ending, &pod) {
                Verdict::Owned => owned.push(pod),
                Verdict::Adopt => {
                    let reference = owners::controller_reference(owner);
                    owned.extend(self.adopt(reference, &pod, writes).await?);
                }
                Verdict::Release => release(uid, self.finalizer, &pod, writes).await?,
                Verdict::Foreign => {}
            }
        }
        Ok(owned)
    }

    async fn adopt(
        &self,
        owner: OwnerReference,
        pod: &Pod,
        writes: &Writes,
    ) -> Result<Option<Arc<Pod>>, Error> {
        let mut metadata = serde_json::json!({"uid": pod.metadata.uid, "ownerReferences": [owner]});
        if let Some(finalizer) = self.finalizer {
            metadata["finalizers"] = serde_json::json!([finalizer]);
        }
        patch(pod, serde_json::json!({ "metadata": metadata }), writes).await
    }
}

async fn release(
    uid: &str,
    finalizer: Option<&str>,
    pod: &Pod,
    writes: &Writes,
) -> Result<(), Error> {
    let mut metadata = serde_json::json!({"uid": pod.metadata.uid,
        "ownerReferences": [{"$patch": "delete", "uid": uid}]});
    if let Some(finalizer) = finalizer {
        metadata["$deleteFromPrimitiveList/finalizers"] = serde_json::json!([finalizer]);
    }
    patch(pod, serde_json::json!({ "metadata": metadata }), writes).await?;
    Ok(())
}

/// The selector of a workload; one that is not there or cannot be read selects nothing.
pub(crate) fn selector(selector: Option<&LabelSelector>) -> Selector {
    Selector::from_typed(selector).unwrap_or_else(|_| Selector::nothing())
}

/// Takes a finalizer off pods; a pod that is gone has none.
pub(crate) async fn remove_finalizers(
    pods: &[Arc<Pod>],
    finalizer: &str,
    writes: &Writes,
) -> Result<(), Error> {
    let removals = pods.iter().map(|pod| {
        let tree = serde_json::json!({"metadata": {"uid": pod.metadata.uid,
            "$deleteFromPrimitiveList/finalizers": [finalizer]}});
        patch(pod, tree, writes)
    });
    let mut removals = stream::iter(removals.collect::<Vec<_>>()).buffer_unordered(PARALLEL);
    while let Some(result) = removals.next().await {
        result?;
    }
    Ok(())
}

async fn patch(
    pod: &Pod,
    tree: serde_json::Value,
    writes: &Writes,
) -> Result<Option<Arc<Pod>>, Error> {
    let key = Key::of(&pod.metadata);
    let patch = Patch::Strategic(tree);
    match writes
        .patch::<Pod>(&key.namespace, &key.name, "", &patch)
        .await
    {
        Ok(pod) => Ok(Some(Arc::new(pod))),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The workloads of kind `kind` that a pod's change matters to: its controller, or for a pod without
/// one those that `candidates` gives.
pub(crate) fn keys(
    change: &Change<Pod>,
    kind: &str,
    candidates: impl Fn(&Pod) -> Vec<Key>,
) -> Vec<Key> {
    let mut keys = Vec::new();
    for pod in [&change.old, &change.new].into_iter().flatten() {
        let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
        match owners::controller_of(&pod.metadata) {
            Some(owner) if owner.kind == kind => keys.push(Key::new(namespace, &owner.name)),
            Some(_) => {}
            None => keys.extend(candidates(pod)),
        }
    }
    keys.dedup();
    keys
}

/// A pod of `template` under `owner`'s control, to be named by the server.
pub(crate) fn from_template<T: Object>(owner: &T, template: &PodTemplateSpec) -> Pod {
    let mut pod = Pod::default();
    if let Some(metadata) = &template.metadata {
        pod.metadata.labels.clone_from(&metadata.labels);
        pod.metadata.annotations.clone_from(&metadata.annotations);
        pod.metadata.finalizers.clone_from(&metadata.finalizers);
    }
    pod.spec.clone_from(&template.spec);
    let name = owner.metadata().name.as_deref().unwrap_or_default();
    pod.metadata.generate_name = Some(format!("{name}-"));
    pod.metadata
        .namespace
        .clone_from(&owner.metadata().namespace);
    pod.metadata.owner_references = Some(vec![owners::controller_reference(owner)]);
    pod
}

/// Creates pods, twice as many at once as long as all goes well, so that a template that cannot be
/// created fails once and not a thousand times. Returns how many there are and what went wrong.
pub(crate) async fn create(
    about: &Reference,
    pods: &[Pod],
    recorder: &Recorder,
    writes: &Writes,
) -> (usize, Option<Error>) {
    let (mut left, mut batch, mut created) = (&pods[..pods.len().min(BURST)], 1, 0);
    while !left.is_empty() {
        let (now, later) = left.split_at(batch.min(left.len()));
        let requests: Vec<_> = now.iter().map(|pod| writes.create(pod)).collect();
        let results: Vec<_> = stream::iter(requests)
            .buffer_unordered(PARALLEL)
            .collect()
            .await;
        let mut failure = None;
        for result in results {
            match result {
                Ok(pod) => {
                    created += 1;
                    let name = pod.metadata.name.unwrap_or_default();
                    let message = format!("Created pod: {name}");
                    recorder.normal(about, "SuccessfulCreate", &message);
                }
                Err(error) => failure = Some(error),
            }
        }
        if let Some(error) = failure {
            // A namespace that ends refuses new pods: nothing to tell anybody.
            if error.to_string().contains("because it is being terminated") {
                return (created, None);
            }
            let message = format!("Error creating: {error}");
            recorder.warning(about, "FailedCreate", &message);
            return (created, Some(error.into()));
        }
        left = later;
        batch *= 2;
    }
    (created, None)
}

/// Deletes pods, at most [`BURST`] of them.
pub(crate) async fn delete(
    about: &Reference,
    doomed: &[Arc<Pod>],
    recorder: &Recorder,
    writes: &Writes,
) -> Result<(), Error> {
    let deletions: Vec<_> = doomed
        .iter()
        .take(BURST)
        .map(|pod| async move {
            let key = Key::of(&pod.metadata);
            let options = DeleteOptions {
                uid: pod.metadata.uid.clone(),
                ..DeleteOptions::default()
            };
            let deleted = writes.delete::<Pod>(&key.namespace, &key.name, &options);
            (deleted.await, key.name)
        })
        .collect();
    let mut deletions = stream::iter(deletions).buffer_unordered(PARALLEL);
    while let Some((result, name)) = deletions.next().await {
        if let Err(error) = result {
            recorder.warning(about, "FailedDelete", &format!("Error deleting: {error}"));
            return Err(error.into());
        }
        recorder.normal(about, "SuccessfulDelete", &format!("Deleted pod: {name}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn verdicts() {
        let labels = [("app".to_owned(), "web".to_owned())].into();
        let selector = Selector::from_map(&labels);
        let claim = Claim {
            selector: &selector,
            fits: &|pod| pod.metadata.name.as_deref() != Some("other"),
            finalizer: None,
        };
        let pod = |name: &str, app: &str, owner: &str| {
            let owners = match owner {
                "" => json!([]),
                uid => {
                    json!([{"apiVersion": "v1", "kind": "K", "name": "n", "uid": uid, "controller": true}])
                }
            };
            let tree = json!({"metadata": {"name": name, "labels": {"app": app}, "ownerReferences": owners}});
            Pod::decode(tree.to_string().as_bytes()).unwrap()
        };
        let table = [
            ("a", "web", "u", false, Verdict::Owned),
            ("a", "web", "v", false, Verdict::Foreign),
            ("a", "web", "", false, Verdict::Adopt),
            ("a", "web", "", true, Verdict::Foreign),
            ("a", "db", "u", false, Verdict::Release),
            ("a", "db", "u", true, Verdict::Foreign),
            ("other", "web", "", false, Verdict::Foreign),
        ];
        for (name, app, owner, ending, verdict) in table {
            let pod = pod(name, app, owner);
            assert_eq!(
                claim.judge("u", ending, &pod),
                verdict,
                "{name} {app} {owner}"
            );
        }
    }
}
