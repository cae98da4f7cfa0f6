//! What must hold of every older version, and each family's conversions as tables.

mod conversions;

use super::*;
use std::path::Path;

#[test]
fn each_has_a_current_law_and_a_type() {
    for it in older() {
        let (group, version) = it.current;
        assert!(crate::find(group, version, it.kind).is_some(), "{it:?}");
        assert!(
            crate::find(it.group, it.version, it.kind).is_none(),
            "{it:?}"
        );
        assert!(it.schema().is_some(), "{it:?}");
        let found = find_older(&it.api_version(), it.kind).unwrap();
        assert_eq!((found.releases, found.current), (it.releases, it.current));
    }
}

#[test]
fn nothing_is_both_gone_and_convertible() {
    for gone in gone::LIST {
        for version in gone.versions {
            assert!(find_older(version, gone.kind).is_none());
            assert!(find_gone(version, gone.plural).is_some());
        }
    }
    assert!(find_gone("policy/v1", "podsecuritypolicies").is_none());
}

/// Upstream's own sample, when the shared folder is at hand.
fn golden(older: &Older, ending: &str) -> Option<Vec<u8>> {
    let file = format!(
        "../../../shared/golden/api/{}.{}.{}.{ending}",
        older.group, older.version, older.kind
    );
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).ok()
}

/// Samples of versions whose selectors, subjects or ports would be read as another thing than the sample's text.
const LOSSY: &[(&str, &str)] = &[
    // A subject of an unknown kind keeps the group of its apiVersion only.
    ("rbac.authorization.k8s.io/v1alpha1", "ClusterRoleBinding"),
    ("rbac.authorization.k8s.io/v1alpha1", "RoleBinding"),
];

#[test]
fn golden_samples_survive_the_current_form() {
    let mut seen = 0;
    for it in older() {
        let Some(json) = golden(it, "json") else {
            continue;
        };
        seen += 1;
        let sample: Value = serde_json::from_slice(&json).unwrap();
        let (schemas, of) = it.schema().unwrap();
        let report = api::strict::report(&json, schemas, of);
        assert_eq!(report.malformed, None, "{it:?}");
        assert!(report.strict.is_empty(), "{it:?}: {:?}", report.strict);

        let mut current = sample.clone();
        it.upgrade(&mut current);
        let builtin = api::schema::builtin();
        let (group, version) = it.current;
        let of = builtin.kind(group, version, it.kind).unwrap();
        let report = api::strict::report(current.to_string().as_bytes(), builtin, of);
        assert!(report.strict.is_empty(), "{it:?}: {:?}", report.strict);

        let mut back = current.clone();
        it.downgrade(&mut back);
        let mut again = back.clone();
        it.upgrade(&mut again);
        assert_eq!(current, again, "{it:?}");
        if !LOSSY.contains(&(&it.api_version(), it.kind)) && !fills(it) {
            assert_eq!(sample, back, "{it:?}");
        }
    }
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/golden/api");
    assert!(!shared.exists() || seen > 40, "{seen}");
}

/// Kinds whose view shows what it holds in another field too.
fn fills(older: &Older) -> bool {
    matches!(
        older.kind,
        "EndpointSlice" | "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration"
    )
}

#[test]
fn golden_protobuf_decodes_to_the_same_object() {
    for it in older() {
        let (Some(json), Some(bytes)) = (golden(it, "json"), golden(it, "pb")) else {
            continue;
        };
        let (schemas, of) = it.schema().unwrap();
        let decoded = api::protobuf::decode_as(&bytes, schemas, of).unwrap();
        let decoded: Value = serde_json::from_slice(&decoded.json).unwrap();
        let sample: Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(decoded, sample, "{it:?}");
    }
}

#[test]
fn every_field_has_its_place_in_protobuf() {
    for it in older() {
        let (schemas, of) = it.schema().unwrap();
        let random = (0..4).map(|seed| api::sample::typed(schemas, of, seed));
        for mut object in random {
            object.insert("apiVersion".to_owned(), it.api_version().into());
            object.insert("kind".to_owned(), it.kind.into());
            let bytes = api::protobuf::encode(Value::Object(object.clone()).to_string().as_bytes());
            let decoded = api::protobuf::decode(&bytes.unwrap()).unwrap();
            let decoded: Value = serde_json::from_slice(&decoded.json).unwrap();
            for (field, value) in object {
                let empty = value.as_object().is_some_and(|it| it.is_empty());
                assert!(empty || decoded.get(&field).is_some(), "{it:?} {field}");
            }
        }
    }
}

#[test]
fn malformed_objects_are_left_for_the_decoder() {
    for it in older() {
        for wrong in [
            serde_json::json!(null),
            serde_json::json!([]),
            serde_json::json!({ "metadata": 1, "spec": "x", "webhooks": {}, "subjects": [1], "endpoints": [null], "status": [] }),
            serde_json::json!({ "metadata": { "labels": 1, "annotations": [] }, "spec": { "template": [], "rules": [{ "http": 1 }, { "http": { "paths": [{ "backend": 1 }] } }],
                "versions": [1], "metrics": [{ "object": 1 }], "updateStrategy": "x", "strategy": 1, "conversion": 1, "limited": 1, "selector": 1, "request": 1, "backend": [] } }),
        ] {
            let mut tree = wrong.clone();
            it.upgrade(&mut tree);
            it.downgrade(&mut tree);
        }
    }
}
