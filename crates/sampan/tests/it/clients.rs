//! Other people's clients against the server: several versions of kubectl and Helm, Python's and Rust's libraries.
//! `tools/clients/fetch` pins and fetches them.

mod go;
mod helm;
mod known;
mod kubectl;
mod older;
mod python;
mod rust;
mod transcript;

use crate::cluster::cache;
use std::path::PathBuf;

/// What is missing is skipped with a loud line; in CI it must be there.
pub(crate) fn skip(lack: &str) {
    let line = format!("SKIPPED: {lack}; tools/clients/fetch fetches the clients");
    assert!(std::env::var_os("CI").is_none(), "{line}");
    eprintln!("{line}");
}

/// A file in the cache, if it was fetched.
fn cached(name: &str) -> Option<PathBuf> {
    Some(cache().join(name)).filter(|path| path.exists())
}

/// The fetched version of a program that begins so.
fn fetched(program: &str, version: &str) -> Option<PathBuf> {
    let folder = std::fs::read_dir(cache().join(program)).ok()?;
    let mut found = folder.filter_map(|entry| {
        let path = entry.ok()?.path();
        let name = path.file_name()?.to_str()?.to_owned();
        let is_it = name.strip_prefix(version)?.starts_with('.');
        is_it.then(|| path.join(program))
    });
    found.next()
}
