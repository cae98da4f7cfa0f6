//! Makes an image from files of this machine, straight into the store: each byte is read, digested and written once.

use super::archive::{Layer, config_file};
use super::name::Name;
use super::store::{Store, digest};
use super::{Image, ImageConfig, files};
use crate::error::{Error, Result};

/// Makes the image `reference`.
pub(crate) fn build(
    store: &Store,
    reference: &str,
    config: ImageConfig,
    layers: &[Layer],
) -> Result<Image> {
    let invalid = |reason: String| Error::Image {
        reference: reference.to_owned(),
        reason,
    };
    let name = Name::parse(reference).map_err(invalid)?.to_string();
    let mut made = Vec::new();
    for layer in layers {
        let reader = files::read(layer).map_err(|error| invalid(error.to_string()))?;
        made.push(store.add_layer(reader, None, None)?);
    }
    let diff_ids: Vec<String> = made.iter().map(|layer| layer.diff_id.clone()).collect();
    let written = config_file(&config, &diff_ids).to_string();
    store.add(&digest(written.as_bytes()), config, &made, &[name])
}
