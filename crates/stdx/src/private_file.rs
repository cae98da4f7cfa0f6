//! Files that only their owner reads, each written whole or not at all.

use std::{fs, io, io::Write, os::unix::fs::OpenOptionsExt, path::Path};

/// Puts a new file (0600) in place of the one at `path`; both it and its name are on disk when this returns.
///
/// # Errors
/// When it cannot be written; the old file is as it was.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    // A bare name is a file of the current folder.
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
    fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}
