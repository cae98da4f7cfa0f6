//! What is remembered on disk: one small JSON file each, replaced atomically, readable by root only.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::sandbox::Sandbox;
use crate::shim::wire::Process;

/// A container as it was made.
pub(crate) const CONTAINER: &str = "container.json";
/// Its configuration for libcontainer.
pub(crate) const SPEC: &str = "config.json";
/// What its processes are left with.
pub(crate) const CONFINEMENT: &str = "confinement.json";
/// Its compiled system call filter.
pub(crate) const FILTER: &str = "seccomp.bpf";
/// Written by the server before it asks for a start.
pub(crate) const STARTING: &str = "starting";
/// Written by the shim when the container runs.
pub(crate) const RUNNING: &str = "running.json";
/// Written when it ended.
pub(crate) const EXIT: &str = "exit.json";
/// A sandbox.
pub(crate) const SANDBOX: &str = "sandbox.json";

/// A container that runs.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Running {
    pub(crate) process: Process,
    pub(crate) shim: Process,
    pub(crate) started_at: Timestamp,
}

/// What the processes of a container are left with.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Confinement {
    /// Names with `CAP_`.
    pub(crate) capabilities: Vec<String>,
    pub(crate) no_new_privileges: bool,
    /// Whether there is a filter.
    pub(crate) filter: bool,
}

/// A sandbox with what only the runtime needs to know.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SandboxRecord {
    pub(crate) sandbox: Sandbox,
    pub(crate) pause: Option<Process>,
}

pub(crate) fn write<T: Serialize>(dir: &Path, name: &str, value: &T) -> Result<()> {
    let path = dir.join(name);
    let new = dir.join(format!("{name}.new"));
    let bytes = serde_json::to_vec(value).map_err(Error::io("encode", &path))?;
    let written = File::options()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(&new)
        .and_then(|mut file| file.write_all(&bytes))
        .and_then(|()| fs::rename(&new, &path));
    if written.is_err() {
        // A full disk leaves an empty file, which would only take more of it.
        let _ = fs::remove_file(&new);
    }
    written.map_err(Error::io("write", &path))
}

/// `None` if there is no such file.
pub(crate) fn read<T: DeserializeOwned>(dir: &Path, name: &str) -> Result<Option<T>> {
    let path = dir.join(name);
    match fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(Error::io("decode", &path)),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(Error::io("read", &path)(e)),
    }
}

/// Makes a directory that only root enters, with its parents.
pub(crate) fn make_dir(path: &Path) -> Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(Error::io("create", path))
}

/// Removes a directory with everything in it; what is gone is fine.
pub(crate) fn remove_dir(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(Error::io("remove", path)(e)),
        _ => Ok(()),
    }
}
