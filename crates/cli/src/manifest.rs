//! Manifests: files, directories and standard input to objects, and where each object belongs.

use crate::{flags::Files, resolve::Resource, session::Session};
use anyhow::{Context, Result, bail};
use machinery::yaml;
use serde_json::Value;
use std::{fs, io::Read, path::Path as FilePath};

/// The largest file that is read.
const FILE_LIMIT_BYTES: u64 = 64 << 20;
const EXTENSIONS: [&str; 3] = ["json", "yaml", "yml"];

/// An object and the file it came from.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    /// As messages name it: the path or `STDIN`.
    pub(crate) source: String,
    pub(crate) object: Value,
}

/// Reads everything that `-f` names, in order; lists are taken apart.
pub(crate) fn read(files: &Files) -> Result<Vec<Document>> {
    let mut documents = Vec::new();
    for name in &files.filenames {
        if name == "-" {
            let mut bytes = Vec::new();
            std::io::stdin()
                .take(FILE_LIMIT_BYTES)
                .read_to_end(&mut bytes)?;
            parse("STDIN", &bytes, &mut documents)?;
        } else if name.starts_with("http://") || name.starts_with("https://") {
            bail!("{name}: reading manifests from URLs is not supported; download the file first");
        } else {
            read_path(FilePath::new(name), files.recursive, true, &mut documents)?;
        }
    }
    if documents.is_empty() && !files.filenames.is_empty() {
        bail!("no objects passed to apply");
    }
    Ok(documents)
}

fn read_path(
    path: &FilePath,
    recursive: bool,
    named: bool,
    documents: &mut Vec<Document>,
) -> Result<()> {
    let shown = path.display();
    let Ok(metadata) = fs::metadata(path) else {
        bail!(
            "the path {shown:?} does not exist",
            shown = path.display().to_string()
        );
    };
    if metadata.is_dir() {
        let mut entries: Vec<_> = fs::read_dir(path)
            .with_context(|| format!("reading {shown}"))?
            .collect::<Result<_, _>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let below = entry.path();
            if !below.is_dir() || recursive {
                read_path(&below, recursive, false, documents)?;
            }
        }
        return Ok(());
    }
    let known = path
        .extension()
        .and_then(|it| it.to_str())
        .is_some_and(|it| EXTENSIONS.contains(&it));
    if !named && !known {
        return Ok(());
    }
    let mut bytes = Vec::new();
    fs::File::open(path)
        .with_context(|| format!("opening {shown}"))?
        .take(FILE_LIMIT_BYTES)
        .read_to_end(&mut bytes)
        .with_context(|| format!("reading {shown}"))?;
    parse(&shown.to_string(), &bytes, documents)
}

fn parse(source: &str, bytes: &[u8], documents: &mut Vec<Document>) -> Result<()> {
    let trees = match serde_json::from_slice::<Value>(bytes) {
        Ok(tree) => vec![tree],
        Err(_) => yaml::parse_documents(bytes)
            .map_err(|error| anyhow::anyhow!("error parsing {source}: {error}"))?,
    };
    for tree in trees {
        take_apart(source, tree, documents)?;
    }
    Ok(())
}

fn take_apart(source: &str, tree: Value, documents: &mut Vec<Document>) -> Result<()> {
    if tree["kind"]
        .as_str()
        .is_some_and(|kind| kind.ends_with("List"))
        && tree["items"].is_array()
    {
        for item in tree["items"].as_array().cloned().unwrap_or_default() {
            take_apart(source, item, documents)?;
        }
        return Ok(());
    }
    for field in ["apiVersion", "kind"] {
        if tree[field].as_str().unwrap_or_default().is_empty() {
            bail!("error validating {source:?}: error validating data: {field} not set");
        }
    }
    documents.push(Document {
        source: source.to_owned(),
        object: current(tree),
    });
    Ok(())
}

/// The current form of an object written for a version that is no longer served, with warnings as the
/// server gives them.
fn current(mut object: Value) -> Value {
    let text = |field: &str| object[field].as_str().unwrap_or_default().to_owned();
    if let Some(older) = kinds::find_older(&text("apiVersion"), &text("kind")) {
        eprintln!("Warning: {}", older.warning());
        if let Some(instead) = older.upgrade(&mut object) {
            eprintln!("Warning: {instead}");
        }
    }
    object
}

/// The resource of an object and the namespace it belongs to (empty for cluster scope).
pub(crate) async fn place(session: &Session, object: &Value) -> Result<(Resource, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (api_version, kind) = (text(&object["apiVersion"]), text(&object["kind"]));
    let Some(resource) = session.catalogue().await?.kind(&api_version, &kind) else {
        if let Some(gone) = kinds::find_gone(&api_version, &kind) {
            bail!(
                "{}/{}: {}",
                kind.to_lowercase(),
                text(&object["metadata"]["name"]),
                gone.text()
            );
        }
        bail!(
            "resource mapping not found for name: {:?} namespace: {:?}: no matches for kind {kind:?} in version {api_version:?}\nensure CRDs are installed first",
            text(&object["metadata"]["name"]),
            text(&object["metadata"]["namespace"])
        );
    };
    if !resource.namespaced {
        return Ok((resource.clone(), String::new()));
    }
    let own = text(&object["metadata"]["namespace"]);
    let namespace = match (own.as_str(), &session.flags.namespace) {
        ("", _) => session.namespace().await?,
        (own, Some(asked)) if own != asked => bail!(
            "the namespace from the provided object {own:?} does not match the namespace {asked:?}. You must pass '--namespace={own}' to perform this operation."
        ),
        (own, _) => own.to_owned(),
    };
    Ok((resource.clone(), namespace))
}

/// Puts the namespace where the object leaves it out.
pub(crate) fn with_namespace(mut object: Value, namespace: &str) -> Value {
    if !namespace.is_empty()
        && let Some(map) = object.as_object_mut()
    {
        let metadata = map
            .entry("metadata")
            .or_insert_with(|| serde_json::json!({}));
        if let Some(metadata) = metadata.as_object_mut() {
            metadata.insert("namespace".to_owned(), namespace.into());
        }
    }
    object
}

#[cfg(test)]
mod tests;
