//! An image: its names, size and configuration (upstream: `Image`, `ImageStatus`).

pub mod archive;
pub(crate) mod build;
pub(crate) mod fetch;
mod files;
mod import;
mod index;
mod layer;
pub mod name;
pub(crate) mod store;

pub use fetch::Registries;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// An image on this machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// Digest of its configuration: `sha256:…`.
    pub id: String,
    /// Full names with a tag: `docker.io/library/nginx:1.27`.
    pub repo_tags: Vec<String>,
    /// Full names with a digest: `docker.io/library/nginx@sha256:…`.
    pub repo_digests: Vec<String>,
    /// Size on disk, unpacked.
    pub size_bytes: u64,
    /// How its author wants it run.
    pub config: ImageConfig,
}

impl Image {
    /// The digest name if there is one, else the id (upstream: `imageRef`).
    pub fn image_ref(&self) -> &str {
        self.repo_digests.first().unwrap_or(&self.id)
    }
}

/// How an image's author wants it run (upstream: OCI image configuration).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImageConfig {
    /// `user`, `uid`, `user:group` or `uid:gid`; empty is root.
    pub user: String,
    /// Command.
    pub entrypoint: Vec<String>,
    /// Arguments.
    pub cmd: Vec<String>,
    /// `NAME=value`.
    pub env: Vec<String>,
    /// Working directory; empty is `/`.
    pub working_dir: String,
    /// `80/tcp`.
    pub exposed_ports: Vec<String>,
    /// Directories that hold what changes.
    pub volumes: Vec<String>,
    /// Signal that ends it, if not TERM.
    pub stop_signal: Option<String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

impl ImageConfig {
    /// The numeric user, if the image names one by number; root if it names none.
    /// `None` means a user name, which only the image's own `/etc/passwd` explains.
    pub fn uid(&self) -> Option<i64> {
        match self.user.split(':').next().unwrap_or_default() {
            "" => Some(0),
            user => user.parse().ok(),
        }
    }
}

/// What to show a registry. Debug output hides the secrets.
#[derive(Clone, PartialEq, Eq)]
pub enum Auth {
    /// Name and password.
    Basic {
        /// Name.
        username: String,
        /// Password.
        password: String,
    },
    /// A token.
    Bearer(String),
}

impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Auth::Basic { username, .. } => write!(f, "Basic({username})"),
            Auth::Bearer(_) => write!(f, "Bearer"),
        }
    }
}

/// Space on the filesystem that holds images.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FsInfo {
    /// Where.
    pub mountpoint: PathBuf,
    /// Size of the filesystem.
    pub capacity_bytes: u64,
    /// Free for us.
    pub available_bytes: u64,
    /// Used by images.
    pub used_bytes: u64,
    /// Inodes of the filesystem.
    pub inodes: u64,
    /// Free inodes.
    pub inodes_free: u64,
}
