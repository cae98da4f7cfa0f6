//! Nulls in every place, and what stays an error.

use crate::list;

fn check(api_version: &str, kind: &str, json: &str, expected: &str) {
    let object = list::decode(api_version, kind, json.as_bytes())
        .expect("a kind of the list")
        .unwrap_or_else(|error| panic!("{json}: {error}"));
    let found = String::from_utf8(object.encode()).expect("text");
    assert!(found.contains(expected), "{found} lacks {expected}");
}

#[test]
fn nulls_are_zeros_wherever_they_stand() {
    let table = [
        (
            "policy/v1",
            "PodDisruptionBudget",
            r#"{"status":{"disruptedPods":{"x":null}}}"#,
            r#""disruptedPods":{"x":null}"#,
        ),
        (
            "v1",
            "ConfigMap",
            r#"{"data":{"a":null,"b":"1"}}"#,
            r#""data":{"a":"","b":"1"}"#,
        ),
        (
            "v1",
            "ConfigMap",
            r#"{"data":null,"metadata":null}"#,
            r#""metadata":{}"#,
        ),
        (
            "v1",
            "Pod",
            r#"{"spec":{"containers":[{"name":"c","args":[null,"x"]},null]}}"#,
            r#"[{"args":["","x"],"name":"c","resources":{}},{"name":"","resources":{}}]"#,
        ),
        (
            "v1",
            "Pod",
            r#"{"spec":{"containers":null}}"#,
            r#""containers":null"#,
        ),
        (
            "v1",
            "Pod",
            r#"{"spec":{"containers":[{"name":null,"resources":{"limits":{"cpu":null}}}]}}"#,
            r#""limits":{"cpu":"0"}"#,
        ),
        (
            "v1",
            "Pod",
            r#"{"metadata":{"creationTimestamp":null,"ownerReferences":[null]}}"#,
            r#""metadata":{"ownerReferences":[{"#,
        ),
        (
            "v1",
            "Event",
            r#"{"eventTime":null,"firstTimestamp":"0001-01-01T00:00:00Z","involvedObject":null,"metadata":{"name":"0001-01-01T00:00:00Z"}}"#,
            r#""metadata":{"name":"0001-01-01T00:00:00Z"}"#,
        ),
        (
            "events.k8s.io/v1",
            "Event",
            r#"{"series":{}}"#,
            r#""series":{"count":0,"lastObservedTime":null}"#,
        ),
        (
            "apps/v1",
            "ControllerRevision",
            r#"{"data":{"a":null},"revision":1}"#,
            r#""data":{"a":null}"#,
        ),
    ];
    for (api_version, kind, json, expected) in table {
        check(api_version, kind, json, expected);
    }
}

#[test]
fn base64_is_read_as_go_reads_it() {
    check(
        "v1",
        "Secret",
        r#"{"data":{"a":"c3Vy\nZWx5\r\n","b":null,"c":"c3VyZR=="},"stringData":{"d":"c3Vy\n"}}"#,
        r#""data":{"a":"c3VyZWx5","b":"","c":"c3VyZQ=="},"metadata":{},"stringData":{"d":"c3Vy\n"}"#,
    );
    let wrong = br#"{"data":{"a":"c3V\n"}}"#;
    assert!(list::decode("v1", "Secret", wrong).expect("known").is_err());
}

#[test]
fn what_is_wrong_stays_wrong() {
    let wrong = br#"{"spec":{"containers":[null,{"name":1}]}}"#;
    assert!(list::decode("v1", "Pod", wrong).expect("known").is_err());
}
