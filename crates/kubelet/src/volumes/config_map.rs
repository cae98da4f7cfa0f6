//! `configMap`: the keys of a ConfigMap as files.

use super::{Context, Mounted, Source, Volume, atomic_writer, payload};
use std::{collections::BTreeMap, path::Path};

/// See the file.
pub(super) struct ConfigMap;

impl Volume for ConfigMap {
    fn name(&self) -> &'static str {
        "kubernetes.io/configmap"
    }

    fn handles(&self, source: &Source) -> bool {
        source.config_map.is_some()
    }

    fn set_up(&self, source: &Source, dir: &Path, context: &Context) -> Result<Mounted, String> {
        let Some(source) = &source.config_map else {
            return Err("not a configMap".to_owned());
        };
        let mode = payload::mode(source.default_mode);
        let files = files(
            &source.name,
            source.items.as_ref(),
            mode,
            source.optional == Some(true),
            context,
        )?;
        atomic_writer::set_up(dir, &files, context, false)
    }
}

/// The files of a ConfigMap, for this volume and projected ones.
pub(super) fn files(
    name: &str,
    items: Option<&Vec<k8s_openapi::api::core::v1::KeyToPath>>,
    mode: Option<u32>,
    optional: bool,
    context: &Context,
) -> Result<payload::Payload, String> {
    let map = match context.referenced.config_map(name) {
        Ok(map) => map,
        Err(missing) if missing.not_found && optional => return Ok(payload::Payload::new()),
        Err(missing) => return Err(missing.message),
    };
    let text = map
        .data
        .iter()
        .flatten()
        .map(|(key, value)| (key.as_str(), value.as_bytes()));
    let binary = map
        .binary_data
        .iter()
        .flatten()
        .map(|(key, value)| (key.as_str(), value.0.as_slice()));
    let keys: BTreeMap<&str, &[u8]> = text.chain(binary).collect();
    payload::choose(&keys, items, mode, optional, "configmap")
}
