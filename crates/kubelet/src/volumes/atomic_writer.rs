//! Writes a payload so that readers see all of the old or all of the new
//! (upstream: `volume/util/atomic_writer.go`).
//!
//! Files lie in a directory of their own; `..data` is a link to it that is replaced by a rename; what users
//! see are links through `..data`.

use super::payload::Payload;
use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, chown, symlink},
    path::{Component, Path},
    time::{SystemTime, UNIX_EPOCH},
};

const DATA: &str = "..data";
const NEW_DATA: &str = "..data_tmp";

/// Brings `dir` to `payload`; `finish` prepares the new files before they are seen. Whether anything changed.
pub(super) fn write(
    dir: &Path,
    payload: &Payload,
    finish: &dyn Fn(&Path) -> Result<(), String>,
) -> Result<bool, String> {
    for path in payload.keys() {
        check_path(path)?;
    }
    write_checked(dir, payload, finish).map_err(|error| format!("write {}: {error}", dir.display()))
}

/// Relative, downward only, and not in our own name space.
fn check_path(path: &str) -> Result<(), String> {
    let plain = Path::new(path)
        .components()
        .all(|it| matches!(it, Component::Normal(_)));
    if path.is_empty() || !plain {
        return Err(format!(
            "invalid path {path:?}: must be relative and not contain '..'"
        ));
    }
    if path.starts_with("..") {
        return Err(format!("invalid path {path:?}: must not start with '..'"));
    }
    Ok(())
}

fn write_checked(
    dir: &Path,
    payload: &Payload,
    finish: &dyn Fn(&Path) -> Result<(), String>,
) -> std::io::Result<bool> {
    fs::create_dir_all(dir)?;
    let data = dir.join(DATA);
    let old = fs::read_link(&data).ok();
    if old.is_some() && is_same(&data, payload)? {
        link_all(dir, payload)?;
        return Ok(false);
    }
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let name = format!("..{}_{:09}", since.as_secs(), since.subsec_nanos());
    let fresh = dir.join(&name);
    fs::DirBuilder::new().mode(0o755).create(&fresh)?;
    for (path, file) in payload {
        let path = fresh.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let mut options = fs::OpenOptions::new();
        let mut open = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        std::io::Write::write_all(&mut open, &file.content)?;
        // The process's umask must not thin the mode out.
        fs::set_permissions(&path, fs::Permissions::from_mode(file.mode))?;
        if file.user.is_some() {
            chown(&path, file.user, None)?;
        }
    }
    finish(&fresh).map_err(std::io::Error::other)?;
    let _ = fs::remove_file(dir.join(NEW_DATA));
    symlink(&name, dir.join(NEW_DATA))?;
    fs::rename(dir.join(NEW_DATA), &data)?;
    link_all(dir, payload)?;
    if let Some(old) = old {
        fs::remove_dir_all(dir.join(old))?;
    }
    Ok(true)
}

/// The first parts of the payload's paths, as links through `..data`; links that lead nowhere go.
fn link_all(dir: &Path, payload: &Payload) -> std::io::Result<()> {
    let wanted: BTreeSet<&str> = payload
        .keys()
        .filter_map(|it| it.split('/').next())
        .collect();
    for name in &wanted {
        let link = dir.join(name);
        if fs::symlink_metadata(&link).is_err() {
            symlink(Path::new(DATA).join(name), &link)?;
        }
    }
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if !name.starts_with("..") && !wanted.contains(&*name) && entry.file_type()?.is_symlink() {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn is_same(data: &Path, payload: &Payload) -> std::io::Result<bool> {
    let mut files = 0;
    let mut pending = vec![data.to_path_buf()];
    while let Some(dir) = pending.pop() {
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                pending.push(entry.path());
            } else {
                files += 1;
            }
        }
    }
    Ok(files == payload.len()
        && payload
            .iter()
            .all(|(path, file)| fs::read(data.join(path)).is_ok_and(|it| it == file.content)))
}

/// What the volumes of this kind share: memory below, the writer, the group.
pub(super) fn set_up(
    dir: &Path,
    payload: &Payload,
    context: &super::Context,
    in_memory: bool,
) -> Result<super::Mounted, String> {
    fs::create_dir_all(dir).map_err(|error| format!("create {}: {error}", dir.display()))?;
    if in_memory && context.may_mount && !super::mounts::is_mounted(dir)? {
        super::mounts::tmpfs(dir, None)?;
    }
    let group = |path: &Path| super::ownership::apply(path, &context.pod, true);
    write(dir, payload, &group)?;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o755))
        .map_err(|error| format!("open {} to the pod: {error}", dir.display()))?;
    Ok(super::Mounted {
        path: dir.to_path_buf(),
        readonly: true,
    })
}
