//! From what a container shall be to the configuration that libcontainer takes (upstream: OCI
//! `config.json`). Pure: everything it needs is in [`Facts`].

use std::path::Path;

use serde_json::{Value, json};

use crate::container::{Config, User};
use crate::error::{Error, Result};
use crate::image::ImageConfig;
use crate::sandbox;

pub(crate) mod capabilities;
pub(crate) mod devices;
pub(crate) mod filter;
pub(crate) mod mounts;
pub(crate) mod seccomp;
pub(crate) mod user;

/// What is known about a container and its surroundings.
pub(crate) struct Facts<'a> {
    pub(crate) config: &'a Config,
    pub(crate) image: &'a ImageConfig,
    pub(crate) sandbox: &'a sandbox::Config,
    pub(crate) sandbox_dir: &'a Path,
    /// The pause process, if the PID namespace is shared.
    pub(crate) pause: Option<u32>,
    pub(crate) rootfs: &'a Path,
    pub(crate) cgroup: &'a str,
    pub(crate) user: &'a User,
    /// Sources of image mounts, in the order of the configuration.
    pub(crate) image_mounts: &'a [std::path::PathBuf],
    /// Content of the seccomp profile, if a file was named.
    pub(crate) seccomp_profile: Option<&'a str>,
    pub(crate) devices: Vec<devices::Node>,
    /// The lowest OOM score that this server may give, if that is limited.
    pub(crate) lowest_oom_score: Option<i32>,
}

const MASKED: [&str; 12] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
];
const READONLY: [&str; 5] = [
    "/proc/bus",
    "/proc/fs",
    "/proc/irq",
    "/proc/sys",
    "/proc/sysrq-trigger",
];
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What is made of it all.
pub(crate) struct Built {
    /// For libcontainer.
    pub(crate) config: Value,
    /// What the processes are left with in the end.
    pub(crate) capabilities: Vec<String>,
    /// The seccomp profile.
    pub(crate) profile: Option<Value>,
}

/// The whole configuration. Its capabilities include two that the last step before the program needs and
/// drops, and it has no filter: see `shim::identity`.
pub(crate) fn build(facts: &Facts<'_>) -> Result<Built> {
    let Config { security, .. } = facts.config;
    let hide = !security.privileged && !security.unmasked_proc;
    let none: [&str; 0] = [];
    let linux = json!({
        "cgroupsPath": facts.cgroup,
        "namespaces": namespaces(facts),
        "resources": { "devices": devices::rules(&facts.devices, security.privileged) },
        "devices": devices::nodes(&facts.devices),
        "rootfsPropagation": mounts::root_propagation(&facts.config.mounts),
        "maskedPaths": if hide { &MASKED[..] } else { &none },
        "readonlyPaths": if hide { &READONLY[..] } else { &none },
    });
    let capabilities = capabilities::resolve(security)?;
    let profile = if security.privileged {
        None
    } else {
        seccomp::profile(&security.seccomp, facts.seccomp_profile, &capabilities)?
    };
    let config = json!({
        "ociVersion": "1.2.0",
        "process": process(facts, &capabilities)?,
        "root": { "path": facts.rootfs, "readonly": security.readonly_rootfs },
        "mounts": mounts::all(facts)?,
        "linux": linux,
    });
    Ok(Built {
        config,
        capabilities,
        profile,
    })
}

fn process(facts: &Facts<'_>, capabilities: &[String]) -> Result<Value> {
    let Facts { config, user, .. } = facts;
    let security = &config.security;
    let mut held = capabilities.to_vec();
    for needed in ["CAP_SETPCAP", "CAP_SYS_ADMIN"] {
        if !held.iter().any(|c| c == needed) {
            held.push(needed.to_owned());
        }
    }
    let mut process = json!({
        "terminal": config.tty,
        "user": { "uid": user.uid, "gid": user.gid, "additionalGids": user.groups, "umask": 0o022 },
        "args": args(config, facts.image)?,
        "env": env(config, facts.image, &facts.sandbox.hostname),
        "cwd": cwd(config, facts.image)?,
        "capabilities": {
            "bounding": held,
            "effective": held,
            "permitted": held,
            "inheritable": [],
            "ambient": [],
        },
    });
    if security.no_new_privileges {
        process["noNewPrivileges"] = json!(true);
    }
    if let Some(score) = security.oom_score_adj {
        let lowest = facts.lowest_oom_score.unwrap_or(score);
        process["oomScoreAdj"] = json!(score.max(lowest));
    }
    Ok(process)
}

fn args(config: &Config, image: &ImageConfig) -> Result<Vec<String>> {
    let (command, defaults) = if config.command.is_empty() {
        (&image.entrypoint, &image.cmd)
    } else {
        // A command of its own drops the image's arguments too.
        (&config.command, &config.args)
    };
    let args = if config.args.is_empty() {
        defaults
    } else {
        &config.args
    };
    let all: Vec<String> = command.iter().chain(args).cloned().collect();
    if all.is_empty() {
        return Err(Error::Invalid {
            field: "command",
            reason: "no command specified".to_owned(),
        });
    }
    Ok(all)
}

fn env(config: &Config, image: &ImageConfig, hostname: &str) -> Vec<String> {
    let mut all: Vec<(String, String)> = Vec::new();
    let image = image.env.iter().map(|e| {
        let (name, value) = e.split_once('=').unwrap_or((e, ""));
        (name.to_owned(), value.to_owned())
    });
    let own = (!hostname.is_empty()).then(|| ("HOSTNAME".to_owned(), hostname.to_owned()));
    for (name, value) in own
        .into_iter()
        .chain(image)
        .chain(config.env.iter().cloned())
    {
        match all.iter_mut().find(|(known, _)| *known == name) {
            Some(entry) => entry.1 = value,
            None => all.push((name, value)),
        }
    }
    let path = (!all.iter().any(|(name, _)| name == "PATH")).then(|| PATH.to_owned());
    path.into_iter()
        .chain(
            all.into_iter()
                .map(|(name, value)| format!("{name}={value}")),
        )
        .collect()
}

fn cwd(config: &Config, image: &ImageConfig) -> Result<String> {
    let wanted = [&config.working_dir, &image.working_dir];
    let cwd = wanted.into_iter().find(|d| !d.is_empty());
    match cwd {
        None => Ok("/".to_owned()),
        Some(path) if path.starts_with('/') => Ok(path.clone()),
        Some(path) if config.working_dir.is_empty() => Ok(format!("/{path}")),
        Some(path) => Err(Error::Invalid {
            field: "workingDir",
            reason: format!("{path:?} is not absolute"),
        }),
    }
}

fn namespaces(facts: &Facts<'_>) -> Vec<Value> {
    let sandbox = facts.sandbox;
    let pinned = |kind: &str, name: &str| {
        let path = facts.sandbox_dir.join("ns").join(name);
        json!({ "type": kind, "path": path })
    };
    let mut all = vec![json!({ "type": "mount" }), json!({ "type": "cgroup" })];
    if !sandbox.host_network {
        all.push(pinned("network", "net"));
        all.push(pinned("uts", "uts"));
    }
    if !sandbox.host_ipc {
        all.push(pinned("ipc", "ipc"));
    }
    match facts.pause {
        _ if sandbox.host_pid => {}
        Some(pid) => all.push(json!({ "type": "pid", "path": format!("/proc/{pid}/ns/pid") })),
        None => all.push(json!({ "type": "pid" })),
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(all: &[&str]) -> Vec<String> {
        all.iter().map(|s| (*s).to_owned()).collect()
    }

    #[test]
    fn command_and_arguments_follow_the_documented_table() {
        type Words = &'static [&'static str];
        let cases: [(Words, Words, Words, Words, Words); 5] = [
            // entrypoint, cmd, command, args, expected
            (&["e"], &["c"], &[], &[], &["e", "c"]),
            (&["e"], &["c"], &["x"], &[], &["x"]),
            (&["e"], &["c"], &[], &["a"], &["e", "a"]),
            (&["e"], &["c"], &["x"], &["a"], &["x", "a"]),
            (&[], &["c"], &[], &[], &["c"]),
        ];
        for (entrypoint, cmd, command, arguments, expected) in cases {
            let image = ImageConfig {
                entrypoint: strings(entrypoint),
                cmd: strings(cmd),
                ..ImageConfig::default()
            };
            let config = Config {
                command: strings(command),
                args: strings(arguments),
                ..Config::default()
            };
            assert_eq!(args(&config, &image).unwrap(), strings(expected));
        }
        assert!(args(&Config::default(), &ImageConfig::default()).is_err());
    }

    #[test]
    fn environment_is_merged() {
        let image = ImageConfig {
            env: strings(&["A=1", "B=2"]),
            ..ImageConfig::default()
        };
        let config = Config {
            env: vec![("B".into(), "3".into()), ("C".into(), "x=y".into())],
            ..Config::default()
        };
        let expected = [PATH, "HOSTNAME=web-0", "A=1", "B=3", "C=x=y"];
        assert_eq!(env(&config, &image, "web-0"), expected);
    }
}
