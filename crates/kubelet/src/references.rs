//! The ConfigMaps and Secrets that this node's pods name: one watch for each, held as long as a pod
//! needs it, so that a change wakes its pods and nothing is polled (upstream: the watching
//! `configmap.Manager` and `secret.Manager`).

use api::Object;
use client::{Client, ListOptions};
use futures::future::join_all;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret};
use parking_lot::Mutex;
use reconcile::Cache;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};
use tokio_util::sync::CancellationToken;

/// How long a step waits for the first answer about an object.
const FIRST_ANSWER: Duration = Duration::from_secs(30);

/// Why a referenced object cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// It does not exist (an optional reference may go on without it).
    pub not_found: bool,
    /// Upstream's words: `configmap "x" not found`.
    pub message: String,
}

type Found<T> = BTreeMap<String, Result<Arc<T>, Missing>>;

/// What a pod's references were found to be, for pure code.
#[derive(Clone, Debug, Default)]
pub struct Referenced {
    config_maps: Found<ConfigMap>,
    secrets: Found<Secret>,
}

impl Referenced {
    /// A ConfigMap of the pod's namespace.
    pub fn config_map(&self, name: &str) -> Result<Arc<ConfigMap>, Missing> {
        look_up(&self.config_maps, "configmap", name)
    }

    /// A Secret of the pod's namespace.
    pub fn secret(&self, name: &str) -> Result<Arc<Secret>, Missing> {
        look_up(&self.secrets, "secret", name)
    }

    #[cfg(test)]
    pub(crate) fn add_config_map(&mut self, name: &str, json: &str) {
        self.config_maps.insert(
            name.to_owned(),
            Ok(Arc::new(ConfigMap::decode(json.as_bytes()).unwrap())),
        );
    }

    #[cfg(test)]
    pub(crate) fn add_secret(&mut self, name: &str, json: &str) {
        self.secrets.insert(
            name.to_owned(),
            Ok(Arc::new(Secret::decode(json.as_bytes()).unwrap())),
        );
    }
}

fn look_up<T>(found: &Found<T>, kind: &str, name: &str) -> Result<Arc<T>, Missing> {
    found.get(name).cloned().unwrap_or_else(|| {
        Err(Missing {
            not_found: true,
            message: format!("{kind} {name:?} not found"),
        })
    })
}

/// The names a pod refers to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// ConfigMaps.
    pub config_maps: BTreeSet<String>,
    /// Secrets.
    pub secrets: BTreeSet<String>,
}

impl Names {
    /// Everything a pod names in variables, volumes and pull secrets.
    #[must_use]
    pub fn of(pod: &Pod) -> Self {
        let mut names = Self::default();
        let Some(spec) = &pod.spec else { return names };
        for container in crate::container::field_ref::containers(pod) {
            for from in container.env_from.iter().flatten() {
                names
                    .config_maps
                    .extend(from.config_map_ref.as_ref().map(|it| it.name.clone()));
                names
                    .secrets
                    .extend(from.secret_ref.as_ref().map(|it| it.name.clone()));
            }
            for source in container
                .env
                .iter()
                .flatten()
                .filter_map(|it| it.value_from.as_ref())
            {
                names
                    .config_maps
                    .extend(source.config_map_key_ref.as_ref().map(|it| it.name.clone()));
                names
                    .secrets
                    .extend(source.secret_key_ref.as_ref().map(|it| it.name.clone()));
            }
        }
        for volume in spec.volumes.iter().flatten() {
            names
                .config_maps
                .extend(volume.config_map.as_ref().map(|it| it.name.clone()));
            names
                .secrets
                .extend(volume.secret.as_ref().and_then(|it| it.secret_name.clone()));
            for source in volume
                .projected
                .iter()
                .flat_map(|it| it.sources.iter().flatten())
            {
                names
                    .config_maps
                    .extend(source.config_map.as_ref().map(|it| it.name.clone()));
                names
                    .secrets
                    .extend(source.secret.as_ref().map(|it| it.name.clone()));
            }
        }
        names.secrets.extend(
            spec.image_pull_secrets
                .iter()
                .flatten()
                .map(|it| it.name.clone()),
        );
        names.config_maps.remove("");
        names.secrets.remove("");
        names
    }
}

/// Called with the UID of a pod whose references changed.
pub type Wake = Arc<dyn Fn(&str) + Send + Sync>;

struct Watched<T> {
    cache: Arc<Cache<T>>,
    pods: Arc<Mutex<BTreeSet<String>>>,
    stop: CancellationToken,
}

type Watches<T> = Mutex<HashMap<(String, String), Watched<T>>>;

/// The watches of one node.
pub struct References {
    client: Client,
    wake: Wake,
    tasks: stdx::tasks::Tasks,
    config_maps: Watches<ConfigMap>,
    secrets: Watches<Secret>,
}

impl References {
    /// No watches yet.
    #[must_use]
    pub fn new(client: Client, tasks: stdx::tasks::Tasks, wake: Wake) -> Self {
        Self {
            client,
            wake,
            tasks,
            config_maps: Mutex::default(),
            secrets: Mutex::default(),
        }
    }

    /// Looks up what a pod names, watching it from now on.
    pub async fn fetch(&self, namespace: &str, pod_uid: &str, names: &Names) -> Referenced {
        let (config_maps, secrets) = tokio::join!(
            self.find(
                &self.config_maps,
                "configmap",
                namespace,
                pod_uid,
                &names.config_maps
            ),
            self.find(&self.secrets, "secret", namespace, pod_uid, &names.secrets),
        );
        Referenced {
            config_maps,
            secrets,
        }
    }

    /// All at once: each that nobody watched yet costs a round trip.
    async fn find<T: Object>(
        &self,
        all: &Watches<T>,
        kind: &str,
        namespace: &str,
        pod_uid: &str,
        names: &BTreeSet<String>,
    ) -> Found<T> {
        let found = names.iter().map(|name| async move {
            let cache = self.watch(all, namespace, name, pod_uid);
            let answer = first_answer(&cache, kind, namespace, name).await;
            (name.clone(), answer)
        });
        join_all(found).await.into_iter().collect()
    }

    /// A pod needs nothing any more.
    pub fn release(&self, pod_uid: &str) {
        release(&self.config_maps, pod_uid);
        release(&self.secrets, pod_uid);
    }

    fn watch<T: Object>(
        &self,
        all: &Watches<T>,
        namespace: &str,
        name: &str,
        pod_uid: &str,
    ) -> Arc<Cache<T>> {
        let mut all = all.lock();
        let watched = all
            .entry((namespace.to_owned(), name.to_owned()))
            .or_insert_with(|| {
                let cache = Arc::new(Cache::new(ListOptions {
                    fields: format!("metadata.namespace={namespace},metadata.name={name}"),
                    ..ListOptions::default()
                }));
                let stop = CancellationToken::new();
                let (running, client, ended) =
                    (Arc::clone(&cache), self.client.clone(), stop.clone());
                self.tasks.spawn("reference", async move {
                    tokio::select! { () = ended.cancelled() => {}, () = running.run(client) => {} }
                });
                let pods: Arc<Mutex<BTreeSet<String>>> = Arc::default();
                let (interested, wake) = (Arc::clone(&pods), Arc::clone(&self.wake));
                cache.on_change(move |change| {
                    if change.old.is_some() || change.new.is_some() {
                        let uids = interested.lock().clone();
                        uids.iter().for_each(|uid| wake(uid));
                    }
                });
                Watched { cache, pods, stop }
            });
        watched.pods.lock().insert(pod_uid.to_owned());
        Arc::clone(&watched.cache)
    }
}

fn release<T>(all: &Watches<T>, pod_uid: &str) {
    all.lock().retain(|_, watched| {
        let mut pods = watched.pods.lock();
        pods.remove(pod_uid);
        if pods.is_empty() {
            watched.stop.cancel();
        }
        !pods.is_empty()
    });
}

async fn first_answer<T: Object>(
    cache: &Cache<T>,
    kind: &str,
    namespace: &str,
    name: &str,
) -> Result<Arc<T>, Missing> {
    if tokio::time::timeout(FIRST_ANSWER, cache.synced())
        .await
        .is_err()
    {
        let message = format!("failed to sync {kind} cache: timed out waiting for the condition");
        return Err(Missing {
            not_found: false,
            message,
        });
    }
    cache.get(namespace, name).ok_or_else(|| Missing {
        not_found: true,
        message: format!("{kind} {name:?} not found"),
    })
}
