//! Fields, types and values as tables, with the texts of Go.

use super::*;
use crate::schema::builtin;

fn deployment(json: &str) -> Report {
    let of = builtin()
        .kind("apps", "v1", "Deployment")
        .expect("a known kind");
    report(json.as_bytes(), builtin(), of)
}

#[test]
fn unknown_and_duplicate_fields_are_collected_in_order() {
    let found = deployment(
        r#"{"kind":"Deployment","spec":{"foo":1,"replicas":1,"replicas":2,
           "template":{"spec":{"containers":[{"name":"a","Image":"x"},{"imag":1}]}}},"metadata":{"labels":{"a":"b","a":"c"}}}"#,
    );
    assert_eq!(
        found.strict_error().expect("broken"),
        "strict decoding error: unknown field \"spec.foo\", duplicate field \"spec.replicas\", \
         unknown field \"spec.template.spec.containers[0].Image\", \
         unknown field \"spec.template.spec.containers[1].imag\", duplicate field \"metadata.labels.a\""
    );
    assert_eq!(found.malformed, None);
}

#[test]
fn wrong_types_are_told_in_go_words() {
    let check = |json: &str, expected: &str| {
        assert_eq!(deployment(json).malformed.as_deref(), Some(expected));
    };
    check(
        r#"{"spec":{"replicas":"three"}}"#,
        "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32",
    );
    check(
        r#"{"spec":{"template":{"spec":{"containers":{"name":"a"}}}}}"#,
        "json: cannot unmarshal object into Go struct field PodSpec.spec.template.spec.containers of type []v1.Container",
    );
    check(
        r#"{"metadata":{"labels":{"a":1}}}"#,
        "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string",
    );
    check(
        r#"{"metadata":{"labels":{"a[0].b":["x"]}}}"#,
        "json: cannot unmarshal array into Go struct field ObjectMeta.metadata.labels of type string",
    );
    check(
        "{\n  \"spec\": {\"replicas\": 1.0}}",
        "json: cannot unmarshal number 1.0 into Go struct field DeploymentSpec.spec.replicas of type int32",
    );
    check(
        r#"{"spec":{"replicas":99999999999}}"#,
        "json: cannot unmarshal number 99999999999 into Go struct field DeploymentSpec.spec.replicas of type int32",
    );
    check(
        r#"{"spec":{"replicas":99999999999999999999}}"#,
        "json: cannot unmarshal number 99999999999999999999 into Go struct field DeploymentSpec.spec.replicas of type int32",
    );
    check(
        r#"{"metadata":{"creationTimestamp":5}}"#,
        "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.creationTimestamp of type string",
    );
    check(
        r#"{"spec":{"strategy":{"rollingUpdate":{"maxSurge":true}}}}"#,
        "json: cannot unmarshal bool into Go struct field RollingUpdateDeployment.spec.strategy.rollingUpdate.maxSurge of type int32",
    );
    let container = |field: &str| {
        format!(r#"{{"spec":{{"template":{{"spec":{{"containers":[{{{field}}}]}}}}}}}}"#)
    };
    let of_container = |found: &str, owner: &str, field: &str, of: &str| {
        format!(
            "json: cannot unmarshal {found} into Go struct field {owner}.spec.template.spec.containers.{field} of type {of}"
        )
    };
    for (json, expected) in [
        (
            r#""imagePullPolicy":7"#,
            of_container("number", "Container", "imagePullPolicy", "v1.PullPolicy"),
        ),
        (
            r#""env":{}"#,
            of_container("object", "Container", "env", "[]v1.EnvVar"),
        ),
        (
            r#""resources":{"limits":[]}"#,
            of_container(
                "array",
                "ResourceRequirements",
                "resources.limits",
                "v1.ResourceList",
            ),
        ),
        (
            r#""securityContext":{"capabilities":{"add":"x"}}"#,
            of_container(
                "string",
                "Capabilities",
                "securityContext.capabilities.add",
                "[]v1.Capability",
            ),
        ),
        (
            r#""securityContext":{"capabilities":{"add":[1]}}"#,
            of_container(
                "number",
                "Capabilities",
                "securityContext.capabilities.add",
                "v1.Capability",
            ),
        ),
    ] {
        check(&container(json), &expected);
    }
    check(
        r#"{"metadata":{"uid":true}}"#,
        "json: cannot unmarshal bool into Go struct field ObjectMeta.metadata.uid of type types.UID",
    );
    let limits = |amount: &str| {
        format!(
            r#"{{"spec":{{"template":{{"spec":{{"containers":[{{"resources":{{"limits":{{"cpu":{amount}}}}}}}]}}}}}}}}"#
        )
    };
    for amount in ["true", "{}", r#""abc""#] {
        check(&limits(amount), values::NO_QUANTITY);
    }
    check(&limits(r#""1K""#), "unable to parse quantity's suffix");
    check(
        r#"[]"#,
        "json: cannot unmarshal array into Go value of type v1.Deployment",
    );
}

/// What the types refuse, and what Go says of it.
#[test]
fn values_are_told_apart_when_a_type_refuses_them() {
    let check = |kind: &str, json: &str, expected: Option<&str>| {
        let of = builtin().kind("", "v1", kind).expect("a known kind");
        assert_eq!(
            report(json.as_bytes(), builtin(), of).malformed,
            None,
            "{json}"
        );
        let refused = refusal(json.as_bytes(), builtin(), of);
        assert_eq!(refused.as_deref(), expected, "{json}");
    };
    check(
        "Secret",
        r#"{"data":{"a":"!"}}"#,
        Some("illegal base64 data at input byte 0"),
    );
    check("Secret", r#"{"data":{"a":"c3Vy\nZQ=="}}"#, None);
    check(
        "Pod",
        r#"{"metadata":{"creationTimestamp":"now"}}"#,
        Some(r#"parsing time "now" as "2006-01-02T15:04:05Z07:00": cannot parse "now" as "2006""#),
    );
}

#[test]
fn trees_are_told_of_in_the_words_of_the_converter() {
    let of = builtin()
        .kind("apps", "v1", "Deployment")
        .expect("a known kind");
    let table = [
        (r#"{"spec":{"replicas":"x"}}"#, "unrecognized type: int32"),
        (
            r#"{"spec":{"replicas":1.5}}"#,
            "cannot convert float64 to int32",
        ),
        (r#"{"spec":{"paused":1}}"#, "unrecognized type: bool"),
        (
            r#"{"spec":{"template":{"spec":{"hostname":5}}}}"#,
            "cannot convert int64 to string",
        ),
        (
            r#"{"spec":{"template":{"spec":{"hostname":true}}}}"#,
            "unrecognized type: string",
        ),
        (r#"{"spec":"x"}"#, "cannot restore struct from: string"),
        (
            r#"{"metadata":{"labels":["a"]}}"#,
            "cannot restore map from slice",
        ),
        (
            r#"{"metadata":{"finalizers":{}}}"#,
            "cannot restore slice from map",
        ),
        (
            r#"{"spec":{"strategy":{"rollingUpdate":{"maxSurge":true}}}}"#,
            "json: cannot unmarshal bool into Go value of type int32",
        ),
    ];
    for (json, expected) in table {
        let report = report_of_tree(json.as_bytes(), builtin(), of);
        assert_eq!(report.malformed.as_deref(), Some(expected), "{json}");
    }
    let report = report_of_tree(br#"{"b":1,"a":2}"#, builtin(), of);
    assert_eq!(
        report.strict,
        [r#"unknown field "a""#, r#"unknown field "b""#]
    );
}

#[test]
fn null_is_absent() {
    assert_eq!(
        deployment(r#"{"spec":{"replicas":null,"template":null,"selector":{"matchLabels":null}}}"#),
        Report::default()
    );
}

#[test]
fn what_go_would_write_otherwise_is_odd() {
    let of = builtin().kind("", "v1", "Pod").expect("a known kind");
    let odd = |json: &str| report(json.as_bytes(), builtin(), of).is_odd;
    for json in [
        r#"{"metadata":{"labels":{}}}"#,
        r#"{"metadata":{"generation":0}}"#,
        r#"{"spec":{"hostNetwork":false}}"#,
        r#"{"spec":{"nodeName":""}}"#,
        r#"{"spec":{"containers":[{"args":[]}]}}"#,
        r#"{"spec":{"containers":[{"resources":{"limits":{"cpu":"1000m"}}}]}}"#,
        r#"{"spec":{"ephemeralContainers":[{"args":[]}]}}"#,
    ] {
        assert!(odd(json), "{json}");
    }
    for json in [
        r#"{"metadata":{"labels":{"a":""},"creationTimestamp":null,"finalizers":[""]},"status":{}}"#,
        r#"{"spec":{"terminationGracePeriodSeconds":0,"enableServiceLinks":false,"volumes":null}}"#,
        r#"{"spec":{"containers":[{"name":"","resources":{},"ports":[{"containerPort":0}],"args":[""]}]}}"#,
    ] {
        assert!(!odd(json), "{json}");
    }
}
