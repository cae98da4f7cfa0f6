//! The images half of the seam, over the image store.

use std::path::Path;

use async_trait::async_trait;
use tokio::sync::broadcast;

use super::{Native, blocking};
use crate::Images;
use crate::error::Result;
use crate::image::archive::Layer;
use crate::image::{Auth, FsInfo, Image, ImageConfig, build, fetch};

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
        let imported = fetch::import(&self.inner.images, archive).await?;
        imported.iter().for_each(|image| self.arrived(image));
        Ok(imported)
    }

    async fn build_image(
        &self,
        reference: &str,
        config: ImageConfig,
        layers: Vec<Layer>,
    ) -> Result<Image> {
        let (store, reference) = (self.inner.images.clone(), reference.to_owned());
        let built = blocking(move || build::build(&store, &reference, config, &layers)).await?;
        self.arrived(&built);
        Ok(built)
    }

    fn arrivals(&self) -> broadcast::Receiver<Image> {
        self.inner.arrivals.subscribe()
    }

    async fn image_fs_info(&self) -> Result<FsInfo> {
        let store = self.inner.images.clone();
        blocking(move || store.fs_info()).await
    }
}

impl Native {
    fn arrived(&self, image: &Image) {
        // Nobody listening is fine.
        let _ = self.inner.arrivals.send(image.clone());
    }
}
