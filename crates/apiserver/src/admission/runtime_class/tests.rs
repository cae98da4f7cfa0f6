//! Tables of what a runtime class gives a pod.

use super::*;
use serde_json::{Value, json};

fn toleration(text: &str) -> Toleration {
    let parts: Vec<&str> = text.split(' ').collect();
    let word = |at: usize| Some(parts[at].to_owned()).filter(|it| it != "-");
    Toleration {
        key: word(0),
        operator: word(1),
        value: word(2),
        effect: word(3),
        toleration_seconds: parts.get(4).and_then(|it| it.parse().ok()),
    }
}

#[test]
fn tolerations_merge() {
    let cases = [
        (
            vec!["a Exists - -", "a Equal v NoSchedule"],
            vec!["a Exists - -"],
        ),
        (
            vec!["a Equal v NoSchedule", "a Exists - -"],
            vec!["a Exists - -"],
        ),
        (vec!["a Equal v -", "a Equal v -"], vec!["a Equal v -"]),
        (
            vec!["a Equal v -", "a Equal w -"],
            vec!["a Equal v -", "a Equal w -"],
        ),
        (
            vec!["b Exists - NoExecute 10", "- Exists - -"],
            vec!["- Exists - -"],
        ),
        (
            vec!["a Exists - NoExecute 10", "a Exists - NoExecute 20"],
            vec!["a Exists - NoExecute 20"],
        ),
    ];
    for (given, wanted) in cases {
        let all: Vec<Toleration> = given.iter().map(|it| toleration(it)).collect();
        let wanted: Vec<Toleration> = wanted.iter().map(|it| toleration(it)).collect();
        assert_eq!(merged(&all), wanted, "{given:?}");
    }
}

#[test]
fn classes_complete_pods() {
    let check = |class: Value, pod: Value| {
        let mut class = class;
        class["metadata"] = json!({ "name": "c" });
        class["handler"] = json!("h");
        let class: RuntimeClass = api::Object::decode(class.to_string().as_bytes()).unwrap();
        let pod = json!({ "metadata": {}, "spec": pod });
        let pod: Pod = api::Object::decode(pod.to_string().as_bytes()).unwrap();
        let mut spec = pod.spec.unwrap();
        complete(&class, &mut spec).map(|()| spec)
    };
    let overhead = json!({ "overhead": { "podFixed": { "cpu": "100m" } } });
    let done = check(overhead.clone(), json!({ "containers": [] })).unwrap();
    assert_eq!(done.overhead.unwrap()["cpu"].0, "100m");
    let same = json!({ "containers": [], "overhead": { "cpu": "0.1" } });
    assert!(check(overhead.clone(), same).is_ok());
    let other = json!({ "containers": [], "overhead": { "cpu": "1" } });
    assert_eq!(check(overhead, other).unwrap_err(), MISMATCH);
    let scheduling = json!({ "scheduling": { "nodeSelector": { "a": "1" } } });
    let clash = json!({ "containers": [], "nodeSelector": { "a": "2" } });
    assert_eq!(
        check(scheduling.clone(), clash).unwrap_err(),
        "conflict: runtimeClass.scheduling.nodeSelector[a] = 1; pod.spec.nodeSelector[a] = 2"
    );
    let done = check(
        scheduling,
        json!({ "containers": [], "nodeSelector": { "b": "2" } }),
    );
    assert_eq!(done.unwrap().node_selector.unwrap().len(), 2);
}
