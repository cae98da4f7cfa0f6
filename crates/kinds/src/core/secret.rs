//! Confidential keys and values.

#[cfg(test)]
mod tests;

use super::config_map::FROZEN;
use crate::{Cell, Column, Names, Strategy, check, columns, pod_spec::defaults::text};
use jiff::Timestamp;
use k8s_openapi::{ByteString, api::core::v1 as upstream};
use machinery::{
    field::{Error, ErrorList, Path},
    names,
};

/// The law of Secret.
pub(crate) struct Secret;

/// All values together.
const SIZE_LIMIT_BYTES: usize = 1024 * 1024;

impl Strategy for Secret {
    type Object = upstream::Secret;

    fn names(&self) -> Names {
        Names::namespaced("secrets", "secret")
    }

    fn default(&self, object: &mut upstream::Secret) {
        text(&mut object.type_, "Opaque");
        if let Some(plain) = object.string_data.take() {
            let bytes = plain
                .into_iter()
                .map(|(key, value)| (key, ByteString(value.into_bytes())));
            object.data.get_or_insert_default().extend(bytes);
        }
    }

    fn validate(&self, object: &upstream::Secret) -> ErrorList {
        let mut errors = ErrorList::new();
        let data = Path::new("data");
        let mut size = 0;
        for (key, value) in object.data.iter().flatten() {
            check::messages(
                &mut errors,
                &data.key(key),
                key,
                names::config_map_key_errors(key),
            );
            size += value.0.len();
        }
        if size > SIZE_LIMIT_BYTES {
            errors.push(Error::too_long(&data, SIZE_LIMIT_BYTES));
        }
        typed(&mut errors, &data, object);
        errors
    }

    fn validate_update(&self, new: &upstream::Secret, old: &upstream::Secret) -> ErrorList {
        let mut errors = ErrorList::new();
        let kind = new.type_.clone().unwrap_or_default();
        check::immutable(
            &mut errors,
            &Path::new("type"),
            new.type_ == old.type_,
            kind,
        );
        if old.immutable == Some(true) {
            if new.immutable != Some(true) {
                errors.push(Error::forbidden(&Path::new("immutable"), FROZEN));
            }
            if new.data != old.data {
                errors.push(Error::forbidden(&Path::new("data"), FROZEN));
            }
        }
        errors.extend(self.validate(new));
        errors
    }

    fn warnings(&self, new: &upstream::Secret, _: Option<&upstream::Secret>) -> Vec<String> {
        if new.type_.as_deref() != Some("kubernetes.io/tls") {
            return Vec::new();
        }
        let part = |key| value(new, key).unwrap_or_default();
        let pair = stdx::certificates::check_pair(part("tls.crt"), part("tls.key"));
        pair.err().iter().map(ToString::to_string).collect()
    }

    fn columns(&self) -> &'static [Column] {
        const {
            &[
                Column::NAME,
                Column::text(
                    "Type",
                    "Used to facilitate programmatic handling of secret data. More info: https://kubernetes.io/docs/concepts/configuration/secret/#secret-types",
                ),
                Column::text(
                    "Data",
                    "Data contains the secret data. Each key must consist of alphanumeric characters, '-', '_' or '.'. The serialized form of the secret data is a base64 encoded string, representing the arbitrary (possibly non-string) data value here. Described in https://tools.ietf.org/html/rfc4648#section-4",
                ),
                Column::AGE,
            ]
        }
    }

    fn row(&self, object: &upstream::Secret, now: Timestamp) -> Vec<Cell> {
        let count = object.data.as_ref().map_or(0, |it| it.len());
        vec![
            columns::name(&object.metadata),
            columns::or(object.type_.as_ref(), ""),
            count.into(),
            columns::age(&object.metadata, now),
        ]
    }

    fn selectable_fields(&self, object: &upstream::Secret) -> Vec<(&'static str, String)> {
        vec![("type", object.type_.clone().unwrap_or_default())]
    }

    fn selectable_field_names(&self) -> &'static [&'static str] {
        &["type"]
    }
}

fn value<'a>(object: &'a upstream::Secret, key: &str) -> Option<&'a [u8]> {
    let value = object.data.as_ref().and_then(|it| it.get(key));
    value.map(|it| it.0.as_slice())
}

/// A key that must hold a JSON object; its contents stay out of the message.
fn json(errors: &mut ErrorList, data: &Path, object: &upstream::Secret, key: &str) {
    let path = data.key(key);
    let Some(bytes) = value(object, key) else {
        errors.push(Error::required(&path, ""));
        return;
    };
    let fault = match serde_json::from_slice::<serde_json::Value>(bytes) {
        Ok(serde_json::Value::Object(_) | serde_json::Value::Null) => return,
        Ok(other) => {
            let kind = match other {
                serde_json::Value::Array(_) => "array",
                serde_json::Value::Bool(_) => "bool",
                serde_json::Value::Number(_) => "number",
                _ => "string",
            };
            format!("json: cannot unmarshal {kind} into Go value of type map[string]interface {{}}")
        }
        Err(error) if error.is_eof() => "unexpected end of JSON input".to_owned(),
        Err(error) => offending(bytes, &error),
    };
    errors.push(Error::invalid(&path, "<secret contents redacted>", &fault));
}

/// The character at which reading stopped, in Go's words.
fn offending(bytes: &[u8], error: &serde_json::Error) -> String {
    let mut lines = bytes.split(|it| *it == b'\n');
    let line = lines.nth(error.line().saturating_sub(1));
    let at = line.and_then(|it| it.get(error.column().saturating_sub(1)));
    let shown = at.map_or(' ', |it| char::from(*it));
    format!("invalid character {shown:?} looking for beginning of value")
}

/// What the well-known types must hold.
fn typed(errors: &mut ErrorList, data: &Path, object: &upstream::Secret) {
    let has = |key: &str| object.data.as_ref().is_some_and(|it| it.contains_key(key));
    let mut need = |key: &str| {
        if !has(key) {
            errors.push(Error::required(&data.key(key), ""));
        }
    };
    match object.type_.as_deref().unwrap_or_default() {
        "kubernetes.io/service-account-token" => {
            const ACCOUNT: &str = "kubernetes.io/service-account.name";
            let annotations = object.metadata.annotations.as_ref();
            if annotations.is_none_or(|it| it.get(ACCOUNT).is_none_or(String::is_empty)) {
                let path = Path::new("metadata").child("annotations").key(ACCOUNT);
                errors.push(Error::required(&path, ""));
            }
        }
        "kubernetes.io/dockercfg" => json(errors, data, object, ".dockercfg"),
        "kubernetes.io/dockerconfigjson" => json(errors, data, object, ".dockerconfigjson"),
        "kubernetes.io/basic-auth" if !has("username") && !has("password") => {
            need("username");
            need("password");
        }
        "kubernetes.io/ssh-auth"
            if value(object, "ssh-privatekey").is_none_or(<[u8]>::is_empty) =>
        {
            errors.push(Error::required(&data.key("ssh-privatekey"), ""));
        }
        "kubernetes.io/tls" => {
            need("tls.crt");
            need("tls.key");
        }
        _ => {}
    }
}
