//! A cluster of one node: a control plane that runs as root, with containers. No packet for a pod or a service leaves
//! the machine. Everything is removed when the test ends, however it ends.

use crate::{
    control_plane::{ControlPlane, patience},
    namespace::{run, said},
};
use serde_json::Value;
use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::{Duration, Instant},
};

/// The demo image, which every server has.
pub(crate) const HELLO: &str = concat!("--image=sampan/hello:v", env!("CARGO_PKG_VERSION"));

pub(crate) struct Cluster {
    plane: ControlPlane,
    kubectl: PathBuf,
    flags: Vec<String>,
    uninstalled: bool,
}

/// What a test needs and this machine lacks; tests skip with this text.
pub(crate) fn lacks() -> Option<String> {
    if !nix::unistd::geteuid().is_root() {
        return Some("not root".to_owned());
    }
    for tool in ["ip", "nsenter", "curl"] {
        if !has(tool) {
            return Some(format!("no {tool}"));
        }
    }
    kubectls().is_empty().then(|| "no kubectl".to_owned())
}

fn has(tool: &str) -> bool {
    Command::new("sh")
        .args(["-c", &format!("command -v {tool}")])
        .output()
        .is_ok_and(|output| output.status.success())
}

pub(crate) fn cache() -> PathBuf {
    std::env::var_os("HOME")
        .map_or_else(|| PathBuf::from("/root"), PathBuf::from)
        .join(".cache/sampan")
}

/// The stock kubectls of this machine: the one on PATH and the one `make test` fetches.
pub(crate) fn kubectls() -> Vec<PathBuf> {
    let fetched = cache().join("kubectl/1.37.1/kubectl");
    let mut found = Vec::new();
    if has("kubectl") {
        found.push(PathBuf::from("kubectl"));
    }
    if fetched.exists() {
        found.push(fetched);
    }
    found
}

/// The archive of a test image, if it was built.
pub(crate) fn image(name: &str) -> Option<PathBuf> {
    Some(cache().join(format!("images/{name}.tar"))).filter(|path| path.exists())
}

impl Cluster {
    /// A namespace and a folder, no server yet.
    pub(crate) fn new(kubectl: &Path) -> Self {
        Self {
            plane: ControlPlane::with_kubeconfig("kubeconfig.yaml"),
            kubectl: kubectl.to_owned(),
            flags: Vec::new(),
            uninstalled: false,
        }
    }

    /// A running cluster with a ready node.
    pub(crate) fn start(kubectl: &Path) -> Self {
        Self::start_with(kubectl, &[])
    }

    /// The same, with further flags of the server.
    pub(crate) fn start_with(kubectl: &Path, flags: &[&str]) -> Self {
        let mut cluster = Self::new(kubectl);
        cluster.flags = flags.iter().map(|&flag| flag.to_owned()).collect();
        cluster.serve();
        cluster.wait_for("the node to be ready", &["get", "nodes"], |text| {
            text.contains(" Ready ")
        });
        cluster
    }

    /// Starts the server, again if it ran before.
    pub(crate) fn serve(&mut self) {
        let mut command = self.inside(env!("CARGO_BIN_EXE_sampan"));
        command
            .args(["server", "--config", "/dev/null"])
            .args(["--node-name", "node1", "--log-level", "info"])
            .args(&self.flags)
            .args(self.places());
        self.plane.spawn(&mut command);
        self.plane.until_ready();
    }

    /// The folder and the kubeconfig that `server` makes and `uninstall` removes.
    fn places(&self) -> [PathBuf; 4] {
        let flag = PathBuf::from;
        let (data, kubeconfig) = (self.data_dir(), self.kubeconfig());
        [
            flag("--data-dir"),
            data,
            flag("--write-kubeconfig"),
            kubeconfig,
        ]
    }

    /// Kills the server as a power cut would.
    pub(crate) fn kill(&mut self) {
        self.plane.kill();
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.plane.path("data")
    }

    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.plane.kubeconfig()
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.plane.path("")
    }

    /// What explains a failure: the conditions and taints of nodes (a machine whose disk is nearly full takes no
    /// pods), the pods and their events, and what the server logged.
    pub(crate) fn story(&self) -> String {
        let describe = |what: &[&str]| said(&self.kubectl_output(&[&["describe"], what].concat()));
        format!(
            "nodes:\n{}\npods:\n{}\nserver log:\n{}",
            describe(&["nodes"]),
            describe(&["pods", "-A"]),
            self.plane.log()
        )
    }

    /// A command inside the cluster's network.
    pub(crate) fn inside(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        self.plane.inside(program)
    }

    pub(crate) fn kubectl_command(&self, arguments: &[&str]) -> Command {
        let mut command = self.inside(&self.kubectl);
        command.args(arguments);
        command
    }

    pub(crate) fn kubectl_output(&self, arguments: &[&str]) -> Output {
        self.kubectl_command(arguments).output().unwrap()
    }

    /// Runs kubectl, which must succeed; returns what it printed.
    pub(crate) fn kubectl(&self, arguments: &[&str]) -> String {
        let output = self.kubectl_output(arguments);
        assert!(
            output.status.success(),
            "kubectl {} failed:\n{}\n{}",
            arguments.join(" "),
            said(&output),
            self.story()
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Runs kubectl, which must fail; returns its complaint.
    pub(crate) fn kubectl_refused(&self, arguments: &[&str]) -> String {
        let output = self.kubectl_output(arguments);
        assert!(
            !output.status.success(),
            "kubectl {} succeeded",
            arguments.join(" ")
        );
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// Runs kubectl until what it prints is as wanted.
    pub(crate) fn wait_for(
        &self,
        what: &str,
        arguments: &[&str],
        holds: impl Fn(&str) -> bool,
    ) -> String {
        let deadline = Instant::now() + patience();
        loop {
            let output = self.kubectl_output(arguments);
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            if output.status.success() && holds(&text) {
                return text;
            }
            if Instant::now() >= deadline {
                panic!(
                    "waited in vain for {what}; kubectl {} prints:\n{text}{}\n{}",
                    arguments.join(" "),
                    String::from_utf8_lossy(&output.stderr),
                    self.story()
                );
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The body that a GET inside the cluster's network answers, or nothing.
    pub(crate) fn curl(&self, url: &str) -> Option<String> {
        let output = self
            .inside("curl")
            .args(["-sS", "--max-time", "5", url])
            .output()
            .unwrap();
        output
            .status
            .success()
            .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Imports a test image.
    pub(crate) fn import(&self, archive: &Path) {
        run(self
            .inside(env!("CARGO_BIN_EXE_sampan"))
            .args(["image", "import"])
            .arg(archive)
            .arg("--data-dir")
            .arg(self.data_dir()));
    }

    /// Imports a test image under other names, whole ones as `docker.io/library/busybox:stable`.
    pub(crate) fn import_as(&self, archive: &Path, names: &[&str]) {
        let renamed = self.folder().join("renamed.tar");
        rename(archive, names, &renamed);
        self.import(&renamed);
    }

    /// Uninstalls, which must leave nothing.
    pub(crate) fn uninstall(&mut self) -> String {
        let output = self.uninstalling().output().unwrap();
        let text = said(&output);
        assert!(
            output.status.success(),
            "{text}\nserver log:\n{}",
            self.plane.log()
        );
        self.uninstalled = true;
        self.plane.wait();
        text
    }

    fn uninstalling(&self) -> Command {
        let mut command = self.inside(env!("CARGO_BIN_EXE_sampan"));
        command.arg("uninstall").args(self.places());
        command
    }
}

/// Writes the archive of an image once more, with these names instead of its own.
fn rename(archive: &Path, names: &[&str], to: &Path) {
    let mut from = tar::Archive::new(File::open(archive).unwrap());
    let mut made = tar::Builder::new(File::create(to).unwrap());
    for entry in from.entries().unwrap() {
        let mut entry = entry.unwrap();
        let mut header = entry.header().clone();
        let path = entry.path().unwrap().into_owned();
        if path != Path::new("index.json") {
            made.append_data(&mut header, path, entry).unwrap();
            continue;
        }
        let mut index: Value = serde_json::from_reader(&mut entry).unwrap();
        let manifest = index["manifests"][0].take();
        let named = names.iter().map(|name| {
            let mut manifest = manifest.clone();
            for (_, annotation) in manifest["annotations"].as_object_mut().unwrap() {
                *annotation = (*name).into();
            }
            manifest
        });
        index["manifests"] = named.collect();
        let text = index.to_string();
        header.set_size(text.len() as u64);
        made.append_data(&mut header, path, text.as_bytes())
            .unwrap();
    }
    made.finish().unwrap();
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if !self.uninstalled {
            // A test that failed half way still cleans up; what the command prints helps nobody now.
            let _ = self.uninstalling().output();
        }
    }
}
