//! Pods: printing, binding, connecting, updating.

use super::*;
use crate::Route;
use api::Object;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

fn pod(tree: serde_json::Value) -> upstream::Pod {
    upstream::Pod::decode(tree.to_string().as_bytes()).unwrap()
}

fn context() -> Context<'static> {
    Context {
        now: Timestamp::UNIX_EPOCH,
        user: "",
        user_uid: "",
        groups: &[],
    }
}

#[test]
fn rows_are_kubectls() {
    let check = |status: serde_json::Value, deleted: bool, expected: &str| {
        let mut pod = pod(
            serde_json::json!({"metadata": {"name": "x"}, "spec": {"containers": [{"name": "a"}, {"name": "b"}], "initContainers": [{"name": "i"}]}, "status": status}),
        );
        pod.metadata.deletion_timestamp = deleted.then_some(Time(Timestamp::UNIX_EPOCH));
        let now = Timestamp::from_second(100).unwrap();
        let cells = columns::row(&pod, now)[1..4]
            .iter()
            .map(|cell| match cell {
                Cell::Text(text) => text.clone(),
                _ => String::new(),
            })
            .collect::<Vec<_>>();
        assert_eq!(cells.join(" "), expected);
    };
    let ran = serde_json::json!({"name": "i", "state": {"terminated": {"exitCode": 0}}, "restartCount": 0});
    let up = |name: &str| serde_json::json!({"name": name, "ready": true, "restartCount": 0, "state": {"running": {}}});
    check(
        serde_json::json!({"phase": "Pending"}),
        false,
        "0/2 Pending 0",
    );
    check(
        serde_json::json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}]}),
        false,
        "0/2 SchedulingGated 0",
    );
    check(
        serde_json::json!({"phase": "Pending", "initContainerStatuses": [{"name": "i", "state": {"running": {}}, "restartCount": 0}]}),
        false,
        "0/2 Init:0/1 0",
    );
    check(
        serde_json::json!({"phase": "Pending", "initContainerStatuses": [{"name": "i", "state": {"terminated": {"exitCode": 3}}, "restartCount": 2}]}),
        false,
        "0/2 Init:ExitCode:3 2",
    );
    check(
        serde_json::json!({"phase": "Running", "initContainerStatuses": [ran], "containerStatuses": [up("a"), up("b")]}),
        false,
        "2/2 Running 0",
    );
    check(
        serde_json::json!({"phase": "Running", "containerStatuses": [up("a"), up("b")]}),
        true,
        "2/2 Terminating 0",
    );
    check(
        serde_json::json!({"phase": "Running", "containerStatuses": [up("a"),
        {"name": "b", "ready": false, "restartCount": 1, "state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": {"exitCode": 1, "finishedAt": "1970-01-01T00:01:35Z"}}}]}),
        false,
        "1/2 CrashLoopBackOff 1 (5s ago)",
    );
    check(
        serde_json::json!({"phase": "Running", "containerStatuses": [{"name": "a", "restartCount": 0, "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}, up("b")]}),
        false,
        "1/2 NotReady 0",
    );
}

#[test]
fn binds_once() {
    let mut it = pod(serde_json::json!({"metadata": {"name": "x"}, "spec": {"containers": []}}));
    let body = br#"{"metadata":{"name":"x"},"target":{"kind":"Node","name":"n"}}"#;
    binding::bind(&context(), &mut it, body).unwrap();
    assert_eq!(it.spec.as_ref().unwrap().node_name.as_deref(), Some("n"));
    assert_eq!(
        it.status.as_ref().unwrap().conditions.as_ref().unwrap()[0].type_,
        "PodScheduled"
    );
    let again = binding::bind(&context(), &mut it, body).unwrap_err();
    assert_eq!(again.code, 409);
    assert_eq!(
        again.message,
        r#"Operation cannot be fulfilled on pods/binding "x": pod x is already assigned to node "n""#
    );
}

#[test]
fn connects_to_the_kubelet() {
    let it = pod(
        serde_json::json!({"metadata": {"name": "x", "namespace": "d"}, "spec": {"nodeName": "n", "containers": [{"name": "a"}, {"name": "b"}]}}),
    );
    let check =
        |subresource: &str, query: &str| match connect::destination(subresource, &it, "", query) {
            Ok(Destination {
                route: Route::Kubelet { node },
                path_and_query,
            }) => format!("{node} {path_and_query}"),
            Ok(other) => format!("{other:?}"),
            Err(status) => status.message,
        };
    assert_eq!(
        check(
            "exec",
            "container=a&command=sh&command=-c&stdin=true&stdout=true&tty=true"
        ),
        "n /exec/d/x/a?input=1&output=1&tty=1&command=sh&command=-c"
    );
    assert_eq!(
        check("log", "container=b&follow=true&tailLines=3"),
        "n /containerLogs/d/x/b?follow=true&tailLines=3"
    );
    assert_eq!(check("portforward", ""), "n /portForward/d/x");
    assert_eq!(
        check("attach", ""),
        "a container name must be specified for pod x, choose one of: [a b]"
    );
    assert_eq!(
        check(
            "log",
            "container=a&tailLines=-1&limitBytes=0&sinceSeconds=0"
        ),
        r#"PodLogOptions "x" is invalid: [tailLines: Invalid value: -1: must be greater than or equal to 0, limitBytes: Invalid value: 0: must be greater than 0, sinceSeconds: Invalid value: 0: must be greater than 0]"#
    );
    assert_eq!(
        check("log", "sinceSeconds=1&sinceTime=2026-01-01T00:00:00Z"),
        r#"PodLogOptions "x" is invalid: []: Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified"#
    );
    assert_eq!(
        check("log", "tailLines=x"),
        r#"strconv.ParseInt: parsing "x": invalid syntax"#
    );
    assert_eq!(
        check("log", "container=z"),
        "container z is not valid for pod x"
    );
}

#[test]
fn grace_is_the_specs_for_a_running_pod() {
    let check = |spec: serde_json::Value, phase: &str, requested| {
        Pod.grace_seconds(
            &pod(serde_json::json!({"spec": spec, "status": {"phase": phase}, "metadata": {}})),
            requested,
        )
    };
    let spec = || serde_json::json!({"containers": [], "nodeName": "n", "terminationGracePeriodSeconds": 7});
    assert_eq!(check(spec(), "Running", None), Some(7));
    assert_eq!(check(spec(), "Running", Some(2)), Some(2));
    assert_eq!(check(spec(), "Failed", None), Some(0));
    assert_eq!(
        check(serde_json::json!({"containers": []}), "Pending", None),
        Some(0)
    );
}
