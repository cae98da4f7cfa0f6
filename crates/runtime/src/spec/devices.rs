//! Device nodes of a container and the cgroup's rules for them.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::cgroup::devices::Rule;
use crate::container::Device;
use crate::error::{Error, Result};

/// Depth to which `/dev` is searched for a privileged container.
const DEPTH: usize = 4;

/// A device as the kernel names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    path: PathBuf,
    /// `c` or `b`.
    kind: char,
    major: u32,
    minor: u32,
    mode: u32,
    uid: u32,
    gid: u32,
    permissions: String,
}

/// Looks at the devices of a machine that a container asks for.
pub(crate) fn find(wanted: &[Device], privileged: bool) -> Result<Vec<Node>> {
    let mut all = Vec::new();
    if privileged {
        search(Path::new("/dev"), DEPTH, &mut all);
    }
    for device in wanted {
        let path = &device.host_path;
        let mut node = look(path).ok_or_else(|| Error::Invalid {
            field: "devices",
            reason: format!("{} is not a device", path.display()),
        })?;
        if !device.container_path.as_os_str().is_empty() {
            node.path = device.container_path.clone();
        }
        if !device.permissions.is_empty() {
            node.permissions = device.permissions.clone();
        }
        all.retain(|known: &Node| known.path != node.path);
        all.push(node);
    }
    Ok(all)
}

fn search(directory: &Path, depth: usize, all: &mut Vec<Node>) {
    const ELSEWHERE: [&str; 6] = ["pts", "shm", "fd", "mqueue", "console", "ptmx"];
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if ELSEWHERE
            .iter()
            .any(|name| path == Path::new("/dev").join(name))
        {
            continue;
        }
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && depth > 1 => search(&path, depth - 1, all),
            Ok(kind) if kind.is_char_device() || kind.is_block_device() => all.extend(look(&path)),
            _ => {}
        }
    }
}

fn look(path: &Path) -> Option<Node> {
    let found = fs::metadata(path).ok()?;
    let kind = match found.file_type() {
        t if t.is_char_device() => 'c',
        t if t.is_block_device() => 'b',
        _ => return None,
    };
    Some(Node {
        path: path.to_owned(),
        kind,
        major: rustix::fs::major(found.rdev()),
        minor: rustix::fs::minor(found.rdev()),
        mode: found.mode() & 0o7777,
        uid: found.uid(),
        gid: found.gid(),
        permissions: "rwm".to_owned(),
    })
}

/// The nodes to make.
pub(crate) fn nodes(all: &[Node]) -> Vec<Value> {
    let each = |n: &Node| {
        json!({
            "path": n.path, "type": n.kind, "major": n.major, "minor": n.minor,
            "fileMode": n.mode, "uid": n.uid, "gid": n.gid,
        })
    };
    all.iter().map(each).collect()
}

/// What a cgroup of version 2 allows, beside the harmless devices that every container has.
pub(crate) fn allowed(all: &[Node]) -> Vec<Rule> {
    all.iter()
        .map(|n| Rule::new(n.kind, n.major, n.minor, &n.permissions))
        .collect()
}

/// What the cgroup allows, beside the harmless devices that every container has.
pub(crate) fn rules(all: &[Node], privileged: bool) -> Vec<Value> {
    let mut rules = vec![json!({ "allow": privileged, "access": "rwm" })];
    if !privileged {
        rules.extend(all.iter().map(|n| {
            json!({
                "allow": true, "type": n.kind, "major": n.major, "minor": n.minor,
                "access": n.permissions,
            })
        }));
    }
    rules
}
