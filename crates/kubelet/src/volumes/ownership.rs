//! `fsGroup`: the group that owns a volume (upstream: `volume.SetVolumeOwnership`).

use k8s_openapi::api::core::v1::Pod;
use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, chown, lchown},
    path::Path,
};

/// The group a pod wants its volumes to have.
pub(super) fn fs_group(pod: &Pod) -> Option<u32> {
    let context = pod.spec.as_ref()?.security_context.as_ref()?;
    context.fs_group.and_then(|it| u32::try_from(it).ok())
}

/// The one user all containers of a pod run as, if the spec says so.
pub(super) fn fs_user(pod: &Pod) -> Option<u32> {
    let spec = pod.spec.as_ref()?;
    let whole = spec.security_context.as_ref().and_then(|it| it.run_as_user);
    let mut users = crate::container::field_ref::containers(pod).map(|it| {
        it.security_context
            .as_ref()
            .and_then(|it| it.run_as_user)
            .or(whole)
    });
    let first = users.next()??;
    users
        .all(|it| it == Some(first))
        .then(|| u32::try_from(first).ok())
        .flatten()
}

/// Gives `path` and all below it to the pod's group, unless `OnRootMismatch` finds the root right already.
pub(super) fn apply(path: &Path, pod: &Pod, readonly: bool) -> Result<(), String> {
    let Some(group) = fs_group(pod) else {
        return Ok(());
    };
    let context = pod
        .spec
        .as_ref()
        .and_then(|it| it.security_context.as_ref());
    if context.and_then(|it| it.fs_group_change_policy.as_deref()) == Some("OnRootMismatch")
        && fs::metadata(path).is_ok_and(|it| it.gid() == group && it.mode() & 0o2000 != 0)
    {
        return Ok(());
    }
    own(path, group, readonly)
        .map_err(|error| format!("give {} to group {group}: {error}", path.display()))
}

fn own(path: &Path, group: u32, readonly: bool) -> std::io::Result<()> {
    let meta = fs::symlink_metadata(path)?;
    if meta.is_symlink() {
        return lchown(path, None, Some(group));
    }
    chown(path, None, Some(group))?;
    let mut mode = meta.mode() & 0o7777 | if readonly { 0o440 } else { 0o660 };
    if meta.is_dir() {
        mode |= 0o2110;
        for entry in fs::read_dir(path)? {
            own(&entry?.path(), group, readonly)?;
        }
    }
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}
