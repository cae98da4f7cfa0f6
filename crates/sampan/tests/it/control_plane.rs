//! A control plane without a node, in a network namespace of its own and without any privilege: what takes the
//! place of kube-apiserver and kube-controller-manager in a test rig.

use crate::namespace::Namespace;
use nix::{
    fcntl::{FcntlArg, FdFlag, fcntl},
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{
    fs::{File, OpenOptions, Permissions},
    os::{fd::AsRawFd as _, unix::fs::PermissionsExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

/// Whom the server runs as.
const NOBODY: &str = "65534";

/// How long a state may take to come before the test fails; emulated machines need more.
pub(crate) fn patience() -> Duration {
    let told = std::env::var("SAMPAN_PATIENCE_SECONDS").ok();
    Duration::from_secs(told.and_then(|it| it.parse().ok()).unwrap_or(120))
}

pub(crate) struct ControlPlane {
    folder: tempfile::TempDir,
    namespace: Namespace,
    server: Option<Child>,
    kubeconfig: &'static str,
}

impl ControlPlane {
    /// A namespace and a folder that everybody may write to, no server yet.
    pub(crate) fn new() -> Self {
        Self::with_kubeconfig("data/kubeconfig.yaml")
    }

    /// The same, for a server that writes the administrator's kubeconfig there.
    pub(crate) fn with_kubeconfig(kubeconfig: &'static str) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("sampan-plane")
            .tempdir()
            .unwrap();
        std::fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).unwrap();
        Self {
            namespace: Namespace::new(),
            folder,
            server: None,
            kubeconfig,
        }
    }

    /// A control plane that answers.
    pub(crate) fn start(flags: &[&str]) -> Self {
        let mut plane = Self::new();
        plane.serve(flags);
        plane
    }

    /// Starts the server as nobody, and waits until it answers.
    pub(crate) fn serve(&mut self, flags: &[&str]) {
        // The folder of the build may be closed to nobody, so the binary is handed over opened.
        let binary = File::open(env!("CARGO_BIN_EXE_sampan")).unwrap();
        fcntl(&binary, FcntlArg::F_SETFD(FdFlag::empty())).unwrap();
        let path = format!("/proc/self/fd/{}", binary.as_raw_fd());
        let mut command = self.inside("setpriv");
        command
            .arg(format!("--reuid={NOBODY}"))
            .arg(format!("--regid={NOBODY}"))
            .args([
                "--clear-groups",
                "--inh-caps=-all",
                "--bounding-set=-all",
                "--no-new-privs",
                "--",
            ])
            .arg(path)
            .args([
                "server",
                "--config=/dev/null",
                "--disable-agent",
                "--disable=scheduler",
            ])
            .arg("--data-dir")
            .arg(self.path("data"))
            .args(flags);
        self.spawn(&mut command);
        self.until_ready();
    }

    /// Starts the server by a command line of the test's own.
    pub(crate) fn spawn(&mut self, command: &mut Command) {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.path("server.log"))
            .unwrap();
        let child = command
            .env_remove("KUBECONFIG")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.server = Some(child);
    }

    /// Waits until the server answers.
    pub(crate) fn until_ready(&mut self) {
        let deadline = Instant::now() + patience();
        while self.get("/readyz", &[]).is_none_or(|(code, _)| code != 200) {
            let ended = self.server.as_mut().unwrap().try_wait().unwrap();
            assert_eq!(ended, None, "the server ended\n{}", self.log());
            assert!(Instant::now() < deadline, "not ready\n{}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// What a GET answers: the code and the body. `None` when nobody listens.
    pub(crate) fn get(&self, path: &str, arguments: &[&str]) -> Option<(u16, String)> {
        let output = self
            .inside("curl")
            .args([
                "--silent",
                "--insecure",
                "--max-time",
                "10",
                "--write-out",
                "\n%{http_code}",
            ])
            .args(arguments)
            .arg(format!("https://127.0.0.1:6443{path}"))
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let (body, code) = text.rsplit_once('\n')?;
        output
            .status
            .success()
            .then(|| (code.parse().unwrap(), body.to_owned()))
    }

    /// Asks the server to stop, and waits for it.
    pub(crate) fn stop(&mut self) -> ExitStatus {
        let server = self.server.as_ref().unwrap();
        kill(Pid::from_raw(server.id().cast_signed()), Signal::SIGTERM).unwrap();
        self.wait().unwrap()
    }

    /// Waits until the server has ended, if one was started.
    pub(crate) fn wait(&mut self) -> Option<ExitStatus> {
        let mut child = self.server.take()?;
        Some(child.wait().unwrap())
    }

    /// Kills the server as a power cut would.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.server.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// A file in the test's folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file into the test's folder, readable by everybody.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        path
    }

    /// The administrator's kubeconfig.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.path(self.kubeconfig)
    }

    /// A command in the control plane's network, as the administrator, with the test's folder as its home.
    pub(crate) fn inside(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = self.namespace.inside(program);
        command
            .env("KUBECONFIG", self.kubeconfig())
            .env("HOME", self.folder.path())
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command
    }

    /// What the server logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.path("server.log")).unwrap_or_default()
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        if let Some(mut child) = self.server.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The stock kubectl that tests use unless they compare several.
pub(crate) fn kubectl() -> PathBuf {
    let found = crate::cluster::kubectls();
    found
        .last()
        .map_or_else(|| Path::new("kubectl").to_owned(), Clone::clone)
}
