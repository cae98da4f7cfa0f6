//! The files of a volume that is made of keys: which, with what content and mode. Pure.

use k8s_openapi::api::core::v1::{DownwardAPIVolumeFile, KeyToPath};
use std::collections::BTreeMap;

/// Mode of files without one of their own.
pub(super) const DEFAULT_MODE: u32 = 0o644;

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct File {
    pub(super) content: Vec<u8>,
    pub(super) mode: u32,
    pub(super) user: Option<u32>,
}

/// Files by path relative to the volume.
pub(super) type Payload = BTreeMap<String, File>;

pub(super) fn mode(mode: Option<i32>) -> Option<u32> {
    mode.and_then(|it| u32::try_from(it).ok())
        .map(|it| it & 0o777)
}

/// The files that `items` choose from `keys` (all of them without items).
pub(super) fn choose<'a>(
    keys: &BTreeMap<&'a str, &'a [u8]>,
    items: Option<&Vec<KeyToPath>>,
    default_mode: Option<u32>,
    optional: bool,
    what: &str,
) -> Result<Payload, String> {
    let default_mode = default_mode.unwrap_or(DEFAULT_MODE);
    let file = |content: &[u8], mode: u32| File {
        content: content.to_vec(),
        mode,
        user: None,
    };
    let Some(items) = items.filter(|it| !it.is_empty()) else {
        return Ok(keys
            .iter()
            .map(|(key, content)| ((*key).to_owned(), file(content, default_mode)))
            .collect());
    };
    let mut payload = Payload::new();
    for item in items {
        match keys.get(item.key.as_str()) {
            Some(content) => {
                payload.insert(
                    item.path.clone(),
                    file(content, mode(item.mode).unwrap_or(default_mode)),
                );
            }
            None if optional => {}
            None => {
                return Err(format!(
                    "{what} references non-existent {what} key: {}",
                    item.key
                ));
            }
        }
    }
    Ok(payload)
}

/// The files of a downward API volume.
pub(super) fn downward(
    items: Option<&Vec<DownwardAPIVolumeFile>>,
    default_mode: Option<u32>,
    context: &super::Context,
) -> Result<Payload, String> {
    use crate::container::field_ref;
    let mut payload = Payload::new();
    for item in items.into_iter().flatten() {
        let text = match (&item.field_ref, &item.resource_field_ref) {
            (Some(field), _) => field_ref::field(&context.pod, &context.node, &field.field_path)?,
            (None, Some(resource)) => {
                field_ref::resource(&context.pod, None, resource, &context.node)?
            }
            (None, None) => continue,
        };
        let mode = mode(item.mode).or(default_mode).unwrap_or(DEFAULT_MODE);
        payload.insert(
            item.path.clone(),
            File {
                content: text.into_bytes(),
                mode,
                user: None,
            },
        );
    }
    Ok(payload)
}
