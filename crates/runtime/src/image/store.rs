//! The image store: unpacked layers by the digest of their content, and an index of images.
//!
//! `layers/<hex>/fs` is a layer; it appears by rename when it is complete and proven. `ingest/` holds
//! what is being made. A lock file serialises writers, of other processes too.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::read::MultiGzDecoder;
use rustix::fs::FlockOperation;
use sha2::{Digest, Sha256};

use super::index::{Index, Record};
use super::{FsInfo, Image, ImageConfig, layer};
use crate::error::{Error, Result};

/// Longest manifest or configuration.
pub(super) const JSON_LIMIT: u64 = 4 << 20;
/// Layers of one image, as overlayfs takes them.
pub(super) const LAYER_LIMIT: usize = 128;
const LAYER_SIZE: &str = "size";

/// A directory of images.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    dir: PathBuf,
}

/// What was proven of a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layer {
    pub(super) diff_id: String,
    pub(super) size_bytes: u64,
}

/// Held while the index changes.
struct Lock(#[allow(dead_code)] File);

impl Store {
    pub(crate) fn open(dir: &Path) -> Result<Self> {
        for sub in ["layers", "ingest"] {
            let path = dir.join(sub);
            crate::native::records::make_dir(&path)?;
        }
        let store = Store {
            dir: dir.to_owned(),
        };
        store.forget_unfinished()?;
        Ok(store)
    }

    /// Removes what a process that died was making. One that lives holds its directory locked.
    fn forget_unfinished(&self) -> Result<()> {
        let ingest = self.dir.join("ingest");
        for entry in fs::read_dir(&ingest)
            .map_err(Error::io("list", &ingest))?
            .flatten()
        {
            let path = entry.path();
            let free = File::open(&path).is_ok_and(|f| {
                rustix::fs::flock(&f, FlockOperation::NonBlockingLockExclusive).is_ok()
            });
            if free {
                remove_any(&path).map_err(Error::io("remove", &path))?;
            }
        }
        Ok(())
    }

    fn lock(&self) -> Result<Lock> {
        let path = self.dir.join("lock");
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(Error::io("open", &path))?;
        rustix::fs::flock(&file, FlockOperation::LockExclusive)
            .map_err(Error::io("lock", &path))?;
        Ok(Lock(file))
    }

    pub(crate) fn list(&self) -> Result<Vec<Image>> {
        Ok(Index::load(&self.dir)?.list())
    }

    pub(crate) fn image(&self, reference: &str) -> Result<Option<Image>> {
        let index = Index::load(&self.dir)?;
        Ok(index.resolve(reference).and_then(|id| index.image(id)))
    }

    /// An image with the directories of its layers, lowest first.
    pub(crate) fn layers(&self, reference: &str) -> Result<Option<(Image, Vec<PathBuf>)>> {
        let index = Index::load(&self.dir)?;
        let Some(id) = index.resolve(reference) else {
            return Ok(None);
        };
        let layers = index
            .record(id)
            .map(|r| r.layers.as_slice())
            .unwrap_or_default();
        let paths = layers
            .iter()
            .filter_map(|l| Some(self.layer_dir(l)?.join("fs")))
            .collect();
        Ok(index.image(id).map(|image| (image, paths)))
    }

    pub(crate) fn remove(&self, reference: &str, used: &BTreeSet<String>) -> Result<()> {
        let _lock = self.lock()?;
        let mut index = Index::load(&self.dir)?;
        index.remove(reference, used);
        index.save(&self.dir)?;
        self.sweep_layers(&index)
    }

    fn sweep_layers(&self, index: &Index) -> Result<()> {
        let needed: BTreeSet<_> = index
            .layers()
            .into_iter()
            .filter_map(Index::directory_name)
            .collect();
        let layers = self.dir.join("layers");
        for entry in fs::read_dir(&layers)
            .map_err(Error::io("list", &layers))?
            .flatten()
        {
            let name = entry.file_name();
            if !name.to_str().is_some_and(|n| needed.contains(n)) {
                let path = entry.path();
                fs::remove_dir_all(&path).map_err(Error::io("remove", &path))?;
            }
        }
        Ok(())
    }

    /// Adds an image whose layers are here, under names.
    pub(super) fn add(
        &self,
        id: &str,
        config: ImageConfig,
        layers: &[Layer],
        names: &[String],
    ) -> Result<Image> {
        let _lock = self.lock()?;
        let mut index = Index::load(&self.dir)?;
        let gone = layers
            .iter()
            .find(|l| !self.layer_dir(&l.diff_id).is_some_and(|d| d.exists()));
        if let Some(layer) = gone {
            return Err(Error::Image {
                reference: id.to_owned(),
                reason: format!("layer {} was removed meanwhile; try again", layer.diff_id),
            });
        }
        let record = Record {
            layers: layers.iter().map(|l| l.diff_id.clone()).collect(),
            size_bytes: layers.iter().map(|l| l.size_bytes).sum(),
            config,
        };
        index.add(id, record, names);
        index.save(&self.dir)?;
        Ok(index.image(id).unwrap_or_default())
    }

    fn layer_dir(&self, diff_id: &str) -> Option<PathBuf> {
        Some(
            self.dir
                .join("layers")
                .join(Index::directory_name(diff_id)?),
        )
    }

    /// A layer that is here already.
    pub(super) fn find_layer(&self, diff_id: &str) -> Option<Layer> {
        let size = fs::read_to_string(self.layer_dir(diff_id)?.join(LAYER_SIZE)).ok()?;
        Some(Layer {
            diff_id: diff_id.to_owned(),
            size_bytes: size.trim().parse().ok()?,
        })
    }

    /// Unpacks a layer. Its content must have the digest `diff_id`, and as it arrives `blob`, where they are given;
    /// otherwise, and on any error, nothing of it stays.
    pub(super) fn add_layer(
        &self,
        reader: impl Read,
        diff_id: Option<&str>,
        blob: Option<&str>,
    ) -> Result<Layer> {
        let wrong = |reason: String| Error::Image {
            reference: diff_id.unwrap_or("new layer").to_owned(),
            reason,
        };
        let ingest = self.ingest()?;
        let root = ingest.path.join("fs");
        fs::create_dir(&root).map_err(Error::io("create", &root))?;
        // A layer that is not compressed arrives as it is: one digest tells both.
        let blob = blob.filter(|blob| Some(*blob) != diff_id);
        let mut raw = Hashing::new(reader, blob.is_some());
        let (found, size_bytes) = {
            let plain = decompress(&mut raw).map_err(|e| wrong(e.to_string()))?;
            let mut plain = Hashing::new(plain, true);
            let size = layer::unpack(&mut plain, &root).map_err(|e| wrong(e.to_string()))?;
            // Padding after the archive counts too.
            io::copy(&mut plain, &mut io::sink()).map_err(|e| wrong(e.to_string()))?;
            (plain.digest(), size)
        };
        if diff_id.is_some_and(|expected| expected != found) {
            return Err(wrong(format!("content has digest {found}")));
        }
        if let Some(expected) = blob {
            io::copy(&mut raw, &mut io::sink()).map_err(|e| wrong(e.to_string()))?;
            let found = raw.digest();
            if expected != found {
                return Err(wrong(format!("blob {expected} has digest {found}")));
            }
        }
        let to = self
            .layer_dir(&found)
            .ok_or_else(|| wrong("not a sha256 digest".to_owned()))?;
        fs::write(ingest.path.join(LAYER_SIZE), size_bytes.to_string())
            .map_err(Error::io("write", &ingest.path))?;
        rustix::fs::chmod(&root, rustix::fs::Mode::from_raw_mode(0o755))
            .map_err(Error::io("chmod", &root))?;
        let _lock = self.lock()?;
        if !to.exists() {
            fs::rename(&ingest.path, &to).map_err(Error::io("rename to", &to))?;
        }
        Ok(Layer {
            diff_id: found,
            size_bytes,
        })
    }

    /// A directory for something unfinished; it goes away with the value unless renamed.
    pub(super) fn ingest(&self) -> Result<Ingest> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = self
            .dir
            .join("ingest")
            .join(format!("{}-{number}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).map_err(Error::io("create", &path))?;
        let lock = File::open(&path).map_err(Error::io("open", &path))?;
        rustix::fs::flock(&lock, FlockOperation::LockExclusive)
            .map_err(Error::io("lock", &path))?;
        Ok(Ingest { path, _lock: lock })
    }

    pub(crate) fn fs_info(&self) -> Result<FsInfo> {
        let at = rustix::fs::statvfs(&self.dir).map_err(Error::io("statvfs", &self.dir))?;
        let used = self.list()?.iter().map(|i| i.size_bytes).sum();
        Ok(FsInfo {
            mountpoint: self.dir.clone(),
            capacity_bytes: at.f_blocks * at.f_frsize,
            available_bytes: at.f_bavail * at.f_frsize,
            used_bytes: used,
            inodes: at.f_files,
            inodes_free: at.f_favail,
        })
    }
}

/// Something unfinished.
pub(super) struct Ingest {
    pub(super) path: PathBuf,
    _lock: File,
}

impl Drop for Ingest {
    fn drop(&mut self) {
        let _ = remove_any(&self.path);
    }
}

fn remove_any(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(_) => Ok(()),
    }
}

/// Undoes gzip or zstd, told by the first bytes.
pub(super) fn decompress<'a, R: Read + 'a>(mut reader: R) -> io::Result<Box<dyn Read + 'a>> {
    let mut head = Vec::new();
    reader.by_ref().take(4).read_to_end(&mut head)?;
    let whole = io::Cursor::new(head.clone()).chain(reader);
    Ok(match head.as_slice() {
        [0x1f, 0x8b, ..] => Box::new(MultiGzDecoder::new(whole)),
        [0x28, 0xb5, 0x2f, 0xfd] => Box::new(zstd::Decoder::new(whole)?),
        _ => Box::new(whole),
    })
}

/// Digests what passes, if anybody asks for the digest.
struct Hashing<R> {
    inner: R,
    hash: Option<Sha256>,
}

impl<R> Hashing<R> {
    fn new(inner: R, asked: bool) -> Self {
        Hashing {
            inner,
            hash: asked.then(Sha256::new),
        }
    }

    fn digest(self) -> String {
        format!("sha256:{:x}", self.hash.unwrap_or_default().finalize())
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        if let Some(hash) = &mut self.hash {
            hash.update(&buffer[..count]);
        }
        Ok(count)
    }
}

/// The digest of some bytes.
pub(crate) fn digest(bytes: &[u8]) -> String {
    format!("sha256:{:x}", Sha256::digest(bytes))
}
