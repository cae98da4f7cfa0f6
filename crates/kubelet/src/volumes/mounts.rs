//! Mounts below a pod's directory.

use nix::mount::{MntFlags, MsFlags};
use std::path::{Path, PathBuf};

/// Whether something is mounted at `path`.
pub(super) fn is_mounted(path: &Path) -> Result<bool, String> {
    Ok(below(path)?.iter().any(|it| it == path))
}

/// A tmpfs at `path`.
pub(super) fn tmpfs(path: &Path, size_bytes: Option<u64>) -> Result<(), String> {
    let options = size_bytes.map(|size| format!("size={size}"));
    nix::mount::mount(
        Some("tmpfs"),
        path,
        Some("tmpfs"),
        MsFlags::MS_NODEV | MsFlags::MS_NOSUID,
        options.as_deref(),
    )
    .map_err(|error| format!("mount tmpfs at {}: {error}", path.display()))
}

/// `from` again at `to`.
pub(super) fn bind(from: &Path, to: &Path) -> Result<(), String> {
    nix::mount::mount(
        Some(from),
        to,
        None::<&str>,
        MsFlags::MS_BIND | MsFlags::MS_REC,
        None::<&str>,
    )
    .map_err(|error| format!("bind {} at {}: {error}", from.display(), to.display()))
}

/// Unmounts whatever is mounted at or below `dir`, and makes sure that nothing is left: what is removed
/// next must not be somebody else's files.
pub(super) fn unmount_below(dir: &Path) -> Result<(), String> {
    for path in below(dir)?.iter().rev() {
        nix::mount::umount2(path, MntFlags::MNT_DETACH | MntFlags::UMOUNT_NOFOLLOW)
            .map_err(|error| format!("unmount {}: {error}", path.display()))?;
    }
    match below(dir)?.first() {
        None => Ok(()),
        Some(left) => Err(format!("{} is still mounted", left.display())),
    }
}

/// Mount points at or below `dir`, in the order they were made.
fn below(dir: &Path) -> Result<Vec<PathBuf>, String> {
    let table = std::fs::read_to_string("/proc/self/mountinfo")
        .map_err(|error| format!("read mountinfo: {error}"))?;
    Ok(table
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .map(|path| PathBuf::from(unescape(path)))
        .filter(|path| path.starts_with(dir))
        .collect())
}

/// `\040` and its kind.
fn unescape(text: &str) -> String {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let octal = tail.get(..3).and_then(|it| std::str::from_utf8(it).ok());
        match octal
            .and_then(|it| u8::from_str_radix(it, 8).ok())
            .filter(|_| *first == b'\\')
        {
            Some(byte) => {
                out.push(byte);
                rest = &tail[3..];
            }
            None => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    #[test]
    fn mountinfo_escapes() {
        assert_eq!(super::unescape(r"/a\040b\134c"), r"/a b\c");
        assert_eq!(super::unescape(r"/a\"), r"/a\");
    }
}
