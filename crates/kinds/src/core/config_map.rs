//! Configuration as keys and values.

use crate::{Cell, Column, Names, Strategy, check, columns};
use jiff::Timestamp;
use k8s_openapi::api::core::v1 as upstream;
use machinery::{
    field::{Error, ErrorList, Path},
    names,
};

/// The law of ConfigMap.
pub(crate) struct ConfigMap;

/// All keys and values together.
const SIZE_LIMIT_BYTES: usize = 1024 * 1024;
/// Upstream's text for a frozen ConfigMap or Secret.
pub(super) const FROZEN: &str = "field is immutable when `immutable` is set";

impl Strategy for ConfigMap {
    type Object = upstream::ConfigMap;

    fn names(&self) -> Names {
        Names::namespaced("configmaps", "configmap").short(&["cm"])
    }

    fn validate(&self, object: &upstream::ConfigMap) -> ErrorList {
        let mut errors = ErrorList::new();
        let mut size = 0;
        for (key, value) in object.data.iter().flatten() {
            let path = Path::new("data").key(key);
            check::messages(&mut errors, &path, key, names::config_map_key_errors(key));
            if object
                .binary_data
                .as_ref()
                .is_some_and(|it| it.contains_key(key))
            {
                errors.push(Error::invalid(
                    &path,
                    key,
                    "duplicate of key present in binaryData",
                ));
            }
            size += value.len();
        }
        for (key, value) in object.binary_data.iter().flatten() {
            let path = Path::new("binaryData").key(key);
            check::messages(&mut errors, &path, key, names::config_map_key_errors(key));
            size += value.0.len();
        }
        if size > SIZE_LIMIT_BYTES {
            errors.push(Error::too_long(
                &Path::new(check::NOTHING),
                SIZE_LIMIT_BYTES,
            ));
        }
        errors
    }

    fn validate_update(&self, new: &upstream::ConfigMap, old: &upstream::ConfigMap) -> ErrorList {
        let mut errors = ErrorList::new();
        if old.immutable == Some(true) {
            for (field, same) in [
                ("immutable", new.immutable == Some(true)),
                ("data", new.data == old.data),
                ("binaryData", new.binary_data == old.binary_data),
            ] {
                if !same {
                    errors.push(Error::forbidden(&Path::new(field), FROZEN));
                }
            }
        }
        errors.extend(self.validate(new));
        errors
    }

    fn columns(&self) -> &'static [Column] {
        const {
            &[
                Column::NAME,
                Column::text(
                    "Data",
                    "Data contains the configuration data. Each key must consist of alphanumeric characters, '-', '_' or '.'. Values with non-UTF-8 byte sequences must use the BinaryData field. The keys stored in Data must not overlap with the keys in the BinaryData field, this is enforced during validation process.",
                ),
                Column::AGE,
            ]
        }
    }

    fn row(&self, object: &upstream::ConfigMap, now: Timestamp) -> Vec<Cell> {
        let count = object.data.as_ref().map_or(0, |it| it.len())
            + object.binary_data.as_ref().map_or(0, |it| it.len());
        vec![
            columns::name(&object.metadata),
            count.into(),
            columns::age(&object.metadata, now),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases;
    use serde_json::json;

    #[test]
    fn keys_sizes_and_frozen_maps() {
        let base = json!({"metadata": {"name": "a"}, "data": {"a": "b"}});
        let frozen = cases::merged(&base, &json!({"immutable": true}));
        cases::creates(
            &ConfigMap,
            base,
            &[
                (json!({}), &[]),
                (
                    json!({"data": {"..": ""}}),
                    &["data[..]: Invalid value: \"..\": must not be '..'"],
                ),
                (
                    json!({"binaryData": {"a": ""}}),
                    &["data[a]: Invalid value: \"a\": duplicate of key present in binaryData"],
                ),
                (
                    json!({"data": {"a": "x".repeat(SIZE_LIMIT_BYTES + 1)}}),
                    &["[]: Too long: may not be more than 1048576 bytes"],
                ),
            ],
        );
        cases::updates(
            &ConfigMap,
            frozen,
            &[
                (json!({"metadata": {"labels": {"a": "b"}}}), &[]),
                (
                    json!({"immutable": false, "data": {"c": "d"}}),
                    &[
                        "immutable: Forbidden: field is immutable when `immutable` is set",
                        "data: Forbidden: field is immutable when `immutable` is set",
                    ],
                ),
            ],
        );
    }
}
