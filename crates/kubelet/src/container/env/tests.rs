//! Environments as tables.

use super::*;
use crate::container::field_ref::NodeView;
use api::Object;

fn check(pod: serde_json::Value, referenced: &Referenced) -> Result<Vec<String>, String> {
    let pod = Pod::decode(pod.to_string().as_bytes()).unwrap();
    let service = Service::decode(
        br#"{"metadata":{"name":"kubernetes","namespace":"default"},"spec":{"clusterIP":"10.43.0.1","ports":[{"name":"https","port":443,"protocol":"TCP"}]}}"#,
    )
    .unwrap();
    let node = NodeView {
        host_ips: vec!["192.0.2.1".into()],
        pod_ips: vec!["10.42.0.5".into()],
        allocatable: [(
            "cpu".to_owned(),
            machinery::quantity::Quantity::parse("2").unwrap(),
        )]
        .into(),
    };
    let sources = Sources {
        pod: &pod,
        node: &node,
        referenced,
        services: &[Arc::new(service)],
        files: &|volume, path| {
            let text = match path {
                "env" => Ok("A='one'\nE=''\n".to_owned()),
                "bad" => Ok("A=one\n".to_owned()),
                _ => Err("no such file".to_owned()),
            };
            let path = PathBuf::from("/v").join(path);
            (volume == "v").then_some(EnvFile { path, text })
        },
    };
    let container = &pod.spec.as_ref().unwrap().containers[0];
    let all = variables(container, &sources)?;
    Ok(all
        .into_iter()
        .filter(|(name, _)| !name.starts_with("KUBERNETES_"))
        .map(|(n, v)| format!("{n}={v}"))
        .collect())
}

fn pod(container: serde_json::Value) -> serde_json::Value {
    serde_json::json!({
        "metadata": {"name": "p", "namespace": "ns", "uid": "u", "labels": {"app": "web"}},
        "spec": {"nodeName": "n1", "serviceAccountName": "sa", "containers": [container]},
    })
}

#[test]
fn literals_expand_earlier_ones_and_services() {
    let env = serde_json::json!({"name": "c", "env": [
        {"name": "A", "value": "1"}, {"name": "B", "value": "$(A)-$(C)-$$(A)"}, {"name": "C", "value": "x"},
        {"name": "H", "value": "$(KUBERNETES_SERVICE_HOST):$(KUBERNETES_SERVICE_PORT_HTTPS)"},
    ]});
    let got = check(pod(env), &Referenced::default()).unwrap();
    assert_eq!(got, ["A=1", "B=1-$(C)-$(A)", "C=x", "H=10.43.0.1:443"]);
}

#[test]
fn fields_and_resources() {
    let env = serde_json::json!({"name": "c",
        "resources": {"requests": {"cpu": "250m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}},
        "env": [
        {"name": "N", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "L", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['app']"}}},
        {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        {"name": "HOST", "valueFrom": {"fieldRef": {"fieldPath": "status.hostIP"}}},
        {"name": "RC", "valueFrom": {"resourceFieldRef": {"resource": "requests.cpu", "divisor": "1m"}}},
        {"name": "LC", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
        {"name": "LM", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory", "divisor": "1Mi"}}},
    ]});
    let got = check(pod(env), &Referenced::default()).unwrap();
    assert_eq!(
        got,
        [
            "N=p",
            "L=web",
            "IP=10.42.0.5",
            "HOST=192.0.2.1",
            "RC=250",
            "LC=2",
            "LM=128"
        ]
    );
}

#[test]
fn config_maps_and_secrets() {
    let mut referenced = Referenced::default();
    referenced.add_config_map(
        "cm",
        r#"{"metadata":{"name":"cm"},"data":{"k":"v","z":"9"}}"#,
    );
    referenced.add_secret("s", r#"{"metadata":{"name":"s"},"data":{"p":"aGk="}}"#);
    let env = serde_json::json!({"name": "c",
        "envFrom": [{"prefix": "P_", "configMapRef": {"name": "cm"}}, {"secretRef": {"name": "none", "optional": true}}],
        "env": [
        {"name": "K", "valueFrom": {"configMapKeyRef": {"name": "cm", "key": "k"}}},
        {"name": "S", "valueFrom": {"secretKeyRef": {"name": "s", "key": "p"}}},
        {"name": "O", "valueFrom": {"secretKeyRef": {"name": "s", "key": "no", "optional": true}}},
    ]});
    assert_eq!(
        check(pod(env), &referenced).unwrap(),
        ["P_k=v", "P_z=9", "K=v", "S=hi"]
    );
    let one = |source: serde_json::Value| {
        check(
            pod(serde_json::json!({"name": "c", "env": [{"name": "X", "valueFrom": source}]})),
            &referenced,
        )
    };
    assert_eq!(
        one(serde_json::json!({"configMapKeyRef": {"name": "nope", "key": "k"}})),
        Err("configmap \"nope\" not found".into())
    );
    assert_eq!(
        one(serde_json::json!({"secretKeyRef": {"name": "s", "key": "zz"}})),
        Err("couldn't find key zz in Secret ns/s".into())
    );
}

#[test]
fn files_of_volumes() {
    let from = |volume: &str, path: &str, key: &str, optional: bool| {
        let selector = serde_json::json!({"volumeName": volume, "path": path, "key": key, "optional": optional});
        let env = serde_json::json!([{"name": "X", "valueFrom": {"fileKeyRef": selector}}]);
        let container = serde_json::json!({"name": "c", "env": env});
        check(pod(container), &Referenced::default()).map(|it| it.join(" "))
    };
    let failed = |text: &str| Err(text.to_owned());
    for (volume, path, key, optional, expected) in [
        ("v", "env", "A", false, Ok("X=one".to_owned())),
        ("v", "env", "E", true, Ok(String::new())),
        (
            "v",
            "env",
            "E",
            false,
            failed(r#"environment variable key "E" not found in file "/v/env""#),
        ),
        ("v", "env", "Z", true, Ok(String::new())),
        ("v", "bad", "A", true, failed("couldn't parse env file")),
        ("v", "none", "A", true, failed("couldn't parse env file")),
        (
            "w",
            "env",
            "A",
            true,
            failed(r#"cannot find the volume "w" referenced by FileKeyRef"#),
        ),
    ] {
        assert_eq!(
            from(volume, path, key, optional),
            expected,
            "{volume} {path} {key}"
        );
    }
}
