//! Cgroups: limits, usage and the end of everything in them, for version 1 (also beside an empty
//! version 2, "hybrid") and version 2.
//!
//! Paths are absolute within each hierarchy, e.g. `/kubepods/besteffort/pod<uid>`.

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use rustix::process::{Pid, Signal, kill_process};

use crate::container::{Resources, Stats};
use crate::error::{Error, Result};

pub(crate) mod devices;
mod limits;
mod usage;

const ROOT: &str = "/sys/fs/cgroup";
/// Controllers that containers cannot do without.
const REQUIRED: [&str; 3] = ["cpu", "memory", "pids"];
/// Attempts to empty a cgroup, 5 ms apart: a process that was just killed needs a moment to leave.
const REMOVE_ATTEMPTS: u32 = 400;

/// The cgroup hierarchies of this machine.
#[derive(Debug, Clone)]
pub(crate) struct Cgroups {
    hierarchies: Hierarchies,
}

#[derive(Debug, Clone)]
enum Hierarchies {
    /// Controller to mount point. Controllers mounted together share one.
    V1(BTreeMap<String, PathBuf>),
    V2(PathBuf),
}

/// One value to write: controller, file, value.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Setting {
    controller: &'static str,
    file: &'static str,
    value: String,
}

impl Cgroups {
    /// Finds what is mounted. Fails if a controller that containers need is absent.
    pub(crate) fn detect() -> Result<Self> {
        let root = Path::new(ROOT);
        let hierarchies = if root.join("cgroup.controllers").exists() {
            Hierarchies::V2(root.to_path_buf())
        } else {
            let mounts = fs::read_to_string("/proc/self/mounts")
                .map_err(Error::io("read", Path::new("/proc/self/mounts")))?;
            Hierarchies::V1(v1_mounts(&mounts))
        };
        let found = Cgroups { hierarchies };
        for controller in REQUIRED {
            if !found.has(controller)? {
                return Err(Error::Machine {
                    what: format!("cgroup controller {controller:?} is not available"),
                    remedy: format!(
                        "mount it under {ROOT}, or boot with cgroup_enable={controller}"
                    ),
                });
            }
        }
        Ok(found)
    }

    fn has(&self, controller: &str) -> Result<bool> {
        match &self.hierarchies {
            Hierarchies::V1(mounts) => Ok(mounts.contains_key(controller)),
            Hierarchies::V2(root) => {
                let path = root.join("cgroup.controllers");
                let list = fs::read_to_string(&path).map_err(Error::io("read", &path))?;
                Ok(list.split_whitespace().any(|c| c == controller))
            }
        }
    }

    /// The directories of a cgroup, one for each hierarchy.
    fn directories(&self, path: &str) -> Vec<PathBuf> {
        let relative = path.trim_start_matches('/');
        match &self.hierarchies {
            Hierarchies::V1(mounts) => {
                let mut all: Vec<_> = mounts.values().map(|m| m.join(relative)).collect();
                all.sort();
                all.dedup();
                all
            }
            Hierarchies::V2(root) => vec![root.join(relative)],
        }
    }

    fn directory(&self, path: &str, controller: &str) -> Option<PathBuf> {
        let relative = path.trim_start_matches('/');
        match &self.hierarchies {
            Hierarchies::V1(mounts) => mounts.get(controller).map(|m| m.join(relative)),
            Hierarchies::V2(root) => Some(root.join(relative)),
        }
    }

    /// Creates a cgroup where it does not exist and sets limits.
    pub(crate) fn set(&self, path: &str, resources: &Resources) -> Result<()> {
        check_path(path)?;
        match &self.hierarchies {
            Hierarchies::V1(mounts) => {
                for (controller, mount) in mounts {
                    create_v1(controller, mount, path)?;
                }
                for setting in limits::v1(resources) {
                    self.write(path, &setting)?;
                }
            }
            Hierarchies::V2(root) => {
                create_v2(root, path)?;
                for setting in limits::v2(resources) {
                    self.write(path, &setting)?;
                }
            }
        }
        Ok(())
    }

    /// Confines a cgroup to harmless devices and those of `rules`. On version 1 that is done when the container starts.
    pub(crate) fn confine_devices(&self, path: &str, rules: &[devices::Rule]) -> Result<()> {
        match &self.hierarchies {
            Hierarchies::V1(_) => Ok(()),
            Hierarchies::V2(root) => {
                devices::confine(&root.join(path.trim_start_matches('/')), rules)
            }
        }
    }

    fn write(&self, path: &str, setting: &Setting) -> Result<()> {
        let Some(directory) = self.directory(path, setting.controller) else {
            return Ok(());
        };
        let file = directory.join(setting.file);
        if limits::is_optional(setting.file) && !file.exists() {
            return Ok(());
        }
        match write_file(&file, &setting.value) {
            // Memory may not exceed memory and swap together: raise the sum first, then try again.
            Err(_) if setting.file == limits::V1_MEMORY => {
                let sum = directory.join(limits::V1_MEMORY_AND_SWAP);
                if sum.exists() {
                    write_file(&sum, &setting.value).map_err(Error::io("write", &sum))?;
                }
                write_file(&file, &setting.value).map_err(Error::io("write", &file))
            }
            other => other.map_err(Error::io("write", &file)),
        }
    }

    /// Files that take the id of a process that joins.
    pub(crate) fn procs_files(&self, path: &str) -> Vec<PathBuf> {
        self.directories(path)
            .into_iter()
            .map(|d| d.join("cgroup.procs"))
            .collect()
    }

    /// Moves the calling process into a cgroup, making it if needed.
    pub(crate) fn join(&self, path: &str) -> Result<()> {
        self.set(path, &Resources::default())?;
        for file in self.procs_files(path) {
            write_file(&file, "0").map_err(Error::io("write", &file))?;
        }
        Ok(())
    }

    /// Names of the cgroups directly below.
    pub(crate) fn children(&self, path: &str) -> Vec<String> {
        let mut names: Vec<String> = self
            .directories(path)
            .iter()
            .flat_map(|d| subdirectories(d))
            .filter_map(|p| Some(p.file_name()?.to_str()?.to_owned()))
            .collect();
        names.sort();
        names.dedup();
        names
    }

    /// Sends KILL to every process in the cgroup and below.
    pub(crate) fn kill(&self, path: &str) {
        for directory in self.directories(path) {
            kill_tree(&directory);
        }
    }

    /// Kills what is left and removes the cgroup with everything below it. Blocks for up to two seconds.
    pub(crate) fn remove(&self, path: &str) -> Result<()> {
        check_path(path)?;
        for directory in self.directories(path) {
            let mut attempt = 0;
            while let Err(error) = remove_tree(&directory) {
                attempt += 1;
                if attempt == REMOVE_ATTEMPTS || error.kind() == ErrorKind::PermissionDenied {
                    return Err(Error::io("remove cgroup", &directory)(error));
                }
                kill_tree(&directory);
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        Ok(())
    }

    /// Removes a cgroup that holds nothing any more; otherwise leaves it.
    pub(crate) fn remove_if_empty(&self, path: &str) {
        for directory in self.directories(path) {
            let _ = fs::remove_dir(directory);
        }
    }

    /// How often the kernel killed a process of this cgroup because its memory was used up.
    pub(crate) fn oom_kills(&self, path: &str) -> u64 {
        let file = match &self.hierarchies {
            Hierarchies::V1(_) => "memory.oom_control",
            Hierarchies::V2(_) => "memory.events",
        };
        self.directory(path, "memory")
            .and_then(|d| fs::read_to_string(d.join(file)).ok())
            .and_then(|text| usage::field(&text, "oom_kill"))
            .unwrap_or(0)
    }

    /// Use of processor and memory.
    pub(crate) fn stats(&self, path: &str) -> Result<Stats> {
        let read = |controller: &str, file: &str| {
            self.directory(path, controller)
                .and_then(|d| fs::read_to_string(d.join(file)).ok())
        };
        let usage = match &self.hierarchies {
            Hierarchies::V1(_) => usage::v1(&read),
            Hierarchies::V2(_) => usage::v2(&read),
        };
        usage
            .map(|u| Stats {
                at: Timestamp::now(),
                cpu_usage_nanoseconds: u.cpu_nanoseconds,
                memory_usage_bytes: u.memory,
                memory_working_set_bytes: u.memory.saturating_sub(u.inactive_file),
                memory_rss_bytes: u.anonymous,
                pids: u.pids,
            })
            .ok_or_else(|| Error::NotFound {
                kind: "cgroup",
                id: path.to_owned(),
            })
    }

    /// The memory limit that is in force, as the kernel tells it.
    pub(crate) fn memory_limit(&self, path: &str) -> Option<u64> {
        let file = match &self.hierarchies {
            Hierarchies::V1(_) => limits::V1_MEMORY,
            Hierarchies::V2(_) => "memory.max",
        };
        let text = fs::read_to_string(self.directory(path, "memory")?.join(file)).ok()?;
        text.trim().parse().ok()
    }
}

/// `..` in a path that is joined to a mount point would leave the hierarchy.
fn check_path(path: &str) -> Result<()> {
    let fine = path.starts_with('/')
        && path.len() > 1
        && !path.split('/').any(|part| part == ".." || part == ".");
    if fine {
        return Ok(());
    }
    Err(Error::Invalid {
        field: "cgroup",
        reason: format!("{path:?} is not an absolute path below the root"),
    })
}

fn v1_mounts(mounts: &str) -> BTreeMap<String, PathBuf> {
    const CONTROLLERS: [&str; 9] = [
        "blkio", "cpu", "cpuacct", "cpuset", "devices", "freezer", "hugetlb", "memory", "pids",
    ];
    let mut found = BTreeMap::new();
    for line in mounts.lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        if let [_, mount, "cgroup", options, ..] = fields[..] {
            for option in options.split(',').filter(|o| CONTROLLERS.contains(o)) {
                found
                    .entry(option.to_owned())
                    .or_insert_with(|| PathBuf::from(mount));
            }
        }
    }
    found
}

fn create_v1(controller: &str, mount: &Path, path: &str) -> Result<()> {
    let mut directory = mount.to_path_buf();
    for part in path.split('/').filter(|p| !p.is_empty()) {
        let parent = directory.clone();
        directory.push(part);
        match fs::create_dir(&directory) {
            Ok(()) => {}
            Err(e) if e.kind() == ErrorKind::AlreadyExists => continue,
            Err(e) => return Err(Error::io("create cgroup", &directory)(e)),
        }
        if controller == "cpuset" {
            // A new cpuset is empty and refuses processes.
            for file in ["cpuset.cpus", "cpuset.mems"] {
                let from = parent.join(file);
                let value = fs::read_to_string(&from).map_err(Error::io("read", &from))?;
                let to = directory.join(file);
                write_file(&to, value.trim()).map_err(Error::io("write", &to))?;
            }
        }
    }
    Ok(())
}

fn create_v2(root: &Path, path: &str) -> Result<()> {
    let mut directory = root.to_path_buf();
    for part in path.split('/').filter(|p| !p.is_empty()) {
        // A controller works below only if its parent hands it down; one that is absent is skipped.
        for controller in ["+cpu", "+cpuset", "+memory", "+pids", "+io"] {
            let _ = write_file(&directory.join("cgroup.subtree_control"), controller);
        }
        directory.push(part);
        match fs::create_dir(&directory) {
            Err(e) if e.kind() != ErrorKind::AlreadyExists => {
                return Err(Error::io("create cgroup", &directory)(e));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Writes in one call, without creating or truncating: cgroup files want exactly that.
fn write_file(path: &Path, value: &str) -> std::io::Result<()> {
    fs::OpenOptions::new()
        .write(true)
        .open(path)?
        .write_all(value.as_bytes())
}

fn subdirectories(directory: &Path) -> Vec<PathBuf> {
    fs::read_dir(directory)
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            entry.file_type().ok()?.is_dir().then(|| entry.path())
        })
        .collect()
}

fn kill_tree(directory: &Path) {
    if write_file(&directory.join("cgroup.kill"), "1").is_ok() {
        return;
    }
    for child in subdirectories(directory) {
        kill_tree(&child);
    }
    let list = fs::read_to_string(directory.join("cgroup.procs")).unwrap_or_default();
    for pid in list.lines().filter_map(|line| line.parse().ok()) {
        if let Some(pid) = Pid::from_raw(pid) {
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

fn remove_tree(directory: &Path) -> std::io::Result<()> {
    for child in subdirectories(directory) {
        remove_tree(&child)?;
    }
    match fs::remove_dir(directory) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_controllers_mounted_apart_and_together() {
        let mounts = "tmpfs /sys/fs/cgroup tmpfs rw 0 0\n\
            cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,cpu,cpuacct 0 0\n\
            cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n\
            cgroup /sys/fs/cgroup/systemd cgroup rw,name=systemd 0 0\n\
            cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n";
        let found = v1_mounts(mounts);
        let names: Vec<_> = found.keys().map(String::as_str).collect();
        assert_eq!(names, ["cpu", "cpuacct", "memory"]);
        assert_eq!(found["cpu"], found["cpuacct"]);
    }

    #[test]
    fn refuses_paths_that_leave_the_hierarchy() {
        for path in ["", "/", "kubepods", "/a/../../b", "/a/./b"] {
            assert!(check_path(path).is_err(), "{path:?}");
        }
        assert!(check_path("/kubepods/burstable/pod1").is_ok());
    }
}
