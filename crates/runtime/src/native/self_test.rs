//! Proves at start that containers are contained, and says what to do if not.

use std::path::PathBuf;
use std::time::Duration;

use super::{Native, self_test_cgroup};
use crate::container::{self, Mount, MountSource, Resources, State};
use crate::error::{Error, Result};
use crate::image::Image;
use crate::{Pods, sandbox};

const MEMORY: i64 = 64 << 20;
/// The test takes milliseconds, on an emulated machine that is busy half a minute.
const LIMIT: Duration = Duration::from_secs(60);

impl Native {
    /// Runs one container of this very binary and asks it what it sees: a system call filter, few
    /// capabilities, a memory limit, no device of the machine. `program` is a static binary whose
    /// `shim probe` subcommand reaches [`crate::shim::main`]; `None` takes the running one.
    pub async fn self_test(&self, program: Option<PathBuf>) -> Result<()> {
        let program = match program {
            Some(program) => program,
            None => {
                std::env::current_exe().map_err(Error::io("find", "/proc/self/exe".as_ref()))?
            }
        };
        let cgroup = self_test_cgroup(&self.inner.dir);
        // One that was killed in the middle may have left it.
        self.remove_cgroup(&cgroup).await?;
        let config = sandbox::Config {
            name: "self-test".to_owned(),
            cgroup_parent: cgroup.clone(),
            hostname: "self-test".to_owned(),
            log_directory: self.inner.dir.clone(),
            ..sandbox::Config::default()
        };
        let sandbox = self
            .make_sandbox(config)
            .await
            .map_err(|e| advise(&e.to_string()))?;
        let tested = tokio::time::timeout(LIMIT, self.probe(&sandbox.id, program)).await;
        let removed = self.remove_sandbox(&sandbox.id).await;
        self.remove_cgroup(&cgroup).await?;
        tested.unwrap_or_else(|_| Err(advise("the probe does not end")))?;
        removed
    }

    async fn probe(&self, sandbox_id: &str, program: PathBuf) -> Result<()> {
        let config = container::Config {
            name: "probe".to_owned(),
            command: ["/probe", "shim", "probe"].map(str::to_owned).to_vec(),
            mounts: vec![Mount {
                container_path: "/probe".into(),
                source: MountSource::Bind(program),
                readonly: true,
                ..Mount::default()
            }],
            resources: Resources {
                memory_limit_bytes: Some(MEMORY),
                ..Resources::default()
            },
            ..container::Config::default()
        };
        let image = Image {
            id: "self-test".to_owned(),
            ..Image::default()
        };
        let made = self
            .make_container_from(sandbox_id, config, image, Vec::new())
            .await;
        let container = made.map_err(|e| advise(&e.to_string()))?;
        let entry = self.entry(&container.id)?;
        let limit = self.inner.cgroups.memory_limit(&entry.cgroup);
        if limit != Some(MEMORY as u64) {
            return Err(advise(&format!(
                "a memory limit of {MEMORY} reads {limit:?}"
            )));
        }
        let mut state = entry.state.subscribe();
        self.start(&container.id)
            .await
            .map_err(|e| advise(&e.to_string()))?;
        let ended = state.wait_for(|s| matches!(s, State::Exited(_))).await;
        match ended.map(|s| s.clone()) {
            Ok(State::Exited(exit)) if exit.code == 0 => Ok(()),
            Ok(State::Exited(exit)) => Err(advise(crate::shim::probe_meaning(exit.code))),
            _ => Err(advise("the probe was lost")),
        }
    }
}

/// A machine on which containers are not contained must not run them.
fn advise(what: &str) -> Error {
    let remedy = if what.contains("overlay") {
        "load the overlay module, and keep the data directory on a filesystem like ext4 or xfs, not on another overlay"
    } else if what.contains("seccomp") || what.contains("filter") {
        "use a kernel with CONFIG_SECCOMP_FILTER"
    } else if what.contains("memory") {
        "enable the memory cgroup controller (cgroup_enable=memory on the kernel's command line)"
    } else {
        "see the message before; containers would not be safe here"
    };
    Error::Machine {
        what: format!("self-test: {what}"),
        remedy: remedy.to_owned(),
    }
}
