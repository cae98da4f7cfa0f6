//! Finds what an earlier process left running, and what ended meanwhile.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::records::{self, Running, SandboxRecord};
use super::{Native, containers, sandboxes};
use crate::container::{Container, Exit, State};
use crate::error::{Error, Result};
use crate::image::ImageConfig;
use crate::sandbox;
use crate::shim;

/// How long a start that was asked for may take to leave a trace: 100 times 20 ms.
const START_CHECKS: u32 = 100;

impl Native {
    pub(super) async fn recover(&self) -> Result<()> {
        for dir in directories(&self.inner.dir.join("sandboxes"))? {
            self.recover_sandbox(&dir)?;
        }
        for dir in directories(&self.inner.dir.join("containers"))? {
            self.recover_container(&dir).await?;
        }
        Ok(())
    }

    fn recover_sandbox(&self, dir: &Path) -> Result<()> {
        let Some(mut record) = readable::<SandboxRecord>(dir, records::SANDBOX) else {
            // It was being made, or its record is beyond repair.
            sandboxes::release(dir)?;
            return records::remove_dir(dir);
        };
        let own = &record.sandbox;
        let pinned = own.netns.as_deref().is_none_or(is_namespace);
        let paused = record.pause.is_none_or(shim::is_alive);
        if own.state == sandbox::State::Ready && !(pinned && paused) {
            // The machine was started again: mounts and processes are gone, files are not.
            record.sandbox.state = sandbox::State::NotReady;
            record.sandbox.netns = None;
            record.sandbox.pid = None;
            records::write(dir, records::SANDBOX, &record)?;
        }
        let id = record.sandbox.id.clone();
        self.inner.sandboxes.lock().insert(id, record);
        Ok(())
    }

    async fn recover_container(&self, dir: &Path) -> Result<()> {
        let found = readable::<(Container, ImageConfig)>(dir, records::CONTAINER);
        let known = found.and_then(|(made, image)| {
            let sandbox = self.sandbox(&made.sandbox_id).ok()?;
            Some((made, image, sandbox))
        });
        let Some((made, image, sandbox)) = known else {
            return containers::erase(dir);
        };
        let starting = dir.join(records::STARTING).exists();
        let running = if starting { started(dir).await } else { None };
        let exit = readable::<Exit>(dir, records::EXIT);
        let id = made.id.clone();
        let entry = Arc::new(self.new_entry(made, &image, &sandbox, State::Created));
        self.inner.containers.lock().insert(id, entry.clone());
        match (exit, running) {
            (Some(exit), _) => {
                entry.state.send_replace(State::Exited(exit));
            }
            (None, Some(running)) => self.runs(&entry, running),
            (None, None) if starting => {
                let exit = self.lost(&entry, None);
                entry.state.send_replace(State::Exited(exit));
            }
            // Made, never started. After a start of the machine its root is no longer mounted.
            (None, None) => {
                if !is_mounted(&dir.join("rootfs")) {
                    let exit = shim::start_error("the machine was started again");
                    records::write(dir, records::EXIT, &exit)?;
                    entry.state.send_replace(State::Exited(exit));
                }
            }
        }
        Ok(())
    }
}

/// Waits for the trace of a start: it may have been asked for a moment ago.
async fn started(dir: &Path) -> Option<Running> {
    for _ in 0..START_CHECKS {
        if let Some(running) = readable(dir, records::RUNNING) {
            return Some(running);
        }
        if dir.join(records::EXIT).exists() {
            return None;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    None
}

fn readable<T: serde::de::DeserializeOwned>(dir: &Path, name: &str) -> Option<T> {
    records::read(dir, name).unwrap_or_else(|error| {
        tracing::warn!(%error, "unreadable record");
        None
    })
}

fn directories(dir: &Path) -> Result<Vec<PathBuf>> {
    let list = fs::read_dir(dir).map_err(Error::io("list", dir))?;
    Ok(list.flatten().map(|entry| entry.path()).collect())
}

/// Whether a namespace is pinned here.
fn is_namespace(path: &Path) -> bool {
    const NSFS: u32 = 0x6e73_6673;
    rustix::fs::statfs(path).is_ok_and(|found| found.f_type as u32 == NSFS)
}

fn is_mounted(path: &Path) -> bool {
    const OVERLAY: u32 = 0x794c_7630;
    rustix::fs::statfs(path).is_ok_and(|found| found.f_type as u32 == OVERLAY)
}
