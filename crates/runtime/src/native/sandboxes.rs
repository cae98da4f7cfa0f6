//! Making and ending sandboxes.

use std::fs;
use std::path::Path;

use jiff::Timestamp;
use rustix::mount::MountFlags;
use rustix::process::Pid;

use super::launcher::{failed, refused};
use super::records::{self, SANDBOX, SandboxRecord};
use super::{Native, blocking, new_id};
use crate::container::Resources;
use crate::error::{Error, Result};
use crate::sandbox::{Config, Sandbox, State};
use crate::shim::wire::{Reply, Request, SandboxRequest};
use crate::snapshot;

/// Shared memory of a sandbox, as everywhere.
const SHM_OPTIONS: &std::ffi::CStr = c"mode=1777,size=65536k";

impl Native {
    pub(super) async fn make_sandbox(&self, config: Config) -> Result<Sandbox> {
        let id = new_id()?;
        let dir = self.sandbox_dir(&id);
        let made = self.try_make_sandbox(&id, &dir, config).await;
        if made.is_err() {
            let _ = blocking(move || release(&dir).and_then(|()| records::remove_dir(&dir))).await;
        }
        made
    }

    async fn try_make_sandbox(&self, id: &str, dir: &Path, config: Config) -> Result<Sandbox> {
        self.inner
            .cgroups
            .set(&config.cgroup_parent, &Resources::default())?;
        let (at, wanted) = (dir.to_owned(), config.clone());
        blocking(move || prepare(&at, &wanted)).await?;
        let pin = |host: bool, name: &str| (!host).then(|| dir.join("ns").join(name));
        let request = Request::Sandbox(SandboxRequest {
            net: pin(config.host_network, "net"),
            ipc: pin(config.host_ipc, "ipc"),
            uts: pin(config.host_network, "uts"),
            hostname: config.hostname.clone(),
            sysctls: config.sysctls.clone().into_iter().collect(),
            pause_cgroup: (config.share_process_namespace && !config.host_pid)
                .then(|| config.cgroup_parent.clone()),
        });
        let name = format!("{}/{}", config.namespace, config.name);
        let failed = failed("make sandbox of pod", &name);
        let mut connection = self
            .inner
            .launcher
            .call(&request, &[])
            .await
            .map_err(&failed)?;
        let pause = match connection.receive().await.map_err(&failed)?.0 {
            Reply::Sandbox { pause } => pause,
            other => return Err(refused("make sandbox of pod", &name, other)),
        };
        let sandbox = Sandbox {
            id: id.to_owned(),
            netns: pin(config.host_network, "net"),
            config,
            state: State::Ready,
            created_at: Timestamp::now(),
            ips: Vec::new(),
            pid: pause.map(|p| p.pid),
        };
        let record = SandboxRecord {
            sandbox: sandbox.clone(),
            pause,
        };
        records::write(dir, SANDBOX, &record)?;
        self.inner.sandboxes.lock().insert(id.to_owned(), record);
        Ok(sandbox)
    }

    /// Changes a sandbox in memory and on disk.
    pub(super) fn change_sandbox(&self, id: &str, change: impl FnOnce(&mut Sandbox)) -> Result<()> {
        let mut sandboxes = self.inner.sandboxes.lock();
        let record = sandboxes.get_mut(id).ok_or_else(|| Error::NotFound {
            kind: "sandbox",
            id: id.to_owned(),
        })?;
        change(&mut record.sandbox);
        records::write(&self.sandbox_dir(id), SANDBOX, record)
    }

    pub(super) async fn stop_sandbox(&self, id: &str) -> Result<()> {
        let Ok(record) = self.sandbox(id) else {
            return Ok(());
        };
        for container in self.containers_of(id) {
            self.stop(&container, 0).await?;
        }
        if let Some(pause) = record.pause.filter(|p| crate::shim::is_alive(*p))
            && let Some(pid) = i32::try_from(pause.pid).ok().and_then(Pid::from_raw)
        {
            crate::shim::kill_group(pid);
        }
        let dir = self.sandbox_dir(id);
        let pause_cgroup = format!("{}/pause", record.sandbox.config.cgroup_parent);
        let cgroups = self.inner.cgroups.clone();
        let shares = record.pause.is_some();
        blocking(move || {
            if shares {
                cgroups.remove(&pause_cgroup)?;
            }
            release(&dir)
        })
        .await?;
        self.change_sandbox(id, |sandbox| {
            sandbox.state = State::NotReady;
            sandbox.netns = None;
            sandbox.pid = None;
        })
    }

    pub(super) async fn remove_sandbox(&self, id: &str) -> Result<()> {
        if self.sandbox(id).is_err() {
            return Ok(());
        }
        self.stop_sandbox(id).await?;
        for container in self.containers_of(id) {
            self.remove(&container).await?;
        }
        let dir = self.sandbox_dir(id);
        blocking(move || records::remove_dir(&dir)).await?;
        self.inner.sandboxes.lock().remove(id);
        Ok(())
    }
}

fn prepare(dir: &Path, config: &Config) -> Result<()> {
    records::make_dir(&dir.join("ns"))?;
    let write = |name: &str, text: &[u8]| {
        let path = dir.join(name);
        fs::write(&path, text).map_err(Error::io("write", &path))
    };
    let hostname = if config.host_network {
        fs::read_to_string("/etc/hostname").unwrap_or_default()
    } else {
        format!("{}\n", config.hostname)
    };
    write("hostname", hostname.as_bytes())?;
    let resolv = match &config.resolv_conf {
        Some(text) => text.clone(),
        None => fs::read_to_string("/etc/resolv.conf").unwrap_or_default(),
    };
    write("resolv.conf", resolv.as_bytes())?;
    if !config.host_ipc {
        let shm = dir.join("shm");
        records::make_dir(&shm)?;
        let flags = MountFlags::NOEXEC | MountFlags::NOSUID | MountFlags::NODEV;
        rustix::mount::mount("shm", &shm, "tmpfs", flags, SHM_OPTIONS)
            .map_err(Error::io("mount tmpfs on", &shm))?;
    }
    Ok(())
}

/// Lets go of namespaces and shared memory.
pub(super) fn release(dir: &Path) -> Result<()> {
    for name in ["ns/net", "ns/ipc", "ns/uts", "shm"] {
        snapshot::detach(&dir.join(name))?;
    }
    Ok(())
}
