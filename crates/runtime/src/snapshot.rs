//! Root filesystems: the layers of an image below, a container's own layer above (overlayfs).

use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::mount::{MountFlags, UnmountFlags};

use crate::error::{Error, Result};

const UPPER: &str = "upper";
const WORK: &str = "work";
const ROOTFS: &str = "rootfs";
/// Of `/etc/passwd` and such.
const FILE_LIMIT: u64 = 1 << 20;

/// Mounts the root filesystem of a container in its directory. `layers` are lowest first.
pub(crate) fn mount(dir: &Path, layers: &[PathBuf]) -> Result<PathBuf> {
    for sub in [UPPER, WORK, ROOTFS, "empty"] {
        let path = dir.join(sub);
        fs::create_dir_all(&path).map_err(Error::io("create", &path))?;
    }
    let rootfs = dir.join(ROOTFS);
    let empty = [dir.join("empty")];
    let layers = if layers.is_empty() {
        &empty[..]
    } else {
        layers
    };
    // By descriptor: the options of a mount are one page, and paths may hold any character.
    let open = |path: &Path| -> Result<OwnedFd> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        rustix::fs::open(path, flags, Mode::empty()).map_err(Error::io("open", path))
    };
    let lower: Vec<OwnedFd> = layers
        .iter()
        .rev()
        .map(|l| open(l))
        .collect::<Result<_>>()?;
    let (upper, work) = (open(&dir.join(UPPER))?, open(&dir.join(WORK))?);
    let name = |fd: &OwnedFd| format!("/proc/self/fd/{}", fd.as_raw_fd());
    let options = format!(
        "lowerdir={},upperdir={},workdir={}",
        lower.iter().map(name).collect::<Vec<_>>().join(":"),
        name(&upper),
        name(&work)
    );
    let options = std::ffi::CString::new(options).unwrap_or_default();
    rustix::mount::mount(
        "overlay",
        &rootfs,
        "overlay",
        MountFlags::empty(),
        options.as_c_str(),
    )
    .map_err(Error::io("mount overlay on", &rootfs))?;
    Ok(rootfs)
}

/// Undoes [`mount`]. What is not mounted is fine.
pub(crate) fn unmount(dir: &Path) -> Result<()> {
    detach(&dir.join(ROOTFS))
}

/// Unmounts whatever is mounted on a path.
pub(crate) fn detach(path: &Path) -> Result<()> {
    loop {
        match rustix::mount::unmount(path, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW) {
            Ok(()) => {}
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOENT) => return Ok(()),
            Err(e) => return Err(Error::io("unmount", path)(e)),
        }
    }
}

/// Reads a small file of a root filesystem, links resolved inside it. Empty if there is none.
pub(crate) fn read(rootfs: &Path, path: &str) -> String {
    use std::io::Read;
    let read = || -> std::io::Result<String> {
        let root = fs::File::open(rootfs)?;
        let file = rustix::fs::openat2(
            &root,
            path.trim_start_matches('/'),
            OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK,
            Mode::empty(),
            ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS,
        )?;
        let mut bytes = Vec::new();
        fs::File::from(file)
            .take(FILE_LIMIT)
            .read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    read().unwrap_or_default()
}

/// Makes a directory in a root filesystem, as the working directory of a container may be missing.
pub(crate) fn make_directory(rootfs: &Path, path: &Path) -> std::io::Result<()> {
    let root = fs::File::open(rootfs)?;
    let mut so_far = PathBuf::new();
    for part in path.components() {
        if let std::path::Component::Normal(name) = part {
            let parent = if so_far.as_os_str().is_empty() {
                Path::new(".")
            } else {
                &so_far
            };
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
            let parent = rustix::fs::openat2(&root, parent, flags, Mode::empty(), resolve)?;
            match rustix::fs::mkdirat(&parent, name, Mode::from_raw_mode(0o755)) {
                Ok(()) | Err(rustix::io::Errno::EXIST) => {}
                Err(e) => return Err(e.into()),
            }
            so_far.push(name);
        }
    }
    Ok(())
}
