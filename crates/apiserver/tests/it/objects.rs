//! The verbs, on objects without a life of their own.

use crate::door::{open, open_at, request};
use http::Method;
use serde_json::{Value, json};

const ALL: &str = "/api/v1/namespaces/default/configmaps";
const ONE: &str = "/api/v1/namespaces/default/configmaps/a";

fn config_map(name: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name }, "data": { "k": "1" } })
}

#[tokio::test]
async fn create_get_update_conflict_delete() {
    let door = open().await;
    let (code, made) = door.post(ALL, &config_map("a")).await;
    assert_eq!(code, 201, "{made}");
    assert_eq!(
        made["metadata"]["creationTimestamp"],
        "2026-01-01T00:00:00Z"
    );
    assert_eq!(made["metadata"]["managedFields"][0]["manager"], "test");
    let (code, status) = door.post(ALL, &config_map("a")).await;
    assert_eq!(
        (code, &status["message"]),
        (409, &json!(r#"configmaps "a" already exists"#))
    );
    let (_, got) = door.get(ONE).await;
    assert_eq!(got, made);
    let mut changed = made.clone();
    changed["data"]["k"] = "2".into();
    let (code, second) = door.put(ONE, &changed).await;
    assert_eq!(code, 200);
    assert_ne!(
        second["metadata"]["resourceVersion"],
        made["metadata"]["resourceVersion"]
    );
    let (code, status) = door.put(ONE, &changed).await;
    assert_eq!(code, 409);
    assert_eq!(
        status["message"],
        r#"Operation cannot be fulfilled on configmaps "a": the object has been modified; please apply your changes to the latest version and try again"#
    );
    let (code, same) = door.put(ONE, &second).await;
    assert_eq!(
        (code, &same),
        (200, &second),
        "an update that changes nothing takes no revision"
    );
    let (code, status) = door
        .delete(ONE, &json!({ "preconditions": { "uid": "other" } }))
        .await;
    assert_eq!((code, &status["reason"]), (409, &json!("Conflict")));
    let (code, status) = door.delete(ONE, &Value::Null).await;
    assert_eq!(
        (code, &status["status"], &status["details"]["kind"]),
        (200, &json!("Success"), &json!("configmaps"))
    );
    let (code, status) = door.get(ONE).await;
    assert_eq!(
        (code, &status["message"]),
        (404, &json!(r#"configmaps "a" not found"#))
    );
}

#[tokio::test]
async fn generated_names_and_dry_runs() {
    let door = open().await;
    let (_, made) = door
        .post(ALL, &json!({ "metadata": { "generateName": "g-" } }))
        .await;
    let name = made["metadata"]["name"].as_str().unwrap();
    assert!(name.starts_with("g-") && name.len() == 7, "{name}");
    let (code, dry) = door
        .post(&format!("{ALL}?dryRun=All"), &config_map("a"))
        .await;
    assert_eq!(
        (code, &dry["metadata"]["resourceVersion"]),
        (201, &Value::Null)
    );
    assert_eq!(door.get(ONE).await.0, 404);
}

#[tokio::test]
async fn namespaces_must_exist() {
    let door = open().await;
    let (code, status) = door
        .post("/api/v1/namespaces/nope/configmaps", &config_map("a"))
        .await;
    assert_eq!(
        (code, &status["message"]),
        (404, &json!(r#"namespaces "nope" not found"#))
    );
    let (code, status) = door
        .delete("/api/v1/namespaces/default", &Value::Null)
        .await;
    assert_eq!(
        (code, &status["message"]),
        (
            403,
            &json!(r#"namespaces "default" is forbidden: this namespace may not be deleted"#)
        )
    );
    door.post(
        "/api/v1/namespaces",
        &json!({ "metadata": { "name": "x" } }),
    )
    .await;
    let (_, going) = door.delete("/api/v1/namespaces/x", &Value::Null).await;
    assert_eq!(going["status"]["phase"], "Terminating");
    let (code, status) = door
        .post("/api/v1/namespaces/x/configmaps", &config_map("a"))
        .await;
    assert_eq!(
        (code, &status["details"]["causes"][0]["reason"]),
        (403, &json!("NamespaceTerminating"))
    );
}

#[tokio::test]
async fn patches_of_every_sort() {
    let door = open().await;
    door.post(ALL, &config_map("a")).await;
    let table = [
        (
            "application/merge-patch+json",
            json!({ "data": { "m": "1" } }),
            "m",
        ),
        (
            "application/strategic-merge-patch+json",
            json!({ "data": { "s": "1" } }),
            "s",
        ),
        (
            "application/json-patch+json",
            json!([{ "op": "add", "path": "/data/j", "value": "1" }]),
            "j",
        ),
    ];
    for (kind, patch, key) in table {
        let (code, object) = door.patch(ONE, kind, &patch).await;
        assert_eq!(
            (code, &object["data"][key]),
            (200, &json!("1")),
            "{kind}: {object}"
        );
    }
    let apply = "application/apply-patch+yaml";
    let (code, status) = door.patch(ONE, apply, &config_map("a")).await;
    assert_eq!(
        (code, &status["details"]["causes"][0]["field"]),
        (422, &json!("fieldManager"))
    );
    let mut other = config_map("a");
    other["data"]["k"] = "9".into();
    let path = format!("{ONE}?fieldManager=me");
    let (code, status) = door.patch(&path, apply, &other).await;
    assert_eq!(
        (code, &status["reason"]),
        (409, &json!("Conflict")),
        "{status}"
    );
    let (code, object) = door
        .patch(&format!("{path}&force=true"), apply, &other)
        .await;
    assert_eq!((code, &object["data"]["k"]), (200, &json!("9")));
    let (code, made) = door
        .patch(&path.replace("/a?", "/b?"), apply, &config_map("b"))
        .await;
    assert_eq!(
        (code, &made["metadata"]["managedFields"][0]["operation"]),
        (201, &json!("Apply")),
        "{made}"
    );
    let (code, _) = door.patch(ONE, "text/plain", &json!({})).await;
    assert_eq!(code, 415);
}

#[tokio::test]
async fn lists_select_and_page() {
    let door = open().await;
    for name in ["a", "b", "c", "d"] {
        let mut object = config_map(name);
        object["metadata"]["labels"] = json!({ "even": (name == "b" || name == "d").to_string() });
        door.post(ALL, &object).await;
    }
    let names = |list: &Value| -> Vec<String> {
        let items = list["items"].as_array().unwrap().iter();
        items
            .map(|it| it["metadata"]["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let (_, list) = door.get(&format!("{ALL}?labelSelector=even%3Dtrue")).await;
    assert_eq!(names(&list), ["b", "d"]);
    let (_, list) = door
        .get(&format!("{ALL}?fieldSelector=metadata.name%3Dc"))
        .await;
    assert_eq!(names(&list), ["c"]);
    let (_, first) = door.get(&format!("{ALL}?limit=3")).await;
    assert_eq!(
        (names(&first), &first["metadata"]["remainingItemCount"]),
        (vec!["a".into(), "b".into(), "c".into()], &json!(1))
    );
    // What happens between two pages is not in the second.
    door.post(ALL, &config_map("e")).await;
    let token = first["metadata"]["continue"].as_str().unwrap();
    let (_, second) = door.get(&format!("{ALL}?limit=3&continue={token}")).await;
    assert_eq!(
        (names(&second), &second["metadata"]["continue"]),
        (vec!["d".to_owned()], &Value::Null)
    );
    assert_eq!(
        second["metadata"]["resourceVersion"],
        first["metadata"]["resourceVersion"]
    );
    let (code, status) = door.get(&format!("{ALL}?fieldSelector=spec.x%3Dc")).await;
    assert_eq!((code, &status["reason"]), (400, &json!("BadRequest")));
    let (code, gone) = door
        .delete(&format!("{ALL}?labelSelector=even%3Dtrue"), &Value::Null)
        .await;
    assert_eq!((code, names(&gone)), (200, vec!["b".into(), "d".into()]));
    let (_, list) = door.get(ALL).await;
    assert_eq!(names(&list), ["a", "c", "e"]);
}

#[tokio::test]
async fn other_forms() {
    let door = open().await;
    door.post(ALL, &config_map("a")).await;
    let table = [
        ("application/json;as=Table;v=v1;g=meta.k8s.io", "Table"),
        (
            "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io",
            "PartialObjectMetadataList",
        ),
        ("application/json", "ConfigMapList"),
    ];
    for (accept, kind) in table {
        let mut asked = request(Method::GET, ALL, "", "");
        asked
            .headers_mut()
            .insert("accept", accept.parse().unwrap());
        let (_, list) = door.send(asked).await;
        assert_eq!(list["kind"], kind);
    }
    for (accept, start) in [
        ("application/yaml", "apiVersion: v1"),
        ("application/vnd.kubernetes.protobuf", "k8s\0"),
    ] {
        let mut asked = request(Method::GET, ONE, "", "");
        asked
            .headers_mut()
            .insert("accept", accept.parse().unwrap());
        let (_, text) = door.send(asked).await;
        assert!(text.as_str().unwrap().starts_with(start), "{accept}");
    }
}

#[tokio::test]
async fn finalizers_hold_and_release() {
    let door = open().await;
    let mut object = config_map("a");
    object["metadata"]["finalizers"] = json!(["example.com/x"]);
    door.post(ALL, &object).await;
    let (code, marked) = door.delete(ONE, &Value::Null).await;
    assert_eq!(
        (code, &marked["metadata"]["deletionTimestamp"]),
        (200, &json!("2026-01-01T00:00:00Z"))
    );
    let (code, _) = door
        .patch(
            ONE,
            "application/merge-patch+json",
            &json!({ "metadata": { "finalizers": null } }),
        )
        .await;
    assert_eq!(code, 200);
    assert_eq!(door.get(ONE).await.0, 404);
    door.post(ALL, &config_map("a")).await;
    let (_, marked) = door
        .delete(ONE, &json!({ "propagationPolicy": "Foreground" }))
        .await;
    assert_eq!(
        marked["metadata"]["finalizers"],
        json!(["foregroundDeletion"])
    );
}

#[tokio::test]
async fn discovery_and_openapi() {
    let door = open().await;
    let (_, groups) = door.get("/apis").await;
    assert!(
        groups["groups"]
            .as_array()
            .unwrap()
            .iter()
            .any(|it| it["name"] == "apps")
    );
    let (_, list) = door.get("/apis/apps/v1").await;
    let names: Vec<_> = list["resources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["name"].as_str().unwrap())
        .collect();
    assert!(names.contains(&"deployments/scale"), "{names:?}");
    let mut asked = request(Method::GET, "/apis", "", "");
    let accept =
        "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";
    asked
        .headers_mut()
        .insert("accept", accept.parse().unwrap());
    let (_, aggregated) = door.send(asked).await;
    assert_eq!(aggregated["kind"], "APIGroupDiscoveryList");
    let (_, index) = door.get("/openapi/v3").await;
    let url = index["paths"]["apis/apps/v1"]["serverRelativeURL"]
        .as_str()
        .unwrap();
    let (_, document) = door.get(url).await;
    assert!(document["components"]["schemas"]["io.k8s.api.apps.v1.Deployment"].is_object());
    assert_eq!(door.get("/apis/nope").await.0, 404);
    assert_eq!(door.get("/api/v1/nopes").await.0, 404);
    let (code, status) = door.delete("/api/v1/namespaces", &Value::Null).await;
    assert_eq!((code, &status["reason"]), (405, &json!("MethodNotAllowed")));
}

#[tokio::test]
async fn a_delete_answers_with_what_was_or_with_a_status() {
    let door = open().await;
    let made = json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": "a" } });
    let (code, made) = door
        .post("/api/v1/namespaces/default/serviceaccounts", &made)
        .await;
    assert_eq!(code, 201, "{made}");
    let path = "/api/v1/namespaces/default/serviceaccounts/a";
    let (code, last) = door.delete(path, &Value::Null).await;
    assert_eq!((code, &last["kind"]), (200, &json!("ServiceAccount")));
    assert_eq!(last["metadata"]["uid"], made["metadata"]["uid"]);
    let revision = |it: &Value| {
        let text = it["metadata"]["resourceVersion"].as_str();
        text.unwrap_or_default().parse::<u64>().unwrap_or_default()
    };
    assert!(revision(&last) > revision(&made), "{last}");
    assert_eq!(door.get(path).await.0, 404);
}

#[tokio::test]
async fn paths_take_only_the_verbs_that_fit_them() {
    let door = open().await;
    assert_eq!(door.post(ALL, &config_map("a")).await.0, 201);
    let everywhere = "/api/v1/configmaps";
    let (code, status) = door.delete(everywhere, &Value::Null).await;
    assert_eq!(
        (code, &status["reason"]),
        (405, &json!("MethodNotAllowed")),
        "a path over all namespaces empties none"
    );
    assert_eq!(door.get(ONE).await.0, 200);
    assert_eq!(door.post(everywhere, &config_map("b")).await.0, 405);
    assert_eq!(door.post(ONE, &config_map("b")).await.0, 405);
    assert_eq!(door.put(ALL, &config_map("a")).await.0, 405);
    assert_eq!(door.get(everywhere).await.0, 200);
}

#[tokio::test]
async fn what_is_not_stored_has_no_other_form() {
    let door = open().await;
    let review = json!({ "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
        "spec": { "resourceAttributes": { "verb": "get", "resource": "pods" } } });
    let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    let mut asked = request(Method::POST, path, "application/json", review.to_string());
    let table = "application/json;as=Table;v=v1;g=meta.k8s.io"
        .parse()
        .unwrap();
    asked.headers_mut().insert(http::header::ACCEPT, table);
    let (code, status) = door.send(asked).await;
    assert_eq!((code, &status["reason"]), (406, &json!("NotAcceptable")));
    assert_eq!(door.post(path, &review).await.0, 201);
}

#[tokio::test]
async fn events_are_selected_in_the_spelling_of_their_group() {
    let door = open().await;
    let event = json!({ "metadata": { "name": "e" }, "eventTime": "2026-01-01T00:00:00.000000Z", "action": "Does", "reason": "Done",
        "type": "Normal", "reportingController": "test-controller", "reportingInstance": "one",
        "regarding": { "kind": "Pod", "name": "p", "namespace": "default" } });
    let new = "/apis/events.k8s.io/v1/namespaces/default/events";
    let old = "/api/v1/namespaces/default/events";
    let (code, made) = door.post(new, &event).await;
    assert_eq!(code, 201, "{made}");
    for (path, selector, expected) in [
        (new, "reportingController=test-controller", Some(1)),
        (new, "reportingController=other", Some(0)),
        (new, "regarding.name=p,type=Normal", Some(1)),
        (new, "involvedObject.name=p", None),
        (
            old,
            "involvedObject.name=p,reportingComponent=test-controller",
            Some(1),
        ),
        (old, "regarding.name=p", None),
    ] {
        let (code, list) = door.get(&format!("{path}?fieldSelector={selector}")).await;
        let found = list["items"].as_array().map(Vec::len);
        assert_eq!(
            (code, found),
            (if expected.is_some() { 200 } else { 400 }, expected),
            "{selector}: {list}"
        );
    }
}

#[tokio::test]
async fn a_loopback_address_is_no_endpoint() {
    let store = std::sync::Arc::new(store::Memory::new());
    let door = open_at(store, &["10.43.0.0/16"], "127.0.0.1").await;
    let namespace = "/api/v1/namespaces/default";
    let service = format!("{namespace}/services/kubernetes");
    assert_eq!(door.get(&service).await.0, 200);
    let endpoints = format!("{namespace}/endpoints/kubernetes");
    assert_eq!(door.get(&endpoints).await.0, 404);
}
