//! Defaults and errors of pod specs.

use super::{defaults, validate};
use api::Object;
use k8s_openapi::api::core::v1::Pod;
use machinery::field::Path;

fn pod(spec: serde_json::Value) -> Pod {
    let json = serde_json::json!({"metadata": {"name": "x"}, "spec": spec}).to_string();
    let mut pod = Pod::decode(json.as_bytes()).unwrap();
    let spec = pod.spec.as_mut().unwrap();
    defaults::spec(spec);
    defaults::pod_only(spec);
    pod
}

#[test]
fn defaults_are_upstreams() {
    let pod = pod(
        serde_json::json!({"containers": [{"name": "a", "image": "nginx", "ports": [{"containerPort": 80}],
        "resources": {"limits": {"cpu": "1"}}, "livenessProbe": {"httpGet": {"port": 80}}}], "volumes": [{"name": "v", "configMap": {"name": "c"}}]}),
    );
    let tree: serde_json::Value = serde_json::from_slice(&pod.encode()).unwrap();
    assert_eq!(
        tree["spec"],
        serde_json::json!({
        "containers": [{"name": "a", "image": "nginx", "imagePullPolicy": "Always", "ports": [{"containerPort": 80, "protocol": "TCP"}],
            "livenessProbe": {"httpGet": {"port": 80, "path": "/", "scheme": "HTTP"}, "timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3},
            "resources": {"limits": {"cpu": "1"}, "requests": {"cpu": "1"}}, "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"}],
        "dnsPolicy": "ClusterFirst", "enableServiceLinks": true, "restartPolicy": "Always", "schedulerName": "default-scheduler", "securityContext": {},
        "terminationGracePeriodSeconds": 30, "volumes": [{"name": "v", "configMap": {"name": "c", "defaultMode": 420}}]})
    );
}

#[test]
fn errors_are_upstreams() {
    let check = |spec| {
        validate::pod(&pod(spec), &Path::default())
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        check(serde_json::json!({"containers": []})),
        ["spec.containers: Required value"]
    );
    assert_eq!(
        check(
            serde_json::json!({"containers": [{"name": "a", "image": "b"}, {"name": "a", "image": "b"}]})
        ),
        [r#"spec.containers[1].name: Duplicate value: "a""#]
    );
    assert_eq!(
        check(serde_json::json!({"restartPolicy": "Sometimes", "containers": [{"name": "a"}]})),
        [
            "spec.containers[0].image: Required value",
            r#"spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never""#
        ]
    );
    assert_eq!(
        check(
            serde_json::json!({"containers": [{"name": "a", "image": "b", "volumeMounts": [{"name": "v", "mountPath": "/v"}]}]})
        ),
        [r#"spec.containers[0].volumeMounts[0].name: Not found: "v""#]
    );
    assert_eq!(
        check(
            serde_json::json!({"containers": [{"name": "a", "image": "b", "resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}}]})
        ),
        [
            r#"spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1"#
        ]
    );
}
