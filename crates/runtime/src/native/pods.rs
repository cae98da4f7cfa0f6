//! The pods half of the seam: each verb in terms of what its neighbours do.

use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::broadcast;

use super::{Native, blocking};
use crate::container::{self, Container, Stats};
use crate::error::Result;
use crate::sandbox::{self, Sandbox};
use crate::session::{ExecOutput, ExecRequest, Session, Socket, Streams};
use crate::{Pods, Version};

#[async_trait]
impl Pods for Native {
    fn version(&self) -> Version {
        Version {
            name: "sampan".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    async fn set_cgroup(&self, path: &str, resources: &container::Resources) -> Result<()> {
        let (cgroups, path, resources) = (
            self.inner.cgroups.clone(),
            path.to_owned(),
            resources.clone(),
        );
        blocking(move || cgroups.set(&path, &resources)).await
    }

    async fn remove_cgroup(&self, path: &str) -> Result<()> {
        let (cgroups, path) = (self.inner.cgroups.clone(), path.to_owned());
        blocking(move || cgroups.remove(&path)).await
    }

    async fn list_cgroups(&self, path: &str) -> Result<Vec<String>> {
        Ok(self.inner.cgroups.children(path))
    }

    async fn cgroup_stats(&self, path: &str) -> Result<Stats> {
        self.inner.cgroups.stats(path)
    }

    async fn run_pod_sandbox(&self, config: sandbox::Config) -> Result<Sandbox> {
        self.make_sandbox(config).await
    }

    async fn set_sandbox_ips(&self, id: &str, ips: Vec<String>) -> Result<()> {
        self.change_sandbox(id, |sandbox| sandbox.ips = ips)
    }

    async fn stop_pod_sandbox(&self, id: &str) -> Result<()> {
        self.stop_sandbox(id).await
    }

    async fn remove_pod_sandbox(&self, id: &str) -> Result<()> {
        self.remove_sandbox(id).await
    }

    async fn pod_sandbox_status(&self, id: &str) -> Result<Sandbox> {
        Ok(self.sandbox(id)?.sandbox)
    }

    async fn pod(&self, uid: &str) -> Result<(Vec<Sandbox>, Vec<Container>)> {
        let sandboxes: Vec<Sandbox> = {
            let all = self.inner.sandboxes.lock();
            let own = all.values().map(|r| &r.sandbox);
            own.filter(|s| s.config.uid == uid).cloned().collect()
        };
        let containers = self.inner.containers.lock();
        let own = containers.values().filter(|e| e.pod_uid == uid);
        Ok((sandboxes, own.map(|e| e.now()).collect()))
    }

    async fn list_pod_sandbox(&self) -> Result<Vec<Sandbox>> {
        let sandboxes = self.inner.sandboxes.lock();
        Ok(sandboxes.values().map(|r| r.sandbox.clone()).collect())
    }

    async fn port_forward(&self, sandbox_id: &str, port: u16) -> Result<Box<dyn Socket>> {
        self.dial(sandbox_id, port).await
    }

    async fn create_container(
        &self,
        sandbox_id: &str,
        config: container::Config,
    ) -> Result<Container> {
        self.make_container(sandbox_id, config).await
    }

    async fn start_container(&self, id: &str) -> Result<()> {
        self.start(id).await
    }

    async fn stop_container(&self, id: &str, grace_seconds: u64) -> Result<()> {
        self.stop(id, grace_seconds).await
    }

    async fn remove_container(&self, id: &str) -> Result<()> {
        self.remove(id).await
    }

    async fn container_status(&self, id: &str) -> Result<Container> {
        Ok(self.entry(id)?.now())
    }

    async fn list_containers(&self) -> Result<Vec<Container>> {
        let containers = self.inner.containers.lock();
        Ok(containers.values().map(|e| e.now()).collect())
    }

    async fn update_container_resources(
        &self,
        id: &str,
        resources: &container::Resources,
    ) -> Result<()> {
        self.change_limits(id, resources).await
    }

    async fn container_stats(&self, id: &str) -> Result<Stats> {
        let entry = self.entry(id)?;
        self.running(&entry)?;
        self.inner.cgroups.stats(&entry.cgroup)
    }

    async fn exec_sync(
        &self,
        id: &str,
        command: &[String],
        timeout: Option<Duration>,
    ) -> Result<ExecOutput> {
        self.run_command(id, command, timeout).await
    }

    async fn exec(&self, id: &str, request: ExecRequest) -> Result<Session> {
        self.open_exec(id, request).await
    }

    async fn attach(&self, id: &str, streams: Streams) -> Result<Session> {
        self.open_attach(id, streams).await
    }

    async fn reopen_container_log(&self, id: &str) -> Result<()> {
        self.reopen_log(id).await
    }

    fn events(&self) -> broadcast::Receiver<container::Event> {
        self.inner.events.subscribe()
    }
}
