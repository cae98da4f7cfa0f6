//! What Go writes of the types of 1.36, and kube-apiserver of what it stored. Fields that our types require are
//! there when their object is: `{}` for a selector, where Go has `null`; validation refuses these.

use super::*;
use crate::list;

/// What is written of an object: `rest` follows its head. A tree that has all of it is
/// written as it is.
fn check(api_version: &str, kind: &str, json: &str, rest: &str) {
    let head = format!(r#"{{"apiVersion":"{api_version}","kind":"{kind}","metadata":{{}}"#);
    let expected: Value = serde_json::from_str(&(head + rest + "}")).expect("JSON");
    let typed = |json: &[u8]| {
        let object = list::decode(api_version, kind, json).expect("a kind of the list");
        object.expect("an object").encode()
    };
    let of = builtin().api_kind(api_version, kind).expect("a type");
    for (how, found) in [
        ("as a type", typed(json.as_bytes())),
        ("as a tree", super::written(builtin(), of, &expected)),
    ] {
        let found: Value = serde_json::from_slice(&found).expect("JSON");
        assert_eq!(found, expected, "{kind} {json} {how}");
    }
}

/// Every kind of which Go writes more than its head when nothing is known of it.
#[test]
fn nothing_is_written_as_go_writes_it() {
    let table = [
        (
            "apiextensions.k8s.io/v1",
            "CustomResourceDefinition",
            r#","spec":{"group":"","names":{"kind":"","plural":""},"scope":"","versions":[]},"status":{"acceptedNames":{"kind":"","plural":""},"conditions":null,"storedVersions":null}"#,
        ),
        (
            "apiregistration.k8s.io/v1",
            "APIService",
            r#","spec":{"groupPriorityMinimum":0,"versionPriority":0},"status":{}"#,
        ),
        (
            "apps/v1",
            "ControllerRevision",
            r#","revision":0,"data":null"#,
        ),
        (
            "apps/v1",
            "DaemonSet",
            r#","spec":{"selector":null,"template":{"metadata":{},"spec":{"containers":null}},"updateStrategy":{}},"status":{"currentNumberScheduled":0,"desiredNumberScheduled":0,"numberMisscheduled":0,"numberReady":0}"#,
        ),
        (
            "apps/v1",
            "Deployment",
            r#","spec":{"selector":null,"strategy":{},"template":{"metadata":{},"spec":{"containers":null}}},"status":{}"#,
        ),
        (
            "apps/v1",
            "ReplicaSet",
            r#","spec":{"selector":null,"template":{"metadata":{},"spec":{"containers":null}}},"status":{"replicas":0}"#,
        ),
        (
            "apps/v1",
            "StatefulSet",
            r#","spec":{"selector":null,"serviceName":"","template":{"metadata":{},"spec":{"containers":null}},"updateStrategy":{}},"status":{"availableReplicas":0,"replicas":0}"#,
        ),
        (
            "authentication.k8s.io/v1",
            "TokenReview",
            r#","spec":{},"status":{"user":{}}"#,
        ),
        (
            "authorization.k8s.io/v1",
            "SubjectAccessReview",
            r#","spec":{},"status":{"allowed":false}"#,
        ),
        (
            "autoscaling/v1",
            "HorizontalPodAutoscaler",
            r#","spec":{"maxReplicas":0,"scaleTargetRef":{"kind":"","name":""}},"status":{"currentReplicas":0,"desiredReplicas":0}"#,
        ),
        (
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            r#","spec":{"maxReplicas":0,"scaleTargetRef":{"kind":"","name":""}},"status":{"currentMetrics":null,"desiredReplicas":0}"#,
        ),
        (
            "batch/v1",
            "CronJob",
            r#","spec":{"jobTemplate":{"metadata":{},"spec":{"template":{"metadata":{},"spec":{"containers":null}}}},"schedule":""},"status":{}"#,
        ),
        (
            "batch/v1",
            "Job",
            r#","spec":{"template":{"metadata":{},"spec":{"containers":null}}},"status":{}"#,
        ),
        (
            "certificates.k8s.io/v1",
            "CertificateSigningRequest",
            r#","spec":{"request":"","signerName":""},"status":{}"#,
        ),
        ("coordination.k8s.io/v1", "Lease", r#","spec":{}"#),
        (
            "discovery.k8s.io/v1",
            "EndpointSlice",
            r#","addressType":"","endpoints":null,"ports":null"#,
        ),
        (
            "flowcontrol.apiserver.k8s.io/v1",
            "FlowSchema",
            r#","spec":{"matchingPrecedence":0,"priorityLevelConfiguration":{"name":""}},"status":{}"#,
        ),
        (
            "flowcontrol.apiserver.k8s.io/v1",
            "PriorityLevelConfiguration",
            r#","spec":{"type":""},"status":{}"#,
        ),
        (
            "networking.k8s.io/v1",
            "Ingress",
            r#","spec":{},"status":{"loadBalancer":{}}"#,
        ),
        (
            "networking.k8s.io/v1",
            "NetworkPolicy",
            r#","spec":{"podSelector":{}}"#,
        ),
        (
            "policy/v1",
            "PodDisruptionBudget",
            r#","spec":{},"status":{"currentHealthy":0,"desiredHealthy":0,"disruptionsAllowed":0,"expectedPods":0}"#,
        ),
        (
            "rbac.authorization.k8s.io/v1",
            "ClusterRole",
            r#","rules":null"#,
        ),
        ("rbac.authorization.k8s.io/v1", "Role", r#","rules":null"#),
        (
            "rbac.authorization.k8s.io/v1",
            "RoleBinding",
            r#","roleRef":{"apiGroup":"","kind":"","name":""}"#,
        ),
        (
            "resource.k8s.io/v1",
            "ResourceClaim",
            r#","spec":{"devices":{"requests":null}},"status":{}"#,
        ),
        ("scheduling.k8s.io/v1", "PriorityClass", r#","value":0"#),
        (
            "storage.k8s.io/v1",
            "CSINode",
            r#","spec":{"drivers":null}"#,
        ),
        ("storage.k8s.io/v1", "StorageClass", r#","provisioner":"""#),
        ("v1", "ConfigMap", ""),
        (
            "v1",
            "Event",
            r#","involvedObject":{},"source":{},"firstTimestamp":null,"lastTimestamp":null,"eventTime":null,"reportingComponent":"","reportingInstance":"""#,
        ),
        ("v1", "LimitRange", r#","spec":{"limits":null}"#),
        ("v1", "Namespace", r#","spec":{},"status":{}"#),
        (
            "v1",
            "Node",
            r#","spec":{},"status":{"daemonEndpoints":{"kubeletEndpoint":{"Port":0}},"nodeInfo":{"machineID":"","systemUUID":"","bootID":"","kernelVersion":"","osImage":"","containerRuntimeVersion":"","kubeletVersion":"","kubeProxyVersion":"","operatingSystem":"","architecture":""}}"#,
        ),
        ("v1", "PersistentVolume", r#","spec":{},"status":{}"#),
        (
            "v1",
            "PersistentVolumeClaim",
            r#","spec":{"resources":{}},"status":{}"#,
        ),
        ("v1", "Pod", r#","spec":{"containers":null},"status":{}"#),
        (
            "v1",
            "PodTemplate",
            r#","template":{"metadata":{},"spec":{"containers":null}}"#,
        ),
        (
            "v1",
            "ReplicationController",
            r#","spec":{},"status":{"replicas":0}"#,
        ),
        ("v1", "ResourceQuota", r#","spec":{},"status":{}"#),
        ("v1", "Secret", ""),
        (
            "v1",
            "Service",
            r#","spec":{},"status":{"loadBalancer":{}}"#,
        ),
        ("v1", "ServiceAccount", ""),
    ];
    for (api_version, kind, rest) in table {
        check(api_version, kind, "{}", rest);
    }
}

#[test]
fn zeros_and_empty_lists_are_written_as_protobuf_keeps_them() {
    let table = [
        (
            "rbac.authorization.k8s.io/v1",
            "Role",
            r#"{"rules":[{}]}"#,
            r#","rules":[{"verbs":null}]"#,
        ),
        (
            "rbac.authorization.k8s.io/v1",
            "Role",
            r#"{"rules":[]}"#,
            r#","rules":null"#,
        ),
        (
            "discovery.k8s.io/v1",
            "EndpointSlice",
            r#"{"addressType":"IPv4","endpoints":[{"addresses":["10.0.0.1"]}],"ports":[]}"#,
            r#","addressType":"IPv4","endpoints":[{"addresses":["10.0.0.1"],"conditions":{}}],"ports":null"#,
        ),
        // As upstream stores them in JSON, or not at all.
        (
            "authorization.k8s.io/v1",
            "SelfSubjectRulesReview",
            r#"{"status":{"nonResourceRules":[]}}"#,
            r#","spec":{},"status":{"incomplete":false,"nonResourceRules":[],"resourceRules":[]}"#,
        ),
        // References by name, which the types require; pointers, whose zeros are values.
        (
            "v1",
            "ServiceAccount",
            r#"{"automountServiceAccountToken":false,"imagePullSecrets":[{}],"secrets":[]}"#,
            r#","automountServiceAccountToken":false,"imagePullSecrets":[{}]"#,
        ),
        (
            "v1",
            "PersistentVolumeClaim",
            r#"{"spec":{"dataSource":{"kind":"A","name":"a"}}}"#,
            r#","spec":{"dataSource":{"kind":"A","name":"a","apiGroup":null},"resources":{}},"status":{}"#,
        ),
        (
            "v1",
            "Secret",
            r#"{"data":{"a":""},"type":""}"#,
            r#","data":{"a":""}"#,
        ),
        (
            "networking.k8s.io/v1",
            "NetworkPolicy",
            r#"{"spec":{"ingress":[{"from":[]}],"podSelector":{"matchLabels":{}}}}"#,
            r#","spec":{"ingress":[{}],"podSelector":{}}"#,
        ),
        (
            "events.k8s.io/v1",
            "Event",
            r#"{"eventTime":"0001-01-01T00:00:00Z","series":{"count":0,"lastObservedTime":"0001-01-01T00:00:00.000000Z"}}"#,
            r#","eventTime":null,"series":{"count":0,"lastObservedTime":null},"deprecatedSource":{},"deprecatedFirstTimestamp":null,"deprecatedLastTimestamp":null,"regarding":{}"#,
        ),
        (
            "apps/v1",
            "ControllerRevision",
            r#"{"data":{"rules":[],"zero":0,"none":null},"revision":1}"#,
            r#","data":{"none":null,"rules":[],"zero":0},"revision":1"#,
        ),
    ];
    for (api_version, kind, json, rest) in table {
        check(api_version, kind, json, rest);
    }
}

/// What is not said and what is said to be nothing are one: a write that says it changes nothing.
#[test]
fn bytes_do_not_tell_absent_from_nothing() {
    let table = [
        (
            "discovery.k8s.io/v1",
            "EndpointSlice",
            r#"{"addressType":"IPv4","endpoints":[{"addresses":["a"],"zone":"z"}]}"#,
            r#"{"addressType":"IPv4","endpoints":[{"addresses":["a"],"conditions":{},"zone":"z"}],"ports":[]}"#,
        ),
        (
            "v1",
            "Pod",
            r#"{"spec":{"containers":[{"name":"a","tty":true}]}}"#,
            r#"{"spec":{"containers":[{"name":"a","resources":{},"tty":true}]},"status":{}}"#,
        ),
        (
            "rbac.authorization.k8s.io/v1",
            "ClusterRole",
            r#"{"aggregationRule":{}}"#,
            r#"{"aggregationRule":{},"rules":[]}"#,
        ),
    ];
    for (api_version, kind, short, long) in table {
        let [short, long] = [short, long].map(|json| {
            let object = list::decode(api_version, kind, json.as_bytes()).expect("a kind");
            String::from_utf8(object.expect("an object").encode()).expect("text")
        });
        assert_eq!(short, long);
    }
}
