//! `ServiceAccount`: every pod runs as an account that exists, and finds its token, the cluster's
//! authority and its namespace where clients look for them.

mod references;

use super::{Admit, Claims, Operation, Review};
use k8s_openapi::api::core::v1::{
    ConfigMapProjection, Container, DownwardAPIProjection, DownwardAPIVolumeFile, KeyToPath,
    ObjectFieldSelector, Pod, PodSpec, ProjectedVolumeSource, ServiceAccount,
    ServiceAccountTokenProjection, Volume, VolumeMount, VolumeProjection,
};
use machinery::status::Status;

const MOUNT_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// Renewed long before it ends; a little over an hour, as upstream.
const TOKEN_SECONDS: i64 = 3607;
const MIRROR: &str = "kubernetes.io/config.mirror";

pub(super) struct ServiceAccountAdmission;

impl Admit for ServiceAccountAdmission {
    fn handles(&self, review: &Review<'_>) -> bool {
        review.creates("", "pods")
            || review.is("", "pods")
                && review.operation == Operation::Update
                && review.subresource == "ephemeralcontainers"
    }

    fn mutate(&self, review: &mut Review<'_>) -> Result<(), Status> {
        if review.operation != Operation::Create || review.after::<Pod>().is_some_and(mirrors) {
            return Ok(());
        }
        let Some(pod) = review.wished::<Pod>() else {
            return Ok(());
        };
        let named = pod.spec.get_or_insert_default();
        let name = named
            .service_account_name
            .clone()
            .filter(|it| !it.is_empty())
            .unwrap_or_else(|| "default".to_owned());
        let account = account(review, &name)?;
        let suffix = review.random().suffix(5);
        let Some(spec) = review.wished::<Pod>().and_then(|pod| pod.spec.as_mut()) else {
            return Ok(());
        };
        spec.service_account_name = Some(name.clone());
        spec.service_account = Some(name);
        let mounts = spec
            .automount_service_account_token
            .or(account.automount_service_account_token)
            .unwrap_or(true);
        if mounts {
            mount_token(spec, &suffix);
        }
        if spec.image_pull_secrets.as_ref().is_none_or(Vec::is_empty) {
            spec.image_pull_secrets = account.image_pull_secrets.filter(|it| !it.is_empty());
        }
        Ok(())
    }

    fn judge(&self, review: &Review<'_>, _: &mut Claims) -> Result<(), Status> {
        let Some(pod) = review.after::<Pod>() else {
            return Ok(());
        };
        let spec = pod.spec.clone().unwrap_or_default();
        let name = spec.service_account_name.as_deref().unwrap_or_default();
        let refused = |because: String| review.forbidden(&because);
        if review.operation == Operation::Update {
            let Ok(account) = account(review, name) else {
                // The account is gone; what it allowed is not known any more.
                return Ok(());
            };
            return references::of_ephemeral(&account, &spec).map_err(refused);
        }
        if mirrors(pod) {
            return references::of_mirror(&spec).map_err(refused);
        }
        if name.is_empty() {
            return Err(refused(format!(
                "no service account specified for pod {}/{}",
                review.namespace,
                pod.metadata.name.as_deref().unwrap_or_default()
            )));
        }
        references::allowed(&account(review, name)?, &spec).map_err(refused)
    }
}

fn mirrors(pod: &Pod) -> bool {
    let annotations = pod.metadata.annotations.as_ref();
    annotations.is_some_and(|it| it.contains_key(MIRROR))
}

fn account(review: &Review<'_>, name: &str) -> Result<ServiceAccount, Status> {
    review.find(review.namespace, name).ok_or_else(|| {
        review.forbidden(&format!(
            "error looking up service account {}/{name}: serviceaccount {name:?} not found",
            review.namespace
        ))
    })
}

fn mount_token(spec: &mut PodSpec, suffix: &str) {
    let volumes = spec.volumes.get_or_insert_default();
    let existing = volumes
        .iter()
        .find(|volume| volume.name.starts_with("kube-api-access-") && volume.projected.is_some())
        .map(|volume| volume.name.clone());
    let name = existing
        .clone()
        .unwrap_or_else(|| format!("kube-api-access-{suffix}"));
    let mut used = false;
    for container in spec
        .init_containers
        .iter_mut()
        .flatten()
        .chain(spec.containers.iter_mut())
    {
        used |= mount(container, &name);
    }
    if used && existing.is_none() {
        spec.volumes
            .get_or_insert_default()
            .push(token_volume(name));
    }
}

/// Mounts the volume, unless something is mounted there already.
fn mount(container: &mut Container, name: &str) -> bool {
    let mounts = container.volume_mounts.get_or_insert_default();
    if mounts.iter().any(|it| it.mount_path == MOUNT_PATH) {
        return false;
    }
    mounts.push(VolumeMount {
        name: name.to_owned(),
        mount_path: MOUNT_PATH.to_owned(),
        read_only: Some(true),
        ..VolumeMount::default()
    });
    true
}

fn token_volume(name: String) -> Volume {
    let token = VolumeProjection {
        service_account_token: Some(ServiceAccountTokenProjection {
            path: "token".to_owned(),
            expiration_seconds: Some(TOKEN_SECONDS),
            ..ServiceAccountTokenProjection::default()
        }),
        ..VolumeProjection::default()
    };
    let authority = VolumeProjection {
        config_map: Some(ConfigMapProjection {
            name: "kube-root-ca.crt".to_owned(),
            items: Some(vec![KeyToPath {
                key: "ca.crt".to_owned(),
                path: "ca.crt".to_owned(),
                mode: None,
            }]),
            optional: None,
        }),
        ..VolumeProjection::default()
    };
    let namespace = VolumeProjection {
        downward_api: Some(DownwardAPIProjection {
            items: Some(vec![DownwardAPIVolumeFile {
                path: "namespace".to_owned(),
                field_ref: Some(ObjectFieldSelector {
                    api_version: Some("v1".to_owned()),
                    field_path: "metadata.namespace".to_owned(),
                }),
                ..DownwardAPIVolumeFile::default()
            }]),
        }),
        ..VolumeProjection::default()
    };
    Volume {
        name,
        projected: Some(ProjectedVolumeSource {
            default_mode: Some(0o644),
            sources: Some(vec![token, authority, namespace]),
        }),
        ..Volume::default()
    }
}
