//! What upstream asks of pods for Windows. No node of ours runs them, yet their manifests are checked.

use crate::pod_spec::lists;
use k8s_openapi::api::core::v1::{PodSpec, SecurityContext, WindowsSecurityContextOptions};
use machinery::{
    field::{Error, ErrorList, Path},
    names,
};

const CREDENTIAL_KIBIBYTES: usize = 64;
const DOMAIN_BYTES: usize = 256;
const USER_BYTES: usize = 104;
const NOT_ON_WINDOWS: &str = "cannot be set for a windows pod";

/// Errors of `windowsOptions`.
pub(super) fn options(
    e: &mut ErrorList,
    path: &Path,
    options: Option<&WindowsSecurityContextOptions>,
) {
    let Some(options) = options else { return };
    if let Some(name) = &options.gmsa_credential_spec_name {
        let path = path.child("gmsaCredentialSpecName");
        crate::check::messages(e, &path, name, names::subdomain_errors(name));
    }
    if let Some(text) = &options.gmsa_credential_spec {
        let path = path.child("gmsaCredentialSpec");
        if text.is_empty() {
            let why = "gmsaCredentialSpec cannot be an empty string";
            e.push(Error::invalid(&path, text, why));
        } else if text.len() > CREDENTIAL_KIBIBYTES * 1024 {
            let why = format!("gmsaCredentialSpec size must be under {CREDENTIAL_KIBIBYTES} KiB");
            e.push(Error::invalid(&path, text, &why));
        }
    }
    if let Some(name) = &options.run_as_user_name {
        for why in user_name_errors(name) {
            let path = path.child("runAsUserName");
            e.push(Error::invalid(&path, name, &format!("runAsUserName{why}")));
        }
    }
}

fn user_name_errors(name: &str) -> Vec<String> {
    let one = |text: &str| vec![text.to_owned()];
    if name.is_empty() {
        return one(" cannot be an empty string");
    }
    if name.bytes().any(|byte| byte.is_ascii_control()) {
        return one(" cannot contain control characters");
    }
    let (domain, user) = match name.split('\\').collect::<Vec<_>>()[..] {
        [user] => (None, user),
        [domain, user] => (Some(domain), user),
        _ => return one(" cannot contain more than one backslash"),
    };
    let mut errors = Vec::new();
    if domain.is_some_and(|it| it.len() >= DOMAIN_BYTES) {
        errors.push(format!(
            "'s Domain length must be under {DOMAIN_BYTES} characters"
        ));
    }
    if domain.is_some_and(|it| !is_domain(it)) {
        errors.push("'s Domain doesn't match the NetBios nor the DNS format".to_owned());
    }
    if user.is_empty() {
        errors.push("'s User cannot be empty".to_owned());
    } else if user.len() > USER_BYTES {
        errors.push(format!(
            "'s User length must not be longer than {USER_BYTES} characters"
        ));
    }
    if !user.is_empty() && user.bytes().all(|byte| byte == b'.' || byte == b' ') {
        errors.push("'s User cannot contain only periods or spaces".to_owned());
    }
    if user.contains([
        '"', '/', '\\', ':', ';', '|', '=', ',', '+', '*', '?', '<', '>', '@', '[', ']',
    ]) {
        errors.push(
            r#"'s User cannot contain the following characters: "/\:;|=,+*?<>@[]"#.to_owned(),
        );
    }
    errors
}

fn is_domain(text: &str) -> bool {
    let forbidden = ['\\', '/', ':', '*', '?', '"', '<', '>', '|'];
    let short = (1..=15).contains(&text.chars().count());
    let net_bios = short && !text.starts_with('.') && !text.contains(forbidden);
    let label = |label: &str| {
        label.len() <= 63
            && !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    net_bios || text.split('.').all(label)
}

/// Containers that run beside the node's own processes are all or none of a pod.
pub(in crate::pod_spec) fn host_process(e: &mut ErrorList, path: &Path, spec: &PodSpec) {
    let own = spec.security_context.as_ref();
    let own = own.and_then(|it| it.windows_options.as_ref()?.host_process);
    let all = lists::containers(spec, path);
    let mut count = 0;
    for (path, container) in &all {
        let context = container.security_context.as_ref();
        let theirs = context.and_then(|it| it.windows_options.as_ref()?.host_process);
        if let (Some(own), Some(theirs)) = (own, theirs)
            && own != theirs
        {
            let text =
                format!("pod hostProcess value must be identical if both are specified, was {own}");
            let path = path.child("securityContext.windowsOptions.hostProcess");
            e.push(Error::invalid(&path, theirs, &text));
        }
        count += usize::from(theirs.or(own) == Some(true));
    }
    if count == 0 {
        return;
    }
    if count != all.len() {
        let text = "If pod contains any hostProcess containers then all containers must be HostProcess containers";
        e.push(Error::invalid(path, "", text));
    }
    if spec.host_network != Some(true) {
        let text = "hostNetwork must be true if pod contains any hostProcess containers";
        e.push(Error::invalid(&path.child("hostNetwork"), false, text));
    }
}

/// Errors of fields that Windows does not have.
pub(super) fn only(e: &mut ErrorList, path: &Path, spec: &PodSpec) {
    let mut refuse = |path: &Path, field: &str, given: bool| {
        if given {
            e.push(Error::forbidden(&path.child(field), NOT_ON_WINDOWS));
        }
    };
    let context = spec.security_context.clone().unwrap_or_default();
    let at = path.child("securityContext");
    refuse(&at, "appArmorProfile", context.app_armor_profile.is_some());
    refuse(&at, "seLinuxOptions", context.se_linux_options.is_some());
    refuse(path, "hostUsers", spec.host_users.is_some());
    refuse(path, "hostPID", spec.host_pid == Some(true));
    refuse(path, "hostIPC", spec.host_ipc == Some(true));
    refuse(&at, "seccompProfile", context.seccomp_profile.is_some());
    refuse(&at, "fsGroup", context.fs_group.is_some());
    let change = context.fs_group_change_policy.is_some();
    refuse(&at, "fsGroupChangePolicy", change);
    let sysctls = context.sysctls.iter().flatten().next().is_some();
    refuse(&at, "sysctls", sysctls);
    let share = spec.share_process_namespace.is_some();
    refuse(path, "shareProcessNamespace", share);
    refuse(&at, "runAsUser", context.run_as_user.is_some());
    refuse(&at, "runAsGroup", context.run_as_group.is_some());
    let groups = context.supplemental_groups.is_some();
    refuse(&at, "supplementalGroups", groups);
    let policy = context.supplemental_groups_policy.is_some();
    refuse(&at, "supplementalGroupsPolicy", policy);
    let change = context.se_linux_change_policy.is_some();
    refuse(&at, "seLinuxChangePolicy", change);
    for (path, container) in lists::containers(spec, path) {
        let at = path.child("securityContext");
        for field in container.security_context.iter().flat_map(linux_fields) {
            refuse(&at, field, true);
        }
    }
}

fn linux_fields(context: &SecurityContext) -> Vec<&'static str> {
    let table = [
        ("appArmorProfile", context.app_armor_profile.is_some()),
        ("seLinuxOptions", context.se_linux_options.is_some()),
        ("seccompProfile", context.seccomp_profile.is_some()),
        ("capabilities", context.capabilities.is_some()),
        (
            "readOnlyRootFilesystem",
            context.read_only_root_filesystem.is_some(),
        ),
        ("privileged", context.privileged.is_some()),
        (
            "allowPrivilegeEscalation",
            context.allow_privilege_escalation.is_some(),
        ),
        ("procMount", context.proc_mount.is_some()),
        ("runAsUser", context.run_as_user.is_some()),
        ("runAsGroup", context.run_as_group.is_some()),
    ];
    table.iter().filter(|it| it.1).map(|it| it.0).collect()
}
