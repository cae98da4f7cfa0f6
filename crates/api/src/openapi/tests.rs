//! References lead somewhere; merge rules, defaults and values are there.

use super::*;
use crate::schema::descriptions;

fn all(dialect: Dialect, of: impl Fn(&crate::schema::Kind) -> bool) -> Map<String, Value> {
    let kinds = builtin().kinds().iter().filter(|kind| of(kind));
    let words = descriptions::load();
    let roots = kinds.map(|kind| builtin().get(kind.of).name.to_string());
    Components::new(dialect, &words, roots.chain(shared())).collect()
}

fn v3_components(group: &str, version: &str) -> Map<String, Value> {
    all(Dialect::V3, |kind| {
        (&*kind.group, &*kind.version) == (group, version)
    })
}

/// Every reference leads somewhere, and none of the names is left without a schema.
fn closed(schemas: &Map<String, Value>, prefix: &str) {
    fn walk<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(map) => map.iter().for_each(|(key, value)| match value.as_str() {
                Some(reference) if key == "$ref" => found.push(reference),
                _ => walk(value, found),
            }),
            Value::Array(items) => items.iter().for_each(|item| walk(item, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    for schema in schemas.values() {
        assert!(schema.is_object());
        walk(schema, &mut found);
    }
    for reference in found {
        assert!(
            schemas.contains_key(reference.strip_prefix(prefix).expect("the right place")),
            "{reference}"
        );
    }
}

#[test]
fn components_say_defaults_and_values_as_go_implies_them() {
    let found = v3_components("", "v1");
    let at = |path: &str| {
        found[&format!(
            "io.k8s.api.core.v1.{}",
            path.split('/').next().expect("a type")
        )]
            .pointer(path.find('/').map_or("", |at| &path[at..]))
            .unwrap_or(&Value::Null)
    };
    assert_eq!(at("Pod/properties/spec/default"), &json!({}));
    assert_eq!(at("Container/properties/name/default"), "");
    assert_eq!(at("Container/properties/args/items/default"), "");
    assert_eq!(at("ContainerPort/properties/protocol/default"), "TCP");
    assert_eq!(
        at("Container/properties/args/x-kubernetes-list-type"),
        "atomic"
    );
    assert_eq!(
        at("PersistentVolumeClaimSpec/properties/accessModes/items/enum/0"),
        "ReadOnlyMany"
    );
    assert!(at("SeccompProfile/x-kubernetes-unions").is_array());
    let policy = at("Container/properties/imagePullPolicy/description").as_str();
    assert!(
        policy.expect("words").contains(
            " - `\"Always\"` means that kubelet always attempts to pull the latest image."
        )
    );
}

#[test]
fn components_of_apps_are_closed_and_say_how_to_merge() {
    let found = v3_components("apps", "v1");
    closed(&found, "#/components/schemas/");
    let containers = &found["io.k8s.api.core.v1.PodSpec"]["properties"]["containers"];
    assert_eq!(containers["x-kubernetes-patch-merge-key"], "name");
    assert_eq!(containers["x-kubernetes-list-map-keys"], json!(["name"]));
    assert!(
        containers["description"]
            .as_str()
            .expect("words")
            .starts_with("List of containers")
    );
    let deployment = &found["io.k8s.api.apps.v1.Deployment"];
    assert_eq!(
        deployment["x-kubernetes-group-version-kind"],
        json!([{"group": "apps", "kind": "Deployment", "version": "v1"}])
    );
    assert!(deployment["properties"]["spec"]["allOf"][0]["$ref"].is_string());
}

#[test]
fn definitions_are_closed() {
    let found = all(Dialect::V2, |_| true);
    closed(&found, "#/definitions/");
    assert!(found.len() > 700);
    let pod = &found["io.k8s.api.core.v1.PodSpec"]["properties"];
    assert_eq!(
        pod["restartPolicy"]["enum"],
        json!(["Always", "Never", "OnFailure"])
    );
    assert_eq!(pod["restartPolicy"]["default"], Value::Null);
}
