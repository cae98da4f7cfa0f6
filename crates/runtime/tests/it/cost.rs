//! What containers cost, printed for people: `cargo test -p runtime --test it cost -- --ignored --nocapture`.

use std::time::Instant;

use runtime::container::Config;
use runtime::{Pods, sandbox};

use crate::machine::with_machine;

const PODS: usize = 50;

#[test]
#[ignore = "a measurement, not a judgement"]
fn cost() {
    with_machine("cost", |m| async move {
        let (mut sandboxes, mut creates, mut starts, mut execs) = (vec![], vec![], vec![], vec![]);
        let mut made = Vec::new();
        let before = available_kib();
        for number in 0..PODS {
            let config = sandbox::Config {
                name: format!("p{number}"),
                uid: format!("{number}"),
                cgroup_parent: format!("{}/pod{number}", m.cgroup),
                hostname: "h".into(),
                ..m.sandbox.config.clone()
            };
            let started = Instant::now();
            let sandbox = m.native.run_pod_sandbox(config).await.unwrap();
            sandboxes.push(started.elapsed());
            let config = Config {
                name: "c".into(),
                image: "busybox".into(),
                command: vec!["sleep".into(), "1000".into()],
                log_path: format!("{number}/0.log").into(),
                ..Config::default()
            };
            let started = Instant::now();
            let container = m
                .native
                .create_container(&sandbox.id, config)
                .await
                .unwrap();
            creates.push(started.elapsed());
            let started = Instant::now();
            m.native.start_container(&container.id).await.unwrap();
            starts.push(started.elapsed());
            let started = Instant::now();
            m.native
                .exec_sync(&container.id, &["true".into()], None)
                .await
                .unwrap();
            execs.push(started.elapsed());
            made.push(sandbox.id);
        }
        let after = available_kib();
        for (name, times) in [
            ("sandbox", &mut sandboxes),
            ("create", &mut creates),
            ("start", &mut starts),
            ("exec", &mut execs),
        ] {
            times.sort();
            println!(
                "{name}: p50 {:?} p99 {:?}",
                times[PODS / 2],
                times[PODS - 1]
            );
        }
        println!(
            "memory per pod, all of it: {} KiB",
            (before - after) / PODS as i64
        );
        println!("private memory of a shim: {} KiB", shim_private_kib());
        let started = Instant::now();
        for id in made {
            m.native.remove_pod_sandbox(&id).await.unwrap();
        }
        println!("removal: {:?} each", started.elapsed() / PODS as u32);
        m.clean_up().await;
    });
}

fn available_kib() -> i64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap();
    let field = |name: &str| -> i64 {
        let line = text.lines().find(|l| l.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    field("MemFree:") + field("Buffers:") + field("Cached:") - field("Shmem:")
        + field("SReclaimable:")
}

/// The mean over all shims that run now.
fn shim_private_kib() -> i64 {
    let mut all = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let comm = std::fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
        if comm.trim() == "sampan-shim" {
            let smaps =
                std::fs::read_to_string(entry.path().join("smaps_rollup")).unwrap_or_default();
            let lines = smaps.lines().filter(|l| l.starts_with("Private_"));
            all.push(
                lines
                    .filter_map(|l| l.split_whitespace().nth(1)?.parse::<i64>().ok())
                    .sum::<i64>(),
            );
        }
    }
    all.iter().sum::<i64>() / all.len().max(1) as i64
}
