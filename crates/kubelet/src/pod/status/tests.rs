//! Statuses of pods that the whole-kubelet tests do not reach.

use super::*;
use api::Object;
use runtime::sandbox::{Config, Sandbox, State as SandboxState};

fn pod(status: &str) -> Pod {
    let text = format!(
        r#"{{"metadata":{{"name":"p","generation":4}},"spec":{{"readinessGates":[{{"conditionType":"x/y"}}],"initContainers":[{{"name":"i"}}],"containers":[{{"name":"c","image":"b"}}]}},"status":{status}}}"#
    );
    Pod::decode(text.as_bytes()).unwrap()
}

fn facts() -> Facts {
    let sandbox = Sandbox {
        id: "s".into(),
        config: Config::default(),
        state: SandboxState::Ready,
        created_at: Timestamp::UNIX_EPOCH,
        netns: None,
        ips: vec!["10.42.0.5".into(), "fd00::5".into()],
        pid: None,
    };
    Facts {
        sandbox: Some(sandbox),
        ..Facts::default()
    }
}

#[test]
fn a_fresh_pod_initializes() {
    let got = status(
        &pod("{}"),
        &facts(),
        &Plan::default(),
        &["192.0.2.1".into()],
    );
    assert_eq!(
        (got.phase.as_deref(), got.qos_class.as_deref()),
        (Some("Pending"), Some("BestEffort"))
    );
    assert_eq!(
        (got.pod_ip.as_deref(), got.observed_generation),
        (Some("10.42.0.5"), Some(4))
    );
    assert_eq!(got.pod_ips.map(|it| it.len()), Some(2));
    let shown: Vec<String> = got
        .conditions
        .iter()
        .flatten()
        .map(|it| {
            let text = |it: &Option<String>| it.clone().unwrap_or_default();
            format!(
                "{}={} {} {}",
                it.type_,
                it.status,
                text(&it.reason),
                text(&it.message)
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            "PodReadyToStartContainers=True  ",
            "Initialized=False ContainersNotInitialized containers with incomplete status: [i]",
            "Ready=False ContainersNotReady containers with unready status: [c]",
            "ContainersReady=False ContainersNotReady containers with unready status: [c]",
        ]
    );
    let waits = got.container_statuses.unwrap()[0]
        .state
        .clone()
        .unwrap()
        .waiting
        .unwrap();
    assert_eq!(waits.reason.as_deref(), Some("PodInitializing"));
}

#[test]
fn what_the_machine_forgot_stays() {
    let old = pod(
        r#"{"phase":"Running","startTime":"2026-01-01T00:00:00Z","conditions":[{"type":"PodScheduled","status":"True"},{"type":"DisruptionTarget","status":"True"}],
        "containerStatuses":[{"name":"c","image":"b","imageID":"id","ready":false,"restartCount":3,"containerID":"sampan://1","state":{"terminated":{"exitCode":2,"message":"bye"}}}]}"#,
    );
    let got = status(&old, &facts(), &Plan::default(), &[]);
    let container = &got.container_statuses.unwrap()[0];
    assert_eq!(
        (container.restart_count, container.image_id.as_str()),
        (3, "id")
    );
    assert_eq!(
        container.state,
        old.status
            .as_ref()
            .unwrap()
            .container_statuses
            .as_ref()
            .unwrap()[0]
            .state
    );
    let kinds: Vec<_> = got
        .conditions
        .iter()
        .flatten()
        .map(|it| it.type_.as_str())
        .collect();
    assert_eq!(&kinds[4..], ["PodScheduled", "DisruptionTarget"]);
    assert_eq!(got.start_time, old.status.unwrap().start_time);
}

#[test]
fn readiness_gates() {
    let check = |conditions: &str| {
        let text = format!(r#"{{"phase":"Running","conditions":[{conditions}]}}"#);
        let mut it = pod(&text).status.unwrap();
        it.container_statuses = None;
        let (ready, all) = readiness(&pod("{}"), &it, "Running");
        (ready.status, ready.message.unwrap_or_default(), all.status)
    };
    assert_eq!(
        check(""),
        (
            "False".into(),
            "corresponding condition of pod readiness gate \"x/y\" does not exist.".into(),
            "True".into()
        )
    );
    assert_eq!(
        check(r#"{"type":"x/y","status":"False"}"#).1,
        "the status of pod readiness gate \"x/y\" is not \"True\", but False"
    );
    assert_eq!(
        check(r#"{"type":"x/y","status":"True"}"#),
        ("True".into(), String::new(), "True".into())
    );
}
