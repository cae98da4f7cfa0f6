//! Starts and stops one container (upstream: `kuberuntime_container.go`).

use super::{Failure, hooks, images, sandbox::labels};
use crate::{
    container::{dns, env, expansion, field_ref::NodeView, resources, security},
    pod::{self, observe, observe::Memory},
    references::Referenced,
    shared::{Shared, container_reference},
    volumes::{self, Mounted},
};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container, Pod, VolumeMount};
use runtime::{
    container::{Config, Mount, MountSource, Propagation, Security},
    image::Image,
    sandbox::Sandbox,
};
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

/// Containers that are stopped are given this long at least.
const LEAST_GRACE_SECONDS: u64 = 2;
/// A try that failed for want of something else is repeated after this (upstream: `backOffPeriod`).
const RETRY: Duration = Duration::from_secs(10);

/// What a container is started with, besides the pod.
pub struct Given<'a> {
    /// Its sandbox.
    pub sandbox: &'a Sandbox,
    /// The pod's volumes.
    pub mounted: &'a BTreeMap<String, Mounted>,
    /// ConfigMaps and Secrets.
    pub referenced: &'a Referenced,
    /// How often it was started before.
    pub attempt: u32,
}

/// The image of a container, with upstream's events when it cannot be had.
pub async fn image(
    shared: &Shared,
    pod: &Pod,
    container: &Container,
    referenced: &Referenced,
    memory: &mut Memory,
) -> Result<Image, Failure> {
    memory.not_before = retry_at(shared);
    let ensured = images::ensure(shared, pod, container, referenced, memory).await;
    ensured.map_err(|failure| told(shared, pod, container, failure))
}

/// Configuration, creation, start, `postStart` hook. Returns the runtime's id.
pub async fn start(
    shared: &Shared,
    pod: &Pod,
    container: &Container,
    image: &Image,
    given: &Given<'_>,
    memory: &mut Memory,
) -> Result<String, Failure> {
    memory.not_before = retry_at(shared);
    let failed =
        |reason, message: String| told(shared, pod, container, Failure::new(reason, message));
    let config = security::verify_non_root(pod, container, &image.config)
        .and_then(|()| config(shared, pod, container, given, image))
        .map_err(|message| failed("CreateContainerConfigError", message))?;
    let about = container_reference(pod, &container.name);
    let created = shared
        .runtime
        .create_container(&given.sandbox.id, config)
        .await;
    let id = created
        .map_err(|error| failed("CreateContainerError", error.to_string()))?
        .id;
    shared
        .recorder
        .normal(&about, "Created", "Container created");
    let started = shared.runtime.start_container(&id).await;
    started.map_err(|error| failed("RunContainerError", error.to_string()))?;
    shared
        .recorder
        .normal(&about, "Started", "Container started");
    *memory = Memory {
        crashes: memory.crashes,
        ..Memory::default()
    };
    let Some(hook) = container
        .lifecycle
        .as_ref()
        .and_then(|it| it.post_start.as_ref())
    else {
        return Ok(id);
    };
    let ips = shared.view(pod, &given.sandbox.ips).pod_ips;
    match hooks::run(shared, container, &id, hook, &ips).await {
        Ok(()) => Ok(id),
        Err(error) => {
            shared.recorder.warning(
                &about,
                "FailedPostStartHook",
                &format!("PostStartHook failed: {error}"),
            );
            let grace =
                u64::try_from(pod.spec.as_ref().map_or(30, pod::plan::grace_seconds)).unwrap_or(0);
            let _ = shared
                .runtime
                .stop_container(&id, grace.max(LEAST_GRACE_SECONDS))
                .await;
            Err(Failure::new("PostStartHookError", error))
        }
    }
}

fn retry_at(shared: &Shared) -> Option<Timestamp> {
    Some(
        shared
            .clock
            .now()
            .checked_add(RETRY)
            .unwrap_or(Timestamp::MAX),
    )
}

/// The failure, after its event.
fn told(shared: &Shared, pod: &Pod, container: &Container, failure: Failure) -> Failure {
    let text = match failure.reason {
        "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" => {
            &failure.message
        }
        reason => reason,
    };
    let about = container_reference(pod, &container.name);
    shared
        .recorder
        .warning(&about, "Failed", &format!("Error: {text}"));
    failure
}

/// Stops a container: `preStop`, its signal, and the kill at the end of `grace_seconds`.
pub async fn stop(
    shared: &Shared,
    pod: &Pod,
    name: &str,
    id: &str,
    message: &str,
    grace_seconds: i64,
) -> Result<(), String> {
    shared
        .recorder
        .normal(&container_reference(pod, name), "Killing", message);
    let mut left = Duration::from_secs(u64::try_from(grace_seconds).unwrap_or(0));
    let container = pod::container(pod, name).map(|(_, it)| it);
    let hook = container
        .as_ref()
        .and_then(|it| it.lifecycle.as_ref())
        .and_then(|it| it.pre_stop.as_ref());
    if let (Some(container), Some(hook), false) = (&container, hook, left.is_zero()) {
        let begun = tokio::time::Instant::now();
        let ips: Vec<String> = pod
            .status
            .iter()
            .flat_map(|it| it.pod_ips.iter().flatten())
            .map(|it| it.ip.clone())
            .collect();
        match tokio::time::timeout(left, hooks::run(shared, container, id, hook, &ips)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                let about = container_reference(pod, name);
                shared.recorder.warning(
                    &about,
                    "FailedPreStopHook",
                    &format!("PreStopHook failed: {error}"),
                );
            }
            Err(_) => tracing::info!(
                pod = pod::full_name(pod),
                name,
                "the preStop hook used up the grace period"
            ),
        }
        left = left.saturating_sub(begun.elapsed());
    }
    let grace = if grace_seconds <= 0 {
        0
    } else {
        left.as_secs().max(LEAST_GRACE_SECONDS)
    };
    match shared.runtime.stop_container(id, grace).await {
        Err(error) if !error.is_not_found() => {
            Err(format!("failed to stop container {name:?}: {error}"))
        }
        _ => Ok(()),
    }
}

/// Removes a dead container with its log.
pub async fn forget(shared: &Shared, id: &str) -> Result<(), String> {
    let log = shared
        .runtime
        .container_status(id)
        .await
        .ok()
        .and_then(|it| it.log_path);
    match shared.runtime.remove_container(id).await {
        Err(error) if !error.is_not_found() => {
            return Err(format!("failed to remove container {id:?}: {error}"));
        }
        _ => {}
    }
    let Some(log) = log else { return Ok(()) };
    let (Some(dir), Some(name)) = (log.parent(), log.file_name()) else {
        return Ok(());
    };
    let name = name.to_string_lossy();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        // The log and what rotation made of it.
        if entry.file_name().to_string_lossy().starts_with(&*name) {
            let _ = fs::remove_file(entry.path());
        }
    }
    Ok(())
}

fn config(
    shared: &Shared,
    pod: &Pod,
    container: &Container,
    given: &Given<'_>,
    image: &Image,
) -> Result<Config, String> {
    let view = shared.view(pod, &given.sandbox.ips);
    let services = shared.services.list();
    let sources = env::Sources {
        pod,
        node: &view,
        referenced: given.referenced,
        services: &services,
        files: &|volume, path| {
            let root = &given.mounted.get(volume)?.path;
            let text = volumes::read_text(root, path).map_err(|error| error.to_string());
            let path = root.join(path);
            Some(env::EnvFile { path, text })
        },
    };
    let mut env = env::variables(container, &sources)?;
    let mut labels = labels(pod);
    labels.insert(observe::LABEL_CONTAINER.to_owned(), container.name.clone());
    let lookup = |name: &str| {
        let found = env.iter().rev().find(|(known, _)| known == name);
        found.map(|(_, it)| it.clone())
    };
    let expanded = |words: &Option<Vec<String>>| -> Vec<String> {
        let words = words.iter().flatten();
        words.map(|it| expansion::expand(it, &lookup)).collect()
    };
    let (message_file, message_mount) = message_file(shared, pod, container, given.attempt)?;
    let mut mounts = mounts(shared, pod, container, given, &lookup)?;
    mounts.extend(hosts_mount(shared, pod, container, &view)?);
    mounts.push(message_mount);
    let (command, args) = (expanded(&container.command), expanded(&container.args));
    let hostname = &given.sandbox.config.hostname;
    if !hostname.is_empty() && !env.iter().any(|(name, _)| name == "HOSTNAME") {
        env.insert(0, ("HOSTNAME".to_owned(), hostname.clone()));
    }
    let lifecycle = container.lifecycle.as_ref();
    Ok(Config {
        name: container.name.clone(),
        attempt: given.attempt,
        image: container.image.clone().unwrap_or_else(|| image.id.clone()),
        command,
        args,
        working_dir: container.working_dir.clone().unwrap_or_default(),
        env,
        mounts,
        log_path: PathBuf::from(&container.name).join(format!("{}.log", given.attempt)),
        stdin: container.stdin == Some(true),
        stdin_once: container.stdin_once == Some(true),
        tty: container.tty == Some(true),
        stop_signal: lifecycle.and_then(|it| it.stop_signal.clone()),
        security: identity(shared, pod, container),
        resources: resources::of_container(container),
        labels,
        annotations: annotations(container, &message_file),
        ..Config::default()
    })
}

fn identity(shared: &Shared, pod: &Pod, container: &Container) -> Security {
    let memory = shared.allocatable.get("memory").map_or(0, |it| it.value());
    let profiles = shared.config.root_dir.join("seccomp");
    let mut security = security::of_container(pod, container, &profiles);
    security.oom_score_adj = Some(resources::oom_score_adj(pod, container, memory));
    security
}

fn mounts(
    shared: &Shared,
    pod: &Pod,
    container: &Container,
    given: &Given<'_>,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<Mount>, String> {
    let all = container.volume_mounts.iter().flatten().enumerate();
    all.map(|(index, mount)| volume_mount(shared, pod, container, index, mount, given, lookup))
        .collect()
}

fn annotations(container: &Container, message_file: &Path) -> BTreeMap<String, String> {
    let policy = container
        .termination_message_policy
        .as_deref()
        .unwrap_or("File");
    [
        (
            observe::ANNOTATION_IMAGE,
            container.image.clone().unwrap_or_default(),
        ),
        (
            observe::ANNOTATION_MESSAGE_FILE,
            message_file.display().to_string(),
        ),
        (observe::ANNOTATION_MESSAGE_POLICY, policy.to_owned()),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value))
    .collect()
}

fn volume_mount(
    shared: &Shared,
    pod: &Pod,
    container: &Container,
    index: usize,
    mount: &VolumeMount,
    given: &Given<'_>,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<Mount, String> {
    let volume = given.mounted.get(&mount.name).ok_or_else(|| {
        format!(
            "cannot find volume {:?} to mount into container {:?}",
            mount.name, container.name
        )
    })?;
    let expr = mount.sub_path_expr.as_deref().filter(|it| !it.is_empty());
    let sub_path = match expr {
        Some(expr) => expansion::expand_strict(expr, lookup)
            .map_err(|error| format!("failed to expand subPathExpr {expr:?}: {error}"))?,
        None => mount.sub_path.clone().unwrap_or_default(),
    };
    let mut source = volume.path.clone();
    if !sub_path.is_empty() {
        let pins = shared
            .pod_dir(pod::uid(pod))
            .join("volume-subpaths")
            .join(&mount.name)
            .join(&container.name);
        // Pins are of one attempt: the entry may be another one next time.
        let pin = pins.join(format!("{}-{index}", given.attempt));
        let pin = shared.config.may_mount.then_some(pin.as_path());
        source = volumes::resolve_sub_path(&source, &sub_path, pin).map_err(|error| {
            format!(
                "failed to prepare subPath for volumeMount {:?} of container {:?}: {error}",
                mount.name, container.name
            )
        })?;
    }
    Ok(Mount {
        container_path: PathBuf::from(&mount.mount_path),
        source: MountSource::Bind(source),
        readonly: volume.readonly || mount.read_only == Some(true),
        propagation: match mount.mount_propagation.as_deref() {
            Some("HostToContainer") => Propagation::HostToContainer,
            Some("Bidirectional") => Propagation::Bidirectional,
            _ => Propagation::Private,
        },
    })
}

/// The kubelet's `/etc/hosts`, unless the container mounts one of its own.
fn hosts_mount(
    shared: &Shared,
    pod: &Pod,
    container: &Container,
    view: &NodeView,
) -> Result<Option<Mount>, String> {
    if container
        .volume_mounts
        .iter()
        .flatten()
        .any(|it| it.mount_path == "/etc/hosts")
    {
        return Ok(None);
    }
    let host_network = pod.spec.as_ref().and_then(|it| it.host_network) == Some(true);
    let content = if host_network {
        dns::hosts_of_host_network(pod, &fs::read_to_string("/etc/hosts").unwrap_or_default())
    } else {
        dns::hosts(pod, &view.pod_ips, &shared.config.cluster_dns.domain)
    };
    let path = shared.pod_dir(pod::uid(pod)).join("etc-hosts");
    // Written in place: running containers have this file mounted.
    write_file(&path, content.as_bytes(), 0o644)?;
    Ok(Some(Mount {
        container_path: PathBuf::from("/etc/hosts"),
        source: MountSource::Bind(path),
        readonly: false,
        propagation: Propagation::Private,
    }))
}

/// An empty file for the container's last words.
fn message_file(
    shared: &Shared,
    pod: &Pod,
    container: &Container,
    attempt: u32,
) -> Result<(PathBuf, Mount), String> {
    let dir = shared
        .pod_dir(pod::uid(pod))
        .join("containers")
        .join(&container.name);
    let path = dir.join(attempt.to_string());
    write_file(&path, b"", 0o666)?;
    let inside = container
        .termination_message_path
        .as_deref()
        .filter(|it| !it.is_empty());
    let mount = Mount {
        container_path: PathBuf::from(inside.unwrap_or("/dev/termination-log")),
        source: MountSource::Bind(path.clone()),
        readonly: false,
        propagation: Propagation::Private,
    };
    Ok((path, mount))
}

fn write_file(path: &Path, content: &[u8], mode: u32) -> Result<(), String> {
    let write = || {
        if let Some(dir) = path.parent() {
            fs::create_dir_all(dir)?;
        }
        if fs::read(path).is_ok_and(|it| it == content) {
            return Ok(());
        }
        fs::write(path, content)?;
        fs::set_permissions(path, fs::Permissions::from_mode(mode))
    };
    write().map_err(|error| format!("write {}: {error}", path.display()))
}
