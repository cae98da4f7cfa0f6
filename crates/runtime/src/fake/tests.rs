//! The fake keeps the seam's promises.

use super::*;
use crate::container::Config;
use crate::{Images, Pods, Runtime, sandbox};

async fn pod(fake: &dyn Runtime) -> Sandbox {
    let config = sandbox::Config {
        name: "web".into(),
        namespace: "default".into(),
        uid: "u".into(),
        ..sandbox::Config::default()
    };
    fake.run_pod_sandbox(config).await.unwrap()
}

fn config(name: &str) -> Config {
    Config {
        name: name.into(),
        image: "nginx".into(),
        ..Config::default()
    }
}

#[tokio::test]
async fn containers_live_and_end() {
    let fake = Fake::default();
    let mut events = fake.events();
    let sandbox = pod(&fake).await;
    assert_eq!(sandbox.ips, ["10.244.0.2"]);
    let none = fake
        .create_container(&sandbox.id, config("c"))
        .await
        .unwrap_err();
    assert!(none.is_not_found(), "{none}");
    fake.pull_image("nginx", None).await.unwrap();
    let made = fake
        .create_container(&sandbox.id, config("c"))
        .await
        .unwrap();
    fake.start_container(&made.id).await.unwrap();
    assert!(
        fake.container_status(&made.id)
            .await
            .unwrap()
            .state
            .is_running()
    );
    fake.kill_for_memory(&made.id).unwrap();
    let State::Exited(exit) = fake.container_status(&made.id).await.unwrap().state else {
        panic!("still runs");
    };
    assert_eq!((exit.code, exit.reason.as_str()), (137, "OOMKilled"));
    fake.remove_pod_sandbox(&sandbox.id).await.unwrap();
    let mut changes = Vec::new();
    while let Ok(event) = events.try_recv() {
        assert_eq!(event.pod_uid, "u");
        changes.push(event.change);
    }
    assert_eq!(changes, [Change::Started, Change::Exited, Change::Removed]);
    let verbs: Vec<_> = fake.calls().iter().map(|c| c.verb).collect();
    assert_eq!(
        verbs[..4],
        [
            "run_pod_sandbox",
            "pull_image",
            "create_container",
            "start_container"
        ]
    );
    assert_eq!(fake.calls()[3].object, "default/web/c");
}

#[tokio::test]
async fn behaviours_are_played_in_order() {
    let fake = Fake::default();
    fake.add_image("nginx", ImageConfig::default());
    fake.behave(
        "c",
        [
            Behaviour::FailsToStart("no such file".into()),
            Behaviour::Exits(1),
            Behaviour::Runs,
        ],
    );
    let sandbox = pod(&fake).await;
    let mut seen = Vec::new();
    for _ in 0..4 {
        let made = fake
            .create_container(&sandbox.id, config("c"))
            .await
            .unwrap();
        let _ = fake.start_container(&made.id).await;
        seen.push(match fake.container_status(&made.id).await.unwrap().state {
            State::Exited(exit) => exit.code,
            State::Running { .. } => -1,
            State::Created => -2,
        });
    }
    assert_eq!(seen, [128, 1, -1, -1]);
    fake.fail_pulls("nginx", Some("denied"));
    assert!(fake.pull_image("nginx:latest", None).await.is_err());
}
