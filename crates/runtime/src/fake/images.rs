//! The images half of the fake.

use std::path::Path;

use async_trait::async_trait;
use tokio::sync::broadcast;

use super::Fake;
use crate::Images;
use crate::error::{Error, Result};
use crate::image::archive::Layer;
use crate::image::name::Name;
use crate::image::store::digest;
use crate::image::{Auth, FsInfo, Image, ImageConfig};

const SIZE: u64 = 1 << 20;
const DISK: u64 = 100 << 30;

pub(super) fn full(name: &str) -> String {
    Name::parse(name).map_or_else(|_| name.to_owned(), |n| n.to_string())
}

/// An image whose digest is that of its name.
pub(super) fn make(name: &str, config: ImageConfig) -> Image {
    let full = full(name);
    let id = digest(full.as_bytes());
    let base = Name::parse(name).map_or_else(|_| full.clone(), |n| n.base());
    Image {
        repo_tags: if full.contains('@') {
            Vec::new()
        } else {
            vec![full]
        },
        repo_digests: vec![format!("{base}@{id}")],
        size_bytes: SIZE,
        config,
        id,
    }
}

#[async_trait]
impl Images for Fake {
    async fn list_images(&self) -> Result<Vec<Image>> {
        Ok(self.inner.state.lock().images.values().cloned().collect())
    }

    async fn image_status(&self, reference: &str) -> Result<Option<Image>> {
        let state = self.inner.state.lock();
        let by_name = state.images.get(&full(reference));
        let by_id = || {
            state
                .images
                .values()
                .find(|i| i.id == reference || i.repo_digests.iter().any(|d| d == reference))
        };
        Ok(by_name.or_else(by_id).cloned())
    }

    async fn pull_image(&self, reference: &str, _: Option<&Auth>) -> Result<Image> {
        let mut state = self.inner.state.lock();
        state.record("pull_image", reference.to_owned());
        let failed = |reason: String| Error::Image {
            reference: reference.to_owned(),
            reason,
        };
        Name::parse(reference).map_err(failed)?;
        let name = full(reference);
        if let Some(reason) = state.pull_errors.get(&name) {
            return Err(failed(reason.clone()));
        }
        let image = state
            .images
            .entry(name)
            .or_insert_with(|| make(reference, ImageConfig::default()));
        Ok(image.clone())
    }

    async fn remove_image(&self, reference: &str) -> Result<()> {
        let mut state = self.inner.state.lock();
        state.record("remove_image", reference.to_owned());
        let name = full(reference);
        state
            .images
            .retain(|known, image| *known != name && image.id != reference);
        Ok(())
    }

    /// Takes the name of the file for the name of the image.
    async fn import_image(&self, archive: &Path) -> Result<Vec<Image>> {
        let name = archive
            .file_stem()
            .map(|n| n.to_string_lossy().into_owned())
            .unwrap_or_default();
        self.add_image(&name, ImageConfig::default());
        Ok(self.image_status(&name).await?.into_iter().collect())
    }

    async fn build_image(
        &self,
        reference: &str,
        config: ImageConfig,
        _: Vec<Layer>,
    ) -> Result<Image> {
        self.add_image(reference, config);
        let built = self.image_status(reference).await?;
        built.ok_or_else(|| Error::NotFound {
            kind: "image",
            id: reference.to_owned(),
        })
    }

    fn arrivals(&self) -> broadcast::Receiver<Image> {
        self.inner.arrivals.subscribe()
    }

    async fn image_fs_info(&self) -> Result<FsInfo> {
        let used_bytes = self.inner.state.lock().images.len() as u64 * SIZE;
        Ok(FsInfo {
            mountpoint: "/fake".into(),
            capacity_bytes: DISK,
            available_bytes: DISK - used_bytes,
            used_bytes,
            inodes: 1 << 24,
            inodes_free: 1 << 24,
        })
    }
}
