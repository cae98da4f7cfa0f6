//! Priority levels in, errors and rows out.

use super::*;
use api::Object;
use serde_json::{Value, json};

fn read(name: &str, spec: Value) -> upstream::PriorityLevelConfiguration {
    let tree = json!({"metadata": {"name": name}, "spec": spec});
    let mut object =
        upstream::PriorityLevelConfiguration::decode(tree.to_string().as_bytes()).unwrap();
    PriorityLevelConfiguration.default(&mut object);
    object
}

#[test]
fn fields() {
    let check = |name: &str, spec: Value, expected: &[&str]| {
        let errors = PriorityLevelConfiguration.validate(&read(name, spec));
        let found: Vec<_> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(found, expected);
    };
    let queue = |queuing: Value| json!({"type": "Limited", "limited": {"limitResponse": {"type": "Queue", "queuing": queuing}}});
    check("l", queue(json!({})), &[]);
    check("exempt", json!({"type": "Exempt", "exempt": {}}), &[]);
    check(
        "l",
        json!({"type": "Exempt", "limited": {"limitResponse": {"type": "Reject"}}}),
        &[
            r#"spec.type: Invalid value: "Exempt": type must be 'Exempt' if and only if name is 'exempt'"#,
            "spec.limited: Forbidden: must be nil if the type is not Limited",
        ],
    );
    check(
        "l",
        json!({"type": "Limited"}),
        &["spec.limited: Required value: must not be empty when type is Limited"],
    );
    check(
        "l",
        json!({"type": "X"}),
        &[r#"spec.type: Unsupported value: "X": supported values: "Exempt", "Limited""#],
    );
    check(
        "l",
        json!({"type": "Limited", "limited": {"nominalConcurrencyShares": -1, "lendablePercent": 101, "borrowingLimitPercent": -1, "limitResponse": {"type": "Reject"}}}),
        &[
            "spec.limited.nominalConcurrencyShares: Invalid value: -1: must be a non-negative integer",
            "spec.limited.lendablePercent: Invalid value: 101: must be between 0 and 100, inclusive",
            "spec.limited.borrowingLimitPercent: Invalid value: -1: if specified, must be a non-negative integer",
        ],
    );
    check(
        "l",
        queue(json!({"queues": 8, "handSize": 9, "queueLengthLimit": -1})),
        &[
            "spec.limited.limitResponse.queuing.queueLengthLimit: Invalid value: -1: must be positive",
            "spec.limited.limitResponse.queuing.handSize: Invalid value: 9: should not be greater than queues (8)",
        ],
    );
    check(
        "l",
        queue(json!({"queues": 512, "handSize": 8})),
        &[
            "spec.limited.limitResponse.queuing.handSize: Invalid value: 8: required entropy bits of deckSize 512 and handSize 8 should not be greater than 60",
        ],
    );
}

#[test]
fn rows() {
    let object = read(
        "l",
        json!({"type": "Limited", "limited": {"limitResponse": {"type": "Queue", "queuing": {}}}}),
    );
    let row = PriorityLevelConfiguration.row(&object, Timestamp::UNIX_EPOCH);
    assert_eq!(
        row[1..6],
        ["Limited".into(), 30.into(), 64.into(), 8.into(), 50.into()]
    );
    let object = read("exempt", json!({"type": "Exempt"}));
    let row = PriorityLevelConfiguration.row(&object, Timestamp::UNIX_EPOCH);
    assert_eq!(row[2..4], ["<none>".into(), "<none>".into()]);
}
