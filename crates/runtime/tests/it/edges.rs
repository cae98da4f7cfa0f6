//! The edges: mounts that pass through, a full disk, many at once, a dead launcher, the end of everything.

use std::os::fd::AsRawFd;
use std::path::PathBuf;

use runtime::container::{Config, Mount, MountSource, Propagation, Security, State};
use runtime::{Images, Native, Pods};
use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_change, unmount,
};

use crate::machine::{import_busybox, missing, options, with_machine};

#[test]
fn mounts_pass_as_told() {
    with_machine("propagation", |m| async move {
        let shared = m.dir.path().join("shared");
        std::fs::create_dir(&shared).unwrap();
        mount("tmpfs", &shared, "tmpfs", MountFlags::empty(), None).unwrap();
        mount_change(&shared, MountPropagationFlags::SHARED).unwrap();
        for sub in ["in", "out"] {
            std::fs::create_dir(shared.join(sub)).unwrap();
        }
        let cases = [
            (Propagation::Private, false, false),
            (Propagation::HostToContainer, true, false),
            (Propagation::Bidirectional, true, true),
        ];
        for (propagation, comes_in, goes_out) in cases {
            let config = Config {
                mounts: vec![Mount {
                    container_path: "/shared".into(),
                    source: MountSource::Bind(shared.clone()),
                    propagation,
                    ..Mount::default()
                }],
                security: Security {
                    privileged: true,
                    ..Security::default()
                },
                ..Config::default()
            };
            let c = m
                .start(
                    "mount -t tmpfs x /shared/out && touch /shared/out/seen; sleep 100",
                    config,
                )
                .await;
            let wait = [
                "sh",
                "-c",
                "while ! test -e /shared/out/seen; do sleep 0.02; done",
            ]
            .map(str::to_owned);
            m.native.exec_sync(&c.id, &wait, None).await.unwrap();
            assert_eq!(
                shared.join("out/seen").exists(),
                goes_out,
                "{propagation:?}"
            );
            mount(
                "tmpfs",
                shared.join("in"),
                "tmpfs",
                MountFlags::empty(),
                None,
            )
            .unwrap();
            std::fs::write(shared.join("in/seen"), "").unwrap();
            let look = ["test", "-e", "/shared/in/seen"].map(str::to_owned);
            let found = m
                .native
                .exec_sync(&c.id, &look, None)
                .await
                .unwrap()
                .exit_code
                == 0;
            assert_eq!(found, comes_in, "{propagation:?}");
            m.native.remove_container(&c.id).await.unwrap();
            unmount(shared.join("in"), UnmountFlags::DETACH).unwrap();
            if goes_out {
                unmount(shared.join("out"), UnmountFlags::DETACH).unwrap();
            }
        }
        unmount(&shared, UnmountFlags::DETACH).unwrap();
        m.clean_up().await;
    });
}

#[test]
fn many_start_at_once() {
    with_machine("many", |m| async move {
        let starts = (0..20).map(|number| {
            let m = &m;
            async move {
                let config = Config {
                    name: format!("c{number}"),
                    image: "busybox".into(),
                    command: ["sh", "-c", &format!("exit {number}")]
                        .map(str::to_owned)
                        .to_vec(),
                    ..Config::default()
                };
                let made = m
                    .native
                    .create_container(&m.sandbox.id, config)
                    .await
                    .unwrap();
                m.native.start_container(&made.id).await.unwrap();
                assert_eq!(m.end(&made.id).await.0, number);
            }
        });
        futures::future::join_all(starts).await;
        m.clean_up().await;
    });
}

/// The launchers that this process started.
fn launchers() -> Vec<PathBuf> {
    let own = std::process::id().to_string();
    let mine = |entry: &PathBuf| {
        let stat = std::fs::read_to_string(entry.join("stat")).unwrap_or_default();
        let parent = stat
            .rsplit_once(") ")
            .and_then(|(_, rest)| rest.split(' ').nth(1));
        stat.contains("(sampan-launcher)") && parent == Some(own.as_str())
    };
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    all.map(|entry| entry.path()).filter(mine).collect()
}

#[test]
fn a_dead_launcher_is_replaced() {
    with_machine("launcher", |m| async move {
        // A descriptor that whoever starts this process did not mark as its own, such as a lock.
        let (_reader, writer) = nix::unistd::pipe().unwrap();
        let own = format!("/proc/self/fd/{}", writer.as_raw_fd());
        let own = std::fs::read_link(own).unwrap();
        for launcher in launchers() {
            let pid: i32 = launcher
                .file_name()
                .unwrap()
                .to_string_lossy()
                .parse()
                .unwrap();
            let pid = rustix::process::Pid::from_raw(pid).unwrap();
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        }
        let (log, code, _) = m.run("echo still here", Config::default()).await;
        assert!(log.contains("still here"));
        assert_eq!(code, 0);
        let replaced = launchers();
        assert!(!replaced.is_empty());
        for launcher in replaced {
            for open in std::fs::read_dir(launcher.join("fd")).unwrap().flatten() {
                assert_ne!(std::fs::read_link(open.path()).ok().as_ref(), Some(&own));
            }
        }
        m.clean_up().await;
    });
}

fn with_dir<F: Future<Output = ()>>(name: &str, test: impl FnOnce(PathBuf) -> F) {
    if let Some(why) = missing() {
        eprintln!("{name}: skipped: {why}");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(test(dir.path().to_owned()));
}

#[test]
fn a_full_disk_costs_only_the_image() {
    with_dir("full", |dir| async move {
        let small = dir.join("runtime");
        std::fs::create_dir(&small).unwrap();
        mount(
            "tmpfs",
            &small,
            "tmpfs",
            MountFlags::empty(),
            Some(c"size=1m"),
        )
        .unwrap();
        let native = Native::open(options(&dir)).await.unwrap();
        let archive = dir.join("big.tar");
        let entries = vec![runtime::image::archive::Entry {
            path: "big".into(),
            mode: 0o644,
            content: runtime::image::archive::Content::Bytes(vec![7; 4 << 20]),
        }];
        let layers = [runtime::image::archive::Layer::Entries(entries)];
        runtime::image::archive::build(&archive, "big", &Default::default(), &layers).unwrap();
        let error = native.import_image(&archive).await.unwrap_err().to_string();
        assert!(error.contains("No space left on device"), "{error}");
        for sub in ["layers", "ingest"] {
            let left = std::fs::read_dir(small.join("images").join(sub))
                .unwrap()
                .count();
            assert_eq!(left, 0, "{sub}");
        }
        assert_eq!(native.list_images().await.unwrap(), []);
        drop(native);
        unmount(&small, UnmountFlags::DETACH).unwrap();
    });
}

#[test]
fn destroying_leaves_nothing() {
    with_dir("destroy", |dir| async move {
        let native = Native::open(options(&dir)).await.unwrap();
        import_busybox(&native, &dir).await;
        let cgroup = format!("/sampan-test/destroy-{}", std::process::id());
        let config = runtime::sandbox::Config {
            cgroup_parent: cgroup.clone(),
            hostname: "x".into(),
            ..Default::default()
        };
        let sandbox = native.run_pod_sandbox(config).await.unwrap();
        let config = Config {
            image: "busybox".into(),
            command: vec!["sleep".into(), "100".into()],
            ..Config::default()
        };
        let made = native.create_container(&sandbox.id, config).await.unwrap();
        native.start_container(&made.id).await.unwrap();
        let State::Running { pid, .. } = native.container_status(&made.id).await.unwrap().state
        else {
            panic!("does not run");
        };
        native.destroy_all().await.unwrap();
        native.remove_cgroup(&cgroup).await.unwrap();
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
        assert!(!dir.join("runtime").exists());
        let after = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        assert!(!after.contains(dir.to_str().unwrap()), "{after}");
    });
}
