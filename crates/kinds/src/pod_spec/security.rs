//! Errors of the security of pods and containers: upstream's `validatePodSpecSecurityContext`,
//! `ValidateSecurityContext` and the rules of `spec.os`.

mod windows;

pub(super) use windows::host_process;

use super::{lists, volumes::local_descending};
use crate::check;
use k8s_openapi::api::core::v1::{
    AppArmorProfile, PodSecurityContext, PodSpec, SeccompProfile, SecurityContext,
};
use machinery::{
    field::{Error, ErrorList, Path, Value},
    names,
};
use std::collections::BTreeSet;

const PROFILES: &[&str] = &["Localhost", "RuntimeDefault", "Unconfined"];
const APPARMOR_BYTES: usize = 4095;
const OWN_USERS: &str = "when `hostUsers` is false";
const SYSCTL_BYTES: usize = 253;
const SYSCTL_PATTERN: &str =
    "^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$";

/// Errors of a pod's security context.
pub(super) fn pod(e: &mut ErrorList, path: &Path, spec: &PodSpec) {
    let empty = PodSecurityContext::default();
    let context = spec.security_context.as_ref().unwrap_or(&empty);
    id(e, &path.child("fsGroup"), context.fs_group);
    id(e, &path.child("runAsUser"), context.run_as_user);
    id(e, &path.child("runAsGroup"), context.run_as_group);
    for (index, group) in context.supplemental_groups.iter().flatten().enumerate() {
        id(
            e,
            &path.child("supplementalGroups").index(index),
            Some(*group),
        );
    }
    if spec.host_pid == Some(true) && spec.share_process_namespace == Some(true) {
        let text = "ShareProcessNamespace and HostPID cannot both be enabled";
        let path = path.child("shareProcessNamespace");
        e.push(Error::invalid(&path, true, text));
    }
    sysctls(e, &path.child("sysctls"), context, spec);
    let known = |e: &mut ErrorList, field: &str, value: &Option<String>, list: &[&str]| {
        if let Some(value) = value.as_deref().filter(|it| !list.contains(it)) {
            e.push(Error::not_supported(&path.child(field), value, list));
        }
    };
    let change = &["Always", "OnRootMismatch"];
    known(
        e,
        "fsGroupChangePolicy",
        &context.fs_group_change_policy,
        change,
    );
    let profile = context.seccomp_profile.as_ref();
    seccomp(e, &path.child("seccompProfile"), profile);
    let options = context.windows_options.as_ref();
    windows::options(e, &path.child("windowsOptions"), options);
    let profile = context.app_armor_profile.as_ref();
    apparmor(e, &path.child("appArmorProfile"), profile);
    known(
        e,
        "supplementalGroupsPolicy",
        &context.supplemental_groups_policy,
        &["Merge", "Strict"],
    );
    known(
        e,
        "seLinuxChangePolicy",
        &context.se_linux_change_policy,
        &["MountOption", "Recursive"],
    );
}

/// Errors of a container's security context.
pub(super) fn container(
    e: &mut ErrorList,
    path: &Path,
    context: Option<&SecurityContext>,
    spec: &PodSpec,
) {
    let Some(context) = context else { return };
    id(e, &path.child("runAsUser"), context.run_as_user);
    id(e, &path.child("runAsGroup"), context.run_as_group);
    if let Some(mount) = context.proc_mount.as_deref() {
        let at = path.child("procMount");
        if mount == "Unmasked" && spec.host_users != Some(false) {
            let text = "`hostUsers` must be false to use `Unmasked`";
            e.push(Error::invalid(&at, mount, text));
        }
        let list = &["Default", "Unmasked"];
        if !list.contains(&mount) {
            e.push(Error::not_supported(&at, mount, list));
        }
    }
    let profile = context.seccomp_profile.as_ref();
    seccomp(e, &path.child("seccompProfile"), profile);
    if context.allow_privilege_escalation == Some(false) {
        let shown = || serde_json::json!({ "allowPrivilegeEscalation": false });
        if context.privileged == Some(true) {
            let text = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true";
            e.push(Error::invalid(path, shown(), text));
        }
        let added = context
            .capabilities
            .iter()
            .flat_map(|it| it.add.iter().flatten());
        for _ in added.filter(|it| *it == "CAP_SYS_ADMIN") {
            let text = "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN";
            e.push(Error::invalid(path, shown(), text));
        }
    }
    let options = context.windows_options.as_ref();
    windows::options(e, &path.child("windowsOptions"), options);
    let profile = context.app_armor_profile.as_ref();
    apparmor(e, &path.child("appArmorProfile"), profile);
}

/// A user or group number.
pub(crate) fn id(e: &mut ErrorList, path: &Path, id: Option<i64>) {
    if let Some(id) = id {
        for text in names::in_range(id, 0, i32::MAX.into()) {
            e.push(Error::invalid(path, id, &text));
        }
    }
}

fn seccomp(e: &mut ErrorList, path: &Path, profile: Option<&SeccompProfile>) {
    let Some(profile) = profile else { return };
    match profile.type_.as_str() {
        "" => {
            let text = "type is required when seccompProfile is set";
            e.push(Error::required(&path.child("type"), text));
        }
        kind if !PROFILES.contains(&kind) => {
            e.push(Error::not_supported(&path.child("type"), kind, PROFILES));
        }
        _ => {}
    }
    let at = path.child("localhostProfile");
    match (profile.type_.as_str(), &profile.localhost_profile) {
        ("Localhost", None) => {
            let text = "must be set when seccomp type is Localhost";
            e.push(Error::required(&at, text));
        }
        ("Localhost", Some(local)) => local_descending(e, &at, local),
        (kind, Some(local)) => {
            let text = "can only be set when seccomp type is Localhost";
            let shown = [("Type", kind.into()), ("LocalhostProfile", local.into())];
            let shown = Value::fields(shown);
            e.push(Error::invalid(&at, shown, text));
        }
        (_, None) => {}
    }
}

fn apparmor(e: &mut ErrorList, path: &Path, profile: Option<&AppArmorProfile>) {
    let Some(profile) = profile else { return };
    let at = path.child("localhostProfile");
    let local = profile.localhost_profile.as_ref();
    match (profile.type_.as_str(), local) {
        ("Localhost", local) => {
            match local.map(|it| (it, it.trim())) {
                Some((local, trimmed)) if local != trimmed => {
                    e.push(Error::invalid(
                        &at,
                        local,
                        "must not be padded with whitespace",
                    ));
                }
                None | Some((_, "")) => {
                    let text = "must be set when AppArmor type is Localhost";
                    e.push(Error::required(&at, text));
                }
                Some(_) => {}
            }
            if local.is_some_and(|it| it.len() > APPARMOR_BYTES) {
                e.push(Error::too_long(&at, APPARMOR_BYTES));
            }
        }
        ("RuntimeDefault" | "Unconfined", Some(local)) => {
            let text = "can only be set when AppArmor type is Localhost";
            e.push(Error::invalid(&at, local, text));
        }
        ("RuntimeDefault" | "Unconfined", None) => {}
        ("", _) => {
            let text = "type is required when appArmorProfile is set";
            e.push(Error::required(&path.child("type"), text));
        }
        (kind, _) => e.push(Error::not_supported(&path.child("type"), kind, PROFILES)),
    }
}

fn sysctls(e: &mut ErrorList, path: &Path, context: &PodSecurityContext, spec: &PodSpec) {
    let mut taken = BTreeSet::new();
    for (index, sysctl) in context.sysctls.iter().flatten().enumerate() {
        let path = path.index(index).child("name");
        let name = sysctl.name.as_str();
        if name.is_empty() {
            e.push(Error::required(&path, ""));
        } else if !is_sysctl(name) {
            let text = format!(
                "must have at most {SYSCTL_BYTES} characters and match regex {SYSCTL_PATTERN}"
            );
            e.push(Error::invalid(&path, name, &text));
        } else if taken.contains(name) {
            e.push(Error::duplicate(&path, name));
        }
        taken.insert(name);
        let dotted = name.replace('/', ".");
        let of = |prefixes: &[&str]| prefixes.iter().any(|it| dotted.starts_with(it));
        let host = if of(&["net."]) && spec.host_network == Some(true) {
            "hostNetwork"
        } else if (of(&["kernel.shm", "kernel.msg", "fs.mqueue."]) || dotted == "kernel.sem")
            && spec.host_ipc == Some(true)
        {
            "hostIPC"
        } else {
            continue;
        };
        let text = format!("may not be specified when '{host}' is true");
        e.push(
            Error::invalid(&path, name, &text)
                .ratcheted("AllowNamespacedSysctlsForHostNetAndHostIPC"),
        );
    }
}

fn is_sysctl(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    name.len() <= SYSCTL_BYTES
        && name.split(['.', '/']).all(|part| {
            part.bytes().next().is_some_and(plain)
                && part.bytes().last().is_some_and(plain)
                && part
                    .bytes()
                    .all(|byte| plain(byte) || byte == b'-' || byte == b'_')
        })
}

/// A pod with users of its own shares nothing else with the node, nor do they own devices.
pub(super) fn host_users(e: &mut ErrorList, path: &Path, spec: &PodSpec) {
    if spec.host_users != Some(false) {
        return;
    }
    for (field, shared) in [
        ("hostNetwork", spec.host_network),
        ("HostPID", spec.host_pid),
        ("HostIPC", spec.host_ipc),
    ] {
        if shared == Some(true) {
            e.push(Error::forbidden(&path.child(field), OWN_USERS));
        }
    }
    for (path, it) in lists::containers(spec, path) {
        if it.volume_devices.as_ref().is_some_and(|it| !it.is_empty()) {
            let error = Error::forbidden(&path.child("volumeDevices"), OWN_USERS);
            e.push(error.ratcheted("AllowUserNamespacesWithVolumeDevices"));
        }
    }
}

/// Fields of one operating system do not go with the other.
pub(super) fn os(e: &mut ErrorList, path: &Path, spec: &PodSpec, name: &str) {
    match name {
        "linux" => {
            let text = "windows options cannot be set for a linux pod";
            let at = path.child("securityContext");
            let own = spec.security_context.as_ref();
            if own.is_some_and(|it| it.windows_options.is_some()) {
                e.push(Error::forbidden(&at.child("windowsOptions"), text));
            }
            for (path, it) in lists::containers(spec, path) {
                if it
                    .security_context
                    .as_ref()
                    .is_some_and(|it| it.windows_options.is_some())
                {
                    let at = path.child("securityContext").child("windowsOptions");
                    e.push(Error::forbidden(&at, text));
                }
            }
        }
        "windows" => windows::only(e, path, spec),
        "" => e.push(Error::required(
            &path.child("os").child("name"),
            "cannot be empty",
        )),
        other => check::maybe_one_of(
            e,
            &path.child("os"),
            Some(&other.to_owned()),
            &["linux", "windows"],
        ),
    }
}
