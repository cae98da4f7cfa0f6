//! Errors of where a volume's storage is: exactly one source, with what it cannot do without.

use crate::{check, storage::shared};
use k8s_openapi::api::core::v1::{
    CSIPersistentVolumeSource, PersistentVolumeSpec, SecretReference,
};
use machinery::{
    field::{Error, ErrorList, Path},
    names,
};

/// Errors of the one source that a volume must have.
pub(super) fn one(e: &mut ErrorList, path: &Path, spec: &PersistentVolumeSpec) {
    let mut count = 0;
    let given = given(spec);
    for (field, needed) in given
        .iter()
        .filter_map(|(field, it)| Some((field, it.as_ref()?)))
    {
        count += 1;
        let path = path.child(field);
        if count > 1 && *field != "flexVolume" {
            let text = "may not specify more than 1 volume type";
            e.push(Error::forbidden(&path, text));
            continue;
        }
        for (field, missing) in needed {
            if *missing {
                e.push(Error::required(&path.child(field), ""));
            }
        }
        details(e, &path, field, spec);
    }
    if count == 0 {
        e.push(Error::required(path, "must specify a volume type"));
    }
    let root = spec
        .host_path
        .as_ref()
        .is_some_and(|it| it.path.trim_end_matches('/').is_empty() && !it.path.is_empty());
    if root && spec.persistent_volume_reclaim_policy.as_deref() == Some("Recycle") {
        let text = "may not be 'recycle' for a hostPath mount of '/'";
        e.push(Error::forbidden(
            &path.child("persistentVolumeReclaimPolicy"),
            text,
        ));
    }
}

/// Fields that a source needs, and whether each is missing.
type Needed = Option<Vec<(&'static str, bool)>>;

/// Every source in upstream's order.
fn given(spec: &PersistentVolumeSpec) -> Vec<(&'static str, Needed)> {
    macro_rules! source {
        ($name:literal, $field:ident $(, $key:literal => $($part:ident).+)*) => {
            ($name, spec.$field.as_ref().map(|_it| vec![$(($key, _it.$($part).+.is_empty())),*]))
        };
    }
    vec![
        source!("hostPath", host_path, "path" => path),
        source!("gcePersistentDisk", gce_persistent_disk, "pdName" => pd_name),
        source!("awsElasticBlockStore", aws_elastic_block_store, "volumeID" => volume_id),
        source!("glusterfs", glusterfs, "endpoints" => endpoints, "path" => path),
        source!("flocker", flocker),
        source!("nfs", nfs, "server" => server, "path" => path),
        source!("rbd", rbd, "monitors" => monitors, "image" => image),
        source!("quobyte", quobyte, "registry" => registry, "volume" => volume),
        source!("cephfs", cephfs, "monitors" => monitors),
        source!("iscsi", iscsi, "targetPortal" => target_portal, "iqn" => iqn),
        source!("cinder", cinder, "volumeID" => volume_id),
        source!("fc", fc),
        source!("flexVolume", flex_volume, "driver" => driver),
        source!("azureFile", azure_file, "secretName" => secret_name, "shareName" => share_name),
        source!("vsphereVolume", vsphere_volume, "volumePath" => volume_path),
        source!("photonPersistentDisk", photon_persistent_disk, "pdID" => pd_id),
        source!("portworxVolume", portworx_volume, "volumeID" => volume_id),
        source!("azureDisk", azure_disk, "diskName" => disk_name, "diskURI" => disk_uri),
        source!("scaleIO", scale_io, "gateway" => gateway, "system" => system),
        source!("local", local, "path" => path),
        source!("storageos", storageos),
        source!("csi", csi),
    ]
}

/// What is more than a missing field.
fn details(e: &mut ErrorList, path: &Path, field: &str, spec: &PersistentVolumeSpec) {
    let folder = match field {
        "hostPath" => spec.host_path.as_ref().map(|it| &it.path),
        "local" => spec.local.as_ref().map(|it| &it.path),
        "nfs" => {
            let folder = spec.nfs.as_ref().map(|it| &it.path);
            if let Some(folder) = folder.filter(|it| !it.starts_with('/') && !it.is_empty()) {
                let text = "must be an absolute path";
                e.push(Error::invalid(&path.child("path"), folder, text));
            }
            None
        }
        _ => None,
    };
    if let Some(folder) = folder.filter(|it| it.split('/').any(|part| part == "..")) {
        e.push(Error::invalid(
            &path.child("path"),
            folder,
            "must not contain '..'",
        ));
    }
    if field == "local" && spec.node_affinity.is_none() {
        let path = Path::new("spec").child("nodeAffinity");
        e.push(Error::required(
            &path,
            "Local volume requires node affinity",
        ));
    }
    if field == "csi"
        && let Some(csi) = &spec.csi
    {
        self::csi(e, path, csi);
    }
}

fn csi(e: &mut ErrorList, path: &Path, it: &CSIPersistentVolumeSource) {
    shared::csi_driver(e, &path.child("driver"), &it.driver);
    check::required(e, &path.child("volumeHandle"), Some(&it.volume_handle));
    for (field, secret) in [
        (
            "controllerPublishSecretRef",
            &it.controller_publish_secret_ref,
        ),
        (
            "controllerExpandSecretRef",
            &it.controller_expand_secret_ref,
        ),
        ("nodePublishSecretRef", &it.node_publish_secret_ref),
        ("nodeExpandSecretRef", &it.node_expand_secret_ref),
    ] {
        if let Some(secret) = secret {
            self::secret(e, &path.child(field), secret);
        }
    }
}

fn secret(e: &mut ErrorList, path: &Path, it: &SecretReference) {
    let name = it.name.clone().unwrap_or_default();
    if check::required(e, &path.child("name"), it.name.as_ref()) {
        check::messages(
            e,
            &path.child("name"),
            &name,
            names::subdomain_errors(&name),
        );
    }
    let namespace = it.namespace.clone().unwrap_or_default();
    let path = path.child("namespace");
    if check::required(e, &path, it.namespace.as_ref()) {
        check::messages(e, &path, &namespace, names::label_errors(&namespace));
    }
}
