//! The kubelet: the pods of this node. It watches pods bound to the node, brings the machine to their specs
//! through `runtime` and `network`, and writes what became of them.
//!
//! Start at [`Kubelet::start`]; a pod's life is in [`pod::worker`], its shape is observe, plan, apply.

pub mod container;
pub mod logs;
pub mod machine;
pub mod node;
pub mod pod;
pub mod probes;
pub mod references;
pub mod serve;
pub mod shared;
pub mod steps;
pub mod streaming;
pub mod volumes;

pub use shared::Config;

use k8s_openapi::api::core::v1::{Pod, Service};
use network::PodNetwork;
use pod::workers::Workers;
use reconcile::{Caches, Change, Recorder};
use references::References;
use runtime::Runtime;
use shared::Shared;
use std::{collections::BTreeMap, sync::Arc};
use stdx::{clock::Clock, tasks::Tasks};
use tokio::sync::broadcast::error::RecvError;

/// Why a kubelet cannot start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A directory of its own cannot be made.
    #[error("create {path}: {source}")]
    Directory {
        /// Which.
        path: String,
        /// Why not.
        source: std::io::Error,
    },
    /// The runtime does not answer.
    #[error("the container runtime does not answer: {0}")]
    Runtime(#[from] runtime::Error),
}

/// A running kubelet.
pub struct Kubelet {
    shared: Arc<Shared>,
    workers: Workers,
}

impl Kubelet {
    /// Registers the node, adopts what runs, ends what should not, and goes on until `tasks` stop.
    /// Containers keep running then.
    ///
    /// # Errors
    /// When its directories cannot be made or the runtime does not answer.
    pub async fn start(
        config: Config,
        caches: &Caches,
        runtime: Arc<dyn Runtime>,
        network: Arc<dyn PodNetwork>,
        clock: Clock,
        tasks: &Tasks,
    ) -> Result<Arc<Self>, Error> {
        for dir in [&config.root_dir, &config.log_dir] {
            std::fs::create_dir_all(dir).map_err(|source| Error::Directory {
                path: dir.display().to_string(),
                source,
            })?;
        }
        let client = caches.client().named("kubelet");
        let workers = Workers::default();
        let woken = workers.clone();
        let wake: references::Wake = Arc::new(move |uid: &str| woken.references_changed(uid));
        let allocatable = machine::capacity(&*runtime, config.max_pods).await;
        let shared = Arc::new(Shared {
            recorder: Recorder::new(
                client.clone(),
                "kubelet",
                &config.node_name,
                clock.clone(),
                tasks,
            ),
            references: References::new(client.clone(), tasks.clone(), wake),
            services: caches.of::<Service>(),
            config,
            client,
            runtime,
            network,
            clock,
            allocatable,
            tasks: tasks.clone(),
        });
        let kubelet = Arc::new(Self {
            shared: Arc::clone(&shared),
            workers,
        });
        tasks.spawn("node", node::run(Arc::clone(&shared)));
        let (listening, caches) = (Arc::clone(&kubelet), caches.clone());
        tasks.spawn("kubelet", async move { listening.run(&caches).await });
        Ok(kubelet)
    }

    async fn run(self: Arc<Self>, caches: &Caches) {
        let mut events = self.shared.runtime.events();
        let mut arrivals = self.shared.runtime.arrivals();
        let config = &self.shared.config;
        let pods = if config.control_plane {
            caches.of::<Pod>()
        } else {
            caches.select::<Pod>(client::ListOptions {
                fields: format!("spec.nodeName={}", config.node_name),
                ..client::ListOptions::default()
            })
        };
        pods.synced().await;
        self.shared.services.synced().await;
        let seen = Arc::clone(&self);
        pods.on_change(move |change| seen.changed(change));
        if let Err(error) = self.find_orphans().await {
            tracing::error!(%error, "pods that the API does not know could not be looked for");
        }
        loop {
            tokio::select! {
                event = events.recv() => match event {
                    Ok(event) => self.workers.wake(&event.pod_uid),
                    Err(RecvError::Lagged(_)) => self.workers.wake_all(),
                    Err(RecvError::Closed) => return,
                },
                image = arrivals.recv() => match image {
                    Ok(image) => self.workers.image_arrived(Some(&image)),
                    Err(RecvError::Lagged(_)) => self.workers.image_arrived(None),
                    Err(RecvError::Closed) => return,
                },
            }
        }
    }

    fn changed(&self, change: &Change<Pod>) {
        let here = |pod: &&Arc<Pod>| {
            pod.spec.as_ref().and_then(|it| it.node_name.as_deref())
                == Some(self.shared.config.node_name.as_str())
        };
        let new = change.new.as_ref().filter(here);
        if let Some(old) = change.old.as_ref().filter(here)
            && new.is_none_or(|new| pod::uid(new) != pod::uid(old))
        {
            self.workers.lost(old);
        }
        if let Some(new) = new {
            self.workers.saw(&self.shared, new);
        }
    }

    /// Ends pods that the machine has and the API does not, and clears directories that nobody has.
    async fn find_orphans(&self) -> Result<(), Error> {
        let mut containers: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for it in self.shared.runtime.list_containers().await? {
            containers
                .entry(it.sandbox_id)
                .or_default()
                .push(it.config.name);
        }
        for sandbox in self.shared.runtime.list_pod_sandbox().await? {
            let names = containers.remove(&sandbox.id).unwrap_or_default();
            self.workers.orphan(&self.shared, &sandbox, names);
        }
        let known: Vec<String> = self
            .workers
            .pods()
            .iter()
            .map(|it| pod::uid(it).to_owned())
            .collect();
        let dirs = std::fs::read_dir(self.shared.config.root_dir.join("pods"));
        for entry in dirs.into_iter().flatten().flatten() {
            let uid = entry.file_name().to_string_lossy().into_owned();
            if !known.contains(&uid)
                && let Err(error) = steps::volumes::tear_down(&self.shared, &uid).await
            {
                tracing::warn!(%error, uid, "the directory of a pod that is gone could not be removed");
            }
        }
        Ok(())
    }

    /// Where its tasks live.
    pub(crate) fn tasks(&self) -> &Tasks {
        &self.shared.tasks
    }

    /// The pods of this node.
    #[must_use]
    pub fn pods(&self) -> Vec<Arc<Pod>> {
        self.workers.pods()
    }
}
