//! The mounts of a container: what every container has, then its own, parents before children. Pure.

use std::path::Path;

use serde_json::{Value, json};

use super::Facts;
use crate::container::{Mount, MountSource, Propagation};
use crate::error::{Error, Result};

pub(crate) fn all(facts: &Facts<'_>) -> Result<Vec<Value>> {
    let own = &facts.config.mounts;
    for mount in own {
        let path = &mount.container_path;
        if !path.is_absolute() || path == Path::new("/") {
            return Err(Error::Invalid {
                field: "mountPath",
                reason: format!("{} is not an absolute path below /", path.display()),
            });
        }
    }
    let mut mounts: Vec<(&Path, Value)> = standard(facts);
    mounts.retain(|(path, _)| !own.iter().any(|m| m.container_path == *path));
    let mut images = facts.image_mounts.iter();
    for mount in own {
        let value = match &mount.source {
            MountSource::Bind(from) => bind(mount, from, mount.readonly),
            MountSource::Tmpfs { size_bytes } => tmpfs(mount, *size_bytes),
            MountSource::Image(name) => {
                let from = images.next().ok_or_else(|| Error::NotFound {
                    kind: "image",
                    id: name.clone(),
                })?;
                bind(mount, from, true)
            }
        };
        mounts.push((&mount.container_path, value));
    }
    // The standard ones are in order already; a stable sort keeps that.
    mounts.sort_by_key(|(path, _)| path.components().count());
    Ok(mounts.into_iter().map(|(_, value)| value).collect())
}

fn standard<'a>(facts: &Facts<'_>) -> Vec<(&'a Path, Value)> {
    let entry = |to: &'static str, kind: &str, from: &str, options: &[&str]| {
        let value = json!({ "destination": to, "type": kind, "source": from, "options": options });
        (Path::new(to), value)
    };
    let security = &facts.config.security;
    let access = if security.privileged { "rw" } else { "ro" };
    let mut all = vec![
        entry("/proc", "proc", "proc", &["nosuid", "noexec", "nodev"]),
        entry(
            "/dev",
            "tmpfs",
            "tmpfs",
            &["nosuid", "strictatime", "mode=755", "size=65536k"],
        ),
        entry(
            "/dev/pts",
            "devpts",
            "devpts",
            &[
                "nosuid",
                "noexec",
                "newinstance",
                "ptmxmode=0666",
                "mode=0620",
                "gid=5",
            ],
        ),
        entry(
            "/dev/mqueue",
            "mqueue",
            "mqueue",
            &["nosuid", "noexec", "nodev"],
        ),
        entry(
            "/sys",
            "sysfs",
            "sysfs",
            &["nosuid", "noexec", "nodev", access],
        ),
        entry(
            "/sys/fs/cgroup",
            "cgroup",
            "cgroup",
            &["nosuid", "noexec", "nodev", "relatime", access],
        ),
    ];
    all.extend(from_sandbox(facts));
    all
}

/// What the containers of a pod share.
fn from_sandbox<'a>(facts: &Facts<'_>) -> Vec<(&'a Path, Value)> {
    let dir = facts.sandbox_dir;
    let shm = if facts.sandbox.host_ipc {
        Path::new("/dev/shm").to_owned()
    } else {
        dir.join("shm")
    };
    let etc = if facts.config.security.readonly_rootfs {
        "ro"
    } else {
        "rw"
    };
    let files = [
        ("/dev/shm", shm, "rw"),
        ("/etc/hostname", dir.join("hostname"), etc),
        ("/etc/resolv.conf", dir.join("resolv.conf"), etc),
    ];
    let bind = |(to, from, access): (&'static str, std::path::PathBuf, &str)| {
        let options = ["rbind", "rprivate", access];
        let value =
            json!({ "destination": to, "type": "bind", "source": from, "options": options });
        (Path::new(to), value)
    };
    files.into_iter().map(bind).collect()
}

fn bind(mount: &Mount, from: &Path, readonly: bool) -> Value {
    let propagation = match mount.propagation {
        Propagation::Private => "rprivate",
        Propagation::HostToContainer => "rslave",
        Propagation::Bidirectional => "rshared",
    };
    let access = if readonly { "ro" } else { "rw" };
    json!({
        "destination": mount.container_path, "type": "bind", "source": from,
        "options": ["rbind", propagation, access],
    })
}

fn tmpfs(mount: &Mount, size_bytes: Option<u64>) -> Value {
    let mut options = vec![
        "nosuid".to_owned(),
        "nodev".to_owned(),
        "mode=1777".to_owned(),
    ];
    options.extend(size_bytes.map(|size| format!("size={size}")));
    options.extend(mount.readonly.then(|| "ro".to_owned()));
    json!({
        "destination": mount.container_path, "type": "tmpfs", "source": "tmpfs", "options": options,
    })
}

/// Mounts pass into a container only if its root lets them.
pub(crate) fn root_propagation(mounts: &[Mount]) -> &'static str {
    let has = |wanted| mounts.iter().any(|m| m.propagation == wanted);
    if has(Propagation::Bidirectional) {
        "shared"
    } else if has(Propagation::HostToContainer) {
        "slave"
    } else {
        "private"
    }
}
