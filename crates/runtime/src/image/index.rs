//! Which images there are: one small file, replaced atomically. Pure but for reading and writing it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::name::{Name, is_digest, is_hex};
use super::{Image, ImageConfig};
use crate::error::Result;
use crate::native::records;

const FILE: &str = "index.json";

/// The index.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Index {
    /// Full name with a tag or a digest to id.
    names: BTreeMap<String, String>,
    images: BTreeMap<String, Record>,
}

/// One image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Digests of the unpacked layers, lowest first.
    pub(crate) layers: Vec<String>,
    pub(crate) config: ImageConfig,
    pub(crate) size_bytes: u64,
}

impl Index {
    pub(crate) fn load(dir: &Path) -> Result<Self> {
        Ok(records::read(dir, FILE)?.unwrap_or_default())
    }

    pub(crate) fn save(&self, dir: &Path) -> Result<()> {
        records::write(dir, FILE, self)
    }

    /// Adds an image under names; they move here if they meant another.
    pub(crate) fn add(&mut self, id: &str, record: Record, names: &[String]) {
        self.images.insert(id.to_owned(), record);
        for name in names {
            self.names.insert(name.clone(), id.to_owned());
        }
    }

    /// The id that a name, digest or (unambiguous) id stands for.
    pub(crate) fn resolve(&self, reference: &str) -> Option<&str> {
        let hex = reference.strip_prefix("sha256:").unwrap_or(reference);
        if is_hex(hex) && !reference.contains('/') {
            let id = format!("sha256:{hex}");
            return self.images.get_key_value(&id).map(|(id, _)| id.as_str());
        }
        let mut name = Name::parse(reference).ok()?;
        if name.digest.is_some() {
            name.tag = None;
        }
        self.names.get(&name.to_string()).map(String::as_str)
    }

    pub(crate) fn record(&self, id: &str) -> Option<&Record> {
        self.images.get(id)
    }

    pub(crate) fn image(&self, id: &str) -> Option<Image> {
        let record = self.images.get(id)?;
        let names = self
            .names
            .iter()
            .filter(|(_, i)| *i == id)
            .map(|(name, _)| name.clone());
        let (repo_digests, repo_tags) = names.partition(|name| name.contains("@sha256:"));
        Some(Image {
            id: id.to_owned(),
            repo_tags,
            repo_digests,
            size_bytes: record.size_bytes,
            config: record.config.clone(),
        })
    }

    pub(crate) fn list(&self) -> Vec<Image> {
        self.images.keys().filter_map(|id| self.image(id)).collect()
    }

    /// Forgets a name, or all names of an id; then images that have none, unless `used`.
    pub(crate) fn remove(&mut self, reference: &str, used: &BTreeSet<String>) {
        let Some(id) = self.resolve(reference).map(str::to_owned) else {
            return;
        };
        let hex = reference.strip_prefix("sha256:").unwrap_or(reference);
        if is_hex(hex) {
            self.names.retain(|_, named| *named != id);
        } else if let Ok(name) = Name::parse(reference) {
            self.names.remove(&name.to_string());
            // What is left are digests of the same repository: they go with its last tag.
            let base = format!("{}@", name.base());
            let tagged = self.names.iter().any(|(n, i)| *i == id && !n.contains('@'));
            self.names
                .retain(|n, i| *i != id || tagged || !n.starts_with(&base));
        }
        self.sweep(used);
    }

    /// Forgets images without a name.
    pub(crate) fn sweep(&mut self, used: &BTreeSet<String>) {
        let named: BTreeSet<&String> = self.names.values().collect();
        self.images
            .retain(|id, _| named.contains(id) || used.contains(id));
    }

    /// Every layer that an image needs.
    pub(crate) fn layers(&self) -> BTreeSet<&str> {
        self.images
            .values()
            .flat_map(|r| r.layers.iter().map(String::as_str))
            .collect()
    }

    /// The name of a layer's directory.
    pub(crate) fn directory_name(diff_id: &str) -> Option<&str> {
        is_digest(diff_id).then(|| diff_id.trim_start_matches("sha256:"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        Record {
            layers: Vec::new(),
            config: ImageConfig::default(),
            size_bytes: 1,
        }
    }

    #[test]
    fn names_come_and_go() {
        let (a, b) = (
            format!("sha256:{}", "a".repeat(64)),
            format!("sha256:{}", "b".repeat(64)),
        );
        let mut index = Index::default();
        let nothing = BTreeSet::new();
        let x = "docker.io/library/x:latest".to_owned();
        index.add(
            &a,
            record(),
            &[x.clone(), format!("docker.io/library/x@{a}")],
        );
        index.add(&b, record(), &["docker.io/library/x:2".to_owned()]);
        assert_eq!(index.resolve("x"), Some(a.as_str()));
        assert_eq!(index.resolve("x:2"), Some(b.as_str()));
        assert_eq!(index.resolve(&a), Some(a.as_str()));
        assert_eq!(index.resolve(&a[7..]), Some(a.as_str()));
        assert_eq!(index.resolve(&format!("x:other@{a}")), Some(a.as_str()));
        assert_eq!(index.resolve("y"), None);
        assert_eq!(index.image(&a).unwrap().repo_digests.len(), 1);
        index.add(&b, record(), &[x]);
        assert_eq!(index.resolve("x"), Some(b.as_str()));
        index.remove("x", &nothing);
        index.remove("never:there", &nothing);
        assert_eq!(index.resolve("x"), None);
        assert_eq!(index.list().len(), 2);
        index.remove("x:2", &BTreeSet::from([b.clone()]));
        assert_eq!(index.resolve(&b), Some(b.as_str()));
        index.sweep(&nothing);
        assert_eq!(index.resolve(&b), None);
        index.remove(&a, &nothing);
        assert_eq!(index.list(), []);
    }
}
