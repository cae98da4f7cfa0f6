//! Errors of volumes: upstream's `ValidateVolumes`. Each type of source has a row; a second one is refused.

mod objects;
pub(crate) mod storage;

pub(super) use objects::no_tokens;

use super::validate::Site;
use crate::check;
use k8s_openapi::api::core::v1::{PodSpec, Volume};
use machinery::{
    field::{Error, ErrorList, Path},
    names,
};
use std::collections::{BTreeMap, BTreeSet};

/// Errors of a spec's volumes; returns the well-formed ones by name.
pub(super) fn validate<'a>(
    e: &mut ErrorList,
    path: &Path,
    spec: &'a PodSpec,
    site: Site<'_>,
) -> BTreeMap<&'a str, &'a Volume> {
    let list = spec.volumes.as_deref().unwrap_or_default();
    let claim_of = |volume: &str| format!("{}-{volume}", site.name);
    let created: BTreeSet<_> = list
        .iter()
        .filter(|it| it.ephemeral.is_some() && !site.name.is_empty())
        .map(|it| claim_of(&it.name))
        .collect();
    let mut good = BTreeMap::new();
    for (index, volume) in list.iter().enumerate() {
        let path = path.index(index);
        let before = e.len();
        source(e, &path, volume, site);
        let at = path.child("name");
        if check::required(e, &at, Some(&volume.name)) {
            check::messages(e, &at, &volume.name, names::label_errors(&volume.name));
        }
        if good.contains_key(volume.name.as_str()) {
            e.push(Error::duplicate(&at, &volume.name));
        }
        if e.len() == before {
            good.insert(volume.name.as_str(), volume);
        }
        let claim = volume.persistent_volume_claim.as_ref();
        if let Some(claim) = claim.filter(|it| created.contains(&it.claim_name)) {
            let path = path.child("persistentVolumeClaim").child("claimName");
            let text = "must not reference a PVC that gets created for an ephemeral volume";
            e.push(Error::invalid(&path, &claim.claim_name, text));
        }
    }
    good
}

type Rule<'a> = Box<dyn Fn(&mut ErrorList, &Path) + 'a>;

/// A source that is given.
struct Given<'a> {
    field: &'static str,
    /// Upstream shows the errors of some sources under another name.
    shown: &'static str,
    /// Whether it is judged even after another one.
    always: bool,
    rule: Rule<'a>,
}

/// The sources of one volume, of which there should be one.
#[derive(Default)]
pub(crate) struct Sources<'a>(Vec<Given<'a>>);

impl<'a> Sources<'a> {
    pub(crate) fn add<T>(
        &mut self,
        field: &'static str,
        it: Option<&'a T>,
        rule: impl Fn(&mut ErrorList, &Path, &T) + 'a,
    ) {
        self.at(field, field, it, rule);
    }

    pub(crate) fn at<T>(
        &mut self,
        field: &'static str,
        shown: &'static str,
        it: Option<&'a T>,
        rule: impl Fn(&mut ErrorList, &Path, &T) + 'a,
    ) {
        if let Some(it) = it {
            self.0.push(Given {
                field,
                shown,
                always: false,
                rule: Box::new(move |e, path| rule(e, path, it)),
            });
        }
    }

    /// The one that was added last is judged even after another one.
    pub(crate) fn always(&mut self, field: &str) {
        let last = self.0.last_mut().filter(|it| it.field == field);
        last.into_iter().for_each(|it| it.always = true);
    }

    /// Errors of the first source, and of there being more or none.
    pub(crate) fn judge(&self, e: &mut ErrorList, path: &Path) {
        for (index, it) in self.0.iter().enumerate() {
            if index == 0 || it.always {
                (it.rule)(e, &path.child(it.shown));
            } else {
                let text = "may not specify more than 1 volume type";
                e.push(Error::forbidden(&path.child(it.field), text));
            }
        }
        if self.0.is_empty() {
            e.push(Error::required(path, "must specify a volume type"));
        }
    }
}

fn source(e: &mut ErrorList, path: &Path, volume: &Volume, site: Site<'_>) {
    sources(volume).judge(e, path);
    if let Some(it) = &volume.iscsi
        && it.initiator_name.is_some()
        && volume.name.len() + 1 + it.target_portal.len() > 64
    {
        let text = "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.";
        e.push(Error::invalid(&path.child("name"), &volume.name, text));
    }
    if volume.ephemeral.is_some() && !site.name.is_empty() && !volume.name.is_empty() {
        let claim = format!("{}-{}", site.name, volume.name);
        for text in names::subdomain_errors(&claim) {
            let text = format!("PVC name {claim:?}: {text}");
            e.push(Error::invalid(&path.child("name"), &volume.name, &text));
        }
    }
    if let Some(it) = &volume.image
        && site.pod
    {
        let path = path.child("image").child("reference");
        check::required(e, &path, it.reference.as_ref());
    }
}

/// The sources that are given, in upstream's order.
fn sources(it: &Volume) -> Sources<'_> {
    let mut all = Sources::default();
    all.add("emptyDir", it.empty_dir.as_ref(), storage::empty_dir);
    all.add("hostPath", it.host_path.as_ref(), storage::host_path);
    all.add("gitRepo", it.git_repo.as_ref(), storage::git_repo);
    let gce = it.gce_persistent_disk.as_ref();
    all.at("gcePersistentDisk", "persistentDisk", gce, storage::gce);
    let aws = it.aws_elastic_block_store.as_ref();
    all.add("awsElasticBlockStore", aws, storage::aws);
    all.add("secret", it.secret.as_ref(), objects::secret);
    all.add("nfs", it.nfs.as_ref(), storage::nfs);
    all.add("iscsi", it.iscsi.as_ref(), storage::iscsi);
    all.add("glusterfs", it.glusterfs.as_ref(), storage::glusterfs);
    all.add("flocker", it.flocker.as_ref(), storage::flocker);
    let claim = it.persistent_volume_claim.as_ref();
    all.add("persistentVolumeClaim", claim, storage::claim);
    all.add("rbd", it.rbd.as_ref(), storage::rbd);
    all.add("cinder", it.cinder.as_ref(), storage::cinder);
    all.at("cephFS", "cephfs", it.cephfs.as_ref(), storage::cephfs);
    all.add("quobyte", it.quobyte.as_ref(), storage::quobyte);
    let downward = it.downward_api.as_ref();
    all.at("downwarAPI", "downwardAPI", downward, objects::downward);
    all.add("fc", it.fc.as_ref(), storage::fc);
    all.add("flexVolume", it.flex_volume.as_ref(), storage::flex);
    all.add("configMap", it.config_map.as_ref(), objects::config_map);
    all.add("azureFile", it.azure_file.as_ref(), storage::azure_file);
    all.add(
        "vsphereVolume",
        it.vsphere_volume.as_ref(),
        storage::vsphere,
    );
    let photon = it.photon_persistent_disk.as_ref();
    all.add("photonPersistentDisk", photon, storage::photon);
    all.add(
        "portworxVolume",
        it.portworx_volume.as_ref(),
        storage::portworx,
    );
    all.add("azureDisk", it.azure_disk.as_ref(), storage::azure_disk);
    all.add("storageos", it.storageos.as_ref(), storage::storage_os);
    all.add("projected", it.projected.as_ref(), objects::projected);
    all.add("scaleIO", it.scale_io.as_ref(), storage::scale_io);
    all.add("csi", it.csi.as_ref(), storage::csi);
    all.add("ephemeral", it.ephemeral.as_ref(), storage::ephemeral);
    all.add("image", it.image.as_ref(), storage::image);
    all
}

/// A path inside a volume.
pub(super) fn local_descending(e: &mut ErrorList, path: &Path, text: &str) {
    if text.starts_with('/') {
        e.push(Error::invalid(path, text, "must be a relative path"));
    }
    if !no_backsteps(text) {
        e.push(Error::invalid(path, text, "must not contain '..'"));
    }
}

/// A path inside a volume that is not one of the names the kubelet keeps to itself.
pub(super) fn local_not_reserved(e: &mut ErrorList, path: &Path, text: &str) {
    local_descending(e, path, text);
    if text.starts_with("..") && !text.starts_with("../") {
        e.push(Error::invalid(path, text, "must not start with '..'"));
    }
}

/// Whether a path never goes up.
pub(crate) fn no_backsteps(text: &str) -> bool {
    text.split('/').all(|part| part != "..")
}
