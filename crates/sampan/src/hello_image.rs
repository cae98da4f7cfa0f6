//! The demo image: this binary as its only file. A static binary is an image.

use anyhow::Context as _;
use runtime::{
    Images,
    image::{
        ImageConfig,
        archive::{Content, Entry, Layer},
    },
};
use std::{collections::BTreeMap, os::unix::fs::MetadataExt as _, path::Path};

/// The image's name. It has a version, so that a pod without a pull policy takes what is here.
pub(crate) const NAME: &str = concat!("sampan/hello:v", env!("CARGO_PKG_VERSION"));
/// Tells which build of the binary an image holds.
const BUILD_LABEL: &str = "sampan.build";

/// Makes the image unless it is here already and holds this build. A demo that cannot be had is no reason not to
/// serve: it is logged.
pub(crate) async fn ensure(images: &dyn Images) {
    if let Err(error) = make(images).await {
        tracing::warn!(
            error = format!("{error:#}"),
            "the demo image cannot be made"
        );
    }
}

async fn make(images: &dyn Images) -> anyhow::Result<()> {
    let binary = std::env::current_exe().context("cannot tell where this program lies")?;
    let build = build_of(&binary)?;
    if let Some(image) = images.image_status(NAME).await?
        && image.config.labels.get(BUILD_LABEL) == Some(&build)
    {
        return Ok(());
    }
    let config = ImageConfig {
        entrypoint: vec!["/sampan".to_owned()],
        cmd: vec!["hello".to_owned()],
        exposed_ports: vec!["8080/tcp".to_owned()],
        labels: BTreeMap::from([(BUILD_LABEL.to_owned(), build)]),
        ..ImageConfig::default()
    };
    let entry = Entry {
        path: "sampan".into(),
        mode: 0o755,
        content: Content::File(binary),
    };
    let layers = vec![Layer::Entries(vec![entry])];
    images.build_image(NAME, config, layers).await?;
    Ok(())
}

/// Size and time of the file: another build has another.
fn build_of(binary: &Path) -> anyhow::Result<String> {
    let found =
        std::fs::metadata(binary).with_context(|| format!("cannot read {}", binary.display()))?;
    Ok(format!(
        "{}-{}-{}",
        found.len(),
        found.mtime(),
        found.mtime_nsec()
    ))
}
