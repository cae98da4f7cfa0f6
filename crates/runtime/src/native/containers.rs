//! The life of a container: make, start, stop, remove, and learning of its end.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::watch;

use super::records::{self, Confinement, Running, SandboxRecord};
use super::{Entry, Native, blocking, launcher, new_id};
use crate::container::{Change, Config, Container, Exit, MountSource, Resources, Seccomp, State};
use crate::error::{Error, Result};
use crate::image::{Image, ImageConfig};
use crate::shim::wire::{Process, Reply, Request, StartRequest};
use crate::spec::{self, Facts};
use crate::{sandbox, snapshot};

/// Longest wait for a killed container. More means that the kernel cannot end it.
const KILL_WAIT: Duration = Duration::from_secs(30);

impl Native {
    pub(super) fn containers_of(&self, sandbox_id: &str) -> Vec<String> {
        let containers = self.inner.containers.lock();
        let own = containers
            .values()
            .filter(|e| e.made.sandbox_id == sandbox_id);
        own.map(|e| e.made.id.clone()).collect()
    }

    pub(super) async fn make_container(
        &self,
        sandbox_id: &str,
        config: Config,
    ) -> Result<Container> {
        let (native, wanted) = (self.clone(), config.image.clone());
        let found = blocking(move || native.inner.images.layers(&wanted)).await?;
        let (image, layers) = found.ok_or_else(|| Error::NotFound {
            kind: "image",
            id: config.image.clone(),
        })?;
        self.make_container_from(sandbox_id, config, image, layers)
            .await
    }

    pub(super) async fn make_container_from(
        &self,
        sandbox_id: &str,
        config: Config,
        image: Image,
        layers: Vec<PathBuf>,
    ) -> Result<Container> {
        let record = self.sandbox(sandbox_id)?;
        if record.sandbox.state != sandbox::State::Ready {
            return Err(Error::State {
                kind: "sandbox",
                id: sandbox_id.to_owned(),
                reason: "is not ready".to_owned(),
            });
        }
        let id = new_id()?;
        let native = self.clone();
        let made = blocking(move || {
            let dir = native.container_dir(&id);
            let made = native.prepare(&id, &dir, &record, config, &image, &layers);
            if made.is_err() {
                let _ = native.inner.cgroups.remove(&cgroup_of(&record, &id));
                let _ = snapshot::unmount(&dir);
                let _ = records::remove_dir(&dir);
            }
            made
        });
        let entry = made.await?;
        let container = entry.now();
        self.inner
            .containers
            .lock()
            .insert(container.id.clone(), Arc::new(entry));
        Ok(container)
    }

    fn prepare(
        &self,
        id: &str,
        dir: &Path,
        record: &SandboxRecord,
        config: Config,
        image: &Image,
        layers: &[PathBuf],
    ) -> Result<Entry> {
        records::make_dir(dir)?;
        let rootfs = snapshot::mount(dir, layers)?;
        let passwd = snapshot::read(&rootfs, "etc/passwd");
        let group = snapshot::read(&rootfs, "etc/group");
        let user = spec::user::resolve(&config.security, &image.config.user, &passwd, &group)?;
        let cgroup = cgroup_of(record, id);
        self.inner.cgroups.set(&cgroup, &config.resources)?;
        let devices = spec::devices::find(&config.devices, config.security.privileged)?;
        if !config.security.privileged {
            let rules = spec::devices::allowed(&devices);
            self.inner.cgroups.confine_devices(&cgroup, &rules)?;
        }
        let profile = match &config.security.seccomp {
            Seccomp::Localhost(path) if !config.security.privileged => Some(
                std::fs::read_to_string(path).map_err(Error::io("read seccomp profile", path))?,
            ),
            _ => None,
        };
        let facts = Facts {
            config: &config,
            image: &image.config,
            sandbox: &record.sandbox.config,
            sandbox_dir: &self.sandbox_dir(&record.sandbox.id),
            pause: record.sandbox.pid,
            rootfs: &rootfs,
            cgroup: &cgroup,
            user: &user,
            image_mounts: &self.mount_images(dir, &config)?,
            seccomp_profile: profile.as_deref(),
            devices,
            lowest_oom_score: self.inner.lowest_oom_score,
        };
        let built = spec::build(&facts)?;
        self.write_confinement(dir, &config, &built)?;
        let spec = built.config;
        if let Some(cwd) = spec["process"]["cwd"].as_str() {
            // If this fails, so will the start, with a better explanation.
            let _ = snapshot::make_directory(&rootfs, Path::new(cwd));
        }
        records::write(dir, records::SPEC, &spec)?;
        let log_path = (!config.log_path.as_os_str().is_empty())
            .then(|| record.sandbox.config.log_directory.join(&config.log_path));
        let made = Container {
            id: id.to_owned(),
            sandbox_id: record.sandbox.id.clone(),
            image_id: image.id.clone(),
            image_ref: image.image_ref().to_owned(),
            config,
            state: State::Created,
            created_at: Timestamp::now(),
            log_path,
            user,
        };
        records::write(dir, records::CONTAINER, &(&made, &image.config))?;
        Ok(self.new_entry(made, &image.config, record, State::Created))
    }

    fn write_confinement(&self, dir: &Path, config: &Config, built: &spec::Built) -> Result<()> {
        if let Some(profile) = &built.profile {
            let program = self.inner.filters.program(profile)?;
            let path = dir.join(records::FILTER);
            std::fs::write(&path, program.as_slice()).map_err(Error::io("write", &path))?;
        }
        let confinement = Confinement {
            capabilities: built.capabilities.clone(),
            no_new_privileges: config.security.no_new_privileges,
            filter: built.profile.is_some(),
        };
        records::write(dir, records::CONFINEMENT, &confinement)
    }

    /// Mounts each image that is a volume read-only beside the container's own root.
    fn mount_images(&self, dir: &Path, config: &Config) -> Result<Vec<PathBuf>> {
        let mut mounted = Vec::new();
        for mount in &config.mounts {
            if let MountSource::Image(name) = &mount.source {
                let found = self.inner.images.layers(name)?;
                let (_, layers) = found.ok_or_else(|| Error::NotFound {
                    kind: "image",
                    id: name.clone(),
                })?;
                let at = dir.join(format!("image-{}", mounted.len()));
                mounted.push(snapshot::mount(&at, &layers)?);
            }
        }
        Ok(mounted)
    }

    pub(super) fn new_entry(
        &self,
        made: Container,
        image: &ImageConfig,
        record: &SandboxRecord,
        state: State,
    ) -> Entry {
        Entry {
            dir: self.container_dir(&made.id),
            cgroup: cgroup_of(record, &made.id),
            pod_uid: record.sandbox.config.uid.clone(),
            stop_signal: image.stop_signal.clone(),
            state: watch::Sender::new(state),
            running: parking_lot::Mutex::new(None),
            turn: tokio::sync::Mutex::new(()),
            limits: parking_lot::Mutex::new(made.config.resources.clone()),
            made,
        }
    }

    pub(super) async fn start(&self, id: &str) -> Result<()> {
        let entry = self.entry(id)?;
        let _turn = entry.turn.lock().await;
        if *entry.state.borrow() != State::Created {
            return Err(Error::State {
                kind: "container",
                id: id.to_owned(),
                reason: "was started before".to_owned(),
            });
        }
        records::write(&entry.dir, records::STARTING, &())?;
        let config = &entry.made.config;
        let sandbox = self.sandbox(&entry.made.sandbox_id)?.sandbox.config;
        let request = Request::Start(StartRequest {
            dir: entry.dir.clone(),
            cgroup: entry.cgroup.clone(),
            log: entry.made.log_path.clone(),
            log_limits: config.log_limits,
            stdin: config.stdin,
            stdin_once: config.stdin_once,
            tty: config.tty,
            shared_pids: sandbox.host_pid || sandbox.share_process_namespace,
        });
        match self.launch(&request).await {
            Ok((process, shim)) => {
                let started_at = records::read::<Running>(&entry.dir, records::RUNNING)?
                    .map_or_else(Timestamp::now, |r| r.started_at);
                self.runs(
                    &entry,
                    Running {
                        process,
                        shim,
                        started_at,
                    },
                );
                Ok(())
            }
            Err(reason) => {
                let exit = crate::shim::start_error(&reason);
                records::write(&entry.dir, records::EXIT, &exit)?;
                self.finish(&entry, exit).await;
                Err(Error::Start {
                    id: id.to_owned(),
                    reason,
                })
            }
        }
    }

    async fn launch(&self, request: &Request) -> std::result::Result<(Process, Process), String> {
        let call = self.inner.launcher.call(request, &[]).await;
        let mut connection = call.map_err(|e| e.to_string())?;
        match connection.receive().await.map_err(|e| e.to_string())?.0 {
            Reply::Started { process, shim } => Ok((process, shim)),
            Reply::Failed { reason } => Err(reason),
            other => Err(format!("unexpected reply {other:?}")),
        }
    }

    /// Notes that a container runs and watches for its end.
    pub(super) fn runs(&self, entry: &Arc<Entry>, running: Running) {
        *entry.running.lock() = Some(running);
        entry.state.send_replace(State::Running {
            pid: running.process.pid,
            started_at: running.started_at,
        });
        self.emit(entry, Change::Started);
        let (native, entry) = (self.clone(), entry.clone());
        // Ends with the shim, or with the process: containers outlive both.
        tokio::spawn(async move {
            wait_for_end(running.shim).await;
            let exit = records::read(&entry.dir, records::EXIT).ok().flatten();
            let exit = exit.unwrap_or_else(|| native.lost(&entry, Some(running.started_at)));
            native.finish(&entry, exit).await;
        });
    }

    /// The end of a container whose shim did not see it.
    pub(super) fn lost(&self, entry: &Entry, started_at: Option<Timestamp>) -> Exit {
        self.inner.cgroups.kill(&entry.cgroup);
        let exit = Exit {
            code: 255,
            signal: None,
            reason: "Unknown".to_owned(),
            message: "the process that watched the container died".to_owned(),
            started_at,
            finished_at: Timestamp::now(),
        };
        let _ = records::write(&entry.dir, records::EXIT, &exit);
        exit
    }

    async fn finish(&self, entry: &Arc<Entry>, exit: Exit) {
        *entry.running.lock() = None;
        let (cgroups, path) = (self.inner.cgroups.clone(), entry.cgroup.clone());
        if let Err(error) = blocking(move || cgroups.remove(&path)).await {
            tracing::warn!(container = entry.made.id, %error, "cgroup stays");
        }
        entry.state.send_replace(State::Exited(exit));
        self.emit(entry, Change::Exited);
    }

    pub(super) async fn stop(&self, id: &str, grace_seconds: u64) -> Result<()> {
        let Ok(entry) = self.entry(id) else {
            return Ok(());
        };
        let Some(running) = *entry.running.lock() else {
            return Ok(());
        };
        let own = entry.made.config.stop_signal.as_deref();
        let signal = own
            .or(entry.stop_signal.as_deref())
            .map_or(Ok(Signal::TERM), parse_signal)?;
        let mut state = entry.state.subscribe();
        if grace_seconds > 0 {
            send(running.process, signal)?;
            let ended = state.wait_for(|s| !s.is_running());
            if tokio::time::timeout(Duration::from_secs(grace_seconds), ended)
                .await
                .is_ok()
            {
                return Ok(());
            }
        }
        send(running.process, Signal::KILL)?;
        self.inner.cgroups.kill(&entry.cgroup);
        let ended = state.wait_for(|s| !s.is_running());
        match tokio::time::timeout(KILL_WAIT, ended).await {
            Ok(_) => Ok(()),
            Err(_) => Err(Error::State {
                kind: "container",
                id: id.to_owned(),
                reason: "does not end although it was killed".to_owned(),
            }),
        }
    }

    pub(super) async fn remove(&self, id: &str) -> Result<()> {
        let Ok(entry) = self.entry(id) else {
            return Ok(());
        };
        let _turn = entry.turn.lock().await;
        self.stop(id, 0).await?;
        let (cgroups, removed) = (self.inner.cgroups.clone(), entry.clone());
        blocking(move || {
            cgroups.remove(&removed.cgroup)?;
            erase(&removed.dir)
        })
        .await?;
        if self.inner.containers.lock().remove(id).is_some() {
            self.emit(&entry, Change::Removed);
        }
        Ok(())
    }

    /// Changes limits, and remembers them across a restart of the server.
    pub(super) async fn change_limits(&self, id: &str, resources: &Resources) -> Result<()> {
        let entry = self.entry(id)?;
        let _turn = entry.turn.lock().await;
        let (cgroups, wanted, changed) = (
            self.inner.cgroups.clone(),
            resources.clone(),
            Arc::clone(&entry),
        );
        blocking(move || {
            cgroups.set(&changed.cgroup, &wanted)?;
            changed.limits.lock().change(&wanted);
            let record =
                records::read::<(Container, ImageConfig)>(&changed.dir, records::CONTAINER)?;
            let Some((_, image)) = record else {
                return Ok(());
            };
            let made = Container {
                state: State::Created,
                ..changed.now()
            };
            records::write(&changed.dir, records::CONTAINER, &(&made, &image))
        })
        .await
    }

    /// The process of a running container.
    pub(super) fn running(&self, entry: &Entry) -> Result<Running> {
        entry.running.lock().ok_or_else(|| Error::State {
            kind: "container",
            id: entry.made.id.clone(),
            reason: "is not running".to_owned(),
        })
    }
}

/// Removes the directory of a container with what is mounted in it.
pub(super) fn erase(dir: &Path) -> Result<()> {
    snapshot::unmount(dir)?;
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with("image-") {
            snapshot::unmount(&entry.path())?;
        }
    }
    records::remove_dir(dir)
}

fn cgroup_of(record: &SandboxRecord, id: &str) -> String {
    let parent = record.sandbox.config.cgroup_parent.trim_end_matches('/');
    format!("{parent}/{id}")
}

/// Waits until a process is gone, without asking again and again.
#[allow(unsafe_code)]
async fn wait_for_end(process: Process) {
    let Some(pid) = i32::try_from(process.pid).ok().and_then(Pid::from_raw) else {
        return;
    };
    let Ok(descriptor) = pidfd_open(pid, PidfdFlags::NONBLOCK) else {
        return;
    };
    // The number may have been given to another process before it was opened, not after.
    if !crate::shim::is_alive(process) {
        return;
    }
    // SAFETY: the descriptor is owned by what is registered and does not change.
    let watched = unsafe { AsyncFd::register_with_interest(descriptor, Interest::READABLE) };
    if let Ok(descriptor) = watched {
        let _ = descriptor.readable().await;
    }
}

/// Signals a process, never another that took its number. One that is gone is fine.
fn send(process: Process, signal: Signal) -> Result<()> {
    let Some(pid) = i32::try_from(process.pid).ok().and_then(Pid::from_raw) else {
        return Ok(());
    };
    let Ok(descriptor) = pidfd_open(pid, PidfdFlags::empty()) else {
        return Ok(());
    };
    if !crate::shim::is_alive(process) {
        return Ok(());
    }
    match pidfd_send_signal(&descriptor, signal) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(e) => Err(launcher::failed("signal", &process.pid.to_string())(
            e.into(),
        )),
    }
}

#[allow(unsafe_code)]
fn parse_signal(text: &str) -> Result<Signal> {
    let invalid = || Error::Invalid {
        field: "stopSignal",
        reason: format!("{text:?} is not a signal"),
    };
    let number = match text.parse::<i32>() {
        Ok(number) => number,
        Err(_) => {
            let upper = text.to_ascii_uppercase();
            let short = upper.strip_prefix("SIG").unwrap_or(&upper);
            match short.strip_prefix("RTMIN") {
                Some(offset) => {
                    nix::libc::SIGRTMIN()
                        + offset.trim_start_matches('+').parse::<i32>().unwrap_or(0)
                }
                None => format!("SIG{short}")
                    .parse::<nix::sys::signal::Signal>()
                    .map_err(|_| invalid())? as i32,
            }
        }
    };
    if !(1..=64).contains(&number) {
        return Err(invalid());
    }
    // SAFETY: the number is a signal's, and it is only sent, never handled, by this process.
    Ok(unsafe { Signal::from_raw_unchecked(number) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_have_many_names() {
        let cases = [
            ("SIGTERM", 15),
            ("term", 15),
            ("9", 9),
            ("SIGUSR1", 10),
            ("SIGRTMIN+3", 37),
        ];
        for (text, number) in cases {
            assert_eq!(parse_signal(text).unwrap().as_raw(), number, "{text}");
        }
        for text in ["", "SIGNOPE", "0", "99"] {
            assert!(parse_signal(text).is_err(), "{text}");
        }
    }
}
