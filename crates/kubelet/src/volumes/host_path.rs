//! `hostPath`: a file or directory of the machine itself.

use super::{Context, Mounted, Source, Volume};
use std::{
    fs,
    os::unix::fs::{DirBuilderExt, FileTypeExt, OpenOptionsExt},
    path::Path,
};

/// See the file.
pub(super) struct HostPath;

impl Volume for HostPath {
    fn name(&self) -> &'static str {
        "kubernetes.io/host-path"
    }

    fn handles(&self, source: &Source) -> bool {
        source.host_path.is_some()
    }

    fn set_up(&self, source: &Source, _: &Path, _: &Context) -> Result<Mounted, String> {
        let Some(source) = &source.host_path else {
            return Err("not a hostPath".to_owned());
        };
        let path = Path::new(&source.path);
        check(path, source.type_.as_deref().unwrap_or_default())?;
        Ok(Mounted {
            path: path.to_path_buf(),
            readonly: false,
        })
    }
}

fn check(path: &Path, kind: &str) -> Result<(), String> {
    let shown = path.display();
    let found = fs::metadata(path).ok().map(|it| it.file_type());
    let must = |right: bool, what: &str| {
        if right {
            Ok(())
        } else {
            Err(format!("hostPath type check failed: {shown} is not {what}"))
        }
    };
    let is = |test: fn(&fs::FileType) -> bool| found.as_ref().is_some_and(test);
    match kind {
        // The container runtime makes a directory where nothing is.
        "" if found.is_none() => create_dir(path),
        "" => Ok(()),
        "DirectoryOrCreate" if found.is_none() => create_dir(path),
        "FileOrCreate" if found.is_none() => {
            let made = fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o644)
                .open(path);
            made.map(drop)
                .map_err(|error| format!("create {shown}: {error}"))
        }
        "Directory" | "DirectoryOrCreate" => must(is(fs::FileType::is_dir), "a directory"),
        "File" | "FileOrCreate" => must(is(fs::FileType::is_file), "a file"),
        "Socket" => must(is(FileTypeExt::is_socket), "a socket file"),
        "CharDevice" => must(is(FileTypeExt::is_char_device), "a character device"),
        "BlockDevice" => must(is(FileTypeExt::is_block_device), "a block device"),
        other => Err(format!("{other} is an invalid volume type")),
    }
}

fn create_dir(path: &Path) -> Result<(), String> {
    let made = fs::DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(path);
    made.map_err(|error| format!("create {}: {error}", path.display()))
}
