//! `sampan uninstall`: stops the server and every container, takes back each change of the host, removes every
//! file, and then looks whether anything is left.

use crate::{admin::Admin, arguments::UninstallOptions, paths::Paths};
use anyhow::{Context as _, bail};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use runtime::{Native, Options, Pods as _};
use std::{path::Path, time::Duration};

/// How long the server gets to stop before it is killed.
const STOP_LIMIT: Duration = Duration::from_secs(30);

pub(crate) async fn run(options: UninstallOptions) -> anyhow::Result<()> {
    let paths = Paths::new(&options.data.data_dir);
    if !nix::unistd::geteuid().is_root() {
        bail!("uninstall takes back changes of the machine and so needs root: run it with sudo");
    }
    if !paths.root.exists() {
        println!("Nothing to do: {} does not exist.", paths.root.display());
        return Ok(());
    }
    stop_server(&paths).await?;
    println!("Stopping containers and removing images …");
    let native = Native::open(Options::new(paths.runtime())).await?;
    let cgroups = native.cgroups();
    native.remove_cgroup(&native.pods_cgroup()).await?;
    native.destroy_all().await?;
    println!("Taking back links, rules and settings …");
    let journal = paths.journal();
    let undone = tokio::task::spawn_blocking(move || network::undo_all(&journal)).await?;
    if let Err(errors) = undone {
        let list: Vec<_> = errors.iter().map(ToString::to_string).collect();
        bail!(
            "some changes of the host could not be taken back:\n  {}",
            list.join("\n  ")
        );
    }
    println!("Removing files …");
    unmount_below(&paths.root)?;
    std::fs::remove_dir_all(&paths.root)
        .with_context(|| format!("cannot remove {}", paths.root.display()))?;
    remove_kubeconfig(&options.write_kubeconfig)?;
    prove(&paths.root, &cgroups)?;
    println!("Nothing of Sampan is left on this machine.");
    Ok(())
}

async fn stop_server(paths: &Paths) -> anyhow::Result<()> {
    let Some(admin) = Admin::connect(&paths.admin_socket()).await else {
        return Ok(());
    };
    let process = admin.process()?;
    println!("Stopping the server (process {process}) …");
    kill(Pid::from_raw(process), Signal::SIGTERM)
        .with_context(|| format!("cannot stop process {process}"))?;
    // The open connection ends when the process does: no need to ask again and again.
    let ended = tokio::time::timeout(STOP_LIMIT, admin.closed()).await;
    if ended.is_err() {
        kill(Pid::from_raw(process), Signal::SIGKILL)
            .with_context(|| format!("cannot kill process {process}"))?;
    }
    Ok(())
}

/// Volumes that a pod left mounted.
fn unmount_below(root: &Path) -> anyhow::Result<()> {
    for point in mounts_below(root)?.into_iter().rev() {
        nix::mount::umount2(point.as_str(), nix::mount::MntFlags::MNT_DETACH)
            .with_context(|| format!("cannot unmount {point}"))?;
    }
    Ok(())
}

fn mounts_below(root: &Path) -> anyhow::Result<Vec<String>> {
    let table = std::fs::read_to_string("/proc/self/mountinfo")
        .context("cannot read the table of mounts")?;
    let points = table.lines().filter_map(|line| line.split(' ').nth(4));
    Ok(points
        .filter(|point| Path::new(point).starts_with(root))
        .map(str::to_owned)
        .collect())
}

fn remove_kubeconfig(path: &Path) -> anyhow::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("cannot remove {}", path.display()));
        }
        _ => {}
    }
    // The folder is ours only if nothing else is in it.
    if let Some(folder) = path.parent().filter(|folder| folder.ends_with("sampan")) {
        let _ = std::fs::remove_dir(folder);
    }
    Ok(())
}

/// Looks for what should be gone.
fn prove(root: &Path, cgroups: &[String]) -> anyhow::Result<()> {
    let mut left: Vec<String> = mounts_below(root)?
        .into_iter()
        .map(|point| format!("mount {point}"))
        .collect();
    for link in std::fs::read_dir("/sys/class/net")
        .into_iter()
        .flatten()
        .flatten()
    {
        let name = link.file_name().to_string_lossy().into_owned();
        if name == crate::wiring::BRIDGE {
            left.push(format!("link {name}"));
        }
    }
    for controller in std::fs::read_dir("/sys/fs/cgroup")
        .into_iter()
        .flatten()
        .flatten()
    {
        for name in cgroups {
            let cgroup = controller.path().join(name.trim_start_matches('/'));
            if cgroup.is_dir() {
                left.push(format!("cgroup {}", cgroup.display()));
            }
        }
    }
    if left.is_empty() {
        return Ok(());
    }
    bail!("still there after the uninstall:\n  {}", left.join("\n  "))
}
