//! The pods half of the fake.

use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{broadcast, mpsc, oneshot};

use super::{Behaviour, Fake, missing};
use crate::container::{Change, Config, Container, Event, Resources, State, Stats, User};
use crate::error::{Error, Result};
use crate::image::Image;
use crate::sandbox::{self, Sandbox};
use crate::session::{ExecOutput, ExecRequest, RESIZE_QUEUE, Session, Socket, Streams};
use crate::{Images, Pods, Version};

/// Bytes between the two ends of a fake stream.
const BUFFER: usize = 64 << 10;

#[async_trait]
impl Pods for Fake {
    fn version(&self) -> Version {
        Version {
            name: "fake".to_owned(),
            version: "0".to_owned(),
        }
    }

    async fn set_cgroup(&self, path: &str, resources: &Resources) -> Result<()> {
        let mut state = self.inner.state.lock();
        state.record("set_cgroup", path.to_owned());
        let limits = state.cgroups.entry(path.to_owned()).or_default();
        limits.change(resources);
        Ok(())
    }

    async fn remove_cgroup(&self, path: &str) -> Result<()> {
        let mut state = self.inner.state.lock();
        state.record("remove_cgroup", path.to_owned());
        let below = format!("{path}/");
        state
            .cgroups
            .retain(|known, _| known != path && !known.starts_with(&below));
        Ok(())
    }

    async fn list_cgroups(&self, path: &str) -> Result<Vec<String>> {
        let below = format!("{}/", path.trim_end_matches('/'));
        let state = self.inner.state.lock();
        let mut names: Vec<String> = state
            .cgroups
            .keys()
            .filter_map(|known| Some(known.strip_prefix(&below)?.split('/').next()?.to_owned()))
            .collect();
        names.dedup();
        Ok(names)
    }

    async fn cgroup_stats(&self, path: &str) -> Result<Stats> {
        let known = self.inner.state.lock().cgroups.contains_key(path);
        if known {
            Ok(self.stats())
        } else {
            Err(missing("cgroup", path))
        }
    }

    async fn run_pod_sandbox(&self, config: sandbox::Config) -> Result<Sandbox> {
        let created_at = self.now();
        let mut state = self.inner.state.lock();
        let number = state.next();
        let id = format!("{number:064x}");
        let own_network = !config.host_network;
        let sandbox = Sandbox {
            id: id.clone(),
            state: sandbox::State::Ready,
            created_at,
            netns: own_network.then(|| format!("/fake/netns/{id}").into()),
            ips: own_network.then(|| address(number)).into_iter().collect(),
            pid: config
                .share_process_namespace
                .then_some(1000 + number as u32),
            config,
        };
        state.sandboxes.insert(id.clone(), sandbox.clone());
        let pod = state.pod(&id);
        state.record("run_pod_sandbox", pod);
        Ok(sandbox)
    }

    async fn set_sandbox_ips(&self, id: &str, ips: Vec<String>) -> Result<()> {
        let mut state = self.inner.state.lock();
        let sandbox = state
            .sandboxes
            .get_mut(id)
            .ok_or_else(|| missing("sandbox", id))?;
        sandbox.ips = ips;
        Ok(())
    }

    async fn stop_pod_sandbox(&self, id: &str) -> Result<()> {
        let mut running = Vec::new();
        {
            let mut state = self.inner.state.lock();
            let pod = state.pod(id);
            state.record("stop_pod_sandbox", pod);
            if let Some(sandbox) = state.sandboxes.get_mut(id) {
                sandbox.state = sandbox::State::NotReady;
                sandbox.netns = None;
                sandbox.pid = None;
            }
            let own = state.containers.values().filter(|c| c.sandbox_id == id);
            running.extend(own.map(|c| c.id.clone()));
        }
        running.iter().try_for_each(|id| self.end(id, 137, "Error"))
    }

    async fn remove_pod_sandbox(&self, id: &str) -> Result<()> {
        self.stop_pod_sandbox(id).await?;
        let mut state = self.inner.state.lock();
        let pod = state.pod(id);
        state.record("remove_pod_sandbox", pod);
        let own: Vec<String> = state
            .containers
            .values()
            .filter(|c| c.sandbox_id == id)
            .map(|c| c.id.clone())
            .collect();
        for container in own {
            self.emit(&state, &container, Change::Removed);
            state.containers.remove(&container);
        }
        state.sandboxes.remove(id);
        Ok(())
    }

    async fn pod_sandbox_status(&self, id: &str) -> Result<Sandbox> {
        let state = self.inner.state.lock();
        state
            .sandboxes
            .get(id)
            .cloned()
            .ok_or_else(|| missing("sandbox", id))
    }

    async fn pod(&self, uid: &str) -> Result<(Vec<Sandbox>, Vec<Container>)> {
        let state = self.inner.state.lock();
        let own = |it: &&Sandbox| it.config.uid == uid;
        let sandboxes: Vec<Sandbox> = state.sandboxes.values().filter(own).cloned().collect();
        let within = |it: &&Container| sandboxes.iter().any(|s| s.id == it.sandbox_id);
        let containers = state.containers.values().filter(within).cloned().collect();
        Ok((sandboxes, containers))
    }

    async fn list_pod_sandbox(&self) -> Result<Vec<Sandbox>> {
        Ok(self
            .inner
            .state
            .lock()
            .sandboxes
            .values()
            .cloned()
            .collect())
    }

    /// Answers with what it is sent.
    async fn port_forward(&self, sandbox_id: &str, _: u16) -> Result<Box<dyn Socket>> {
        self.pod_sandbox_status(sandbox_id).await?;
        let (ours, theirs) = tokio::io::duplex(BUFFER);
        tokio::spawn(async move {
            let (mut from, mut to) = tokio::io::split(theirs);
            let _ = tokio::io::copy(&mut from, &mut to).await;
        });
        Ok(Box::new(ours))
    }

    async fn create_container(&self, sandbox_id: &str, config: Config) -> Result<Container> {
        let image = self.image_status(&config.image).await?;
        let image = image.ok_or_else(|| missing("image", &config.image))?;
        let created_at = self.now();
        let mut state = self.inner.state.lock();
        let sandbox = state
            .sandboxes
            .get(sandbox_id)
            .ok_or_else(|| missing("sandbox", sandbox_id))?;
        if sandbox.state != sandbox::State::Ready {
            return Err(refused("sandbox", sandbox_id, "is not ready"));
        }
        let log_path = (!config.log_path.as_os_str().is_empty())
            .then(|| sandbox.config.log_directory.join(&config.log_path));
        let id = format!("{:064x}", state.next());
        let container = Container {
            id: id.clone(),
            sandbox_id: sandbox_id.to_owned(),
            user: user(&config, &image),
            image_ref: image.image_ref().to_owned(),
            image_id: image.id,
            state: State::Created,
            created_at,
            log_path,
            config,
        };
        state.containers.insert(id.clone(), container.clone());
        let name = state.container_name(&id);
        state.record("create_container", name);
        Ok(container)
    }

    async fn start_container(&self, id: &str) -> Result<()> {
        let started_at = self.now();
        let behaviour = {
            let mut state = self.inner.state.lock();
            let name = state.container_name(id);
            state.record("start_container", name);
            let container = state
                .containers
                .get(id)
                .ok_or_else(|| missing("container", id))?;
            if container.state != State::Created {
                return Err(refused("container", id, "was started before"));
            }
            let name = container.config.name.clone();
            let behaviour = state.behaviour(&name);
            let pid = 1000 + state.next() as u32;
            if let Some(container) = state.containers.get_mut(id) {
                container.state = match &behaviour {
                    Behaviour::FailsToStart(reason) => State::Exited(crate::container::Exit {
                        finished_at: started_at,
                        ..crate::shim::start_error(reason)
                    }),
                    _ => State::Running { pid, started_at },
                };
            }
            let failed = matches!(behaviour, Behaviour::FailsToStart(_));
            self.emit(
                &state,
                id,
                if failed {
                    Change::Exited
                } else {
                    Change::Started
                },
            );
            behaviour
        };
        match behaviour {
            Behaviour::Runs => Ok(()),
            Behaviour::Exits(code) => self.exit(id, code),
            Behaviour::FailsToStart(reason) => Err(Error::Start {
                id: id.to_owned(),
                reason,
            }),
        }
    }

    async fn stop_container(&self, id: &str, grace_seconds: u64) -> Result<()> {
        {
            let mut state = self.inner.state.lock();
            let name = state.container_name(id);
            state.record("stop_container", name);
            if !state.containers.contains_key(id) {
                return Ok(());
            }
        }
        // A well-behaved program ends on the signal with success.
        if grace_seconds > 0 {
            self.end(id, 0, "Completed")
        } else {
            self.end(id, 137, "Error")
        }
    }

    async fn remove_container(&self, id: &str) -> Result<()> {
        if self.container_status(id).await.is_err() {
            return Ok(());
        }
        self.end(id, 137, "Error")?;
        let mut state = self.inner.state.lock();
        let name = state.container_name(id);
        state.record("remove_container", name);
        self.emit(&state, id, Change::Removed);
        state.containers.remove(id);
        Ok(())
    }

    async fn container_status(&self, id: &str) -> Result<Container> {
        let state = self.inner.state.lock();
        state
            .containers
            .get(id)
            .cloned()
            .ok_or_else(|| missing("container", id))
    }

    async fn list_containers(&self) -> Result<Vec<Container>> {
        Ok(self
            .inner
            .state
            .lock()
            .containers
            .values()
            .cloned()
            .collect())
    }

    async fn update_container_resources(&self, id: &str, resources: &Resources) -> Result<()> {
        let mut state = self.inner.state.lock();
        let name = state.container_name(id);
        state.record("update_container_resources", name);
        let container = state
            .containers
            .get_mut(id)
            .ok_or_else(|| missing("container", id))?;
        container.config.resources.change(resources);
        Ok(())
    }

    async fn container_stats(&self, id: &str) -> Result<Stats> {
        self.running(id)?;
        Ok(self.stats())
    }

    async fn exec_sync(
        &self,
        id: &str,
        command: &[String],
        _: Option<Duration>,
    ) -> Result<ExecOutput> {
        let container = self.running(id)?;
        let answer = {
            let mut state = self.inner.state.lock();
            let name = state.container_name(id);
            state.record("exec_sync", name);
            state.exec.clone()
        };
        Ok(answer
            .map(|answer| answer(&container, command))
            .unwrap_or_default())
    }

    async fn exec(&self, id: &str, request: ExecRequest) -> Result<Session> {
        let output = self.exec_sync(id, &request.command, None).await?;
        let (session, exit) = session(request.streams, output.stdout, output.stderr);
        let _ = exit.send(Ok(output.exit_code));
        Ok(session)
    }

    async fn attach(&self, id: &str, streams: Streams) -> Result<Session> {
        self.running(id)?;
        let (session, exit) = session(streams, Vec::new(), Vec::new());
        let _ = exit.send(Ok(0));
        Ok(session)
    }

    async fn reopen_container_log(&self, id: &str) -> Result<()> {
        self.running(id).map(drop)
    }

    fn events(&self) -> broadcast::Receiver<Event> {
        self.inner.events.subscribe()
    }
}

impl Fake {
    fn running(&self, id: &str) -> Result<Container> {
        let state = self.inner.state.lock();
        let container = state
            .containers
            .get(id)
            .ok_or_else(|| missing("container", id))?;
        if container.state.is_running() {
            Ok(container.clone())
        } else {
            Err(refused("container", id, "is not running"))
        }
    }

    fn stats(&self) -> Stats {
        Stats {
            at: self.now(),
            cpu_usage_nanoseconds: 1_000_000,
            memory_usage_bytes: 2 << 20,
            memory_working_set_bytes: 1 << 20,
            memory_rss_bytes: 1 << 20,
            pids: 1,
        }
    }
}

fn refused(kind: &'static str, id: &str, reason: &str) -> Error {
    Error::State {
        kind,
        id: id.to_owned(),
        reason: reason.to_owned(),
    }
}

/// Addresses of a cluster of up to 65,000 sandboxes.
fn address(number: u64) -> String {
    format!("10.244.{}.{}", (number / 254) % 256, number % 254 + 1)
}

fn user(config: &Config, image: &Image) -> User {
    let uid = config
        .security
        .run_as_user
        .or(image.config.uid())
        .unwrap_or(0);
    let gid = config.security.run_as_group.unwrap_or(0);
    User {
        uid: u32::try_from(uid).unwrap_or(0),
        gid: u32::try_from(gid).unwrap_or(0),
        groups: Vec::new(),
    }
}

fn session(
    streams: Streams,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
) -> (Session, oneshot::Sender<Result<i32>>) {
    let (tell, exit) = oneshot::channel();
    let (resize, _) = mpsc::channel(RESIZE_QUEUE);
    let session = Session {
        stdin: streams.stdin.then(|| Box::new(tokio::io::sink()) as _),
        stdout: streams
            .stdout
            .then(|| Box::new(std::io::Cursor::new(stdout)) as _),
        stderr: streams
            .stderr
            .then(|| Box::new(std::io::Cursor::new(stderr)) as _),
        resize,
        exit,
    };
    (session, tell)
}
