//! The security contexts of a pod and a container as one identity (upstream: `securitycontext`,
//! `kuberuntime/security_context.go`).

use k8s_openapi::api::core::v1::{Container, Pod, SeccompProfile};
use runtime::{
    container::{Seccomp, Security},
    image::ImageConfig,
};
use std::path::Path;

/// The identity of a container; profiles of type `Localhost` lie below `seccomp_root`.
#[must_use]
pub fn of_container(pod: &Pod, container: &Container, seccomp_root: &Path) -> Security {
    let whole = pod
        .spec
        .as_ref()
        .and_then(|it| it.security_context.clone())
        .unwrap_or_default();
    let own = container.security_context.clone().unwrap_or_default();
    let privileged = own.privileged == Some(true);
    let capabilities = own.capabilities.unwrap_or_default();
    let mut supplemental_groups = whole.supplemental_groups.unwrap_or_default();
    supplemental_groups.extend(whole.fs_group);
    Security {
        run_as_user: own.run_as_user.or(whole.run_as_user),
        run_as_group: own.run_as_group.or(whole.run_as_group),
        supplemental_groups,
        strict_supplemental_groups: whole.supplemental_groups_policy.as_deref() == Some("Strict"),
        privileged,
        add_capabilities: capabilities.add.unwrap_or_default(),
        drop_capabilities: capabilities.drop.unwrap_or_default(),
        readonly_rootfs: own.read_only_root_filesystem == Some(true),
        no_new_privileges: own.allow_privilege_escalation == Some(false),
        seccomp: seccomp(
            own.seccomp_profile.or(whole.seccomp_profile).as_ref(),
            privileged,
            seccomp_root,
        ),
        unmasked_proc: own.proc_mount.as_deref() == Some("Unmasked"),
        oom_score_adj: None,
    }
}

/// Without a profile the runtime's own holds: stricter than upstream's `Unconfined` default.
fn seccomp(profile: Option<&SeccompProfile>, privileged: bool, root: &Path) -> Seccomp {
    match profile.map(|it| (it.type_.as_str(), it.localhost_profile.as_deref())) {
        _ if privileged => Seccomp::Unconfined,
        Some(("Unconfined", _)) => Seccomp::Unconfined,
        Some(("Localhost", Some(name))) => Seccomp::Localhost(root.join(name)),
        _ => Seccomp::RuntimeDefault,
    }
}

/// Refuses root where `runAsNonRoot` holds; the message is upstream's.
pub fn verify_non_root(
    pod: &Pod,
    container: &Container,
    image: &ImageConfig,
) -> Result<(), String> {
    let whole = pod
        .spec
        .as_ref()
        .and_then(|it| it.security_context.as_ref());
    let own = container.security_context.as_ref();
    let non_root = own
        .and_then(|it| it.run_as_non_root)
        .or_else(|| whole.and_then(|it| it.run_as_non_root));
    if non_root != Some(true) {
        return Ok(());
    }
    let name = format!(
        "pod: \"{}_{}({})\", container: {}",
        pod.metadata.name.as_deref().unwrap_or_default(),
        pod.metadata.namespace.as_deref().unwrap_or_default(),
        pod.metadata.uid.as_deref().unwrap_or_default(),
        container.name
    );
    let user = own
        .and_then(|it| it.run_as_user)
        .or_else(|| whole.and_then(|it| it.run_as_user));
    match (user, image.uid()) {
        (Some(0), _) => Err(format!(
            "container's runAsUser breaks non-root policy ({name})"
        )),
        (Some(_), _) => Ok(()),
        (None, Some(0)) => Err(format!(
            "container has runAsNonRoot and image will run as root ({name})"
        )),
        (None, Some(_)) => Ok(()),
        (None, None) => {
            let user = image.user.split(':').next().unwrap_or_default();
            Err(format!(
                "container has runAsNonRoot and image has non-numeric user ({user}), cannot verify user is non-root ({name})"
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::Object;

    #[test]
    fn non_root_is_refused_with_upstreams_words() {
        let check = |pod_context: &str, own: &str, image_user: &str| {
            let text = format!(
                r#"{{"metadata":{{"name":"p","namespace":"n","uid":"u"}},"spec":{{"securityContext":{pod_context},"containers":[{{"name":"c","securityContext":{own}}}]}}}}"#
            );
            let pod = Pod::decode(text.as_bytes()).unwrap();
            let image = ImageConfig {
                user: image_user.to_owned(),
                ..ImageConfig::default()
            };
            verify_non_root(&pod, &pod.spec.as_ref().unwrap().containers[0], &image).err()
        };
        assert_eq!(check("{}", "{}", ""), None);
        assert_eq!(
            check(r#"{"runAsNonRoot":true}"#, r#"{"runAsUser":5}"#, ""),
            None
        );
        assert_eq!(
            check(r#"{"runAsNonRoot":true}"#, r#"{"runAsNonRoot":false}"#, ""),
            None
        );
        assert_eq!(
            check(r#"{"runAsNonRoot":true}"#, "{}", "").as_deref(),
            Some(
                "container has runAsNonRoot and image will run as root (pod: \"p_n(u)\", container: c)"
            )
        );
        assert_eq!(
            check("{}", r#"{"runAsNonRoot":true}"#, "nginx").as_deref(),
            Some(
                "container has runAsNonRoot and image has non-numeric user (nginx), cannot verify user is non-root (pod: \"p_n(u)\", container: c)"
            )
        );
        assert_eq!(
            check(r#"{"runAsNonRoot":true,"runAsUser":0}"#, "{}", "5").as_deref(),
            Some("container's runAsUser breaks non-root policy (pod: \"p_n(u)\", container: c)")
        );
    }
}
