//! A runtime in a directory of its own, a busybox image in it, one sandbox; and proof that nothing stays.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use runtime::container::{Config, Container, State};
use runtime::image::archive::{Content, Entry, Layer, build};
use runtime::image::{Image, ImageConfig};
use runtime::sandbox::{self, Sandbox};
use runtime::{Images, Native, Options, Pods};

const BUSYBOX: &str = "/bin/busybox";

pub(crate) struct Machine {
    pub(crate) native: Native,
    pub(crate) sandbox: Sandbox,
    pub(crate) cgroup: String,
    pub(crate) dir: tempfile::TempDir,
}

/// Why real containers cannot be tested here.
pub(crate) fn missing() -> Option<&'static str> {
    if !rustix::process::geteuid().is_root() {
        Some("needs root")
    } else if !Path::new(BUSYBOX).exists() {
        Some("needs /bin/busybox: apt-get install busybox-static")
    } else {
        None
    }
}

/// Runs a test against a machine, or says why not.
pub(crate) fn with_machine<F: Future<Output = ()>>(name: &str, test: impl FnOnce(Machine) -> F) {
    with_sandbox(name, sandbox::Config::default(), test);
}

pub(crate) fn with_sandbox<F: Future<Output = ()>>(
    name: &str,
    config: sandbox::Config,
    test: impl FnOnce(Machine) -> F,
) {
    if let Some(why) = missing() {
        eprintln!("{name}: skipped: {why}");
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let machine = Machine::new(name, config).await;
        test(machine).await;
    });
}

pub(crate) fn options(dir: &Path) -> Options {
    Options {
        shim: PathBuf::from(env!("CARGO_BIN_EXE_runtime-shim")),
        ..Options::new(dir.join("runtime"))
    }
}

impl Machine {
    async fn new(name: &str, config: sandbox::Config) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let native = Native::open(options(dir.path())).await.unwrap();
        import_busybox(&native, dir.path()).await;
        let cgroup = format!("/sampan-test/{name}-{}", std::process::id());
        let config = sandbox::Config {
            name: name.into(),
            namespace: "test".into(),
            uid: "uid".into(),
            hostname: if config.host_network {
                String::new()
            } else {
                "test-host".into()
            },
            cgroup_parent: cgroup.clone(),
            resolv_conf: Some("nameserver 10.0.0.10\n".into()),
            log_directory: dir.path().join("logs"),
            ..config
        };
        let sandbox = native.run_pod_sandbox(config).await.unwrap();
        Machine {
            native,
            sandbox,
            cgroup,
            dir,
        }
    }

    /// Makes and starts a container of a shell script.
    pub(crate) async fn start(&self, script: &str, config: Config) -> Container {
        let made = self.create(script, config).await;
        self.native.start_container(&made.id).await.unwrap();
        self.native.container_status(&made.id).await.unwrap()
    }

    pub(crate) async fn create(&self, script: &str, config: Config) -> Container {
        let command = ["sh", "-c", script].map(str::to_owned).to_vec();
        let config = Config {
            name: "c".into(),
            image: "busybox".into(),
            command: if config.command.is_empty() {
                command
            } else {
                config.command
            },
            log_path: "c/0.log".into(),
            ..config
        };
        self.native
            .create_container(&self.sandbox.id, config)
            .await
            .unwrap()
    }

    /// Waits for the end; gives the exit code and reason.
    pub(crate) async fn end(&self, id: &str) -> (i32, String) {
        let mut events = self.native.events();
        let ended = async {
            loop {
                if let State::Exited(exit) = self.native.container_status(id).await.unwrap().state {
                    return (exit.code, exit.reason);
                }
                let _ = events.recv().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), ended)
            .await
            .expect("container does not end")
    }

    /// Runs a script to its end and gives what it wrote, its code and reason.
    pub(crate) async fn run(&self, script: &str, config: Config) -> (String, i32, String) {
        let container = self.start(script, config).await;
        let (code, reason) = self.end(&container.id).await;
        let log = self.log();
        self.native.remove_container(&container.id).await.unwrap();
        std::fs::remove_file(self.dir.path().join("logs/c/0.log")).unwrap();
        (log, code, reason)
    }

    /// The log without times.
    pub(crate) fn log(&self) -> String {
        let text =
            std::fs::read_to_string(self.dir.path().join("logs/c/0.log")).unwrap_or_default();
        text.lines()
            .map(|l| l.split_once(' ').map_or("", |l| l.1).to_owned() + "\n")
            .collect()
    }

    /// Removes everything and proves that nothing stays.
    pub(crate) async fn clean_up(self) {
        let Machine {
            native,
            sandbox,
            cgroup,
            dir,
        } = self;
        native.remove_pod_sandbox(&sandbox.id).await.unwrap();
        native.remove_cgroup(&cgroup).await.unwrap();
        assert!(native.list_containers().await.unwrap().is_empty());
        assert!(native.list_pod_sandbox().await.unwrap().is_empty());
        let place = dir.path().to_str().unwrap().to_owned();
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        let left: Vec<_> = mounts.lines().filter(|l| l.contains(&place)).collect();
        assert!(left.is_empty(), "mounts stay: {left:#?}");
        for name in ["sandboxes", "containers"] {
            let left = std::fs::read_dir(dir.path().join("runtime").join(name))
                .unwrap()
                .count();
            assert_eq!(left, 0, "{name} stay");
        }
        native.destroy_all().await.unwrap();
        // Other tests may be using the parent; the last one removes it.
        for hierarchy in std::fs::read_dir("/sys/fs/cgroup").unwrap().flatten() {
            let _ = std::fs::remove_dir(hierarchy.path().join("sampan-test"));
        }
        let _ = std::fs::remove_dir("/sys/fs/cgroup/sampan-test");
    }
}

pub(crate) async fn import_busybox(native: &Native, dir: &Path) -> Image {
    let archive = dir.join("busybox.tar");
    let directory = |path: &str, mode| Entry {
        path: path.into(),
        mode,
        content: Content::Directory,
    };
    let file = |path: &str, text: &str| Entry {
        path: path.into(),
        mode: 0o644,
        content: Content::Bytes(text.as_bytes().to_vec()),
    };
    let mut entries = vec![
        directory("bin", 0o755),
        directory("tmp", 0o1777),
        directory("etc", 0o755),
        file(
            "etc/passwd",
            "root:x:0:0::/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n",
        ),
        file("etc/group", "root:x:0:\nuser:x:1000:\nextra:x:44:user\n"),
        Entry {
            path: "bin/busybox".into(),
            mode: 0o755,
            content: Content::File(BUSYBOX.into()),
        },
    ];
    for applet in [
        "sh", "cat", "echo", "sleep", "id", "hostname", "ls", "stty", "nc", "mount", "grep",
        "head", "dd", "mknod", "env", "tty", "kill", "unshare", "touch", "ps", "stat", "ifconfig",
        "test", "true", "tail", "sync", "readlink", "wc",
    ] {
        entries.push(Entry {
            path: format!("bin/{applet}").into(),
            mode: 0o777,
            content: Content::Link("busybox".into()),
        });
    }
    let config = ImageConfig {
        cmd: vec!["sh".into()],
        env: vec!["PATH=/bin".into()],
        labels: BTreeMap::from([("a".into(), "b".into())]),
        ..ImageConfig::default()
    };
    build(&archive, "busybox", &config, &[Layer::Entries(entries)]).unwrap();
    let mut images = native.import_image(&archive).await.unwrap();
    assert_eq!(images.len(), 1);
    images.remove(0)
}
