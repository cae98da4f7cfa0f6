//! `secret`: the keys of a Secret as files, in memory.

use super::{Context, Mounted, Source, Volume, atomic_writer, payload};
use std::{collections::BTreeMap, path::Path};

/// See the file.
pub(super) struct Secret;

impl Volume for Secret {
    fn name(&self) -> &'static str {
        "kubernetes.io/secret"
    }

    fn handles(&self, source: &Source) -> bool {
        source.secret.is_some()
    }

    fn set_up(&self, source: &Source, dir: &Path, context: &Context) -> Result<Mounted, String> {
        let Some(source) = &source.secret else {
            return Err("not a secret".to_owned());
        };
        let name = source.secret_name.as_deref().unwrap_or_default();
        let mode = payload::mode(source.default_mode);
        let files = files(
            name,
            source.items.as_ref(),
            mode,
            source.optional == Some(true),
            context,
        )?;
        atomic_writer::set_up(dir, &files, context, true)
    }
}

/// The files of a Secret, for this volume and projected ones.
pub(super) fn files(
    name: &str,
    items: Option<&Vec<k8s_openapi::api::core::v1::KeyToPath>>,
    mode: Option<u32>,
    optional: bool,
    context: &Context,
) -> Result<payload::Payload, String> {
    let secret = match context.referenced.secret(name) {
        Ok(secret) => secret,
        Err(missing) if missing.not_found && optional => return Ok(payload::Payload::new()),
        Err(missing) => return Err(missing.message),
    };
    let keys: BTreeMap<&str, &[u8]> = secret
        .data
        .iter()
        .flatten()
        .map(|(key, value)| (key.as_str(), value.0.as_slice()))
        .collect();
    payload::choose(&keys, items, mode, optional, "secret")
}
