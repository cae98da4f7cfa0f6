//! Errors of where a volume's storage is: exactly one source. Most are judged as those of pods are;
//! secrets of theirs are named with their namespaces.

use crate::{
    check,
    pod_spec::volumes::{Sources, no_backsteps, storage},
    storage::shared,
};
use k8s_openapi::api::core::v1 as upstream;
use machinery::{
    field::{Error, ErrorList, Path},
    names,
};
use upstream::{LocalObjectReference, PersistentVolumeSpec};

/// Volume and portal together, when the initiator is named.
const PORTAL_LIMIT_BYTES: usize = 64;

/// Errors of the one source that the volume called `name` must have.
pub(super) fn one(e: &mut ErrorList, path: &Path, spec: &PersistentVolumeSpec, name: &str) {
    all(spec, name).judge(e, path);
    let root = spec
        .host_path
        .as_ref()
        .is_some_and(|it| it.path.trim_end_matches('/').is_empty() && !it.path.is_empty());
    if root && spec.persistent_volume_reclaim_policy.as_deref() == Some("Recycle") {
        let text = "may not be 'recycle' for a hostPath mount of '/'";
        let path = path.child("persistentVolumeReclaimPolicy");
        e.push(Error::forbidden(&path, text));
    }
}

/// The sources that are given, in upstream's order.
fn all<'a>(it: &'a PersistentVolumeSpec, name: &'a str) -> Sources<'a> {
    let mut all = Sources::default();
    all.add("hostPath", it.host_path.as_ref(), storage::host_path);
    let gce = it.gce_persistent_disk.as_ref();
    all.at("gcePersistentDisk", "persistentDisk", gce, storage::gce);
    let aws = it.aws_elastic_block_store.as_ref();
    all.add("awsElasticBlockStore", aws, storage::aws);
    all.add("glusterfs", it.glusterfs.as_ref(), glusterfs);
    all.add("flocker", it.flocker.as_ref(), storage::flocker);
    all.add("nfs", it.nfs.as_ref(), storage::nfs);
    all.add("rbd", it.rbd.as_ref(), rbd);
    all.add("quobyte", it.quobyte.as_ref(), storage::quobyte);
    all.at("cephFS", "cephfs", it.cephfs.as_ref(), cephfs);
    all.add("iscsi", it.iscsi.as_ref(), move |e, path, it| {
        iscsi(e, path, it, name);
    });
    all.add("cinder", it.cinder.as_ref(), cinder);
    all.add("fc", it.fc.as_ref(), storage::fc);
    all.add("flexVolume", it.flex_volume.as_ref(), flex);
    all.always("flexVolume");
    all.add("azureFile", it.azure_file.as_ref(), azure_file);
    let vsphere = it.vsphere_volume.as_ref();
    all.add("vsphereVolume", vsphere, storage::vsphere);
    let photon = it.photon_persistent_disk.as_ref();
    all.add("photonPersistentDisk", photon, storage::photon);
    let portworx = it.portworx_volume.as_ref();
    all.add("portworxVolume", portworx, storage::portworx);
    all.add("azureDisk", it.azure_disk.as_ref(), storage::azure_disk);
    all.add("scaleIO", it.scale_io.as_ref(), scale_io);
    let affine = it.node_affinity.is_some();
    all.add("local", it.local.as_ref(), move |e, path, it| {
        local(e, path, it, affine);
    });
    all.add("storageos", it.storageos.as_ref(), storage_os);
    all.add("csi", it.csi.as_ref(), csi);
    all
}

fn glusterfs(e: &mut ErrorList, path: &Path, it: &upstream::GlusterfsPersistentVolumeSource) {
    let view = upstream::GlusterfsVolumeSource {
        endpoints: it.endpoints.clone(),
        path: it.path.clone(),
        ..Default::default()
    };
    storage::glusterfs(e, path, &view);
    let at = path.child("endpointsNamespace");
    match it.endpoints_namespace.as_deref() {
        None => {}
        Some("") => {
            let text = "if the endpointnamespace is set, it must be a valid namespace name";
            e.push(Error::invalid(&at, "", text));
        }
        Some(name) => check::messages(e, &at, name, names::label_errors(name)),
    }
}

fn rbd(e: &mut ErrorList, path: &Path, it: &upstream::RBDPersistentVolumeSource) {
    let view = upstream::RBDVolumeSource {
        monitors: it.monitors.clone(),
        image: it.image.clone(),
        ..Default::default()
    };
    storage::rbd(e, path, &view);
}

fn cephfs(e: &mut ErrorList, path: &Path, it: &upstream::CephFSPersistentVolumeSource) {
    let view = upstream::CephFSVolumeSource {
        monitors: it.monitors.clone(),
        ..Default::default()
    };
    storage::cephfs(e, path, &view);
}

fn iscsi(e: &mut ErrorList, path: &Path, it: &upstream::ISCSIPersistentVolumeSource, name: &str) {
    let long = name.len() + 1 + it.target_portal.len() > PORTAL_LIMIT_BYTES;
    if it.initiator_name.is_some() && long {
        let text = "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.";
        let path = path.child("targetportal");
        e.push(Error::invalid(&path, &it.target_portal, text));
    }
    let secret = it.secret_ref.as_ref();
    let view = upstream::ISCSIVolumeSource {
        target_portal: it.target_portal.clone(),
        iqn: it.iqn.clone(),
        lun: it.lun,
        chap_auth_discovery: it.chap_auth_discovery,
        chap_auth_session: it.chap_auth_session,
        initiator_name: it.initiator_name.clone(),
        secret_ref: secret.map(local_name),
        ..Default::default()
    };
    storage::iscsi(e, path, &view);
    if let Some(secret) = secret {
        let path = path.child("secretRef").child("name");
        check::required(e, &path, secret.name.as_ref());
    }
}

fn local_name(secret: &upstream::SecretReference) -> LocalObjectReference {
    LocalObjectReference {
        name: secret.name.clone().unwrap_or_default(),
    }
}

fn cinder(e: &mut ErrorList, path: &Path, it: &upstream::CinderPersistentVolumeSource) {
    let secret = it.secret_ref.as_ref();
    let view = upstream::CinderVolumeSource {
        volume_id: it.volume_id.clone(),
        secret_ref: secret.map(local_name),
        ..Default::default()
    };
    storage::cinder(e, path, &view);
    if let Some(secret) = secret {
        let path = path.child("secretRef").child("namespace");
        check::required(e, &path, secret.namespace.as_ref());
    }
}

fn flex(e: &mut ErrorList, path: &Path, it: &upstream::FlexPersistentVolumeSource) {
    let view = upstream::FlexVolumeSource {
        driver: it.driver.clone(),
        options: it.options.clone(),
        ..Default::default()
    };
    storage::flex(e, path, &view);
}

fn azure_file(e: &mut ErrorList, path: &Path, it: &upstream::AzureFilePersistentVolumeSource) {
    let view = upstream::AzureFileVolumeSource {
        secret_name: it.secret_name.clone(),
        share_name: it.share_name.clone(),
        ..Default::default()
    };
    storage::azure_file(e, path, &view);
    if let Some(namespace) = &it.secret_namespace {
        check::required(e, &path.child("secretNamespace"), Some(namespace));
    }
}

fn scale_io(e: &mut ErrorList, path: &Path, it: &upstream::ScaleIOPersistentVolumeSource) {
    let view = upstream::ScaleIOVolumeSource {
        gateway: it.gateway.clone(),
        system: it.system.clone(),
        volume_name: it.volume_name.clone(),
        ..Default::default()
    };
    storage::scale_io(e, path, &view);
}

fn local(e: &mut ErrorList, path: &Path, it: &upstream::LocalVolumeSource, affine: bool) {
    let at = path.child("path");
    if check::required(e, &at, Some(&it.path)) && !no_backsteps(&it.path) {
        e.push(Error::invalid(&at, &it.path, "must not contain '..'"));
    }
    if !affine {
        let path = Path::new("spec").child("nodeAffinity");
        let text = "Local volume requires node affinity";
        e.push(Error::required(&path, text));
    }
}

fn storage_os(e: &mut ErrorList, path: &Path, it: &upstream::StorageOSPersistentVolumeSource) {
    let secret = it.secret_ref.as_ref();
    let view = upstream::StorageOSVolumeSource {
        volume_name: it.volume_name.clone(),
        volume_namespace: it.volume_namespace.clone(),
        secret_ref: secret.map(|it| LocalObjectReference {
            name: it.name.clone().unwrap_or_default(),
        }),
        ..Default::default()
    };
    storage::storage_os(e, path, &view);
    if let Some(secret) = secret {
        let path = path.child("secretRef").child("namespace");
        check::required(e, &path, secret.namespace.as_ref());
    }
}

fn csi(e: &mut ErrorList, path: &Path, it: &upstream::CSIPersistentVolumeSource) {
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

fn secret(e: &mut ErrorList, path: &Path, it: &upstream::SecretReference) {
    let name = it.name.as_deref().unwrap_or_default();
    let at = path.child("name");
    if check::required(e, &at, it.name.as_ref()) {
        check::messages(e, &at, name, names::subdomain_errors(name));
    }
    let namespace = it.namespace.as_deref().unwrap_or_default();
    let at = path.child("namespace");
    if check::required(e, &at, it.namespace.as_ref()) {
        check::messages(e, &at, namespace, names::label_errors(namespace));
    }
}
