//! Errors of volumes made from objects of the API: secrets, config maps, the pod itself, and projections
//! of several of them into one folder.

use super::{super::environment, local_not_reserved};
use crate::{check, ratchet};
use k8s_openapi::api::core::v1::{
    ClusterTrustBundleProjection, ConfigMapVolumeSource, DownwardAPIVolumeFile,
    DownwardAPIVolumeSource, KeyToPath, PodCertificateProjection, PodSpec, ProjectedVolumeSource,
    SecretVolumeSource, ServiceAccountTokenProjection, VolumeProjection,
};
use machinery::{
    field::{Error, ErrorList, Path, Value},
    labels, names,
};
use std::collections::BTreeSet;

/// Fields that a file can show.
const FIELDS: &[&str] = &[
    "metadata.annotations",
    "metadata.labels",
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
];
const KEY_TYPES: &[&str] = &[
    "ECDSAP256",
    "ECDSAP384",
    "ECDSAP521",
    "ED25519",
    "RSA3072",
    "RSA4096",
];
const CERTIFICATE_SECONDS: std::ops::RangeInclusive<i32> = 3600..=7_862_400;

pub(super) fn secret(e: &mut ErrorList, path: &Path, it: &SecretVolumeSource) {
    check::required(e, &path.child("secretName"), it.secret_name.as_ref());
    mode(e, &path.child("defaultMode"), it.default_mode);
    items(e, &path.child("items"), it.items.as_deref());
}

pub(super) fn config_map(e: &mut ErrorList, path: &Path, it: &ConfigMapVolumeSource) {
    check::required(e, &path.child("name"), Some(&it.name));
    mode(e, &path.child("defaultMode"), it.default_mode);
    items(e, &path.child("items"), it.items.as_deref());
}

/// Upstream names the volume, not the item.
pub(super) fn downward(e: &mut ErrorList, path: &Path, it: &DownwardAPIVolumeSource) {
    mode(e, &path.child("defaultMode"), it.default_mode);
    for item in it.items.iter().flatten() {
        file(e, path, item);
    }
}

fn items(e: &mut ErrorList, path: &Path, items: Option<&[KeyToPath]>) {
    for (index, item) in items.unwrap_or_default().iter().enumerate() {
        let path = path.index(index);
        check::required(e, &path.child("key"), Some(&item.key));
        check::required(e, &path.child("path"), Some(&item.path));
        local_not_reserved(e, &path.child("path"), &item.path);
        mode(e, &path.child("mode"), item.mode);
    }
}

fn file(e: &mut ErrorList, path: &Path, item: &DownwardAPIVolumeFile) {
    check::required(e, &path.child("path"), Some(&item.path));
    local_not_reserved(e, &path.child("path"), &item.path);
    match (&item.field_ref, &item.resource_field_ref) {
        (Some(field), resource) => {
            environment::field(e, &path.child("fieldRef"), field, FIELDS);
            if resource.is_some() {
                let text = "fieldRef and resourceFieldRef can not be specified simultaneously";
                e.push(Error::invalid(path, "resource", text));
            }
        }
        (None, Some(it)) => environment::resource(e, &path.child("resourceFieldRef"), it, true),
        (None, None) => {
            let text = "one of fieldRef and resourceFieldRef is required";
            e.push(Error::required(path, text));
        }
    }
    mode(e, &path.child("mode"), item.mode);
}

fn mode(e: &mut ErrorList, path: &Path, mode: Option<i32>) {
    if let Some(mode) = mode.filter(|it| !(0..=0o777).contains(it)) {
        let text = "must be a number between 0 and 0777 (octal), both inclusive";
        e.push(Error::invalid(path, mode, text));
    }
}

pub(super) fn projected(e: &mut ErrorList, path: &Path, it: &ProjectedVolumeSource) {
    mode(e, &path.child("defaultMode"), it.default_mode);
    let mut taken = BTreeSet::new();
    for (index, source) in it.sources.iter().flatten().enumerate() {
        let at = path.child("sources").index(index);
        projection(e, path, &at, source, &mut taken);
    }
}

fn projection<'a>(
    e: &mut ErrorList,
    volume: &Path,
    path: &Path,
    it: &'a VolumeProjection,
    taken: &mut BTreeSet<&'a str>,
) {
    let mut take = |e: &mut ErrorList, place: &'a str, shown: &str| {
        if !place.is_empty() && !taken.insert(place) {
            e.push(Error::invalid(volume, shown, "conflicting duplicate paths"));
        }
    };
    let mut count = 0;
    let mut at = |field: &str| {
        count += 1;
        path.child(field)
    };
    let secret = it.secret.as_ref().map(|it| ("secret", &it.name, &it.items));
    let map = it
        .config_map
        .as_ref()
        .map(|it| ("configMap", &it.name, &it.items));
    for (field, name, list) in secret.into_iter().chain(map) {
        let path = at(field);
        check::required(e, &path.child("name"), Some(name));
        items(e, &path.child("items"), list.as_deref());
        for item in list.iter().flatten() {
            take(e, &item.path, name);
        }
    }
    if let Some(it) = &it.downward_api {
        let path = at("downwardAPI");
        for item in it.items.iter().flatten() {
            file(e, &path, item);
            take(e, &item.path, &item.path);
        }
    }
    if let Some(it) = &it.service_account_token {
        token(e, volume, &at("serviceAccountToken"), it);
    }
    if let Some(it) = &it.cluster_trust_bundle {
        trust_bundle(e, &at("clusterTrustBundle"), it);
        take(e, &it.path, &it.path);
    }
    if let Some(it) = &it.pod_certificate {
        certificate(e, &at("podCertificate"), it);
        for place in [
            &it.credential_bundle_path,
            &it.key_path,
            &it.certificate_chain_path,
        ] {
            let place = place.as_deref().unwrap_or_default();
            take(e, place, place);
        }
    }
    if count > 1 {
        let text = "may not specify more than 1 volume type per source";
        e.push(Error::forbidden(path, text));
    }
}

/// Upstream names the volume where the path is wrong.
fn token(e: &mut ErrorList, volume: &Path, path: &Path, it: &ServiceAccountTokenProjection) {
    let seconds = it.expiration_seconds.unwrap_or(0);
    let at = path.child("expirationSeconds");
    if seconds < 600 {
        let text = "may not specify a duration less than 10 minutes";
        e.push(Error::invalid(&at, seconds, text));
    }
    if seconds > 1 << 32 {
        let text = "may not specify a duration larger than 2^32 seconds";
        e.push(Error::invalid(&at, seconds, text));
    }
    if check::required(e, &volume.child("path"), Some(&it.path)) {
        ratchet::late(e, "AllowNonLocalProjectedTokenPath", |e| {
            local_not_reserved(e, &volume.child("path"), &it.path);
        });
    }
}

fn trust_bundle(e: &mut ErrorList, path: &Path, it: &ClusterTrustBundleProjection) {
    match (&it.name, &it.signer_name) {
        (Some(name), Some(signer)) => {
            let selector = it.label_selector.as_ref();
            let shown = Value::fields([
                ("Name", name.into()),
                ("SignerName", signer.into()),
                (
                    "LabelSelector",
                    selector.map_or(Value::shown("null"), |it| check::shown(Some(it))),
                ),
                ("Optional", serde_json::json!(it.optional).into()),
                ("Path", (&it.path).into()),
            ]);
            let text = "only one of name and signerName may be used";
            e.push(Error::invalid(path, shown, text));
        }
        (Some(name), None) => {
            let at = path.child("name");
            if name.is_empty() {
                e.push(Error::required(&at, "must be a valid object name"));
            }
            let own = name.rsplit(':').next().unwrap_or_default();
            for text in names::subdomain_errors(own) {
                let text = format!("not a valid clustertrustbundlename: {text}");
                e.push(Error::invalid(&at, name, &text));
            }
            if let Some(selector) = &it.label_selector {
                let text = "labelSelector must be unset if name is specified";
                let shown = check::shown(Some(selector));
                e.push(Error::invalid(&path.child("labelSelector"), shown, text));
            }
        }
        (None, Some(signer)) => {
            let at = path.child("signerName");
            if signer.is_empty() {
                e.push(Error::required(&at, "must be a valid signer name"));
            }
            signer_name(e, &at, signer);
            if let Some(selector) = &it.label_selector {
                ratchet::always(e, |e| {
                    e.extend(labels::validate(selector, &path.child("labelSelector")));
                });
            }
        }
        (None, None) => {
            let text = "either name or signerName must be specified";
            e.push(Error::required(path, text));
        }
    }
    check::required(e, &path.child("path"), Some(&it.path));
    local_not_reserved(e, &path.child("path"), &it.path);
}

fn signer_name(e: &mut ErrorList, path: &Path, name: &str) {
    let Some((domain, _)) = name
        .split_once('/')
        .filter(|it| !it.0.is_empty() && !it.1.is_empty())
    else {
        let text =
            "must be a fully qualified domain and path of the form 'example.com/signer-name'";
        return e.push(Error::invalid(path, name, text));
    };
    for text in names::subdomain_errors(domain) {
        let text = format!("validating domain segment: {text}");
        e.push(Error::invalid(path, name, &text));
    }
    if !domain.contains('.') {
        let text = "should be a domain with at least two segments separated by dots";
        e.push(Error::invalid(path, domain, text));
    }
}

fn certificate(e: &mut ErrorList, path: &Path, it: &PodCertificateProjection) {
    signer_name(e, &path.child("signerName"), &it.signer_name);
    if !KEY_TYPES.contains(&it.key_type.as_str()) {
        let at = path.child("keyType");
        e.push(Error::not_supported(&at, &it.key_type, KEY_TYPES));
    }
    let seconds = it
        .max_expiration_seconds
        .filter(|it| !CERTIFICATE_SECONDS.contains(it));
    if let Some(seconds) = seconds {
        let at = path.child("maxExpirationSeconds");
        let (least, most) = (CERTIFICATE_SECONDS.start(), CERTIFICATE_SECONDS.end());
        let text = format!("must be between {least} and {most}, inclusive");
        e.push(Error::invalid(&at, seconds, &text));
    }
    let mut any = false;
    for (field, place) in [
        ("credentialBundlePath", &it.credential_bundle_path),
        ("keyPath", &it.key_path),
        ("certificateChainPath", &it.certificate_chain_path),
    ] {
        if let Some(place) = place.as_ref().filter(|it| !it.is_empty()) {
            any = true;
            local_not_reserved(e, &path.child(field), place);
        }
    }
    if !any {
        let text =
            "specify at least one of credentialBundlePath, keyPath, and certificateChainPath";
        e.push(Error::required(path, text));
    }
}

/// A pod without a service account has no tokens to project.
pub(in crate::pod_spec) fn no_tokens(e: &mut ErrorList, path: &Path, spec: &PodSpec) {
    for (index, volume) in spec.volumes.iter().flatten().enumerate() {
        let sources = volume
            .projected
            .iter()
            .flat_map(|it| it.sources.iter().flatten());
        for (at, source) in sources.enumerate() {
            if source.service_account_token.is_some() {
                let path = path
                    .index(index)
                    .child("projected")
                    .child("sources")
                    .index(at);
                let text = "must not be specified when serviceAccountName is not set";
                e.push(Error::forbidden(&path.child("serviceAccountToken"), text));
            }
        }
    }
}
