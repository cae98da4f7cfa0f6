//! The runtime of this machine: the state of its sandboxes, containers and images, on disk and in memory.
//!
//! `sandboxes/<id>/`, `containers/<id>/` and `images/` under one directory hold everything. Nothing here
//! is a parent of a container: a server that dies leaves all of them running, and [`Native::open`] finds them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{broadcast, watch};

use crate::cgroup::Cgroups;
use crate::container::{Change, Container, Event, Resources, State};
use crate::error::{Error, Result};
use crate::image::{Image, Registries, store::Store};
use crate::spec::filter::Filters;

mod containers;
mod destroy;
mod images;
mod launcher;
mod pods;
pub(crate) mod records;
mod recover;
mod sandboxes;
mod self_test;
mod streams;
mod terminal;

use launcher::Launcher;
use records::{Running, SandboxRecord};

/// Events that wait for a slow receiver before it must list again.
const EVENTS: usize = 1024;
/// The same for images that arrive.
const ARRIVALS: usize = 16;
/// Holds the cgroups that are not a pod's.
const CGROUPS: &str = "/sampan";

/// How to open a [`Native`] runtime.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where everything is kept.
    pub dir: PathBuf,
    /// The binary whose `shim` subcommand calls [`crate::shim::main`]; this one unless told.
    pub shim: PathBuf,
    /// How to talk to registries.
    pub registries: Registries,
}

impl Options {
    /// The usual ones.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Options {
            dir: dir.into(),
            shim: PathBuf::from("/proc/self/exe"),
            registries: Registries::default(),
        }
    }
}

/// The runtime of this machine. Clones share it.
#[derive(Clone)]
pub struct Native {
    inner: Arc<Inner>,
}

struct Inner {
    dir: PathBuf,
    cgroups: Cgroups,
    images: Store,
    launcher: Launcher,
    registries: Registries,
    lowest_oom_score: Option<i32>,
    filters: Filters,
    sandboxes: Mutex<BTreeMap<String, SandboxRecord>>,
    containers: Mutex<BTreeMap<String, Arc<Entry>>>,
    events: broadcast::Sender<Event>,
    arrivals: broadcast::Sender<Image>,
}

/// A container in memory.
struct Entry {
    /// As it was made; its state is in `state`, its limits in `limits`.
    made: Container,
    limits: Mutex<Resources>,
    dir: PathBuf,
    cgroup: String,
    pod_uid: String,
    /// The image's own wish.
    stop_signal: Option<String>,
    state: watch::Sender<State>,
    running: Mutex<Option<Running>>,
    /// One start or removal at a time.
    turn: tokio::sync::Mutex<()>,
}

impl Entry {
    fn now(&self) -> Container {
        let mut now = self.made.clone();
        now.state = self.state.borrow().clone();
        now.config.resources.clone_from(&self.limits.lock());
        now
    }
}

impl Native {
    /// Opens the runtime and finds what runs already. Needs root, cgroups and a tokio runtime.
    pub async fn open(options: Options) -> Result<Self> {
        if !rustix::process::geteuid().is_root() {
            return Err(Error::Machine {
                what: "containers need root".to_owned(),
                remedy: "run as root, e.g. with sudo".to_owned(),
            });
        }
        for sub in ["sandboxes", "containers"] {
            records::make_dir(&options.dir.join(sub))?;
        }
        let (events, _) = broadcast::channel(EVENTS);
        let (arrivals, _) = broadcast::channel(ARRIVALS);
        let native = Native {
            inner: Arc::new(Inner {
                cgroups: Cgroups::detect()?,
                images: Store::open(&options.dir.join("images"))?,
                launcher: Launcher::new(options.shim, own_cgroup(&options.dir)),
                registries: options.registries,
                lowest_oom_score: lowest_oom_score(),
                filters: Filters::default(),
                sandboxes: Mutex::default(),
                containers: Mutex::default(),
                events,
                arrivals,
                dir: options.dir,
            }),
        };
        native.recover().await?;
        Ok(native)
    }

    /// A cgroup for the caller's pods that no other runtime of this machine shares; the caller removes it
    /// before [`Native::destroy_all`].
    #[must_use]
    pub fn pods_cgroup(&self) -> String {
        format!("{CGROUPS}/pods-{}", identity(&self.inner.dir))
    }

    /// The cgroups that this runtime and its caller use.
    #[must_use]
    pub fn cgroups(&self) -> [String; 3] {
        [
            own_cgroup(&self.inner.dir),
            self_test_cgroup(&self.inner.dir),
            self.pods_cgroup(),
        ]
    }

    fn sandbox(&self, id: &str) -> Result<SandboxRecord> {
        let found = self.inner.sandboxes.lock().get(id).cloned();
        found.ok_or_else(|| Error::NotFound {
            kind: "sandbox",
            id: id.to_owned(),
        })
    }

    fn entry(&self, id: &str) -> Result<Arc<Entry>> {
        let found = self.inner.containers.lock().get(id).cloned();
        found.ok_or_else(|| Error::NotFound {
            kind: "container",
            id: id.to_owned(),
        })
    }

    fn sandbox_dir(&self, id: &str) -> PathBuf {
        self.inner.dir.join("sandboxes").join(id)
    }

    fn container_dir(&self, id: &str) -> PathBuf {
        self.inner.dir.join("containers").join(id)
    }

    fn emit(&self, entry: &Entry, change: Change) {
        // Nobody listening is fine.
        let _ = self.inner.events.send(Event {
            container_id: entry.made.id.clone(),
            sandbox_id: entry.made.sandbox_id.clone(),
            pod_uid: entry.pod_uid.clone(),
            change,
        });
    }

    /// Images that a container was made from.
    fn used_images(&self) -> BTreeSet<String> {
        let containers = self.inner.containers.lock();
        containers
            .values()
            .map(|e| e.made.image_id.clone())
            .collect()
    }
}

/// Without CAP_SYS_RESOURCE a process cannot make anything less likely to be killed than itself.
fn lowest_oom_score() -> Option<i32> {
    let resource = caps::Capability::CAP_SYS_RESOURCE;
    if caps::has_cap(None, caps::CapSet::Effective, resource).unwrap_or(true) {
        return None;
    }
    let own = std::fs::read_to_string("/proc/self/oom_score_adj").ok()?;
    own.trim().parse().ok()
}

/// The cgroup of what serves the containers of a directory: another runtime on this machine has another.
fn own_cgroup(dir: &Path) -> String {
    format!("{CGROUPS}/runtime-{}", identity(dir))
}

/// The cgroup of its self-test.
fn self_test_cgroup(dir: &Path) -> String {
    format!("{CGROUPS}/self-test-{}", identity(dir))
}

/// Tells the runtimes of one machine apart.
fn identity(dir: &Path) -> String {
    let digest = crate::image::store::digest(dir.as_os_str().as_encoded_bytes());
    digest["sha256:".len()..][..8].to_owned()
}

/// 64 random hexadecimal digits.
fn new_id() -> Result<String> {
    use std::fmt::Write;
    use std::io::Read;
    let path = Path::new("/dev/urandom");
    let mut bytes = [0; 32];
    std::fs::File::open(path)
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(Error::io("read", path))?;
    Ok(bytes.iter().fold(String::new(), |mut id, byte| {
        let _ = write!(id, "{byte:02x}");
        id
    }))
}

/// Runs what blocks away from the reactor.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|e| {
        Err(Error::Helper {
            operation: "run",
            object: "blocking task".to_owned(),
            reason: e.to_string(),
        })
    })
}
