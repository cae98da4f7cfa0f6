//! Defaults, errors and warnings of pod specs: upstream's rules as rows.

use super::{defaults, validate, warnings};
use api::Object;
use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};

fn pod(spec: Value) -> Pod {
    let json = json!({"metadata": {"name": "x"}, "spec": spec}).to_string();
    let mut pod = Pod::decode(json.as_bytes()).unwrap();
    let spec = pod.spec.as_mut().unwrap();
    defaults::spec(spec);
    defaults::pod_only(spec);
    spec.service_account_name = Some("default".to_owned());
    pod
}

/// A pod with one container, `extra` merged into the spec and `own` into the container.
fn with(extra: Value, own: Value) -> Pod {
    let merge = |mut into: Value, from: Value| {
        for (key, value) in from.as_object().unwrap() {
            into[key] = value.clone();
        }
        into
    };
    let container = merge(json!({"name": "a", "image": "b"}), own);
    pod(merge(json!({"containers": [container]}), extra))
}

fn errors(pod: &Pod) -> Vec<String> {
    validate::pod(pod).iter().map(ToString::to_string).collect()
}

#[test]
fn defaults_are_upstreams() {
    let mut pod = pod(
        json!({"containers": [{"name": "a", "image": "nginx", "ports": [{"containerPort": 80}],
        "resources": {"limits": {"cpu": "1000m", "memory": "1024Mi"}}, "livenessProbe": {"httpGet": {"port": 80}}}],
        "volumes": [{"name": "v", "configMap": {"name": "c"}}, {"name": "e"}]}),
    );
    pod.spec.as_mut().unwrap().service_account_name = None;
    let tree: Value = serde_json::from_slice(&pod.encode()).unwrap();
    let amounts = json!({"cpu": "1", "memory": "1Gi"});
    assert_eq!(
        tree["spec"],
        json!({
        "containers": [{"name": "a", "image": "nginx", "imagePullPolicy": "Always", "ports": [{"containerPort": 80, "protocol": "TCP"}],
            "livenessProbe": {"httpGet": {"port": 80, "path": "/", "scheme": "HTTP"}, "timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3},
            "resources": {"limits": amounts, "requests": amounts}, "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"}],
        "dnsPolicy": "ClusterFirst", "enableServiceLinks": true, "restartPolicy": "Always", "schedulerName": "default-scheduler", "securityContext": {},
        "terminationGracePeriodSeconds": 30, "volumes": [{"name": "v", "configMap": {"name": "c", "defaultMode": 420}}, {"name": "e", "emptyDir": {}}]})
    );
}

#[test]
fn pods_with_limits_as_a_whole_have_requests() {
    let pod = with(
        json!({"resources": {"limits": {"cpu": "2", "memory": "1Gi"}}}),
        json!({"resources": {"requests": {"cpu": "500m"}}}),
    );
    let requests = pod
        .spec
        .as_ref()
        .unwrap()
        .resources
        .clone()
        .unwrap()
        .requests
        .unwrap();
    let shown: Vec<_> = requests
        .iter()
        .map(|(name, it)| format!("{name}={}", it.0))
        .collect();
    assert_eq!(shown, ["cpu=500m", "memory=1Gi"]);
}

#[test]
fn containers() {
    let check = |own: Value, expected: &[&str]| assert_eq!(errors(&with(json!({}), own)), expected);
    check(json!({}), &[]);
    check(
        json!({"name": "A"}),
        &[
            "spec.containers[0].name: Invalid value: \"A\": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
        ],
    );
    check(
        json!({"image": ""}),
        &["spec.containers[0].image: Required value"],
    );
    check(
        json!({"image": " b"}),
        &[
            "spec.containers[0].image: Invalid value: \" b\": must not have leading or trailing whitespace",
        ],
    );
    check(
        json!({"imagePullPolicy": "Sometimes"}),
        &[
            r#"spec.containers[0].imagePullPolicy: Unsupported value: "Sometimes": supported values: "Always", "IfNotPresent", "Never""#,
        ],
    );
    check(
        json!({"terminationMessagePolicy": "x"}),
        &[
            r#"spec.containers[0].terminationMessagePolicy: Unsupported value: "x": supported values: "File", "FallbackToLogsOnError""#,
        ],
    );
    check(
        json!({"ports": [{"containerPort": 0}, {"containerPort": 70000}, {"containerPort": 1, "name": "p"}, {"containerPort": 2, "name": "p", "protocol": "ICMP"}]}),
        &[
            "spec.containers[0].ports[0].containerPort: Required value",
            "spec.containers[0].ports[1].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive",
            r#"spec.containers[0].ports[3].name: Duplicate value: "p""#,
            r#"spec.containers[0].ports[3].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP""#,
        ],
    );
    check(
        json!({"ports": [{"containerPort": 1, "hostPort": 8}, {"containerPort": 2, "hostPort": 8}]}),
        &[r#"spec.containers[0].ports[1].hostPort: Duplicate value: "TCP//8""#],
    );
    check(
        json!({"restartPolicyRules": [{"action": "Stop"}]}),
        &[
            "spec.containers[0].restartPolicy: Required value: must specify restartPolicy when restart rules are used",
            r#"spec.containers[0].restartPolicyRules[0].action: Unsupported value: "Stop": supported values: "Restart", "RestartAllContainers""#,
            "spec.containers[0].restartPolicyRules[0].exitCodes: Required value: must be specified",
        ],
    );
}

#[test]
fn probes_and_hooks() {
    let check = |own: Value, expected: &[&str]| assert_eq!(errors(&with(json!({}), own)), expected);
    let at = "spec.containers[0].";
    check(
        json!({"livenessProbe": {}}),
        &[&format!(
            "{at}livenessProbe: Required value: must specify a handler type"
        )],
    );
    check(
        json!({"readinessProbe": {"exec": {"command": []}, "tcpSocket": {"port": 0}, "terminationGracePeriodSeconds": 1}}),
        &[
            &format!("{at}readinessProbe.exec.command: Required value"),
            &format!(
                "{at}readinessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type"
            ),
            &format!(
                "{at}readinessProbe.terminationGracePeriodSeconds: Invalid value: 1: must not be set for readinessProbes"
            ),
        ],
    );
    check(
        json!({"startupProbe": {"httpGet": {"port": "X", "scheme": "FTP"}, "successThreshold": 2, "periodSeconds": -1}}),
        &[
            &format!(
                "{at}startupProbe.httpGet.port: Invalid value: \"X\": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)"
            ),
            &format!(
                "{at}startupProbe.httpGet.port: Invalid value: \"X\": must contain at least one letter (a-z)"
            ),
            &format!(
                r#"{at}startupProbe.httpGet.scheme: Unsupported value: "FTP": supported values: "HTTP", "HTTPS""#
            ),
            &format!(
                "{at}startupProbe.periodSeconds: Invalid value: -1: must be greater than or equal to 0"
            ),
            &format!("{at}startupProbe.successThreshold: Invalid value: 2: must be 1"),
        ],
    );
    check(
        json!({"lifecycle": {"preStop": {"sleep": {"seconds": 31}}}}),
        &[&format!(
            "{at}lifecycle.preStop.sleep: Invalid value: 31: must be non-negative and less than terminationGracePeriodSeconds (30)"
        )],
    );
}

#[test]
fn environment() {
    let check = |env: Value, expected: &[&str]| {
        assert_eq!(errors(&with(json!({}), json!({"env": env}))), expected)
    };
    let at = "spec.containers[0].env[0].";
    check(
        json!([{"name": ""}]),
        &[&format!("{at}name: Required value")],
    );
    check(
        json!([{"name": "a=b"}]),
        &[&format!(
            "{at}name: Invalid value: \"a=b\": a valid environment variable name must consist only of printable ASCII characters other than '='"
        )],
    );
    check(
        json!([{"name": "a", "valueFrom": {}}]),
        &[&format!(
            "{at}valueFrom: Invalid value: \"\": must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"
        )],
    );
    check(
        json!([{"name": "a", "value": "b", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]),
        &[&format!(
            "{at}valueFrom: Invalid value: \"\": may not be specified when `value` is not empty"
        )],
    );
    check(
        json!([{"name": "a", "valueFrom": {"fieldRef": {"fieldPath": "metadata.whoops"}}}]),
        &[&format!(
            "{at}valueFrom.fieldRef.fieldPath: Invalid value: \"metadata.whoops\": error converting fieldPath: field label not supported: metadata.whoops"
        )],
    );
    check(
        json!([{"name": "a", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels"}}}]),
        &[&format!(
            r#"{at}valueFrom.fieldRef.fieldPath: Unsupported value: "metadata.labels": supported values: "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName", "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs""#
        )],
    );
    check(
        json!([{"name": "a", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['k']"}}}]),
        &[],
    );
    check(
        json!([{"name": "a", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "2m"}}}]),
        &[&format!(
            "{at}valueFrom.resourceFieldRef.divisor: Invalid value: \"limits.cpu\": only divisor's values 1m and 1 are supported with the cpu resource"
        )],
    );
    let from = with(json!({}), json!({"envFrom": [{"prefix": "a"}]}));
    assert_eq!(
        errors(&from),
        [
            "spec.containers[0].envFrom: Invalid value: \"\": must specify one of: `configMapRef` or `secretRef`"
        ]
    );
}

#[test]
fn resources() {
    let check = |own: Value, expected: &[&str]| {
        assert_eq!(
            errors(&with(json!({}), json!({"resources": own}))),
            expected
        )
    };
    let at = "spec.containers[0].resources";
    check(
        json!({"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}),
        &[&format!(
            "{at}.requests: Invalid value: \"2\": must be less than or equal to cpu limit of 1"
        )],
    );
    check(
        json!({"limits": {"cpu": "-1"}, "requests": {"cpu": "-1"}}),
        &[
            &format!("{at}.limits[cpu]: Invalid value: \"-1\": must be greater than or equal to 0"),
            &format!(
                "{at}.requests[cpu]: Invalid value: \"-1\": must be greater than or equal to 0"
            ),
        ],
    );
    check(
        json!({"limits": {"disk": "1"}, "requests": {}}),
        &[
            &format!(
                "{at}.limits[disk]: Invalid value: \"disk\": must be a standard resource type or fully qualified"
            ),
            &format!(
                "{at}.limits[disk]: Invalid value: \"disk\": must be a standard resource for containers"
            ),
            &format!(
                "{at}.requests[disk]: Invalid value: \"disk\": must be a standard resource type or fully qualified"
            ),
            &format!(
                "{at}.requests[disk]: Invalid value: \"disk\": must be a standard resource for containers"
            ),
        ],
    );
    check(
        json!({"limits": {"example.com/gpu": "2"}, "requests": {"example.com/gpu": "1"}}),
        &[&format!(
            "{at}.requests: Invalid value: \"1\": must be equal to example.com/gpu limit of 2"
        )],
    );
    check(
        json!({"requests": {"example.com/gpu": "1"}}),
        &[&format!(
            "{at}.limits: Required value: Limit must be set for non overcommitable resources"
        )],
    );
    check(
        json!({"limits": {"hugepages-2Mi": "3Mi"}}),
        &[
            &format!(
                "{at}.limits[hugepages-2Mi]: Invalid value: \"3Mi\": 3Mi is not positive integer multiple of hugepages-2Mi"
            ),
            &format!(
                "{at}.requests[hugepages-2Mi]: Invalid value: \"3Mi\": 3Mi is not positive integer multiple of hugepages-2Mi"
            ),
            &format!("{at}: Forbidden: HugePages require cpu or memory"),
        ],
    );
    check(
        json!({"claims": [{"name": "c"}]}),
        &[&format!(
            "{at}.claims[0]: Not found: \"c\": must be one of the names in pod.spec.resourceClaims which is empty"
        )],
    );
}

#[test]
fn volumes_and_mounts() {
    let check = |volume: Value, own: Value, expected: &[&str]| {
        assert_eq!(errors(&with(json!({"volumes": [volume]}), own)), expected)
    };
    let at = "spec.volumes[0]";
    let v = |source: Value| {
        let mut it = source;
        it["name"] = "v".into();
        it
    };
    check(
        v(json!({"emptyDir": {}, "hostPath": {"path": "/x"}})),
        json!({}),
        &[&format!(
            "{at}.hostPath: Forbidden: may not specify more than 1 volume type"
        )],
    );
    check(
        v(json!({"hostPath": {"path": "/a/../b", "type": "Pipe"}})),
        json!({}),
        &[
            &format!("{at}.hostPath.path: Invalid value: \"/a/../b\": must not contain '..'"),
            &format!(
                r#"{at}.hostPath.type: Unsupported value: "Pipe": supported values: "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket""#
            ),
        ],
    );
    check(
        v(json!({"secret": {"defaultMode": 512, "items": [{"key": "", "path": "..x"}]}})),
        json!({}),
        &[
            &format!("{at}.secret.secretName: Required value"),
            &format!(
                "{at}.secret.defaultMode: Invalid value: 512: must be a number between 0 and 0777 (octal), both inclusive"
            ),
            &format!("{at}.secret.items[0].key: Required value"),
            &format!("{at}.secret.items[0].path: Invalid value: \"..x\": must not start with '..'"),
        ],
    );
    check(
        v(
            json!({"projected": {"sources": [{"serviceAccountToken": {"path": "t", "expirationSeconds": 10}, "secret": {"name": "s"}}]}}),
        ),
        json!({}),
        &[
            &format!(
                "{at}.projected.sources[0].serviceAccountToken.expirationSeconds: Invalid value: 10: may not specify a duration less than 10 minutes"
            ),
            &format!(
                "{at}.projected.sources[0]: Forbidden: may not specify more than 1 volume type per source"
            ),
        ],
    );
    check(
        v(json!({"nfs": {"server": "s", "path": "p"}})),
        json!({}),
        &[&format!(
            "{at}.nfs.path: Invalid value: \"p\": must be an absolute path"
        )],
    );
    check(
        v(json!({"emptyDir": {}})),
        json!({"volumeMounts": [{"name": "w", "mountPath": "/v"}, {"name": "v", "mountPath": "/v", "subPath": "/abs"}]}),
        &[
            "spec.containers[0].volumeMounts[0].name: Not found: \"w\"",
            "spec.containers[0].volumeMounts[1].mountPath: Invalid value: \"/v\": must be unique",
            "spec.containers[0].volumeMounts.subPath: Invalid value: \"/abs\": must be a relative path",
        ],
    );
    check(
        v(json!({"emptyDir": {}})),
        json!({"volumeDevices": [{"name": "v", "devicePath": "/dev/x"}]}),
        &[
            "spec.containers[0].volumeDevices[0].name: Invalid value: \"v\": can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode",
        ],
    );
    check(
        v(json!({"emptyDir": {}})),
        json!({"volumeMounts": [{"name": "v", "mountPath": "/v", "mountPropagation": "Bidirectional"}]}),
        &[
            "spec.containers[0].volumeMounts.mountPropagation: Forbidden: Bidirectional mount propagation is available only to privileged containers",
        ],
    );
}

#[test]
fn specs() {
    let check =
        |extra: Value, expected: &[&str]| assert_eq!(errors(&with(extra, json!({}))), expected);
    assert_eq!(
        errors(&pod(json!({"containers": []}))),
        ["spec.containers: Required value"]
    );
    check(
        json!({"restartPolicy": "Sometimes", "dnsPolicy": "x"}),
        &[
            r#"spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never""#,
            r#"spec.dnsPolicy: Unsupported value: "x": supported values: "ClusterFirstWithHostNet", "ClusterFirst", "Default", "None""#,
        ],
    );
    check(
        json!({"initContainers": [{"name": "a", "image": "b", "livenessProbe": {"tcpSocket": {"port": 1}}}]}),
        &[
            r#"spec.initContainers[0].name: Duplicate value: "a""#,
            "spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers without restartPolicy=Always",
        ],
    );
    check(
        json!({"ephemeralContainers": [{"name": "d", "image": "b", "ports": [{"containerPort": 1}], "targetContainerName": "z"}]}),
        &[
            r#"spec.ephemeralContainers[0].targetContainerName: Not found: "z""#,
            "spec.ephemeralContainers[0].ports: Forbidden: cannot be set for an Ephemeral Container",
            "spec.ephemeralContainers: Forbidden: cannot be set on create",
        ],
    );
    check(
        json!({"schedulingGates": [{"name": "g"}], "nodeName": "n"}),
        &["spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared"],
    );
    check(
        json!({"dnsPolicy": "None"}),
        &["spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None"],
    );
    check(
        json!({"hostUsers": false, "hostNetwork": true, "hostPID": true}),
        &[
            "spec.hostNetwork: Forbidden: when `hostUsers` is false",
            "spec.HostPID: Forbidden: when `hostUsers` is false",
        ],
    );
    check(
        json!({"os": {"name": "windows"}, "hostPID": true}),
        &["spec.hostPID: Forbidden: cannot be set for a windows pod"],
    );
    check(
        json!({"os": {"name": "plan9"}}),
        &[r#"spec.os: Unsupported value: "plan9": supported values: "linux", "windows""#],
    );
    check(
        json!({"activeDeadlineSeconds": 0}),
        &[
            "spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive",
        ],
    );
    check(json!({"securityContext": {"runAsUser": -1, "sysctls": [{"name": "net.X"}], "seccompProfile": {"type": "Localhost"}}}), &[
        "spec.securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, inclusive",
        r"spec.securityContext.sysctls[0].name: Invalid value: &net.X&: must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$".replace('&', "\"").as_str(),
        "spec.securityContext.seccompProfile.localhostProfile: Required value: must be set when seccomp type is Localhost",
    ]);
}

#[test]
fn scheduling() {
    let check =
        |extra: Value, expected: &[&str]| assert_eq!(errors(&with(extra, json!({}))), expected);
    check(
        json!({"tolerations": [{"operator": "Equal", "effect": "Never", "tolerationSeconds": 1}]}),
        &[
            "spec.tolerations[0].operator: Invalid value: \"Equal\": operator must be Exists when `key` is empty, which means \"match all values and all keys\"",
            "spec.tolerations[0].effect: Invalid value: \"Never\": effect must be 'NoExecute' when `tolerationSeconds` is set",
            r#"spec.tolerations[0].effect: Unsupported value: "Never": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute""#,
        ],
    );
    check(
        json!({"topologySpreadConstraints": [{"maxSkew": 0, "topologyKey": "", "whenUnsatisfiable": "ScheduleAnyway", "minDomains": 1}]}),
        &[
            "spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero",
            "spec.topologySpreadConstraints[0].topologyKey: Required value: can not be empty",
            "spec.topologySpreadConstraints[0].minDomains: Invalid value: 1: can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ScheduleAnyway",
        ],
    );
    let required = "requiredDuringSchedulingIgnoredDuringExecution";
    check(
        json!({"affinity": {"nodeAffinity": {required: {"nodeSelectorTerms": []}}, "podAffinity": {required: [{"topologyKey": "k", "matchLabelKeys": ["a"]}]}}}),
        &[
            &format!(
                "spec.affinity.nodeAffinity.{required}.nodeSelectorTerms: Required value: must have at least one node selector term"
            ),
            &format!(
                "spec.affinity.podAffinity.{required}[0].matchLabelKeys: Forbidden: must not be specified when labelSelector is not set"
            ),
        ],
    );
    check(
        json!({"affinity": {"nodeAffinity": {required: {"nodeSelectorTerms": [{"matchFields": [{"key": "x", "operator": "Exists"}]}]}}}}),
        &[
            &format!(
                "spec.affinity.nodeAffinity.{required}.nodeSelectorTerms[0].matchFields[0].operator: Invalid value: \"Exists\": not a valid selector operator"
            ),
            &format!(
                "spec.affinity.nodeAffinity.{required}.nodeSelectorTerms[0].matchFields[0].key: Invalid value: \"x\": not a valid field selector key"
            ),
        ],
    );
}

#[test]
fn warned_about() {
    let check = |extra: Value, own: Value, expected: &[&str]| {
        assert_eq!(warnings::pod(&with(extra, own)), expected)
    };
    check(json!({}), json!({}), &[]);
    check(
        json!({"nodeSelector": {"beta.kubernetes.io/os": "linux"}}),
        json!({}),
        &[
            r#"spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead"#,
        ],
    );
    check(
        json!({"terminationGracePeriodSeconds": -1, "imagePullSecrets": [{"name": "s"}, {"name": "s"}, {"name": ""}]}),
        json!({}),
        &[
            r#"spec.imagePullSecrets[1].name: duplicate name "s""#,
            r#"spec.imagePullSecrets[2].name: invalid empty name """#,
            "spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1",
        ],
    );
    check(
        json!({}),
        json!({"env": [{"name": "X", "value": "1"}, {"name": "X", "value": "$(X)2"}, {"name": "X", "value": "3"}], "resources": {"limits": {"memory": "100m"}}}),
        &[
            r#"spec.containers[0].resources.limits[memory]: fractional byte value "100m" is invalid, must be an integer"#,
            r#"spec.containers[0].resources.requests[memory]: fractional byte value "100m" is invalid, must be an integer"#,
            r#"spec.containers[0].env[2]: hides previous definition of "X", which may be dropped when using apply"#,
        ],
    );
    check(
        json!({}),
        json!({"ports": [{"containerPort": 80}, {"containerPort": 80}, {"containerPort": 80, "hostPort": 80}, {"containerPort": 81, "hostIP": "1.2.3.4"}]}),
        &[
            "spec.containers[0].ports[1]: duplicate port definition with spec.containers[0].ports[0]",
            "spec.containers[0].ports[2]: overlapping port definition with spec.containers[0].ports[0]",
            "spec.containers[0].ports[2]: overlapping port definition with spec.containers[0].ports[1]",
            "spec.containers[0].ports[3]: hostIP set without hostPort: {Name: HostPort:0 ContainerPort:81 Protocol:TCP HostIP:1.2.3.4}",
        ],
    );
    check(
        json!({"hostAliases": [{"ip": "010.1.2.3"}], "dnsConfig": {"nameservers": ["1.2.3.4", "::ffff:1.2.3.4"]}}),
        json!({}),
        &[
            r#"spec.dnsConfig.nameservers[1]: non-standard IP address "::ffff:1.2.3.4" is invalid: use "1.2.3.4""#,
            r#"spec.hostAliases[0].ip: non-standard IP address "010.1.2.3" is invalid: use "10.1.2.3""#,
        ],
    );
    check(
        json!({"topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "failure-domain.beta.kubernetes.io/zone", "whenUnsatisfiable": "DoNotSchedule"}]}),
        json!({}),
        &[
            r#"spec.topologySpreadConstraints[0].topologyKey: failure-domain.beta.kubernetes.io/zone is deprecated since v1.17; use "topology.kubernetes.io/zone" instead"#,
            "spec.topologySpreadConstraints[0].labelSelector: a null labelSelector results in matching no pod",
        ],
    );
}
