//! `subPath`: one entry of a volume, found without ever leaving the volume, whatever links its owner made
//! (upstream: `volume/util/subpath`).

use super::mounts;
use rustix::fs::{Mode, OFlags, ResolveFlags, mkdirat, openat2};
use std::{
    fs::{self, File},
    io::{self, Read},
    os::fd::{AsRawFd, OwnedFd},
    path::{Component, Path, PathBuf},
};

/// The path to mount for `sub_path` of `volume`; missing directories are made. `pin` is where the entry is
/// mounted so that it cannot be exchanged before the container has it; without it the plain path is the answer.
pub fn resolve(volume: &Path, sub_path: &str, pin: Option<&Path>) -> Result<PathBuf, String> {
    let relative = Path::new(sub_path);
    if !relative
        .components()
        .all(|it| matches!(it, Component::Normal(_) | Component::CurDir))
    {
        return Err(format!(
            "subPath {sub_path:?} must be relative and not contain '..'"
        ));
    }
    let entry = open(volume, relative)
        .map_err(|error| format!("open subPath {sub_path:?} of volume: {error}"))?;
    let Some(pin) = pin else {
        return Ok(volume.join(relative));
    };
    if mounts::is_mounted(pin)? {
        return Ok(pin.to_path_buf());
    }
    let source = PathBuf::from(format!("/proc/self/fd/{}", entry.as_raw_fd()));
    let failed = |error: std::io::Error| format!("prepare {}: {error}", pin.display());
    if let Some(parent) = pin.parent() {
        fs::create_dir_all(parent).map_err(failed)?;
    }
    if fs::metadata(&source).map_err(failed)?.is_dir() {
        fs::create_dir_all(pin).map_err(failed)?;
    } else if !pin.exists() {
        fs::write(pin, b"").map_err(failed)?;
    }
    mounts::bind(&source, pin)?;
    Ok(pin.to_path_buf())
}

/// The largest file of a volume that is read.
const TEXT_LIMIT_BYTES: u64 = 1 << 20;

/// The text of a file of a volume. Links lead no further than the volume's root.
pub fn read_text(volume: &Path, path: &str) -> io::Result<String> {
    let inside = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    let flags = OFlags::CLOEXEC | OFlags::RDONLY | OFlags::NONBLOCK;
    let root = File::open(volume)?;
    let file = File::from(openat2(&root, path, flags, Mode::empty(), inside)?);
    let about = file.metadata()?;
    if !about.is_file() || about.len() > TEXT_LIMIT_BYTES {
        let why = format!("not a file of at most {TEXT_LIMIT_BYTES} bytes");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    }
    let mut text = String::new();
    file.take(TEXT_LIMIT_BYTES).read_to_string(&mut text)?;
    Ok(text)
}

fn open(volume: &Path, relative: &Path) -> rustix::io::Result<OwnedFd> {
    let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let root = rustix::fs::open(volume, flags | OFlags::DIRECTORY, Mode::empty())?;
    let relative = if relative.as_os_str().is_empty() {
        Path::new(".")
    } else {
        relative
    };
    match openat2(&root, relative, flags, Mode::empty(), beneath) {
        Err(rustix::io::Errno::NOENT) => {}
        other => return other,
    }
    let mut at = root.try_clone().map_err(|_| rustix::io::Errno::MFILE)?;
    let mut done = PathBuf::new();
    for part in relative.components() {
        match mkdirat(&at, part.as_os_str(), Mode::from_raw_mode(0o750)) {
            Ok(()) | Err(rustix::io::Errno::EXIST) => {}
            Err(error) => return Err(error),
        }
        done.push(part);
        at = openat2(&root, &done, flags, Mode::empty(), beneath)?;
    }
    Ok(at)
}
