//! The images half of the seam, over the image store.

use std::path::Path;

use async_trait::async_trait;

use super::{Native, blocking};
use crate::Images;
use crate::error::Result;
use crate::image::{Auth, FsInfo, Image, fetch};

#[async_trait]
impl Images for Native {
    async fn list_images(&self) -> Result<Vec<Image>> {
        let store = self.inner.images.clone();
        blocking(move || store.list()).await
    }

    async fn image_status(&self, reference: &str) -> Result<Option<Image>> {
        let (store, reference) = (self.inner.images.clone(), reference.to_owned());
        blocking(move || store.image(&reference)).await
    }

    async fn pull_image(&self, reference: &str, auth: Option<&Auth>) -> Result<Image> {
        fetch::pull(&self.inner.images, reference, auth, &self.inner.registries).await
    }

    async fn remove_image(&self, reference: &str) -> Result<()> {
        let (store, reference) = (self.inner.images.clone(), reference.to_owned());
        let used = self.used_images();
        blocking(move || store.remove(&reference, &used)).await
    }

    async fn import_image(&self, archive: &Path) -> Result<Vec<Image>> {
        fetch::import(&self.inner.images, archive).await
    }

    async fn image_fs_info(&self) -> Result<FsInfo> {
        let store = self.inner.images.clone();
        blocking(move || store.fs_info()).await
    }
}
