//! The end of everything: containers, sandboxes, images, cgroups, mounts and files.

use super::{CGROUPS, Native, blocking, own_cgroup, records, self_test_cgroup};
use crate::Pods;
use crate::error::Result;

impl Native {
    /// Stops and removes everything this runtime ever made, but for logs and cgroups of pods, which belong
    /// to the caller. Nothing may be asked of it afterwards.
    pub async fn destroy_all(&self) -> Result<()> {
        for sandbox in self.list_pod_sandbox().await? {
            self.remove_sandbox(&sandbox.id).await?;
        }
        for container in self.list_containers().await? {
            self.remove(&container.id).await?;
        }
        self.inner.launcher.stop();
        let (cgroups, dir) = (self.inner.cgroups.clone(), self.inner.dir.clone());
        blocking(move || {
            // The launcher and its shims are gone with what they served.
            cgroups.remove(&own_cgroup(&dir))?;
            cgroups.remove(&self_test_cgroup(&dir))?;
            cgroups.remove_if_empty(CGROUPS);
            records::remove_dir(&dir)
        })
        .await
    }
}
