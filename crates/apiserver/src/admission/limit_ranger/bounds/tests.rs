//! Tables of what a LimitRange gives and forbids.

use super::*;
use serde_json::{Value, json};

fn range(items: Value) -> LimitRange {
    let range = json!({ "metadata": { "name": "r" }, "spec": { "limits": items } });
    api::Object::decode(range.to_string().as_bytes()).unwrap()
}

fn pod(containers: Value) -> Pod {
    let pod = json!({ "metadata": { "name": "p" }, "spec": { "containers": containers } });
    api::Object::decode(pod.to_string().as_bytes()).unwrap()
}

fn container(name: &str, requests: Value, limits: Value) -> Value {
    json!({ "name": name, "resources": { "requests": requests, "limits": limits } })
}

#[test]
fn defaults_fill_what_is_not_named() {
    let range = range(json!([{ "type": "Container",
        "default": { "cpu": "500m", "memory": "500Mi" },
        "defaultRequest": { "cpu": "100m", "memory": "200Mi" } }]));
    let mut pod = pod(json!([
        { "name": "a" },
        container("b", json!({ "cpu": "1" }), json!({ "cpu": "2" })),
    ]));
    complete(&range, &mut pod);
    assert_eq!(
        pod.metadata.annotations.clone().unwrap()[ANNOTATION],
        "LimitRanger plugin set: cpu, memory request for container a; cpu, memory limit for container a; memory request for container b; memory limit for container b"
    );
    let second = pod.spec.clone().unwrap().containers[1].clone();
    let resources = second.resources.unwrap();
    let requests = resources.requests.unwrap();
    assert_eq!(
        (&*requests["cpu"].0, &*requests["memory"].0),
        ("1", "200Mi")
    );
    assert_eq!(&*resources.limits.unwrap()["memory"].0, "500Mi");
    let full = pod.clone();
    complete(&range, &mut pod);
    assert_eq!(pod, full, "nothing is left to fill");
}

#[test]
fn bounds_of_containers() {
    let check = |item: Value, requests: Value, limits: Value| {
        of_pod(
            &range(json!([item])),
            &pod(json!([container("c", requests, limits)])),
            None,
        )
    };
    let min = json!({ "type": "Container", "min": { "cpu": "50m" } });
    let max = json!({ "type": "Container", "max": { "memory": "1Gi" } });
    let ratio = json!({ "type": "Container", "maxLimitRequestRatio": { "cpu": "1500m" } });
    let none = json!({});
    let cases = [
        (
            &min,
            none.clone(),
            none.clone(),
            "minimum cpu usage per Container is 50m.  No request is specified",
        ),
        (
            &min,
            json!({ "cpu": "49m" }),
            none.clone(),
            "minimum cpu usage per Container is 50m, but request is 49m",
        ),
        (
            &min,
            json!({ "cpu": "50m" }),
            json!({ "cpu": "40m" }),
            "minimum cpu usage per Container is 50m, but limit is 40m",
        ),
        (&min, json!({ "cpu": "50m" }), none.clone(), ""),
        (
            &max,
            none.clone(),
            none.clone(),
            "maximum memory usage per Container is 1Gi.  No limit is specified",
        ),
        (
            &max,
            none.clone(),
            json!({ "memory": "2Gi" }),
            "maximum memory usage per Container is 1Gi, but limit is 2Gi",
        ),
        (
            &max,
            json!({ "memory": "3Gi" }),
            json!({ "memory": "1Gi" }),
            "maximum memory usage per Container is 1Gi, but request is 3Gi",
        ),
        (&max, none.clone(), json!({ "memory": "1024Mi" }), ""),
        (
            &ratio,
            none.clone(),
            none.clone(),
            "cpu max limit to request ratio per Container is 1500m, but no request is specified or request is 0",
        ),
        (
            &ratio,
            json!({ "cpu": "1" }),
            none.clone(),
            "cpu max limit to request ratio per Container is 1500m, but no limit is specified or limit is 0",
        ),
        (
            &ratio,
            json!({ "cpu": "1" }),
            json!({ "cpu": "2" }),
            "cpu max limit to request ratio per Container is 1500m, but provided ratio is 2.000000",
        ),
        (&ratio, json!({ "cpu": "2" }), json!({ "cpu": "3" }), ""),
    ];
    for (item, requests, limits, wanted) in cases {
        let faults = check(item.clone(), requests.clone(), limits.clone());
        let wanted: Vec<&str> = Some(wanted)
            .filter(|it| !it.is_empty())
            .into_iter()
            .collect();
        assert_eq!(faults, wanted, "{item} {requests} {limits}");
    }
}

#[test]
fn bounds_of_pods_count_all_containers() {
    let range = range(json!([{ "type": "Pod", "max": { "cpu": "1" } }]));
    let two = pod(json!([
        container("a", json!({}), json!({ "cpu": "600m" })),
        container("b", json!({}), json!({ "cpu": "500m" })),
    ]));
    assert_eq!(
        of_pod(&range, &two, None),
        ["maximum cpu usage per Pod is 1, but limit is 1100m"]
    );
    assert!(
        of_pod(&range, &two, Some(&two)).is_empty(),
        "nothing changed"
    );
    let mut bounded = two;
    bounded.spec.as_mut().unwrap().resources = Some(ResourceRequirements {
        limits: Some(BTreeMap::from([("cpu".to_owned(), Wire("1".to_owned()))])),
        ..ResourceRequirements::default()
    });
    assert!(
        of_pod(&range, &bounded, None).is_empty(),
        "the pod's own limit counts"
    );
}

#[test]
fn bounds_of_claims() {
    let range = range(json!([{ "type": "PersistentVolumeClaim",
        "min": { "storage": "1Gi" }, "max": { "storage": "5Gi" } }]));
    let claim = |size: &str| -> PersistentVolumeClaim {
        let claim = json!({ "metadata": { "name": "c" }, "spec": { "resources": { "requests": { "storage": size } } } });
        api::Object::decode(claim.to_string().as_bytes()).unwrap()
    };
    assert_eq!(
        of_claim(&range, &claim("10Gi"), None),
        ["maximum storage usage per PersistentVolumeClaim is 5Gi, but request is 10Gi"]
    );
    assert_eq!(
        of_claim(&range, &claim("1Mi"), None),
        ["minimum storage usage per PersistentVolumeClaim is 1Gi, but request is 1Mi"]
    );
    assert!(of_claim(&range, &claim("2Gi"), None).is_empty());
    assert!(of_claim(&range, &claim("10Gi"), Some(&claim("10Gi"))).is_empty());
}
