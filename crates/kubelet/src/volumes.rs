//! Volumes: one file for each type, one closed list (upstream: `pkg/volume`, its plugins).
//!
//! Adding a type: a file with its `Volume`, a line in [`TYPES`], a test. Setting up may be repeated at any
//! time and brings a volume up to date; it is synchronous and is called off the async threads.

mod atomic_writer;
mod config_map;
mod downward_api;
mod empty_dir;
mod host_path;
mod mounts;
mod ownership;
mod payload;
mod projected;
mod secret;
mod sub_path;
mod tokens;

pub use sub_path::{read_text, resolve as resolve_sub_path};
pub use tokens::{Token, Tokens};

use crate::{container::field_ref::NodeView, references::Referenced};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, Volume as Source};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

/// What volumes are made from; everything was fetched before.
#[derive(Clone, Debug)]
pub struct Context {
    /// The pod.
    pub pod: Arc<Pod>,
    /// Its ConfigMaps and Secrets.
    pub referenced: Referenced,
    /// Its addresses and the node's.
    pub node: NodeView,
    /// Its service account tokens.
    pub tokens: BTreeMap<tokens::Want, Result<Token, String>>,
    /// Whether this process may mount filesystems; if not, memory is a directory.
    pub may_mount: bool,
}

/// A volume on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mounted {
    /// What containers get.
    pub path: PathBuf,
    /// Whether containers only read it, whatever they ask for.
    pub readonly: bool,
}

/// One type of volume.
pub trait Volume: Sync {
    /// Its name in paths and messages: `kubernetes.io/empty-dir`.
    fn name(&self) -> &'static str;
    /// Whether a source is of this type.
    fn handles(&self, source: &Source) -> bool;
    /// Brings the volume up to date in `dir`, which is its own.
    fn set_up(&self, source: &Source, dir: &Path, context: &Context) -> Result<Mounted, String>;
}

/// Every type, in order of names.
const TYPES: [&dyn Volume; 6] = [
    &config_map::ConfigMap,
    &downward_api::DownwardApi,
    &empty_dir::EmptyDir,
    &host_path::HostPath,
    &projected::Projected,
    &secret::Secret,
];

/// Every volume of a pod, up to date. The error names the volume, as upstream's event does.
pub fn set_up_all(pod_dir: &Path, context: &Context) -> Result<BTreeMap<String, Mounted>, String> {
    let mut mounted = BTreeMap::new();
    let spec = context.pod.spec.as_ref();
    for source in spec
        .and_then(|it| it.volumes.as_deref())
        .unwrap_or_default()
    {
        let name = &source.name;
        let volume = TYPES
            .iter()
            .find(|it| it.handles(source))
            .ok_or_else(|| unsupported(source))?;
        let dir = pod_dir
            .join("volumes")
            .join(volume.name().replace('/', "~"))
            .join(name);
        let it = volume
            .set_up(source, &dir, context)
            .map_err(|error| format!("MountVolume.SetUp failed for volume {name:?} : {error}"))?;
        mounted.insert(name.clone(), it);
    }
    Ok(mounted)
}

fn unsupported(source: &Source) -> String {
    let what = match () {
        () if source.persistent_volume_claim.is_some() => "persistentVolumeClaim volumes are",
        () if source.ephemeral.is_some() => "ephemeral volumes are",
        () if source.csi.is_some() => "csi volumes are",
        () if source.nfs.is_some() => "nfs volumes are",
        () if source.image.is_some() => "image volumes are",
        () => "this type of volume is",
    };
    format!(
        "Unable to attach or mount volume {:?}: {what} not supported by this node",
        source.name
    )
}

/// Takes every volume of a pod away with its directory. Safe to repeat.
pub fn tear_down_all(pod_dir: &Path) -> Result<(), String> {
    mounts::unmount_below(pod_dir)?;
    match std::fs::remove_dir_all(pod_dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(format!("remove {}: {error}", pod_dir.display()))
        }
        _ => Ok(()),
    }
}

/// When a pod's volumes must be brought up to date again though nothing changed: its tokens grow old.
#[must_use]
pub fn refresh_at(context: &Context) -> Option<Timestamp> {
    context
        .tokens
        .values()
        .filter_map(|it| it.as_ref().ok())
        .map(|it| it.refresh_at)
        .min()
}

#[cfg(test)]
mod tests;
