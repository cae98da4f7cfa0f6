//! The life of a container, its limits and what contains it.

use runtime::container::{Config, Mount, MountSource, Resources, Seccomp, Security, State};
use runtime::{Native, Pods, sandbox};

use crate::machine::{options, with_machine, with_sandbox};

#[test]
fn runs_and_reports() {
    with_machine("runs", |m| async move {
        let (log, code, reason) = m
            .run(
                "echo out; echo err >&2; hostname; id -u; cat /etc/resolv.conf; exit 3",
                Config::default(),
            )
            .await;
        for line in [
            "stdout F out",
            "stderr F err",
            "stdout F test-host",
            "stdout F 0",
            "stdout F nameserver 10.0.0.10",
        ] {
            assert!(log.contains(line), "{log}");
        }
        assert_eq!((code, reason.as_str()), (3, "Error"));
        let (_, code, reason) = m.run("true", Config::default()).await;
        assert_eq!((code, reason.as_str()), (0, "Completed"));
        m.clean_up().await;
    });
}

#[test]
fn says_why_it_cannot_start() {
    with_machine("cannot", |m| async move {
        for (command, expected) in [
            ("nope", "exec: \"nope\": executable file not found in $PATH"),
            (
                "/nope",
                "exec: \"/nope\": stat /nope: no such file or directory",
            ),
            ("/etc/passwd", "exec: \"/etc/passwd\": permission denied"),
        ] {
            let config = Config {
                command: vec![command.into()],
                ..Config::default()
            };
            let made = m.create("", config).await;
            let error = m
                .native
                .start_container(&made.id)
                .await
                .unwrap_err()
                .to_string();
            assert!(error.contains(expected), "{error}");
            assert_eq!(m.end(&made.id).await, (128, "StartError".into()));
        }
        m.clean_up().await;
    });
}

#[test]
fn is_contained() {
    with_machine("contained", |m| async move {
        let script = "grep -E 'Seccomp:|CapEff|NoNewPrivs' /proc/self/status; \
            mount -t tmpfs x /tmp 2>&1 && echo MOUNTED; unshare -m true 2>&1 && echo UNSHARED; \
            echo x > /proc/sys/kernel/domainname && echo WROTE; \
            mknod /tmp/d c 1 11 && cat /tmp/d && echo READ; cat /proc/kcore | wc -c; echo pid $$";
        let (log, ..) = m.run(script, Config::default()).await;
        assert!(log.contains("Seccomp:\t2"), "{log}");
        assert!(log.contains("CapEff:\t00000000a80425fb"), "{log}");
        assert!(log.contains("NoNewPrivs:\t0"), "{log}");
        assert!(log.contains("pid 1"), "{log}");
        for broken in ["MOUNTED", "UNSHARED", "WROTE", "READ"] {
            assert!(!log.contains(broken), "{log}");
        }
        let config = Config {
            security: Security {
                run_as_user: Some(1000),
                supplemental_groups: vec![2000],
                no_new_privileges: true,
                readonly_rootfs: true,
                drop_capabilities: vec!["ALL".into()],
                ..Security::default()
            },
            ..Config::default()
        };
        let script = "grep -E 'Seccomp:|CapBnd|NoNewPrivs' /proc/self/status; id; touch /x || echo refused; echo $HOME";
        let (log, ..) = m.run(script, config).await;
        for part in [
            "Seccomp:\t2",
            "CapBnd:\t0000000000000000",
            "NoNewPrivs:\t1",
            "uid=1000",
            "44(extra)",
            "2000",
            "refused",
            "/home/user",
        ] {
            assert!(log.contains(part), "{part}: {log}");
        }
        let config = Config {
            security: Security {
                privileged: true,
                seccomp: Seccomp::RuntimeDefault,
                ..Security::default()
            },
            ..Config::default()
        };
        let (log, ..) = m
            .run(
                "grep Seccomp: /proc/self/status; mount -t tmpfs x /tmp && echo MOUNTED; ls /dev",
                config,
            )
            .await;
        assert!(
            log.contains("Seccomp:\t0") && log.contains("MOUNTED") && log.contains("kmsg"),
            "{log}"
        );
        m.clean_up().await;
    });
}

#[test]
fn keeps_limits() {
    with_machine("limits", |m| async move {
        let config = Config {
            resources: Resources {
                memory_limit_bytes: Some(16 << 20),
                pids_limit: Some(20),
                cpu_shares: Some(512),
                ..Resources::default()
            },
            ..Config::default()
        };
        let (_, code, reason) = m
            .run(
                "head -c 64000000 /dev/zero | tail -c 60000000 > /dev/null; exit $?",
                config.clone(),
            )
            .await;
        assert_ne!(code, 0);
        assert_eq!(reason, "OOMKilled");
        let container = m.start("sleep 100", config).await;
        let stats = m.native.container_stats(&container.id).await.unwrap();
        assert!(stats.memory_usage_bytes > 0 && stats.pids == 1, "{stats:?}");
        let more = Resources {
            memory_limit_bytes: Some(32 << 20),
            ..Resources::default()
        };
        m.native
            .update_container_resources(&container.id, &more)
            .await
            .unwrap();
        let less = Resources {
            memory_limit_bytes: Some(24 << 20),
            ..Resources::default()
        };
        m.native
            .update_container_resources(&container.id, &less)
            .await
            .unwrap();
        m.clean_up().await;
    });
}

#[test]
fn mounts_what_it_is_told() {
    with_machine("mounts", |m| async move {
        let host = m.dir.path().join("volume");
        std::fs::create_dir(&host).unwrap();
        std::fs::write(host.join("file"), "content\n").unwrap();
        let bind = |path: &str, from: &std::path::Path, readonly| Mount {
            container_path: path.into(),
            source: MountSource::Bind(from.to_owned()),
            readonly,
            ..Mount::default()
        };
        let config = Config {
            mounts: vec![
                bind("/data", &host, false),
                bind("/ro", &host, true),
                bind("/etc/hosts", &host.join("file"), false),
                Mount {
                    container_path: "/mem".into(),
                    source: MountSource::Tmpfs {
                        size_bytes: Some(1 << 20),
                    },
                    ..Mount::default()
                },
                Mount {
                    container_path: "/image".into(),
                    source: MountSource::Image("busybox".into()),
                    ..Mount::default()
                },
            ],
            working_dir: "/made/here".into(),
            ..Config::default()
        };
        let script = "cat /data/file /etc/hosts; echo x > /ro/x || echo ro-refused; echo x > /data/new && echo wrote; \
            dd if=/dev/zero of=/mem/x bs=1M count=2 2>&1 | grep -c space; ls /image/bin/busybox; readlink /proc/self/cwd";
        let (log, ..) = m.run(script, config).await;
        for part in [
            "F content",
            "ro-refused",
            "wrote",
            "/image/bin/busybox",
            "F /made/here",
        ] {
            assert!(log.contains(part), "{part}: {log}");
        }
        assert!(host.join("new").exists());
        m.clean_up().await;
    });
}

#[test]
fn stops_with_grace_and_without() {
    with_machine("stops", |m| async move {
        let polite = m
            .start(
                "trap 'echo bye; exit 7' TERM; echo up; while true; do sleep 0.05; done",
                Config::default(),
            )
            .await;
        wait_for_log(&m, "up").await;
        m.native.stop_container(&polite.id, 10).await.unwrap();
        assert_eq!(m.end(&polite.id).await.0, 7);
        assert!(m.log().contains("bye"));
        let stubborn = m
            .start(
                "trap '' TERM; while true; do sleep 0.05; done",
                Config::default(),
            )
            .await;
        m.native.stop_container(&stubborn.id, 1).await.unwrap();
        assert_eq!(m.end(&stubborn.id).await.0, 137);
        m.native.stop_container(&stubborn.id, 1).await.unwrap();
        m.native.stop_container("never-there", 1).await.unwrap();
        m.clean_up().await;
    });
}

pub(crate) async fn wait_for_log(m: &crate::machine::Machine, text: &str) {
    for _ in 0..500 {
        if m.log().contains(text) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("{text:?} is not in the log: {}", m.log());
}

#[test]
fn outlives_the_server() {
    with_machine("outlives", |m| async move {
        let stays = m.start("echo up; sleep 100", Config::default()).await;
        let State::Running { pid, .. } = stays.state else {
            panic!("{stays:?}")
        };
        let ends = m
            .start(
                "while ! test -e /tmp/go; do sleep 0.02; done; echo gone; exit 5",
                Config::default(),
            )
            .await;
        let State::Running { pid: other, .. } = ends.state else {
            panic!("{ends:?}")
        };
        let limits = Resources {
            memory_limit_bytes: Some(32 << 20),
            ..Resources::default()
        };
        let changed = m
            .native
            .update_container_resources(&stays.id, &limits)
            .await;
        changed.unwrap();
        // What a killed server leaves: nothing of it runs, everything else does.
        let crate::machine::Machine {
            native,
            sandbox,
            cgroup,
            dir,
        } = m;
        drop(native);
        std::fs::write(format!("/proc/{other}/root/tmp/go"), "").unwrap();
        let native = Native::open(options(dir.path())).await.unwrap();
        let m = crate::machine::Machine {
            native,
            sandbox,
            cgroup,
            dir,
        };
        let found = m.native.container_status(&stays.id).await.unwrap();
        assert!(
            matches!(found.state, State::Running { pid: p, .. } if p == pid),
            "{found:?}"
        );
        let held = found.config.resources.memory_limit_bytes;
        assert_eq!(held, limits.memory_limit_bytes);
        assert_eq!(m.end(&ends.id).await, (5, "Error".into()));
        assert_eq!(
            m.native.pod_sandbox_status(&m.sandbox.id).await.unwrap(),
            m.sandbox
        );
        m.native.stop_container(&stays.id, 0).await.unwrap();
        assert_eq!(m.end(&stays.id).await.0, 137);
        m.clean_up().await;
    });
}

#[test]
fn a_killed_shim_is_noticed() {
    with_machine("killed", |m| async move {
        let container = m.start("sleep 100", Config::default()).await;
        let path = m
            .dir
            .path()
            .join("runtime/containers")
            .join(&container.id)
            .join("running.json");
        let text = std::fs::read_to_string(path).unwrap();
        let shim = text.split("\"shim\":{\"pid\":").nth(1).unwrap();
        let shim: i32 = shim.split(',').next().unwrap().parse().unwrap();
        let shim = rustix::process::Pid::from_raw(shim).unwrap();
        rustix::process::kill_process(shim, rustix::process::Signal::KILL).unwrap();
        assert_eq!(m.end(&container.id).await, (255, "Unknown".into()));
        m.clean_up().await;
    });
}

#[test]
fn shares_processes() {
    let config = sandbox::Config {
        share_process_namespace: true,
        ..sandbox::Config::default()
    };
    with_sandbox("shares", config, |m| async move {
        let first = m.start("sleep 100", Config::default()).await;
        let (log, ..) = m
            .run(
                "ps; readlink /proc/1/root || echo hidden",
                Config::default(),
            )
            .await;
        assert!(
            log.contains("pause") && log.contains("sleep 100") && log.contains("hidden"),
            "{log}"
        );
        m.native.remove_container(&first.id).await.unwrap();
        m.clean_up().await;
    });
}

#[test]
fn uses_the_machines_network() {
    let config = sandbox::Config {
        host_network: true,
        host_pid: true,
        ..sandbox::Config::default()
    };
    with_sandbox("host", config, |m| async move {
        let (log, ..) = m
            .run(
                "readlink /proc/self/ns/net; readlink /proc/self/ns/pid",
                Config::default(),
            )
            .await;
        for kind in ["net", "pid"] {
            let own = std::fs::read_link(format!("/proc/self/ns/{kind}")).unwrap();
            assert!(log.contains(own.to_str().unwrap()), "{log}");
        }
        m.clean_up().await;
    });
}

#[test]
fn proves_itself() {
    with_machine("proves", |m| async move {
        let program = env!("CARGO_BIN_EXE_runtime-shim").into();
        m.native.self_test(Some(program)).await.unwrap();
        m.clean_up().await;
    });
}
