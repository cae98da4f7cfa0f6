//! Errors of volumes.

use crate::check;
use k8s_openapi::api::core::v1::{
    DownwardAPIVolumeFile, KeyToPath, PodSpec, Volume, VolumeProjection,
};
use machinery::{
    field::{Error, ErrorList, Path},
    names,
};
use std::collections::BTreeSet;

const FILE_FIELDS: &[&str] = &[
    "metadata.annotations",
    "metadata.labels",
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
];
const ENV_FIELDS: &[&str] = &[
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];
const HOST_PATH_TYPES: &[&str] = &[
    "",
    "BlockDevice",
    "CharDevice",
    "Directory",
    "DirectoryOrCreate",
    "File",
    "FileOrCreate",
    "Socket",
];

/// Errors of a spec's volumes; returns their names.
pub(super) fn validate(e: &mut ErrorList, path: &Path, spec: &PodSpec) -> BTreeSet<String> {
    let mut taken = BTreeSet::new();
    for (index, volume) in spec.volumes.iter().flatten().enumerate() {
        let path = path.child("volumes").index(index);
        if check::required(e, &path.child("name"), Some(&volume.name)) {
            check::messages(
                e,
                &path.child("name"),
                &volume.name,
                names::label_errors(&volume.name),
            );
        }
        if !taken.insert(volume.name.clone()) {
            e.push(Error::duplicate(&path.child("name"), &volume.name));
        }
        source(e, &path, volume);
    }
    taken
}

fn source(e: &mut ErrorList, path: &Path, volume: &Volume) {
    let given = [
        volume.empty_dir.is_some(),
        volume.host_path.is_some(),
        volume.config_map.is_some(),
        volume.secret.is_some(),
        volume.projected.is_some(),
        volume.downward_api.is_some(),
        volume.persistent_volume_claim.is_some(),
        volume.ephemeral.is_some(),
        volume.csi.is_some(),
        volume.nfs.is_some(),
        volume.image.is_some(),
    ];
    if given.into_iter().filter(|it| *it).count() > 1 {
        e.push(Error::forbidden(
            path,
            "may not specify more than 1 volume type",
        ));
    }
    machine_source(e, path, volume);
    object_source(e, path, volume);
    claim_source(e, path, volume);
}

/// Sources on the node itself.
fn machine_source(e: &mut ErrorList, path: &Path, volume: &Volume) {
    if let Some(it) = &volume.host_path {
        let path = path.child("hostPath");
        if check::required(e, &path.child("path"), Some(&it.path))
            && it.path.split('/').any(|part| part == "..")
        {
            e.push(Error::invalid(
                &path.child("path"),
                &it.path,
                "must not contain '..'",
            ));
        }
        if let Some(kind) = it
            .type_
            .as_deref()
            .filter(|it| !HOST_PATH_TYPES.contains(it))
        {
            e.push(Error::not_supported(
                &path.child("type"),
                kind,
                HOST_PATH_TYPES,
            ));
        }
    }
}

/// Sources made from objects of the API.
fn object_source(e: &mut ErrorList, path: &Path, volume: &Volume) {
    if let Some(it) = &volume.config_map {
        let path = path.child("configMap");
        check::required(e, &path.child("name"), Some(&it.name));
        mode(e, &path.child("defaultMode"), it.default_mode);
        items(e, &path.child("items"), it.items.as_deref());
    }
    if let Some(it) = &volume.secret {
        let path = path.child("secret");
        check::required(e, &path.child("secretName"), it.secret_name.as_ref());
        mode(e, &path.child("defaultMode"), it.default_mode);
        items(e, &path.child("items"), it.items.as_deref());
    }
    if let Some(it) = &volume.downward_api {
        let path = path.child("downwardAPI");
        mode(e, &path.child("defaultMode"), it.default_mode);
        downward(e, &path.child("items"), it.items.as_deref());
    }
    if let Some(it) = &volume.projected {
        let path = path.child("projected");
        mode(e, &path.child("defaultMode"), it.default_mode);
        for (index, source) in it.sources.iter().flatten().enumerate() {
            projection(e, &path.child("sources").index(index), source);
        }
    }
}

/// Sources that storage elsewhere provides.
fn claim_source(e: &mut ErrorList, path: &Path, volume: &Volume) {
    if let Some(it) = &volume.persistent_volume_claim {
        check::required(
            e,
            &path.child("persistentVolumeClaim").child("claimName"),
            Some(&it.claim_name),
        );
    }
    if let Some(it) = &volume.csi {
        check::required(e, &path.child("csi").child("driver"), Some(&it.driver));
    }
    if let Some(it) = &volume.nfs {
        let path = path.child("nfs");
        check::required(e, &path.child("server"), Some(&it.server));
        check::required(e, &path.child("path"), Some(&it.path));
    }
    if let Some(it) = &volume.ephemeral
        && it.volume_claim_template.is_none()
    {
        e.push(Error::required(
            &path.child("ephemeral").child("volumeClaimTemplate"),
            "",
        ));
    }
}

fn projection(e: &mut ErrorList, path: &Path, source: &VolumeProjection) {
    if let Some(it) = &source.config_map {
        let path = path.child("configMap");
        check::required(e, &path.child("name"), Some(&it.name));
        items(e, &path.child("items"), it.items.as_deref());
    }
    if let Some(it) = &source.secret {
        let path = path.child("secret");
        check::required(e, &path.child("name"), Some(&it.name));
        items(e, &path.child("items"), it.items.as_deref());
    }
    if let Some(it) = &source.downward_api {
        downward(
            e,
            &path.child("downwardAPI").child("items"),
            it.items.as_deref(),
        );
    }
    if let Some(it) = &source.service_account_token {
        let path = path.child("serviceAccountToken");
        if let Some(seconds) = it.expiration_seconds {
            let path = path.child("expirationSeconds");
            if seconds < 600 {
                e.push(Error::invalid(
                    &path,
                    seconds,
                    "may not specify a duration less than 10 minutes",
                ));
            } else if seconds > 1 << 32 {
                e.push(Error::invalid(
                    &path,
                    seconds,
                    "may not specify a duration larger than 2^32 seconds",
                ));
            }
        }
        if check::required(e, &path.child("path"), Some(&it.path)) {
            local_path(e, &path.child("path"), &it.path);
        }
    }
}

fn items(e: &mut ErrorList, path: &Path, items: Option<&[KeyToPath]>) {
    for (index, item) in items.unwrap_or_default().iter().enumerate() {
        let path = path.index(index);
        check::required(e, &path.child("key"), Some(&item.key));
        if check::required(e, &path.child("path"), Some(&item.path)) {
            local_path(e, &path.child("path"), &item.path);
        }
        mode(e, &path.child("mode"), item.mode);
    }
}

fn downward(e: &mut ErrorList, path: &Path, items: Option<&[DownwardAPIVolumeFile]>) {
    for (index, item) in items.unwrap_or_default().iter().enumerate() {
        let path = path.index(index);
        if check::required(e, &path.child("path"), Some(&item.path)) {
            local_path(e, &path.child("path"), &item.path);
        }
        match (&item.field_ref, &item.resource_field_ref) {
            (Some(field), None) => field_path(e, &path.child("fieldRef"), &field.field_path, false),
            (Some(_), Some(_)) => e.push(Error::invalid(
                &path,
                "resource",
                "fieldRef and resourceFieldRef can not be specified simultaneously",
            )),
            (None, None) => e.push(Error::required(
                &path,
                "one of fieldRef and resourceFieldRef is required",
            )),
            (None, Some(_)) => {}
        }
        mode(e, &path.child("mode"), item.mode);
    }
}

/// A field of the pod that may be shown to its containers.
pub(super) fn field_path(e: &mut ErrorList, path: &Path, field: &str, environment: bool) {
    let path = path.child("fieldPath");
    let list = if environment { ENV_FIELDS } else { FILE_FIELDS };
    let keyed = ["metadata.labels['", "metadata.annotations['"];
    let keyed = keyed
        .iter()
        .any(|prefix| field.starts_with(prefix) && field.ends_with("']"));
    if field.is_empty() {
        e.push(Error::required(&path, ""));
    } else if !keyed && !list.contains(&field) {
        e.push(Error::not_supported(&path, field, list));
    }
}

/// A path below a volume.
pub(super) fn local_path(e: &mut ErrorList, path: &Path, text: &str) {
    if text.starts_with('/') {
        e.push(Error::invalid(path, text, "must be a relative path"));
    }
    if text.split('/').any(|part| part == "..") {
        e.push(Error::invalid(path, text, "must not contain '..'"));
    }
}

fn mode(e: &mut ErrorList, path: &Path, mode: Option<i32>) {
    if let Some(mode) = mode.filter(|it| !(0..=0o777).contains(it)) {
        e.push(Error::invalid(
            path,
            mode,
            "must be a number between 0 and 0777 (octal), both inclusive",
        ));
    }
}
