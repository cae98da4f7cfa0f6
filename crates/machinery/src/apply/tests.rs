//! Server-side apply as stories: who writes what, what is stored, who conflicts.

use super::*;
use api::schema::builtin;
use proptest::prelude::*;
use serde_json::json;

fn request(manager: &str, second: i64) -> Request<'_> {
    Request {
        manager,
        api_version: "apps/v1",
        subresource: "",
        now: Timestamp::from_second(second).unwrap(),
        force: false,
        resets: Resets::STATUS,
        schemas: builtin(),
        of: builtin().kind("apps", "v1", "Deployment").unwrap(),
        versions: &Old,
    }
}

/// `apps/v0` had a number that it called `count`, and nothing was older.
struct Old;

impl Versions for Old {
    fn view(&self, tree: &Value, api_version: &str) -> Option<View> {
        let mut tree = tree.clone();
        if let Some(spec) = tree["spec"].as_object_mut()
            && let Some(count) = spec.remove("replicas")
        {
            spec.insert("count".to_owned(), count);
        }
        let of = builtin().kind("apps", "v1", "Deployment").unwrap();
        (api_version == "apps/v0").then(|| View {
            tree,
            schemas: builtin(),
            of,
        })
    }
}

#[test]
fn managers_of_other_versions_keep_their_own_names() {
    let entry = |manager: &str, version: &str, field: &str| {
        json!({"manager": manager, "operation": "Update", "apiVersion": version, "fieldsType": "FieldsV1",
            "fieldsV1": {"f:spec": {field: {}, "f:paused": {}}}})
    };
    let mut live = deployment(&json!({"replicas": 1, "paused": true}));
    live["metadata"]["managedFields"] = json!([
        entry("old", "apps/v0", "f:count"),
        entry("lost", "apps/v-1", "f:replicas"),
    ]);
    let applied = deployment(&json!({"replicas": 2}));
    let conflict = apply(Some(&live), &applied, &request("me", 1)).unwrap_err();
    assert_eq!(
        conflict.message,
        r#"Apply failed with 1 conflict: conflict with "old" using apps/v0: .spec.count"#
    );
    let force = Request {
        force: true,
        ..request("me", 1)
    };
    let merged = apply(Some(&live), &applied, &force).unwrap();
    assert_eq!(fields(&merged, "old"), json!({"f:spec": {"f:paused": {}}}));
    assert_eq!(fields(&merged, "lost"), Value::Null);
}

fn deployment(spec: &Value) -> Value {
    json!({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","namespace":"default"},"spec":spec})
}

fn fields(object: &Value, manager: &str) -> Value {
    object["metadata"]["managedFields"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|it| it["manager"] == manager)
        .map_or(Value::Null, |it| it["fieldsV1"].clone())
}

/// `new` as it is stored after an update of `old`.
fn track(old: Option<&Value>, new: &Value, request: &Request<'_>) -> Value {
    let bare = |object: &Value| {
        let mut bare = object.clone();
        drop_managed_fields(&mut bare);
        bare
    };
    let (before, mut stored) = (old.map(bare), bare(new));
    let list = track_update(
        before.as_ref(),
        &stored,
        old.and_then(|it| it.pointer(MANAGED_FIELDS)),
        new.pointer(MANAGED_FIELDS),
        request,
    );
    if let Some(list) = list {
        stored["metadata"]["managedFields"] = list;
    }
    stored
}

#[test]
fn creating_and_applying_again() {
    let wanted = deployment(&json!({
        "replicas": 3,
        "template": {"spec": {"containers": [{"name":"a","image":"x","ports":[{"containerPort":80}]}]}}
    }));
    let stored = apply(None, &wanted, &request("me", 1)).unwrap();
    assert_eq!(
        fields(&stored, "me"),
        json!({"f:spec":{"f:replicas":{},"f:template":{"f:spec":{"f:containers":{
            "k:{\"name\":\"a\"}":{".":{},"f:name":{},"f:image":{},"f:ports":{
                "k:{\"containerPort\":80,\"protocol\":\"TCP\"}":{".":{},"f:containerPort":{}}}}}}}}})
    );
    // The same again changes nothing, not even the time.
    assert_eq!(
        apply(Some(&stored), &wanted, &request("me", 9)).unwrap(),
        stored
    );
    // A field no longer applied goes; a default that nobody owns stays.
    let mut live = stored.clone();
    live["spec"]["paused"] = json!(false);
    let less = deployment(&json!({
        "template": {"spec": {"containers": [{"name":"a","image":"x"}]}}
    }));
    let after = apply(Some(&live), &less, &request("me", 9)).unwrap();
    assert_eq!(after["spec"].get("replicas"), None);
    assert_eq!(after["spec"]["paused"], json!(false));
    assert_eq!(
        after["spec"]["template"]["spec"]["containers"],
        json!([{"name":"a","image":"x"}])
    );
}

#[test]
fn conflicts_and_force() {
    let stored = apply(
        None,
        &deployment(&json!({"replicas":3,"paused":true})),
        &request("one", 1),
    )
    .unwrap();
    let error = apply(
        Some(&stored),
        &deployment(&json!({"replicas":5})),
        &request("two", 2),
    )
    .unwrap_err();
    assert_eq!(error.code, 409);
    assert_eq!(
        error.message,
        "Apply failed with 1 conflict: conflict with \"one\": .spec.replicas"
    );
    let cause = &error.details.unwrap().causes[0];
    assert_eq!(
        (cause.reason.as_str(), cause.field.as_str()),
        ("FieldManagerConflict", ".spec.replicas")
    );
    // The same value is shared.
    let shared = apply(
        Some(&stored),
        &deployment(&json!({"replicas":3})),
        &request("two", 2),
    )
    .unwrap();
    assert_eq!(fields(&shared, "two"), json!({"f:spec":{"f:replicas":{}}}));
    // Then one may leave and the field stays.
    let left = apply(
        Some(&shared),
        &deployment(&json!({"paused":true})),
        &request("one", 3),
    )
    .unwrap();
    assert_eq!(left["spec"]["replicas"], json!(3));
    // Force takes.
    let force = Request {
        force: true,
        ..request("two", 4)
    };
    let taken = apply(Some(&stored), &deployment(&json!({"replicas":5})), &force).unwrap();
    assert_eq!(taken["spec"]["replicas"], json!(5));
    assert_eq!(fields(&taken, "one"), json!({"f:spec":{"f:paused":{}}}));
}

#[test]
fn updates_are_tracked() {
    let mut created = deployment(&json!({"replicas":1,"selector":{"matchLabels":{"a":"b"}}}));
    created["metadata"]["labels"] = json!({"a":"b"});
    let created = track(None, &created, &request("kubectl-create", 1));
    assert_eq!(
        fields(&created, "kubectl-create"),
        json!({"f:metadata":{"f:labels":{".":{},"f:a":{}}},"f:spec":{"f:replicas":{},"f:selector":{}}})
    );
    let mut scaled = created.clone();
    scaled["spec"]["replicas"] = json!(2);
    let scaled = track(Some(&created), &scaled, &request("scaler", 2));
    assert_eq!(
        fields(&scaled, "scaler"),
        json!({"f:spec":{"f:replicas":{}}})
    );
    assert_eq!(
        fields(&scaled, "kubectl-create")["f:spec"],
        json!({"f:selector":{}})
    );
    // No change, no new time.
    let same = scaled.clone();
    let same = track(Some(&scaled), &same, &request("scaler", 7));
    assert_eq!(same, scaled);
    let error = apply(
        Some(&scaled),
        &deployment(&json!({"replicas":9})),
        &request("me", 3),
    )
    .unwrap_err();
    assert_eq!(
        error.message,
        "Apply failed with 1 conflict: conflict with \"scaler\" using apps/v1: .spec.replicas"
    );
    // An empty list clears the books.
    let mut cleared = scaled.clone();
    cleared["metadata"]["managedFields"] = json!([{}]);
    let cleared = track(Some(&scaled), &cleared, &request("x", 4));
    assert_eq!(cleared["metadata"].get("managedFields"), None);
    // An object without books belongs to before-first-apply.
    let error = apply(
        Some(&cleared),
        &deployment(&json!({"replicas":9})),
        &request("me", 3),
    )
    .unwrap_err();
    assert!(
        error
            .message
            .contains("\"before-first-apply\" using apps/v1"),
        "{error}"
    );
}

#[test]
fn lists_keep_their_order() {
    let containers = |names: &[&str]| {
        let list: Vec<_> = names.iter().map(|name| json!({ "name": name })).collect();
        deployment(&json!({"template":{"spec":{"containers":list}}}))
    };
    let names = |object: &Value| -> Vec<String> {
        object["spec"]["template"]["spec"]["containers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let live = apply(None, &containers(&["a", "b"]), &request("one", 1)).unwrap();
    let live = apply(Some(&live), &containers(&["side"]), &request("two", 2)).unwrap();
    assert_eq!(names(&live), ["a", "b", "side"]);
    let live = apply(Some(&live), &containers(&["b"]), &request("one", 3)).unwrap();
    assert_eq!(names(&live), ["b", "side"]);
}

#[test]
fn updaters_are_capped() {
    let mut object = deployment(&json!({"replicas":1}));
    object = track(None, &object, &request("first", 0));
    for n in 0..14 {
        let old = object.clone();
        object["metadata"]["annotations"][format!("k{n}")] = json!("v");
        object = track(Some(&old), &object, &request(&format!("m{n}"), n + 1));
    }
    let entries = object["metadata"]["managedFields"].as_array().unwrap();
    assert_eq!(entries.len(), 10);
    assert!(!fields(&object, "ancient-changes").is_null());
}

proptest! {
    #[test]
    fn no_field_set_panics(text in "\\{(\"([fkvi]:)?[a-z0-9\\\\{}:\"]{0,6}\":\\{\\},?){0,3}\\}") {
        if let Ok(tree) = serde_json::from_str(&text)
            && let Ok(set) = Set::parse(&tree)
        {
            prop_assert_eq!(Set::parse(&set.to_tree()), Ok(set));
        }
    }
}
