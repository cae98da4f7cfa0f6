//! Tables of families, along upstream's cases.

use super::*;
use serde_json::{Value, json};

const BOTH: &[&str] = &[V4, V6];

fn spec(tree: Value) -> ServiceSpec {
    let service = json!({ "metadata": { "name": "s" }, "spec": tree });
    let service: k8s_openapi::api::core::v1::Service =
        api::Object::decode(service.to_string().as_bytes()).unwrap();
    service.spec.unwrap()
}

/// `policy families addresses`, or the errors.
fn settled(new: Value, old: Option<Value>, served: &[&'static str]) -> String {
    let mut new = spec(new);
    let old = old.map(spec);
    if let Some(old) = &old {
        keep(&mut new, old);
    }
    normalize(&mut new, old.as_ref());
    match settle(&mut new, old.as_ref(), served) {
        Ok(()) => format!(
            "{} {} {}",
            policy(&new),
            families(&new).join(","),
            addresses(&new).join(",")
        ),
        Err(errors) => errors
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("; "),
    }
}

#[test]
fn of_a_new_service() {
    let selector = json!({ "a": "b" });
    let cases: [(Value, &[&str], &str); 13] = [
        (json!({}), &[V4], "SingleStack IPv4 "),
        (json!({}), &[V6, V4], "SingleStack IPv6 "),
        (
            json!({ "ipFamilyPolicy": PREFER }),
            &[V4],
            "PreferDualStack IPv4 ",
        ),
        (
            json!({ "ipFamilyPolicy": PREFER }),
            BOTH,
            "PreferDualStack IPv4,IPv6 ",
        ),
        (
            json!({ "ipFamilyPolicy": REQUIRE, "ipFamilies": [V6] }),
            BOTH,
            "RequireDualStack IPv6,IPv4 ",
        ),
        (
            json!({ "ipFamilyPolicy": REQUIRE }),
            &[V4],
            "spec.ipFamilyPolicy: Invalid value: \"RequireDualStack\": this cluster is not configured for dual-stack services",
        ),
        (
            json!({ "ipFamilies": [V6] }),
            &[V4],
            "spec.ipFamilies[0]: Invalid value: \"IPv6\": not configured on this cluster",
        ),
        (
            json!({ "clusterIP": "fd00::5" }),
            BOTH,
            "SingleStack IPv6 fd00::5",
        ),
        (
            json!({ "clusterIP": "fd00::5" }),
            &[V4],
            "spec.clusterIPs[0]: Invalid value: [\"fd00::5\"]: IPv6 is not configured on this cluster",
        ),
        (
            json!({ "ipFamilies": [V4, V6] }),
            BOTH,
            "spec.ipFamilyPolicy: Invalid value: \"SingleStack\": must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified",
        ),
        (
            json!({ "clusterIP": "None" }),
            &[V4],
            "RequireDualStack IPv4,IPv6 None",
        ),
        (
            json!({ "clusterIP": "None", "selector": selector }),
            BOTH,
            "SingleStack IPv4 None",
        ),
        (json!({ "type": "ExternalName" }), BOTH, "  "),
    ];
    for (new, served, wanted) in cases {
        assert_eq!(
            settled(new.clone(), None, served),
            wanted,
            "{new} {served:?}"
        );
    }
}

#[test]
fn of_a_changed_service() {
    let single = json!({ "clusterIP": "10.0.0.5", "clusterIPs": ["10.0.0.5"], "ipFamilies": [V4], "ipFamilyPolicy": SINGLE });
    let dual = json!({ "clusterIP": "10.0.0.5", "clusterIPs": ["10.0.0.5", "fd00::5"], "ipFamilies": [V4, V6], "ipFamilyPolicy": REQUIRE });
    let with = |base: &Value, changes: Value| {
        let mut all = base.clone();
        for (key, value) in changes.as_object().unwrap() {
            all[key] = value.clone();
        }
        all
    };
    let released = "must be 'SingleStack' to release the secondary cluster IP";
    let cases = [
        // An old client leaves all of it out.
        (json!({}), &single, "SingleStack IPv4 10.0.0.5".to_owned()),
        (
            with(&single, json!({ "ipFamilyPolicy": PREFER })),
            &single,
            "PreferDualStack IPv4,IPv6 10.0.0.5".to_owned(),
        ),
        (
            with(&dual, json!({ "ipFamilyPolicy": SINGLE })),
            &dual,
            "SingleStack IPv4 10.0.0.5".to_owned(),
        ),
        (
            with(&dual, json!({ "clusterIPs": ["10.0.0.5"] })),
            &dual,
            format!("spec.ipFamilyPolicy: Invalid value: \"RequireDualStack\": {released}"),
        ),
        (
            with(&dual, json!({})),
            &dual,
            "RequireDualStack IPv4,IPv6 10.0.0.5,fd00::5".to_owned(),
        ),
    ];
    for (new, old, wanted) in cases {
        assert_eq!(
            settled(new.clone(), Some(old.clone()), BOTH),
            wanted,
            "{new}"
        );
    }
}

#[test]
fn a_preference_is_left_alone() {
    let prefers = json!({ "clusterIP": "10.0.0.5", "clusterIPs": ["10.0.0.5"], "ipFamilies": [V4], "ipFamilyPolicy": PREFER });
    let (new, old) = (spec(prefers.clone()), spec(prefers));
    assert!(stays_as_it_is(&new, Some(&old)));
    assert!(!stays_as_it_is(&new, None));
    let mut more = new.clone();
    more.ip_families = Some(vec![V4.to_owned(), V6.to_owned()]);
    assert!(!stays_as_it_is(&more, Some(&old)));
}
