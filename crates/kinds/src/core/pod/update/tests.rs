//! What may change in a pod, through which door.

use crate::{Context, Strategy, core::pod};
use api::Object;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};

fn pod(tree: Value) -> Pod {
    let mut pod = Pod::decode(tree.to_string().as_bytes()).unwrap();
    pod::Pod.default(&mut pod);
    pod
}

fn base() -> Value {
    json!({"metadata": {"name": "x", "generation": 1}, "spec": {"containers": [{"name": "a", "image": "i",
        "resources": {"requests": {"cpu": "1"}}}], "hostname": "h"}, "status": {"qosClass": "Burstable"}})
}

/// The base with `value` at `pointer`.
fn changed(pointer: &str, value: Value) -> Value {
    let mut tree = base();
    let (above, field) = pointer.rsplit_once('/').unwrap();
    tree.pointer_mut(above).unwrap()[field] = value;
    tree
}

fn context() -> Context<'static> {
    Context {
        now: Timestamp::UNIX_EPOCH,
        user: "",
        user_uid: "",
        groups: &[],
    }
}

fn through(subresource: Option<&str>, new: Value, old: Value) -> (Vec<String>, Pod) {
    let (mut new, old) = (pod(new), pod(old));
    let errors = match subresource {
        None => {
            pod::Pod.prepare_for_update(&context(), &mut new, &old);
            pod::Pod.validate_update(&new, &old)
        }
        Some(name) => {
            pod::Pod.prepare_for_subresource(name, &context(), &mut new, &old);
            pod::Pod.validate_subresource(name, &new, &old)
        }
    };
    let first = |text: String| text.lines().next().unwrap_or_default().to_owned();
    (errors.iter().map(|it| first(it.to_string())).collect(), new)
}

#[test]
fn only_a_few_fields_change() {
    let check = |pointer: &str, value: Value, expected: &[&str]| {
        assert_eq!(
            through(None, changed(pointer, value), base()).0,
            expected,
            "{pointer}"
        );
    };
    check("/spec/containers/0/image", json!("j"), &[]);
    check("/spec/activeDeadlineSeconds", json!(5), &[]);
    check("/spec/tolerations", json!([{"operator": "Exists"}]), &[]);
    check("/metadata/labels", json!({"a": "b"}), &[]);
    check(
        "/spec/hostname",
        json!("g"),
        &[
            "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)",
        ],
    );
    check(
        "/spec/initContainers",
        json!([{"name": "b", "image": "i"}]),
        &["spec.initContainers: Forbidden: pod updates may not add or remove containers"],
    );
    check(
        "/spec/schedulingGates",
        json!([{"name": "g"}]),
        &[
            "spec.schedulingGates[0].name: Forbidden: only deletion is allowed, but found new scheduling gate 'g'",
        ],
    );
    check(
        "/metadata/annotations",
        json!({"kubernetes.io/config.mirror": "x"}),
        &[
            "metadata.annotations[kubernetes.io/config.mirror]: Invalid value: \"x\": must set spec.nodeName if mirror pod annotation is set",
            "metadata.annotations[kubernetes.io/config.mirror]: Forbidden: may not add mirror pod annotation",
        ],
    );
    let before = changed("/spec/tolerations", json!([{"operator": "Exists"}]));
    assert_eq!(
        through(None, base(), before).0,
        [
            "spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds"
        ]
    );
    let before = changed("/spec/activeDeadlineSeconds", json!(5));
    assert_eq!(
        through(None, base(), before).0,
        [
            "spec.activeDeadlineSeconds: Invalid value: null: must not update from a positive integer to nil value"
        ]
    );
}

#[test]
fn gated_pods_can_be_steered() {
    let gated = |selector: Value| {
        let mut tree = changed("/spec/schedulingGates", json!([{"name": "g"}]));
        tree["spec"]["nodeSelector"] = selector;
        tree
    };
    assert!(
        through(
            None,
            gated(json!({"a": "b", "c": "d"})),
            gated(json!({"a": "b"}))
        )
        .0
        .is_empty()
    );
    let (errors, _) = through(None, gated(json!({"c": "d"})), gated(json!({"a": "b"})));
    assert_eq!(
        errors,
        [
            r#"spec.nodeSelector: Invalid value: {"c":"d"}: only additions to spec.nodeSelector are allowed (no mutations or deletions)"#
        ]
    );
}

#[test]
fn ephemeral_containers_only_come() {
    let with = |list: Value| changed("/spec/ephemeralContainers", list);
    let debug = json!([{"name": "d", "image": "i"}]);
    let (errors, new) = through(Some("ephemeralcontainers"), with(debug.clone()), base());
    assert_eq!((errors, new.metadata.generation), (vec![], Some(2)));
    let (errors, _) = through(Some("ephemeralcontainers"), base(), with(debug.clone()));
    assert_eq!(
        errors,
        [
            "spec.ephemeralContainers: Forbidden: existing ephemeral containers \"d\" may not be removed"
        ]
    );
    // Nothing else goes through.
    let mut sneaky = with(debug);
    sneaky["spec"]["hostname"] = "g".into();
    let (errors, new) = through(Some("ephemeralcontainers"), sneaky, base());
    assert_eq!(
        (errors, new.spec.unwrap().hostname.as_deref()),
        (vec![], Some("h"))
    );
}

#[test]
fn resizes() {
    let with = |resources: Value| changed("/spec/containers/0/resources", resources);
    let check = |resources: Value, expected: &[&str]| {
        assert_eq!(through(Some("resize"), with(resources), base()).0, expected);
    };
    check(json!({"requests": {"cpu": "2"}}), &[]);
    check(json!({"requests": {"cpu": "2", "memory": "1Gi"}}), &[]);
    check(
        json!({"requests": {"memory": "1Gi"}}),
        &["spec.containers[0].resources.requests: Forbidden: resource requests cannot be removed"],
    );
    check(
        json!({"requests": {"cpu": "1", "ephemeral-storage": "1Gi"}}),
        &["spec: Forbidden: only cpu and memory resources are mutable"],
    );
    check(
        json!({}),
        &[
            "spec: Invalid value: \"Burstable\": Pod QOS Class may not change as a result of resizing",
            "spec.containers[0].resources.requests: Forbidden: resource requests cannot be removed",
        ],
    );
    let (_, new) = through(
        Some("resize"),
        with(json!({"requests": {"cpu": "2"}})),
        base(),
    );
    assert_eq!(new.metadata.generation, Some(2));
}

#[test]
fn statuses() {
    let with = |status: Value| {
        let mut tree = base();
        tree["status"] = status;
        tree
    };
    let check = |new: Value, old: Value, expected: &[&str]| {
        assert_eq!(through(Some("status"), with(new), with(old)).0, expected)
    };
    check(
        json!({"qosClass": "BestEffort"}),
        json!({"qosClass": "Burstable"}),
        &["status.qosClass: Invalid value: \"BestEffort\": field is immutable"],
    );
    check(
        json!({"podIPs": [{"ip": "1.2.3.4"}, {"ip": "1.2.3.5"}]}),
        json!({}),
        &[
            r#"status.podIPs: Invalid value: [{"IP":"1.2.3.4"},{"IP":"1.2.3.5"}]: may specify no more than one IP for each IP family"#,
        ],
    );
    check(
        json!({"hostIP": "1.2.3.4", "hostIPs": [{"ip": "1.2.3.5"}]}),
        json!({}),
        &["status.hostIPs[0].ip: Invalid value: \"1.2.3.5\": must be equal to `hostIP`"],
    );
    let octal = json!({"podIPs": [{"ip": "01.2.3.4"}]});
    let text = "status.podIPs[0]: Invalid value: \"01.2.3.4\": must not have leading 0s";
    check(octal.clone(), json!({}), &[text]);
    check(octal.clone(), octal, &[]);
    let state = |state: Value| json!({"containerStatuses": [{"name": "a", "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": state}]});
    let never = |status: Value| {
        let mut tree = with(status);
        tree["spec"]["restartPolicy"] = "Never".into();
        tree
    };
    let (ended, runs) = (
        state(json!({"terminated": {"exitCode": 0}})),
        state(json!({"running": {}})),
    );
    assert_eq!(
        through(Some("status"), never(runs.clone()), never(ended.clone())).0,
        [
            "status.containerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state"
        ]
    );
    check(runs, ended, &[]);
    // A spec that comes along is ignored, and what a kubelet has seen stays.
    let mut tree = with(json!({"qosClass": "Burstable"}));
    tree["spec"]["hostname"] = "g".into();
    let (_, new) = through(
        Some("status"),
        tree,
        with(json!({"qosClass": "Burstable", "observedGeneration": 3})),
    );
    assert_eq!(
        (
            new.spec.unwrap().hostname.as_deref(),
            new.status.unwrap().observed_generation
        ),
        (Some("h"), Some(3))
    );
}

#[test]
fn windows_has_no_users_of_linux() {
    let status = json!({"name": "a", "image": "", "imageID": "", "ready": false, "restartCount": 0, "user": {"linux": {"uid": 1, "gid": -1}}});
    let with = |os: &str| {
        let mut tree = changed("/status/containerStatuses", json!([status]));
        tree["spec"]["os"] = json!({"name": os});
        tree
    };
    let check = |os: &str, error: &str| {
        let (found, _) = through(Some("status"), with(os), with(os));
        assert_eq!(found, [format!("status.containerStatuses[0].{error}")]);
    };
    check(
        "linux",
        "linux.gid: Invalid value: -1: must be between 0 and 2147483647, inclusive",
    );
    check(
        "windows",
        "linux: Forbidden: cannot be set for a windows pod",
    );
}

#[test]
fn claims_of_extended_resources() {
    let maps = |container: &str, resource: &str, request: &str| json!({"containerName": container, "resourceName": resource, "requestName": request});
    let check = |name: &str, mappings: &[Value], expected: &[&str]| {
        let claim = json!({"resourceClaimName": name, "requestMappings": mappings});
        let new = changed("/status/extendedResourceClaimStatus", claim);
        let at = |it: &&str| format!("status.extendedResourceClaimStatus.{it}");
        let expected: Vec<_> = expected.iter().map(at).collect();
        assert_eq!(through(Some("status"), new, base()).0, expected);
    };
    let good = maps("a", "cpu", "r");
    check("c", std::slice::from_ref(&good), &[]);
    check(
        "",
        &[],
        &[
            "requestMappings: Required value: at least one request mapping is required",
            "resourceClaimName: Required value",
        ],
    );
    check(
        "c",
        &[maps("b", "cpu", "r")],
        &[
            "requestMappings[0].containerName: Invalid value: \"b\": must match the name of an entry in spec.initContainers.name or spec.containers.name",
        ],
    );
    check(
        "c",
        &[maps("a", "example.com/gpu", "R")],
        &[
            "requestMappings[0].resourceName: Invalid value: \"example.com/gpu\": must match the extended resource name of an entry in spec.initContainers.resources.requests or spec.containers.resources.requests",
            "requestName: Invalid value: \"R\": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
        ],
    );
    check(
        "c",
        &[good.clone(), good],
        &[
            "requestMappings[1].containerName: Duplicate value: \"a\"",
            "requestMappings[1].resourceName: Duplicate value: \"cpu\"",
            "requestMappings[1].requestName: Duplicate value: \"r\"",
        ],
    );
}

#[test]
fn creation_completes() {
    let mut new = pod(
        json!({"metadata": {"name": "x", "labels": {"app": "a"}, "annotations": {"container.apparmor.security.beta.kubernetes.io/a": "localhost/p"}},
        "spec": {"containers": [{"name": "a", "image": "i"}], "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "z", "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {}, "matchLabelKeys": ["app", "none"]}]}, "status": {"phase": "Running"}}),
    );
    pod::Pod.prepare_for_create(&context(), &mut new);
    let tree: Value = serde_json::from_slice(&new.encode()).unwrap();
    assert_eq!(
        tree["status"],
        json!({"phase": "Pending", "qosClass": "BestEffort"})
    );
    assert_eq!(
        tree["spec"]["topologySpreadConstraints"][0]["labelSelector"],
        json!({"matchExpressions": [{"key": "app", "operator": "In", "values": ["a"]}]})
    );
    assert_eq!(
        tree["spec"]["containers"][0]["securityContext"],
        json!({"appArmorProfile": {"type": "Localhost", "localhostProfile": "p"}})
    );
    assert_eq!(pod::Pod.validate(&new), []);
}
