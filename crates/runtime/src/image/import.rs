//! Imports archives: OCI image layouts and what `docker save` writes, old and new, compressed or not.
//!
//! Nothing is unpacked to find out what is in it: the archive is listed once, then read where needed.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Component, Path};

use serde::Deserialize;

use super::name::Name;
use super::store::{JSON_LIMIT, LAYER_LIMIT, Layer, Store, decompress, digest};
use super::{Image, ImageConfig};
use crate::error::{Error, Result};

/// Entries of an archive.
const ENTRY_LIMIT: usize = 100_000;
/// Links followed from one entry to the next.
const LINK_LIMIT: usize = 8;
/// Nested indexes.
const DEPTH: usize = 3;
/// Manifests, indexes and configurations read of one archive: an index may name others, and each of them as often as
/// it likes. (A pull reads one index and one manifest at the most.)
const DOCUMENT_LIMIT: usize = 1_000;

/// An image's configuration as it is written.
#[derive(Debug, Default, Deserialize)]
pub(super) struct ConfigFile {
    #[serde(default)]
    config: Option<ConfigPart>,
    pub(super) rootfs: RootFs,
}

/// The digests of the layers.
#[derive(Debug, Default, Deserialize)]
pub(super) struct RootFs {
    #[serde(default)]
    pub(super) diff_ids: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct ConfigPart {
    user: Option<String>,
    entrypoint: Option<Vec<String>>,
    cmd: Option<Vec<String>>,
    env: Option<Vec<String>>,
    working_dir: Option<String>,
    exposed_ports: Option<BTreeMap<String, serde::de::IgnoredAny>>,
    volumes: Option<BTreeMap<String, serde::de::IgnoredAny>>,
    stop_signal: Option<String>,
    labels: Option<BTreeMap<String, String>>,
}

impl ConfigFile {
    pub(super) fn parse(bytes: &[u8]) -> std::result::Result<Self, String> {
        let file: ConfigFile =
            serde_json::from_slice(bytes).map_err(|e| format!("image configuration: {e}"))?;
        if file.rootfs.diff_ids.len() > LAYER_LIMIT {
            return Err(format!("more than {LAYER_LIMIT} layers"));
        }
        Ok(file)
    }

    pub(super) fn into_config(self) -> ImageConfig {
        let part = self.config.unwrap_or_default();
        let keys = |map: Option<BTreeMap<String, _>>| map.unwrap_or_default().into_keys().collect();
        ImageConfig {
            user: part.user.unwrap_or_default(),
            entrypoint: part.entrypoint.unwrap_or_default(),
            cmd: part.cmd.unwrap_or_default(),
            env: part.env.unwrap_or_default(),
            working_dir: part.working_dir.unwrap_or_default(),
            exposed_ports: keys(part.exposed_ports),
            volumes: keys(part.volumes),
            stop_signal: part.stop_signal.filter(|s| !s.is_empty()),
            labels: part.labels.unwrap_or_default(),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Saved {
    config: String,
    repo_tags: Option<Vec<String>>,
    layers: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    #[serde(default)]
    media_type: String,
    digest: String,
    #[serde(default)]
    annotations: HashMap<String, String>,
    platform: Option<Platform>,
}

#[derive(Debug, Clone, Deserialize)]
struct Platform {
    architecture: String,
    os: String,
}

/// An index or a manifest.
#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    manifests: Vec<Descriptor>,
    config: Option<Descriptor>,
    #[serde(default)]
    layers: Vec<Descriptor>,
}

/// Imports every image of an archive for this machine.
pub(super) fn import(store: &Store, path: &Path) -> Result<Vec<Image>> {
    let shown = path.display().to_string();
    let mut archive = Archive::open(store, path)?;
    let images = if archive.has("manifest.json") {
        archive.saved(store)
    } else if archive.has("index.json") {
        let top = archive.json("index.json");
        top.and_then(|top| archive.layout(store, &top, &[], 0))
    } else {
        Err("neither an OCI layout nor written by docker save".to_owned())
    };
    match images {
        Ok(images) if !images.is_empty() => Ok(images),
        Ok(_) => Err(Error::Image {
            reference: shown,
            reason: "no image for this machine in it".to_owned(),
        }),
        Err(reason) => Err(Error::Image {
            reference: shown,
            reason,
        }),
    }
}

struct Archive {
    file: File,
    /// Where each file is, and links to others.
    entries: HashMap<String, Place>,
    /// How many manifests, indexes and configurations were read.
    documents: usize,
}

enum Place {
    At { offset: u64, size: u64 },
    Link(String),
}

type Told<T> = std::result::Result<T, String>;

impl Archive {
    fn open(store: &Store, path: &Path) -> Result<Self> {
        let mut file = File::open(path).map_err(Error::io("open", path))?;
        let mut head = [0; 2];
        let _ = file.read(&mut head);
        file.rewind().map_err(Error::io("read", path))?;
        if head == [0x1f, 0x8b] || head == [0x28, 0xb5] {
            // Deleted when closed: the directory around it goes at the end of this block.
            let ingest = store.ingest()?;
            let plain_path = ingest.path.join("archive");
            let mut plain = File::options()
                .read(true)
                .write(true)
                .create_new(true)
                .open(&plain_path)
                .map_err(Error::io("create", &plain_path))?;
            let copied = decompress(file).and_then(|mut it| io::copy(&mut it, &mut plain));
            copied.map_err(|error| undecompressed(path, error))?;
            plain.rewind().map_err(Error::io("read", &plain_path))?;
            file = plain;
        }
        let entries = list(&mut file).map_err(|e| Error::Image {
            reference: path.display().to_string(),
            reason: format!("not a tar archive: {e}"),
        })?;
        Ok(Archive {
            file,
            entries,
            documents: 0,
        })
    }

    fn has(&self, name: &str) -> bool {
        self.entries.contains_key(name)
    }

    fn reader(&mut self, name: &str) -> Told<io::Take<&mut File>> {
        let mut at = name.to_owned();
        for _ in 0..LINK_LIMIT {
            match self.entries.get(&at) {
                Some(Place::Link(next)) => at = next.clone(),
                Some(Place::At { offset, size }) => {
                    let seek = self.file.seek(SeekFrom::Start(*offset));
                    seek.map_err(|e| format!("read {name:?}: {e}"))?;
                    return Ok((&mut self.file).take(*size));
                }
                None => break,
            }
        }
        Err(format!("{name:?} is missing in the archive"))
    }

    /// The bytes of a manifest, an index or a configuration.
    fn bytes(&mut self, name: &str) -> Told<Vec<u8>> {
        self.documents += 1;
        if self.documents > DOCUMENT_LIMIT {
            return Err(format!(
                "more than {DOCUMENT_LIMIT} manifests, indexes and configurations in it"
            ));
        }
        let mut bytes = Vec::new();
        let mut reader = self.reader(name)?.take(JSON_LIMIT + 1);
        reader
            .read_to_end(&mut bytes)
            .map_err(|e| format!("read {name:?}: {e}"))?;
        if bytes.len() as u64 > JSON_LIMIT {
            return Err(format!("{name:?} is too large"));
        }
        Ok(bytes)
    }

    fn json<T: for<'de> Deserialize<'de>>(&mut self, name: &str) -> Told<T> {
        let bytes = self.bytes(name)?;
        serde_json::from_slice(&bytes).map_err(|e| format!("{name:?}: {e}"))
    }

    fn blob(&mut self, expected: &str) -> Told<Vec<u8>> {
        let bytes = self.bytes(&blob_path(expected)?)?;
        let found = digest(&bytes);
        if found != expected {
            return Err(format!("blob {expected} has digest {found}"));
        }
        Ok(bytes)
    }

    /// What `docker save` wrote.
    fn saved(&mut self, store: &Store) -> Told<Vec<Image>> {
        let all: Vec<Saved> = self.json("manifest.json")?;
        let mut images = Vec::new();
        for saved in all {
            let bytes = self.bytes(&plain(&saved.config))?;
            let layers: Vec<_> = saved.layers.iter().map(|l| (plain(l), None)).collect();
            let tags = saved.repo_tags.unwrap_or_default();
            images.push(self.image(store, &bytes, &layers, &tags)?);
        }
        Ok(images)
    }

    /// An OCI layout, from its index down.
    fn layout(
        &mut self,
        store: &Store,
        document: &Document,
        names: &[String],
        depth: usize,
    ) -> Told<Vec<Image>> {
        if let Some(config) = &document.config {
            let bytes = self.blob(&config.digest)?;
            let mut layers = Vec::new();
            for layer in &document.layers {
                layers.push((blob_path(&layer.digest)?, Some(layer.digest.clone())));
            }
            return Ok(vec![self.image(store, &bytes, &layers, names)?]);
        }
        if depth >= DEPTH {
            return Err("indexes are nested too deeply".to_owned());
        }
        let mut images = Vec::new();
        for descriptor in &document.manifests {
            let known = descriptor.media_type.is_empty()
                || ["manifest.v1", "manifest.v2", "index.v1", "manifest.list.v2"]
                    .iter()
                    .any(|kind| descriptor.media_type.contains(kind));
            if !known || !descriptor.platform.as_ref().is_none_or(Platform::is_ours) {
                continue;
            }
            let own = names_of(&descriptor.annotations);
            let names = if own.is_empty() { names } else { &own };
            let bytes = self.blob(&descriptor.digest)?;
            let next: Document = serde_json::from_slice(&bytes)
                .map_err(|e| format!("{}: {e}", descriptor.digest))?;
            images.extend(self.layout(store, &next, names, depth + 1)?);
        }
        Ok(images)
    }

    fn image(
        &mut self,
        store: &Store,
        config: &[u8],
        layers: &[(String, Option<String>)],
        names: &[String],
    ) -> Told<Image> {
        let file = ConfigFile::parse(config)?;
        let diff_ids = file.rootfs.diff_ids.clone();
        if diff_ids.len() != layers.len() {
            return Err(format!(
                "configuration names {} layers, manifest {}",
                diff_ids.len(),
                layers.len()
            ));
        }
        let mut full = Vec::new();
        for name in names {
            full.push(Name::parse(name)?.to_string());
        }
        let mut unpacked: Vec<Layer> = Vec::new();
        for (diff_id, (path, blob)) in diff_ids.iter().zip(layers) {
            let layer = match store.find_layer(diff_id) {
                Some(layer) => layer,
                None => {
                    let reader = self.reader(path)?;
                    store
                        .add_layer(reader, Some(diff_id), blob.as_deref())
                        .map_err(|e| e.to_string())?
                }
            };
            unpacked.push(layer);
        }
        store
            .add(&digest(config), file.into_config(), &unpacked, &full)
            .map_err(|e| e.to_string())
    }
}

/// What is damaged is the archive's fault, a full disk is not.
fn undecompressed(path: &Path, error: io::Error) -> Error {
    match error.kind() {
        ErrorKind::InvalidInput
        | ErrorKind::InvalidData
        | ErrorKind::UnexpectedEof
        | ErrorKind::Other => Error::Image {
            reference: path.display().to_string(),
            reason: format!("cannot be decompressed: {error}"),
        },
        _ => Error::io("decompress", path)(error),
    }
}

impl Platform {
    fn is_ours(&self) -> bool {
        self.os == "linux" && self.architecture == architecture()
    }
}

/// This machine's, as images name it.
pub(super) fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// Containerd writes the whole name; the specification's own annotation may be only a tag.
fn names_of(annotations: &HashMap<String, String>) -> Vec<String> {
    let whole = annotations.get("io.containerd.image.name");
    let reference = annotations.get("org.opencontainers.image.ref.name");
    whole
        .or(reference.filter(|name| name.contains(['/', ':'])))
        .into_iter()
        .cloned()
        .collect()
}

fn blob_path(digest: &str) -> Told<String> {
    match super::index::Index::directory_name(digest) {
        Some(hex) => Ok(format!("blobs/sha256/{hex}")),
        None => Err(format!("{digest:?} is not a sha256 digest")),
    }
}

/// A name in an archive without `./`; one with `..` names nothing.
fn plain(name: &str) -> String {
    let mut parts = Vec::new();
    for part in Path::new(name).components() {
        match part {
            Component::Normal(part) => parts.push(part.to_string_lossy()),
            Component::ParentDir => {
                parts.pop();
            }
            _ => {}
        }
    }
    parts.join("/")
}

fn list(file: &mut File) -> io::Result<HashMap<String, Place>> {
    let mut entries = HashMap::new();
    let mut archive = tar::Archive::new(&mut *file);
    for entry in archive.entries_with_seek()? {
        let entry = entry?;
        if entries.len() >= ENTRY_LIMIT {
            return Err(io::Error::other(format!("more than {ENTRY_LIMIT} entries")));
        }
        let raw = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let kind = entry.header().entry_type();
        let place = match entry.link_name_bytes() {
            Some(to) if kind.is_symlink() || kind.is_hard_link() => {
                let to = String::from_utf8_lossy(&to).into_owned();
                let base = if kind.is_symlink() {
                    Path::new(&raw).parent()
                } else {
                    None
                };
                Place::Link(plain(
                    &base.unwrap_or(Path::new("")).join(to).to_string_lossy(),
                ))
            }
            _ => Place::At {
                offset: entry.raw_file_position(),
                size: entry.size(),
            },
        };
        entries.insert(plain(&raw), place);
    }
    Ok(entries)
}

#[cfg(test)]
mod tests;
