//! All workers of this node, by pod UID: who is started, told and woken by what happens.

use super::{
    admission, namespace, observe, uid,
    worker::{Desired, Handle, Worker},
};
use crate::shared::Shared;
use k8s_openapi::{
    api::core::v1::{Container, Pod, PodSpec},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use machinery::pods;
use parking_lot::Mutex;
use runtime::{
    image::{Image, name::Name},
    sandbox::Sandbox,
};
use std::{collections::BTreeMap, sync::Arc};

/// The workers. Clones are the same set.
#[derive(Clone, Default)]
pub struct Workers {
    handles: Arc<Mutex<BTreeMap<String, Handle>>>,
}

impl Workers {
    /// A pod of this node was seen: starts its worker or tells it.
    pub fn saw(&self, shared: &Arc<Shared>, pod: &Arc<Pod>) {
        let mut handles = self.handles.lock();
        if let Some(handle) = handles.get(uid(pod)) {
            handle.tell(|desired| {
                desired.references_changed |= downward_changed(&desired.pod, pod);
                desired.pod = Arc::clone(pod);
            });
            return;
        }
        // A pod that already has a status of this node's was accepted before a restart.
        let fresh = pod.status.as_ref().is_none_or(|it| it.start_time.is_none());
        let others = || -> Vec<_> {
            let all = handles.values().map(Handle::pod);
            all.filter(|it| pods::is_active(it)).collect()
        };
        let refused = fresh
            .then(|| admission::refusal(pod, &others(), &shared.allocatable))
            .flatten();
        let desired = Desired {
            refused,
            ..Desired::new(Arc::clone(pod))
        };
        self.start(shared, &mut handles, desired);
    }

    /// A pod's object is gone.
    pub fn lost(&self, pod: &Pod) {
        if let Some(handle) = self.handles.lock().get(uid(pod)) {
            handle.tell(|desired| desired.gone = true);
        }
    }

    /// A sandbox whose pod the API does not know: it is ended like a deleted pod.
    pub fn orphan(&self, shared: &Arc<Shared>, sandbox: &Sandbox, containers: Vec<String>) {
        let mut handles = self.handles.lock();
        if handles.contains_key(&sandbox.config.uid) {
            return;
        }
        tracing::info!(
            pod = sandbox.config.name,
            uid = sandbox.config.uid,
            "ending a pod that the API does not know"
        );
        let pod = Arc::new(pod_of_sandbox(sandbox, containers));
        let desired = Desired {
            gone: true,
            ..Desired::new(pod)
        };
        self.start(shared, &mut handles, desired);
    }

    fn start(
        &self,
        shared: &Arc<Shared>,
        handles: &mut BTreeMap<String, Handle>,
        desired: Desired,
    ) {
        let id = uid(&desired.pod).to_owned();
        let handle = Handle::new(desired);
        handles.insert(id.clone(), handle.clone());
        let (all, worker) = (
            self.clone(),
            Worker::new(Arc::clone(shared), handle, self.clone()),
        );
        shared.tasks.spawn("pod", async move {
            worker.run().await;
            all.handles.lock().remove(&id);
        });
    }

    /// Something happened to a pod's containers.
    pub fn wake(&self, pod_uid: &str) {
        if let Some(handle) = self.handles.lock().get(pod_uid) {
            handle.tell(|_| {});
        }
    }

    /// Something a pod refers to changed.
    pub fn references_changed(&self, pod_uid: &str) {
        if let Some(handle) = self.handles.lock().get(pod_uid) {
            handle.tell(|desired| desired.references_changed = true);
        }
    }

    /// An image was imported: pods that wait for it look again at once. `None`: nobody knows which.
    pub fn image_arrived(&self, image: Option<&Image>) {
        for handle in self.handles.lock().values() {
            let pod = handle.pod();
            if image.is_none_or(|image| {
                super::containers(&pod)
                    .iter()
                    .any(|(_, it)| names(it, image))
            }) {
                handle.tell(|desired| desired.image_arrived = true);
            }
        }
    }

    /// Nobody knows what happened: everybody looks.
    pub fn wake_all(&self) {
        self.handles.lock().values().for_each(|it| it.tell(|_| {}));
    }

    /// The pods of this node.
    #[must_use]
    pub fn pods(&self) -> Vec<Arc<Pod>> {
        self.handles.lock().values().map(Handle::pod).collect()
    }

    /// Those beside this one.
    pub(super) fn beside(&self, pod: &Pod) -> Vec<Arc<Pod>> {
        let mut all = self.pods();
        all.retain(|it| uid(it) != uid(pod));
        all
    }

    /// One of them.
    #[must_use]
    pub fn pod(&self, wanted_namespace: &str, name: &str) -> Option<Arc<Pod>> {
        let fits = |it: &Arc<Pod>| namespace(it) == wanted_namespace && super::name(it) == name;
        self.handles.lock().values().map(Handle::pod).find(fits)
    }
}

/// Whether a container asks for this image by one of its names.
fn names(container: &Container, image: &Image) -> bool {
    let wanted = container.image.as_deref().unwrap_or_default();
    let full = Name::parse(wanted).map_or_else(|_| wanted.to_owned(), |name| name.to_string());
    image.id == wanted || image.repo_tags.contains(&full) || image.repo_digests.contains(&full)
}

/// Whether what downward files show has changed.
fn downward_changed(old: &Pod, new: &Pod) -> bool {
    old.metadata.labels != new.metadata.labels
        || old.metadata.annotations != new.metadata.annotations
}

/// As much of a pod as its sandbox remembers.
fn pod_of_sandbox(sandbox: &Sandbox, containers: Vec<String>) -> Pod {
    let grace = sandbox
        .config
        .annotations
        .get(observe::ANNOTATION_GRACE)
        .and_then(|it| it.parse().ok());
    let container = |name| Container {
        name,
        ..Container::default()
    };
    Pod {
        metadata: ObjectMeta {
            name: Some(sandbox.config.name.clone()),
            namespace: Some(sandbox.config.namespace.clone()),
            uid: Some(sandbox.config.uid.clone()),
            ..ObjectMeta::default()
        },
        spec: Some(PodSpec {
            containers: containers.into_iter().map(container).collect(),
            termination_grace_period_seconds: grace,
            ..PodSpec::default()
        }),
        ..Pod::default()
    }
}
