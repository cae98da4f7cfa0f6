//! Walks over the containers of a spec, of all three sorts: upstream's `VisitContainersWithPath`.

use k8s_openapi::api::core::v1::{Container, EphemeralContainer, PodSpec};
use machinery::field::Path;
use std::borrow::Cow;

/// Every container with its path below `spec`: init containers, containers, ephemeral containers.
pub(super) fn containers<'a>(spec: &'a PodSpec, path: &Path) -> Vec<(Path, Cow<'a, Container>)> {
    let at = |field: &str, index| path.child(field).index(index);
    let init = spec.init_containers.iter().flatten().enumerate();
    let init = init.map(|(index, it)| (at("initContainers", index), Cow::Borrowed(it)));
    let regular = spec.containers.iter().enumerate();
    let regular = regular.map(|(index, it)| (at("containers", index), Cow::Borrowed(it)));
    let ephemeral = spec.ephemeral_containers.iter().flatten().enumerate();
    let ephemeral = ephemeral.map(|(index, it)| {
        let view = Cow::Owned(as_container(it));
        (at("ephemeralContainers", index), view)
    });
    init.chain(regular).chain(ephemeral).collect()
}

/// An ephemeral container as the container that it is but for its target.
pub(super) fn as_container(it: &EphemeralContainer) -> Container {
    let it = it.clone();
    Container {
        args: it.args,
        command: it.command,
        env: it.env,
        env_from: it.env_from,
        image: it.image,
        image_pull_policy: it.image_pull_policy,
        lifecycle: it.lifecycle,
        liveness_probe: it.liveness_probe,
        name: it.name,
        ports: it.ports,
        readiness_probe: it.readiness_probe,
        resize_policy: it.resize_policy,
        resources: it.resources,
        restart_policy: it.restart_policy,
        restart_policy_rules: it.restart_policy_rules,
        security_context: it.security_context,
        startup_probe: it.startup_probe,
        stdin: it.stdin,
        stdin_once: it.stdin_once,
        termination_message_path: it.termination_message_path,
        termination_message_policy: it.termination_message_policy,
        tty: it.tty,
        volume_devices: it.volume_devices,
        volume_mounts: it.volume_mounts,
        working_dir: it.working_dir,
    }
}
