//! Errors of volumes that come from the node, from claims, or from storage systems outside the cluster.

use super::{local_descending, no_backsteps};
use crate::{Strategy, check, core::persistent_volume_claim::PersistentVolumeClaim};
use k8s_openapi::api::core::v1 as upstream;
use machinery::{
    field::{Error, ErrorList, Path},
    names,
    quantity::Quantity,
};

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
const DRIVER_BYTES: usize = 63;
const TENANT_CHARACTERS: usize = 65;

pub(crate) fn empty_dir(e: &mut ErrorList, path: &Path, it: &upstream::EmptyDirVolumeSource) {
    let limit = it
        .size_limit
        .as_ref()
        .and_then(|it| Quantity::from_wire(it).ok());
    if limit.is_some_and(Quantity::is_negative) {
        let text = "SizeLimit field must be a valid resource quantity";
        e.push(Error::forbidden(&path.child("sizeLimit"), text));
    }
}

pub(crate) fn host_path(e: &mut ErrorList, path: &Path, it: &upstream::HostPathVolumeSource) {
    let at = path.child("path");
    if !check::required(e, &at, Some(&it.path)) {
        return;
    }
    if !no_backsteps(&it.path) {
        e.push(Error::invalid(&at, &it.path, "must not contain '..'"));
    }
    let kind = it
        .type_
        .as_deref()
        .filter(|it| !HOST_PATH_TYPES.contains(it));
    if let Some(kind) = kind {
        let at = path.child("type");
        e.push(Error::not_supported(&at, kind, HOST_PATH_TYPES));
    }
}

pub(crate) fn git_repo(e: &mut ErrorList, path: &Path, it: &upstream::GitRepoVolumeSource) {
    check::required(e, &path.child("repository"), Some(&it.repository));
    let folder = it.directory.as_deref().unwrap_or_default();
    local_descending(e, &path.child("directory"), folder);
}

pub(crate) fn gce(e: &mut ErrorList, path: &Path, it: &upstream::GCEPersistentDiskVolumeSource) {
    check::required(e, &path.child("pdName"), Some(&it.pd_name));
    partition(e, path, it.partition);
}

pub(crate) fn aws(e: &mut ErrorList, path: &Path, it: &upstream::AWSElasticBlockStoreVolumeSource) {
    check::required(e, &path.child("volumeID"), Some(&it.volume_id));
    partition(e, path, it.partition);
}

fn partition(e: &mut ErrorList, path: &Path, number: Option<i32>) {
    if let Some(number) = number.filter(|it| !(0..=255).contains(it)) {
        let text = "must be between 1 and 255, inclusive";
        e.push(Error::invalid(&path.child("partition"), number, text));
    }
}

fn lun(e: &mut ErrorList, path: &Path, number: i32) {
    for text in names::in_range(number.into(), 0, 255) {
        e.push(Error::invalid(&path.child("lun"), number, &text));
    }
}

pub(crate) fn nfs(e: &mut ErrorList, path: &Path, it: &upstream::NFSVolumeSource) {
    check::required(e, &path.child("server"), Some(&it.server));
    check::required(e, &path.child("path"), Some(&it.path));
    if !it.path.starts_with('/') {
        let text = "must be an absolute path";
        e.push(Error::invalid(&path.child("path"), &it.path, text));
    }
}

pub(crate) fn iscsi(e: &mut ErrorList, path: &Path, it: &upstream::ISCSIVolumeSource) {
    check::required(e, &path.child("targetPortal"), Some(&it.target_portal));
    if check::required(e, &path.child("iqn"), Some(&it.iqn)) {
        initiator(e, &path.child("iqn"), &it.iqn);
    }
    lun(e, path, it.lun);
    let secret = it.chap_auth_discovery == Some(true) || it.chap_auth_session == Some(true);
    if secret && it.secret_ref.is_none() {
        e.push(Error::required(&path.child("secretRef"), ""));
    }
    if let Some(name) = &it.initiator_name {
        initiator(e, &path.child("initiatorname"), name);
    }
}

/// `iqn.2015-02.example.com:disk`, `eui.` and sixteen letters, or `naa.` and thirty-two.
fn initiator(e: &mut ErrorList, path: &Path, name: &str) {
    let rest = |prefix: &str| name.strip_prefix(prefix);
    let alphanumeric = |text: &str, count: usize| {
        text.len() == count + 1 && text[1..].bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    let good = if rest("iqn").is_some() {
        is_qualified(name)
    } else if let Some(rest) = rest("eui").filter(|it| it.is_ascii()) {
        alphanumeric(rest, 16)
    } else if let Some(rest) = rest("naa").filter(|it| it.is_ascii()) {
        alphanumeric(rest, 32)
    } else {
        let text = "must be valid format starting with iqn, eui, or naa";
        return e.push(Error::invalid(path, name, text));
    };
    if !good {
        e.push(Error::invalid(path, name, "must be valid format"));
    }
}

fn is_qualified(name: &str) -> bool {
    let Some(rest) = name.strip_prefix("iqn.") else {
        return false;
    };
    let Some((date, rest)) = rest.split_once('.') else {
        return false;
    };
    let Some((authority, target)) = rest.split_once(':') else {
        return false;
    };
    let digits =
        |text: &str, count| text.len() == count && text.bytes().all(|it| it.is_ascii_digit());
    date.split_once('-')
        .is_some_and(|(year, month)| digits(year, 4) && digits(month, 2))
        && !authority.is_empty()
        && authority
            .bytes()
            .all(|it| it.is_ascii_alphanumeric() || b"-.".contains(&it))
        && !target.is_empty()
        && !target.contains(|it: char| ",;*&$|^".contains(it) || it.is_whitespace())
}

pub(crate) fn glusterfs(e: &mut ErrorList, path: &Path, it: &upstream::GlusterfsVolumeSource) {
    check::required(e, &path.child("endpoints"), Some(&it.endpoints));
    check::required(e, &path.child("path"), Some(&it.path));
}

pub(crate) fn flocker(e: &mut ErrorList, path: &Path, it: &upstream::FlockerVolumeSource) {
    let given = |it: &Option<String>| it.as_ref().is_some_and(|it| !it.is_empty());
    let (name, uuid) = (given(&it.dataset_name), given(&it.dataset_uuid));
    if !name && !uuid {
        let text = "one of datasetName and datasetUUID is required";
        e.push(Error::required(path, text));
    }
    if name && uuid {
        let text = "datasetName and datasetUUID can not be specified simultaneously";
        e.push(Error::invalid(path, "resource", text));
    }
    if let Some(name) = it.dataset_name.as_ref().filter(|it| it.contains('/')) {
        let path = path.child("datasetName");
        e.push(Error::invalid(&path, name, "must not contain '/'"));
    }
}

pub(crate) fn claim(
    e: &mut ErrorList,
    path: &Path,
    it: &upstream::PersistentVolumeClaimVolumeSource,
) {
    check::required(e, &path.child("claimName"), Some(&it.claim_name));
}

pub(crate) fn rbd(e: &mut ErrorList, path: &Path, it: &upstream::RBDVolumeSource) {
    if it.monitors.is_empty() {
        e.push(Error::required(&path.child("monitors"), ""));
    }
    check::required(e, &path.child("image"), Some(&it.image));
}

pub(crate) fn cinder(e: &mut ErrorList, path: &Path, it: &upstream::CinderVolumeSource) {
    check::required(e, &path.child("volumeID"), Some(&it.volume_id));
    secret_ref(e, path, it.secret_ref.as_ref());
}

fn secret_ref(e: &mut ErrorList, path: &Path, it: Option<&upstream::LocalObjectReference>) {
    if let Some(it) = it {
        check::required(e, &path.child("secretRef").child("name"), Some(&it.name));
    }
}

pub(crate) fn cephfs(e: &mut ErrorList, path: &Path, it: &upstream::CephFSVolumeSource) {
    if it.monitors.is_empty() {
        e.push(Error::required(&path.child("monitors"), ""));
    }
}

pub(crate) fn quobyte(e: &mut ErrorList, path: &Path, it: &upstream::QuobyteVolumeSource) {
    let text = "must be a host:port pair or multiple pairs separated by commas";
    let at = path.child("registry");
    if it.registry.is_empty() {
        e.push(Error::required(&at, text));
    } else if it
        .tenant
        .as_ref()
        .is_some_and(|it| it.len() >= TENANT_CHARACTERS)
    {
        let text = "must be a UUID and may not exceed a length of 64 characters";
        e.push(Error::required(&path.child("tenant"), text));
    } else {
        for pair in it.registry.split(',') {
            let bare = pair.starts_with('[') || pair.matches(':').count() == 1;
            if !bare || !pair.contains(':') {
                e.push(Error::invalid(&at, &it.registry, text));
            }
        }
    }
    check::required(e, &path.child("volume"), Some(&it.volume));
}

pub(crate) fn fc(e: &mut ErrorList, path: &Path, it: &upstream::FCVolumeSource) {
    let names = it.target_wwns.as_deref().unwrap_or_default();
    let ids = it.wwids.as_deref().unwrap_or_default();
    let at = path.child("targetWWNs");
    if names.is_empty() && ids.is_empty() {
        let text = "must specify either targetWWNs or wwids, but not both";
        e.push(Error::required(&at, text));
    }
    if !names.is_empty() && !ids.is_empty() {
        let text = "targetWWNs and wwids can not be specified simultaneously";
        e.push(Error::invalid(&at, serde_json::json!(names), text));
    }
    match it.lun {
        _ if names.is_empty() => {}
        Some(number) => lun(e, path, number),
        None => {
            let text = "lun is required if targetWWNs is specified";
            e.push(Error::required(&path.child("lun"), text));
        }
    }
}

pub(crate) fn flex(e: &mut ErrorList, path: &Path, it: &upstream::FlexVolumeSource) {
    check::required(e, &path.child("driver"), Some(&it.driver));
    for key in it.options.iter().flat_map(|it| it.keys()) {
        let domain = key.split('/').next().unwrap_or_default().to_lowercase();
        let domain = format!(".{domain}");
        if domain.ends_with(".kubernetes.io") || domain.ends_with(".k8s.io") {
            let path = path.child("options").key(key);
            let text = "kubernetes.io and k8s.io namespaces are reserved";
            e.push(Error::invalid(&path, key, text));
        }
    }
}

pub(crate) fn azure_file(e: &mut ErrorList, path: &Path, it: &upstream::AzureFileVolumeSource) {
    check::required(e, &path.child("secretName"), Some(&it.secret_name));
    check::required(e, &path.child("shareName"), Some(&it.share_name));
}

pub(crate) fn vsphere(
    e: &mut ErrorList,
    path: &Path,
    it: &upstream::VsphereVirtualDiskVolumeSource,
) {
    check::required(e, &path.child("volumePath"), Some(&it.volume_path));
}

pub(crate) fn photon(
    e: &mut ErrorList,
    path: &Path,
    it: &upstream::PhotonPersistentDiskVolumeSource,
) {
    check::required(e, &path.child("pdID"), Some(&it.pd_id));
}

pub(crate) fn portworx(e: &mut ErrorList, path: &Path, it: &upstream::PortworxVolumeSource) {
    check::required(e, &path.child("volumeID"), Some(&it.volume_id));
}

pub(crate) fn azure_disk(e: &mut ErrorList, path: &Path, it: &upstream::AzureDiskVolumeSource) {
    check::required(e, &path.child("diskName"), Some(&it.disk_name));
    check::required(e, &path.child("diskURI"), Some(&it.disk_uri));
    let modes = &["None", "ReadOnly", "ReadWrite"];
    let mode = it.caching_mode.as_ref();
    check::supported(e, &path.child("cachingMode"), mode, modes);
    let kinds = &["Dedicated", "Managed", "Shared"];
    check::supported(e, &path.child("kind"), it.kind.as_ref(), kinds);
    let (prefix, form) = match it.kind.as_deref() {
        Some("Managed") => (
            "/subscriptions/",
            "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}",
        ),
        Some(_) => (
            "https://",
            "https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd",
        ),
        None => return,
    };
    if !it.disk_uri.starts_with(prefix) {
        let path = path.child("diskURI");
        e.push(Error::not_supported(&path, &it.disk_uri, &[form]));
    }
}

pub(crate) fn storage_os(e: &mut ErrorList, path: &Path, it: &upstream::StorageOSVolumeSource) {
    let at = path.child("volumeName");
    let name = it.volume_name.as_deref().unwrap_or_default();
    if check::required(e, &at, it.volume_name.as_ref()) {
        check::messages(e, &at, name, names::label_errors(name));
    }
    if let Some(name) = it.volume_namespace.as_ref().filter(|it| !it.is_empty()) {
        let at = path.child("volumeNamespace");
        check::messages(e, &at, name, names::label_errors(name));
    }
    secret_ref(e, path, it.secret_ref.as_ref());
}

pub(crate) fn scale_io(e: &mut ErrorList, path: &Path, it: &upstream::ScaleIOVolumeSource) {
    check::required(e, &path.child("gateway"), Some(&it.gateway));
    check::required(e, &path.child("system"), Some(&it.system));
    check::required(e, &path.child("volumeName"), it.volume_name.as_ref());
}

pub(crate) fn csi(e: &mut ErrorList, path: &Path, it: &upstream::CSIVolumeSource) {
    let (at, driver) = (path.child("driver"), &it.driver);
    check::required(e, &at, Some(driver));
    if driver.len() > DRIVER_BYTES {
        e.push(Error::too_long(&at, DRIVER_BYTES));
    }
    let wrong = names::subdomain_errors(&driver.to_lowercase());
    check::messages(e, &at, driver, wrong);
    if let Some(secret) = &it.node_publish_secret_ref {
        let at = path.child("nodePublishSecretRef").child("name");
        if check::required(e, &at, Some(&secret.name)) {
            let wrong = names::subdomain_errors(&secret.name);
            check::messages(e, &path.child("name"), &secret.name, wrong);
        }
    }
}

pub(crate) fn ephemeral(e: &mut ErrorList, path: &Path, it: &upstream::EphemeralVolumeSource) {
    let path = path.child("volumeClaimTemplate");
    let Some(template) = &it.volume_claim_template else {
        return e.push(Error::required(&path, ""));
    };
    let metadata = template.metadata.clone().unwrap_or_default();
    let at = path.child("metadata");
    machinery::metadata::validate_template(&metadata, &at, e);
    for (field, given) in [
        ("name", metadata.name.is_some()),
        ("generateName", metadata.generate_name.is_some()),
        ("namespace", metadata.namespace.is_some()),
        ("finalizers", metadata.finalizers.is_some()),
        ("ownerReferences", metadata.owner_references.is_some()),
    ] {
        if given {
            e.push(Error::forbidden(&at.child(field), "cannot be set"));
        }
    }
    let claim = upstream::PersistentVolumeClaim {
        spec: Some(template.spec.clone()),
        ..Default::default()
    };
    for mut error in PersistentVolumeClaim.validate(&claim) {
        error.path = path.child(&error.path.to_string());
        e.push(error);
    }
}

pub(crate) fn image(e: &mut ErrorList, path: &Path, it: &upstream::ImageVolumeSource) {
    let policies = &["Always", "IfNotPresent", "Never"];
    check::one_of(
        e,
        &path.child("pullPolicy"),
        it.pull_policy.as_ref(),
        policies,
    );
}
