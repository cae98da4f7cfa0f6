//! Unpacks a layer: a tar stream onto a directory, as overlayfs wants it.
//!
//! Archives are hostile until proven otherwise. Every path is resolved by the kernel with the layer's
//! directory as root (`openat2`, `RESOLVE_IN_ROOT`), so that neither `..` nor a link leads out of it.

use std::ffi::OsStr;
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{
    AtFlags, FileType, Gid, Mode, OFlags, ResolveFlags, Timespec, Timestamps, Uid, XattrFlags,
};
use rustix::io::Errno;
use tar::EntryType;

/// Entries of one layer.
const ENTRY_LIMIT: usize = 2_000_000;
const WHITEOUT: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";
/// Attributes that an archive may set; the rest steers the filesystem itself.
const XATTRS: [&str; 2] = ["user.", "security.capability"];

/// Why a layer could not be unpacked.
#[derive(Debug, thiserror::Error)]
pub(super) enum LayerError {
    #[error("read archive: {0}")]
    Read(io::Error),
    #[error("entry {0:?}: path leads out of the archive")]
    Escape(String),
    #[error("entry {0:?}: {1}: {2}")]
    Write(String, &'static str, io::Error),
    #[error("more than {ENTRY_LIMIT} entries")]
    TooMany,
}

type Result<T> = std::result::Result<T, LayerError>;

/// Unpacks a plain tar stream. Returns the bytes of its files.
pub(super) fn unpack(reader: impl Read, root: &Path) -> Result<u64> {
    let root = rustix::fs::open(root, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .map_err(|e| LayerError::Write(root.display().to_string(), "open", e.into()))?;
    let mut target = Target {
        root,
        size: 0,
        directories: Vec::new(),
    };
    let mut archive = tar::Archive::new(reader);
    for (number, entry) in archive.entries().map_err(LayerError::Read)?.enumerate() {
        if number >= ENTRY_LIMIT {
            return Err(LayerError::TooMany);
        }
        target.add(&mut entry.map_err(LayerError::Read)?)?;
    }
    target.finish()?;
    Ok(target.size)
}

struct Target {
    root: OwnedFd,
    size: u64,
    /// Times of directories, set last: adding files changes them.
    directories: Vec<(PathBuf, u64)>,
}

/// What an entry says about itself.
struct Facts {
    shown: String,
    mode: Mode,
    uid: u32,
    gid: u32,
    mtime: u64,
}

impl Facts {
    fn error<E: Into<io::Error>>(&self, operation: &'static str) -> impl FnOnce(E) -> LayerError {
        let shown = self.shown.clone();
        move |e| LayerError::Write(shown, operation, e.into())
    }
}

impl Target {
    fn add<R: Read>(&mut self, entry: &mut tar::Entry<'_, R>) -> Result<()> {
        let raw = entry.path_bytes().into_owned();
        let shown = String::from_utf8_lossy(&raw).into_owned();
        let path = clean(&raw).ok_or_else(|| LayerError::Escape(shown.clone()))?;
        let header = entry.header();
        let number =
            |value: io::Result<u64>| value.ok().and_then(|v| u32::try_from(v).ok()).unwrap_or(0);
        let facts = Facts {
            shown,
            mode: Mode::from_raw_mode(header.mode().unwrap_or(0o644) & 0o7777),
            uid: number(header.uid()),
            gid: number(header.gid()),
            mtime: header.mtime().unwrap_or(0),
        };
        let kind = header.entry_type();
        if matches!(kind, EntryType::XGlobalHeader) {
            return Ok(());
        }
        let Some(name) = path.file_name().map(OsStr::to_owned) else {
            // The root itself.
            return self.decorate(entry, &facts, Path::new("."), kind);
        };
        let parent = self.directory(path.parent().unwrap_or(Path::new("")), &facts)?;
        if let Some(hidden) = name.as_bytes().strip_prefix(WHITEOUT) {
            return whiteout(&parent, name.as_bytes(), hidden, &facts);
        }
        self.make(entry, kind, &parent, &name, &facts)?;
        self.decorate(entry, &facts, &path, kind)
    }

    /// Opens a directory below the root, making what is missing.
    fn directory(&self, path: &Path, facts: &Facts) -> Result<OwnedFd> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let open = |path: &Path| {
            let path = if path.as_os_str().is_empty() {
                Path::new(".")
            } else {
                path
            };
            rustix::fs::openat2(
                &self.root,
                path,
                flags,
                Mode::empty(),
                ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS,
            )
        };
        match open(path) {
            Err(Errno::NOENT) => {}
            other => return other.map_err(facts.error("open directory")),
        }
        let parent = self.directory(path.parent().unwrap_or(Path::new("")), facts)?;
        let name = path.file_name().unwrap_or_default();
        match rustix::fs::mkdirat(&parent, name, Mode::from_raw_mode(0o755)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(e) => return Err(facts.error("make directory")(e)),
        }
        open(path).map_err(facts.error("open directory"))
    }

    fn make<R: Read>(
        &mut self,
        entry: &mut tar::Entry<'_, R>,
        kind: EntryType,
        parent: &OwnedFd,
        name: &OsStr,
        facts: &Facts,
    ) -> Result<()> {
        if kind == EntryType::Directory {
            return make_directory(parent, name).map_err(facts.error("make directory"));
        }
        remove(parent, name).map_err(facts.error("replace"))?;
        match kind {
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                let flags = OFlags::WRONLY
                    | OFlags::CREATE
                    | OFlags::EXCL
                    | OFlags::NOFOLLOW
                    | OFlags::CLOEXEC;
                let file = rustix::fs::openat(parent, name, flags, Mode::from_raw_mode(0o600))
                    .map_err(facts.error("create"))?;
                let mut file = std::fs::File::from(file);
                self.size += io::copy(entry, &mut file).map_err(facts.error("write"))?;
                Ok(())
            }
            EntryType::Symlink => {
                let to = link_target(entry, facts)?;
                rustix::fs::symlinkat(OsStr::from_bytes(&to), parent, name)
                    .map_err(facts.error("make link"))
            }
            EntryType::Link => {
                let to = link_target(entry, facts)?;
                let to = clean(&to).ok_or_else(|| LayerError::Escape(facts.shown.clone()))?;
                let from = self.directory(to.parent().unwrap_or(Path::new("")), facts)?;
                rustix::fs::linkat(
                    &from,
                    to.file_name().unwrap_or_default(),
                    parent,
                    name,
                    AtFlags::empty(),
                )
                .map_err(facts.error("make hard link"))
            }
            EntryType::Char | EntryType::Block | EntryType::Fifo => {
                let header = entry.header();
                let number = |n: io::Result<Option<u32>>| n.ok().flatten().unwrap_or(0);
                let device = rustix::fs::makedev(
                    number(header.device_major()),
                    number(header.device_minor()),
                );
                let kind = match kind {
                    EntryType::Char => FileType::CharacterDevice,
                    EntryType::Block => FileType::BlockDevice,
                    _ => FileType::Fifo,
                };
                // A 0/0 character device would be taken for a whiteout.
                if kind == FileType::CharacterDevice && device == 0 {
                    return Ok(());
                }
                rustix::fs::mknodat(parent, name, kind, Mode::from_raw_mode(0o600), device)
                    .map_err(facts.error("make device"))
            }
            // Kinds nobody writes; the reference unpacker skips them too.
            _ => Ok(()),
        }
    }

    /// Owner, mode, attributes and time of what was made.
    fn decorate<R: Read>(
        &mut self,
        entry: &mut tar::Entry<'_, R>,
        facts: &Facts,
        path: &Path,
        kind: EntryType,
    ) -> Result<()> {
        if kind == EntryType::Link {
            return Ok(());
        }
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        let file = match rustix::fs::openat2(&self.root, path, flags, Mode::empty(), resolve) {
            Ok(file) => file,
            // A kind that was skipped.
            Err(Errno::NOENT) => return Ok(()),
            Err(e) => return Err(facts.error("open")(e)),
        };
        let (uid, gid) = (Uid::from_raw(facts.uid), Gid::from_raw(facts.gid));
        rustix::fs::chownat(&file, "", Some(uid), Some(gid), AtFlags::EMPTY_PATH)
            .map_err(facts.error("change owner"))?;
        if kind == EntryType::Symlink {
            return Ok(());
        }
        // An O_PATH descriptor has no modes and attributes of its own; its name under /proc has.
        let name = format!("/proc/self/fd/{}", file.as_raw_fd());
        rustix::fs::chmod(&name, facts.mode).map_err(facts.error("change mode"))?;
        for (key, value) in attributes(entry)? {
            match rustix::fs::setxattr(&name, &key, &value, XattrFlags::empty()) {
                Ok(()) | Err(Errno::NOTSUP) => {}
                Err(e) => return Err(facts.error("set attribute")(e)),
            }
        }
        if kind == EntryType::Directory {
            self.directories.push((path.to_owned(), facts.mtime));
            return Ok(());
        }
        set_time(Path::new(&name), facts.mtime).map_err(facts.error("set time"))
    }

    fn finish(&self) -> Result<()> {
        for (path, mtime) in self.directories.iter().rev() {
            let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
            // It may have been replaced by a later entry.
            if let Ok(file) = rustix::fs::openat2(&self.root, path, flags, Mode::empty(), resolve) {
                let name = format!("/proc/self/fd/{}", file.as_fd().as_raw_fd());
                let _ = set_time(Path::new(&name), *mtime);
            }
        }
        Ok(())
    }
}

/// A path without `/`, `.` and such; `None` if it has `..`.
fn clean(raw: &[u8]) -> Option<PathBuf> {
    let mut path = PathBuf::new();
    for part in Path::new(OsStr::from_bytes(raw)).components() {
        match part {
            Component::Normal(name) => path.push(name),
            Component::CurDir | Component::RootDir => {}
            Component::ParentDir | Component::Prefix(_) => return None,
        }
    }
    Some(path)
}

fn link_target<R: Read>(entry: &tar::Entry<'_, R>, facts: &Facts) -> Result<Vec<u8>> {
    entry
        .link_name_bytes()
        .map(|name| name.into_owned())
        .ok_or_else(|| facts.error("read link")(io::Error::from(io::ErrorKind::InvalidData)))
}

fn whiteout(parent: &OwnedFd, name: &[u8], hidden: &[u8], facts: &Facts) -> Result<()> {
    if name == OPAQUE {
        let path = format!("/proc/self/fd/{}", parent.as_raw_fd());
        return rustix::fs::setxattr(&path, "trusted.overlay.opaque", b"y", XattrFlags::empty())
            .map_err(facts.error("mark opaque"));
    }
    // Other names of this kind are bookkeeping of a filesystem long gone.
    if hidden.starts_with(WHITEOUT) {
        return Ok(());
    }
    if hidden.is_empty() || hidden == b"." || hidden == b".." {
        return Err(LayerError::Escape(facts.shown.clone()));
    }
    let hidden = OsStr::from_bytes(hidden);
    remove(parent, hidden).map_err(facts.error("hide"))?;
    rustix::fs::mknodat(parent, hidden, FileType::CharacterDevice, Mode::empty(), 0)
        .map_err(facts.error("hide"))
}

fn make_directory(parent: &OwnedFd, name: &OsStr) -> io::Result<()> {
    let mode = Mode::from_raw_mode(0o755);
    match rustix::fs::mkdirat(parent, name, mode) {
        Err(Errno::EXIST) => {
            let found = rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)?;
            if FileType::from_raw_mode(found.st_mode) == FileType::Directory {
                return Ok(());
            }
            remove(parent, name)?;
            Ok(rustix::fs::mkdirat(parent, name, mode)?)
        }
        other => Ok(other?),
    }
}

/// Removes whatever has this name, never following a link.
fn remove(parent: &OwnedFd, name: &OsStr) -> io::Result<()> {
    match rustix::fs::unlinkat(parent, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(Errno::ISDIR) => {
            let path = PathBuf::from(format!("/proc/self/fd/{}", parent.as_raw_fd())).join(name);
            std::fs::remove_dir_all(path)
        }
        Err(e) => Err(e.into()),
    }
}

fn attributes<R: Read>(entry: &mut tar::Entry<'_, R>) -> Result<Vec<(String, Vec<u8>)>> {
    let mut found = Vec::new();
    if let Some(extensions) = entry.pax_extensions().map_err(LayerError::Read)? {
        for extension in extensions {
            let extension = extension.map_err(LayerError::Read)?;
            let key = extension
                .key()
                .unwrap_or_default()
                .strip_prefix("SCHILY.xattr.");
            if let Some(key) = key.filter(|k| XATTRS.iter().any(|allowed| k.starts_with(allowed))) {
                found.push((key.to_owned(), extension.value_bytes().to_vec()));
            }
        }
    }
    Ok(found)
}

fn set_time(path: &Path, seconds: u64) -> rustix::io::Result<()> {
    let time = Timespec {
        tv_sec: i64::try_from(seconds).unwrap_or(0),
        tv_nsec: 0,
    };
    let times = Timestamps {
        last_access: time,
        last_modification: time,
    };
    rustix::fs::utimensat(rustix::fs::CWD, path, &times, AtFlags::empty())
}

#[cfg(test)]
mod tests;
