//! Annotations that say something about how a pod runs: upstream's `ValidatePodSpecificAnnotations`, and
//! the old annotations for seccomp and AppArmor, which must not contradict the fields that replaced them.

use super::{lists, volumes::local_descending};
use k8s_openapi::{
    api::core::v1::{AppArmorProfile, Container, PodSpec, SeccompProfile},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use machinery::field::{Error, ErrorList, Path};

/// Marks the mirror of a pod that a kubelet runs from a file.
pub(crate) const MIRROR: &str = "kubernetes.io/config.mirror";
const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";
pub(super) const SECCOMP_POD: &str = "seccomp.security.alpha.kubernetes.io/pod";
pub(super) const SECCOMP_CONTAINER: &str = "container.seccomp.security.alpha.kubernetes.io/";
/// The prefix of AppArmor's annotations; a container's name follows.
pub(crate) const APPARMOR: &str = "container.apparmor.security.beta.kubernetes.io/";

/// Errors of the annotations by themselves.
pub(super) fn validate(e: &mut ErrorList, path: &Path, metadata: &ObjectMeta, spec: &PodSpec) {
    let annotations = metadata.annotations.iter().flatten();
    for (key, value) in annotations.clone() {
        if key == MIRROR && spec.node_name.as_ref().is_none_or(String::is_empty) {
            let text = "must set spec.nodeName if mirror pod annotation is set";
            e.push(Error::invalid(&path.key(key), value, text));
        }
        if key == DELETION_COST && !is_cost(value) {
            let error = Error::invalid(&path.key(key), value, "must be a 32bit integer");
            e.push(error.ratcheted("AllowInvalidPodDeletionCost"));
        }
    }
    for (key, value) in annotations.clone() {
        if key == SECCOMP_POD || key.starts_with(SECCOMP_CONTAINER) {
            seccomp(e, &path.child(key), value);
        }
    }
    for (key, profile) in annotations {
        let Some(name) = key.strip_prefix(APPARMOR) else {
            continue;
        };
        let all = lists::containers(spec, &Path::default());
        if !all.iter().any(|(_, it)| it.name == name) {
            e.push(Error::invalid(&path.key(key), name, "container not found"));
        }
        if !matches!(profile.as_str(), "" | "runtime/default" | "unconfined")
            && !profile.starts_with("localhost/")
        {
            let text = format!("invalid AppArmor profile name: {profile:?}");
            e.push(Error::invalid(&path.key(key), profile, &text));
        }
    }
}

/// A 32-bit number without a plus or leading zeros.
fn is_cost(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let padded = digits.len() > 1 && digits.starts_with('0');
    !text.starts_with('+') && !padded && text.parse::<i32>().is_ok()
}

fn seccomp(e: &mut ErrorList, path: &Path, profile: &str) {
    match profile.strip_prefix("localhost/") {
        Some(local) => local_descending(e, path, local),
        None if matches!(profile, "runtime/default" | "docker/default" | "unconfined") => {}
        None => e.push(Error::invalid(
            path,
            profile,
            "must be a valid seccomp profile",
        )),
    }
}

/// Errors of annotations that contradict the fields.
pub(super) fn match_fields(e: &mut ErrorList, path: &Path, metadata: &ObjectMeta, spec: &PodSpec) {
    let Some(annotations) = &metadata.annotations else {
        return;
    };
    let context = spec.security_context.as_ref();
    let own = context.and_then(|it| it.seccomp_profile.as_ref());
    if let (Some(profile), Some(said)) = (own, annotations.get(SECCOMP_POD)) {
        let path = path.child("securityContext").child("seccompProfile");
        seccomp_matches(e, &path, said, profile);
    }
    let all = lists::containers(spec, path);
    let windows = spec.os.as_ref().is_some_and(|it| it.name == "windows");
    for (path, container) in &all {
        let said = annotations.get(&format!("{SECCOMP_CONTAINER}{}", container.name));
        let context = container.security_context.as_ref();
        let profile = context.and_then(|it| it.seccomp_profile.as_ref());
        if let (Some(profile), Some(said)) = (profile, said) {
            let path = path.child("securityContext").child("seccompProfile");
            seccomp_matches(e, &path, said, profile);
        }
    }
    for (path, container) in all.iter().filter(|_| !windows) {
        let said = annotations.get(&format!("{APPARMOR}{}", container.name));
        if let (Some(profile), Some(said)) = (apparmor_of(spec, container), said) {
            let path = path.child("securityContext").child("appArmorProfile");
            apparmor_matches(e, &path, said, profile);
        }
    }
}

fn apparmor_of<'a>(spec: &'a PodSpec, container: &'a Container) -> Option<&'a AppArmorProfile> {
    let own = container.security_context.as_ref();
    let own = own.and_then(|it| it.app_armor_profile.as_ref());
    let pod = spec.security_context.as_ref();
    own.or_else(|| pod.and_then(|it| it.app_armor_profile.as_ref()))
}

fn seccomp_matches(e: &mut ErrorList, path: &Path, said: &str, field: &SeccompProfile) {
    let local = said.strip_prefix("localhost/");
    let same = match field.type_.as_str() {
        "Unconfined" => said == "unconfined",
        "RuntimeDefault" => matches!(said, "runtime/default" | "docker/default"),
        "Localhost" => local.is_some(),
        _ => true,
    };
    if !same {
        let text = "seccomp type in annotation and field must match";
        e.push(Error::forbidden(&path.child("type"), text));
    } else if field.type_ == "Localhost" && local != field.localhost_profile.as_deref() {
        let text = "seccomp profile in annotation and field must match";
        e.push(Error::forbidden(&path.child("localhostProfile"), text));
    }
}

fn apparmor_matches(e: &mut ErrorList, path: &Path, said: &str, field: &AppArmorProfile) {
    let local = said.strip_prefix("localhost/");
    let same = match field.type_.as_str() {
        "Unconfined" => said == "unconfined",
        "RuntimeDefault" => said == "runtime/default",
        "Localhost" => local.is_some(),
        _ => true,
    };
    if !same {
        let text = "apparmor type in annotation and field must match";
        e.push(Error::forbidden(&path.child("type"), text));
    } else if field.type_ == "Localhost" && local != field.localhost_profile.as_deref() {
        let text = "apparmor profile in annotation and field must match";
        e.push(Error::forbidden(&path.child("localhostProfile"), text));
    }
}

/// Errors of a change of annotations that the kubelet reads only once.
pub(crate) fn changes(e: &mut ErrorList, path: &Path, new: &ObjectMeta, old: &ObjectMeta) {
    let fixed = |key: &str| match key {
        MIRROR => Some("mirror pod annotation"),
        _ if key.starts_with(APPARMOR) => Some("AppArmor annotations"),
        _ => None,
    };
    let get = |metadata: &ObjectMeta, key: &str| {
        let annotations = metadata.annotations.as_ref();
        annotations.and_then(|it| it.get(key).cloned())
    };
    for (key, value) in old.annotations.iter().flatten() {
        if let Some(noun) = fixed(key).filter(|_| get(new, key).as_ref() != Some(value)) {
            let text = format!("may not remove or update {noun}");
            e.push(Error::forbidden(&path.key(key), &text));
        }
    }
    for key in new.annotations.iter().flat_map(|it| it.keys()) {
        if let Some(noun) = fixed(key).filter(|_| get(old, key).is_none()) {
            let text = format!("may not add {noun}");
            e.push(Error::forbidden(&path.key(key), &text));
        }
    }
}
