//! Servers under test: each on a fresh directory, each ended when measured.

use crate::{etcd::Etcd, http::Connection, kubeconfig::Target};
use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use hyper::{Method, StatusCode};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    fs::File,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::process::{Child, Command};

/// Names the binary of kube-apiserver to measure beside.
const KUBE_APISERVER: &str = "KUBE_APISERVER";
const KUBE_APISERVER_PORT: u16 = 16443;
const TOKEN: &str = "bench";
/// How often a state is looked at while waiting for it.
const LOOK: Duration = Duration::from_millis(2);
/// How long any one state may take to come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A running server.
pub(crate) struct Server {
    /// Name and, if known, version.
    pub(crate) name: String,
    /// The processes whose work and memory are the server's; the first is the one that answers.
    pub(crate) pids: Vec<u32>,
    pub(crate) target: Target,
    child: Child,
    _etcd: Option<Etcd>,
}

impl Server {
    /// Sampan, with further arguments; its data, log and kubeconfig lie in `directory`.
    pub(crate) async fn sampan(
        program: &Path,
        directory: &Path,
        port: u16,
        arguments: &[&str],
    ) -> Result<Self> {
        let kubeconfig = directory.join("kubeconfig");
        let mut command = Command::new(program);
        command
            .args(["server", "--config", "/dev/null", "--data-dir"])
            .arg(directory.join("data"))
            .args(["--https-listen-port", &port.to_string()])
            .arg("--write-kubeconfig")
            .arg(&kubeconfig)
            .args(arguments);
        let child = spawn(&mut command, directory)?;
        Self::ready("sampan".into(), child, None, || Target::read(&kubeconfig)).await
    }

    /// kube-apiserver on a fresh etcd; `None`, said on standard error, when there is none to run.
    pub(crate) async fn kube_apiserver(directory: &Path) -> Result<Option<Self>> {
        let Some(program) = std::env::var_os(KUBE_APISERVER) else {
            eprintln!("bench: {KUBE_APISERVER} names no binary: kube-apiserver is not measured");
            return Ok(None);
        };
        let program = PathBuf::from(program);
        let Some(etcd) = Etcd::start(&directory.join("etcd")).await? else {
            eprintln!("bench: no etcd on the PATH: kube-apiserver is not measured");
            return Ok(None);
        };
        let version = Command::new(&program).arg("--version").output().await;
        let version = version.with_context(|| format!("cannot run {}", program.display()))?;
        let version = String::from_utf8_lossy(&version.stdout);
        let version = version.trim().trim_start_matches("Kubernetes ").to_owned();
        let key = directory.join("service-account.key");
        make_key(&key).await?;
        let tokens = directory.join("tokens.csv");
        std::fs::write(&tokens, format!("{TOKEN},bench,bench,system:masters\n"))?;
        let certificates = directory.join("certificates");
        let mut command = Command::new(&program);
        command
            .arg(format!("--etcd-servers={}", Etcd::url()))
            .args(["--bind-address=127.0.0.1", "--advertise-address=127.0.0.1"])
            .arg(format!("--secure-port={KUBE_APISERVER_PORT}"))
            .arg(format!("--cert-dir={}", certificates.display()))
            .arg(format!("--token-auth-file={}", tokens.display()))
            .arg("--authorization-mode=RBAC")
            .arg("--service-cluster-ip-range=10.43.0.0/16")
            .arg("--service-account-issuer=https://kubernetes.default.svc")
            .arg(format!("--service-account-key-file={}", key.display()))
            .arg(format!(
                "--service-account-signing-key-file={}",
                key.display()
            ));
        let child = spawn(&mut command, directory)?;
        let authority = format!("127.0.0.1:{KUBE_APISERVER_PORT}");
        let certificate = certificates.join("apiserver.crt");
        let name = format!("kube-apiserver {version} on {}", etcd.name);
        let target = || Target::trusting(&authority, &certificate, TOKEN);
        Self::ready(name, child, Some(etcd), target).await.map(Some)
    }

    /// Waits until it answers that it is ready.
    async fn ready(
        name: String,
        mut child: Child,
        etcd: Option<Etcd>,
        target: impl Fn() -> Result<Target>,
    ) -> Result<Self> {
        let pid = child.id().context("the server has ended")?;
        let mut ready = None;
        wait("the API to be ready", async || {
            if let Some(status) = child.try_wait()? {
                bail!("{name} ended: {status}");
            }
            ready = match target() {
                Ok(target) => is_ready(&target).await.then_some(target),
                // Not written yet.
                Err(_) => None,
            };
            Ok(ready.is_some())
        })
        .await?;
        let pids = [pid].into_iter().chain(etcd.as_ref().map(|it| it.pid));
        Ok(Self {
            name,
            pids: pids.collect(),
            target: ready.context("the server has no address")?,
            child,
            _etcd: etcd,
        })
    }

    /// The same under another name.
    pub(crate) fn named(self, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..self
        }
    }

    /// Ends it, and waits until it has.
    pub(crate) async fn stop(mut self) -> Result<()> {
        if let Some(pid) = self.child.id().map(i32::try_from).transpose()?
            && let Some(pid) = Pid::from_raw(pid)
        {
            kill_process(pid, Signal::TERM)?;
        }
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        ended.context("the server does not stop")??;
        Ok(())
    }
}

fn spawn(command: &mut Command, directory: &Path) -> Result<Child> {
    let log = File::create(directory.join("server.log"))?;
    command
        .stdout(log.try_clone()?)
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot run {:?}", command.as_std().get_program()))
}

/// The last lines a server in `directory` said, on standard error.
pub(crate) fn tell_log(directory: &Path) {
    let log = std::fs::read_to_string(directory.join("server.log")).unwrap_or_default();
    let last: Vec<&str> = log.lines().rev().take(20).collect();
    for line in last.iter().rev() {
        eprintln!("server: {line}");
    }
}

async fn make_key(path: &Path) -> Result<()> {
    let made = Command::new("openssl")
        .args(["genpkey", "-algorithm", "RSA", "-out"])
        .arg(path)
        .output()
        .await
        .context("cannot run openssl")?;
    ensure!(made.status.success(), "openssl cannot make a key");
    Ok(())
}

/// Any failure only means that it is not ready yet.
async fn is_ready(target: &Target) -> bool {
    let Ok(mut connection) = Connection::open(target).await else {
        return false;
    };
    let answer = connection.call(Method::GET, "/readyz", Bytes::new()).await;
    answer.is_ok_and(|(status, _)| status == StatusCode::OK)
}

/// Looks until a state has come.
pub(crate) async fn wait(what: &str, mut look: impl AsyncFnMut() -> Result<bool>) -> Result<()> {
    let waiting = async {
        while !look().await? {
            tokio::time::sleep(LOOK).await;
        }
        anyhow::Ok(())
    };
    let waited = tokio::time::timeout(PATIENCE, waiting).await;
    waited.with_context(|| format!("waited {PATIENCE:?} for {what}"))?
}
