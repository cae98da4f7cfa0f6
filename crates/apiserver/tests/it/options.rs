//! What requests may ask for besides the object: options, strictness, deadlines.

use crate::door::{open, request};
use http::Method;
use serde_json::{Value, json};

const ALL: &str = "/api/v1/namespaces/default/configmaps";
const ONE: &str = "/api/v1/namespaces/default/configmaps/a";
const MERGE: &str = "application/merge-patch+json";
const STRATEGIC: &str = "application/strategic-merge-patch+json";
const JSON: &str = "application/json-patch+json";

fn config_map(name: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name }, "data": { "k": "1" } })
}

#[tokio::test]
async fn refused_options() {
    let door = open().await;
    door.post(ALL, &config_map("a")).await;
    let long = "x".repeat(129);
    let table = [
        (
            Method::POST,
            ALL,
            "dryRun=Some".to_owned(),
            422,
            r#"CreateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: ["Some"]: supported values: "All""#,
        ),
        (
            Method::PUT,
            ONE,
            "fieldValidation=No".to_owned(),
            422,
            r#"UpdateOptions.meta.k8s.io "" is invalid: fieldValidation: Unsupported value: "No": supported values: "", "Ignore", "Strict", "Warn""#,
        ),
        (
            Method::PATCH,
            ONE,
            "force=true".to_owned(),
            422,
            r#"PatchOptions.meta.k8s.io "" is invalid: force: Forbidden: may not be specified for non-apply patch"#,
        ),
        (
            Method::POST,
            ALL,
            format!("fieldManager={long}"),
            422,
            r#"CreateOptions.meta.k8s.io "" is invalid: fieldManager: Too long: may not be more than 128 bytes"#,
        ),
        (
            Method::DELETE,
            ONE,
            "propagationPolicy=No".to_owned(),
            422,
            r#"DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Unsupported value: "No": supported values: "Foreground", "Background", "Orphan", "nil""#,
        ),
        (
            Method::DELETE,
            ONE,
            "propagationPolicy=Orphan&orphanDependents=true".to_owned(),
            422,
            r#"DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Invalid value: "Orphan": orphanDependents and deletionPropagation cannot be both set"#,
        ),
        (
            Method::DELETE,
            ONE,
            "gracePeriodSeconds=x".to_owned(),
            400,
            r#"strconv.ParseInt: parsing "x": invalid syntax"#,
        ),
        (
            Method::GET,
            ONE,
            "timeout=x".to_owned(),
            400,
            r#"invalid timeout specified in the request URL: time: invalid duration "x""#,
        ),
        (
            Method::GET,
            ALL,
            "limit=x".to_owned(),
            400,
            r#"strconv.ParseInt: parsing "x": invalid syntax"#,
        ),
        (
            Method::GET,
            ALL,
            "resourceVersion=x".to_owned(),
            400,
            r#"invalid resource version: resourceVersion: Invalid value: "x": strconv.ParseUint: parsing "x": invalid syntax"#,
        ),
        (
            Method::GET,
            ALL,
            "resourceVersionMatch=Exact".to_owned(),
            422,
            r#"ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided"#,
        ),
        (
            Method::GET,
            ALL,
            "resourceVersionMatch=Exact&resourceVersion=0".to_owned(),
            422,
            r#"ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0""#,
        ),
        (
            Method::GET,
            ALL,
            "resourceVersionMatch=No&resourceVersion=1".to_owned(),
            422,
            r#"ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Unsupported value: "No": supported values: "Exact", "NotOlderThan", """#,
        ),
        (
            Method::GET,
            ALL,
            "sendInitialEvents=true".to_owned(),
            422,
            r#"ListOptions.meta.k8s.io "" is invalid: sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list"#,
        ),
        (
            Method::GET,
            ALL,
            "watch=true&sendInitialEvents=true".to_owned(),
            422,
            r#"ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"#,
        ),
        (
            Method::GET,
            ALL,
            "watch=true&resourceVersionMatch=NotOlderThan".to_owned(),
            422,
            r#"ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"#,
        ),
        (
            Method::GET,
            ALL,
            "continue=x&resourceVersion=1".to_owned(),
            400,
            "specifying resource version is not allowed when using continue",
        ),
        (
            Method::GET,
            ALL,
            "labelSelector=a+in+b".to_owned(),
            400,
            "unable to parse requirement: found 'b', expected: '('",
        ),
        (
            Method::GET,
            ALL,
            "fieldSelector=spec.x%3D1".to_owned(),
            400,
            r#""spec.x" is not a known field selector: only "metadata.name", "metadata.namespace""#,
        ),
    ];
    for (method, path, query, code, message) in table {
        let bytes = match method {
            Method::GET | Method::DELETE => String::new(),
            _ => config_map("a").to_string(),
        };
        let kind = if method == Method::PATCH {
            MERGE
        } else {
            "application/json"
        };
        let path = format!("{path}?{query}");
        let (got, status) = door.send(request(method, &path, kind, bytes)).await;
        assert_eq!((got, &status["message"]), (code, &json!(message)), "{path}");
    }
    let ignore = json!({ "ignoreStoreReadErrorWithClusterBreakingPotential": true });
    let (code, status) = door.delete(ONE, &ignore).await;
    assert_eq!((code, &status["reason"]), (422, &json!("Invalid")));
    assert_eq!(door.get(ONE).await.0, 200);
}

#[tokio::test]
async fn strict_patches_of_every_sort() {
    let door = open().await;
    door.post(ALL, &config_map("a")).await;
    let table = [
        (
            MERGE,
            r#"{"nope":1}"#,
            r#"strict decoding error: unknown field "nope""#,
        ),
        (
            MERGE,
            r#"{"data":{"a":"1","a":"2"}}"#,
            r#"strict decoding error: duplicate field "data.a""#,
        ),
        (
            STRATEGIC,
            r#"{"nope":1}"#,
            r#" "" is invalid: patch: Invalid value: "map[nope:1]": strict decoding error: unknown field "nope""#,
        ),
        (
            JSON,
            r#"[{"op":"add","path":"/data/x","value":"1","foo":1}]"#,
            r#"strict decoding error: json patch unknown field "[0].foo""#,
        ),
        (
            MERGE,
            r#"{"data":[]}"#,
            "json: cannot unmarshal array into Go struct field ConfigMap.data of type map[string]string",
        ),
    ];
    for (kind, patch, wrong) in table {
        let path = format!("{ONE}?fieldValidation=Strict");
        let (code, status) = door.send(request(Method::PATCH, &path, kind, patch)).await;
        let message = status["message"].as_str().unwrap();
        assert_eq!(
            (code, &status["reason"]),
            (422, &json!("Invalid")),
            "{status}"
        );
        assert!(message.contains(wrong), "{message}");
        assert!(
            message.starts_with(r#" "" is invalid: patch: Invalid value: "#),
            "{message}"
        );
    }
    let response = door
        .door
        .handle(request(Method::PATCH, ONE, MERGE, r#"{"nope":1}"#))
        .await;
    assert_eq!(response.status(), 200);
    assert_eq!(
        response.headers()["warning"],
        r#"299 - "unknown field \"nope\"""#
    );
    let path = format!("{ONE}?fieldValidation=Ignore");
    let response = door
        .door
        .handle(request(Method::PATCH, &path, MERGE, r#"{"nope":1}"#))
        .await;
    assert!(response.headers().get("warning").is_none());
    let table = [
        (JSON, "{}", 400),
        (JSON, "[", 400),
        (MERGE, "[]", 400),
        (STRATEGIC, "[]", 400),
        (JSON, r#"[{"op":"test","path":"/data/k","value":"9"}]"#, 422),
        (JSON, r#"[{"op":"what","path":"/data/k"}]"#, 422),
        (JSON, r#"[{"op":"remove","path":"/data/none"}]"#, 422),
        ("application/apply-patch+cbor", "x", 415),
    ];
    for (kind, patch, expected) in table {
        let (code, status) = door.send(request(Method::PATCH, ONE, kind, patch)).await;
        assert_eq!(code, expected, "{kind} {patch}: {status}");
    }
    let big = json!({ "data": { "big": "x".repeat(600_000) } });
    assert_eq!(door.patch(ONE, MERGE, &big).await.0, 200);
    let copies: Vec<_> = (0..6)
        .map(|at| json!({ "op": "copy", "from": "/data/big", "path": format!("/data/c{at}") }))
        .collect();
    assert_eq!(door.patch(ONE, JSON, &json!(copies)).await.0, 422);
}

#[tokio::test]
async fn names_versions_and_uids() {
    let door = open().await;
    let (_, made) = door.post(ALL, &config_map("a")).await;
    let mut again = config_map("b");
    again["metadata"]["resourceVersion"] = "5".into();
    let (code, status) = door.post(ALL, &again).await;
    assert_eq!(
        (code, &status["message"]),
        (
            500,
            &json!("resourceVersion should not be set on objects to be created")
        )
    );
    let mut other = made.clone();
    other["metadata"]["uid"] = "other".into();
    let (code, status) = door.put(ONE, &other).await;
    assert_eq!(code, 409);
    let message = status["message"].as_str().unwrap();
    assert!(
        message.contains("StorageError: invalid object, Code: 4")
            && message.contains("UID in precondition: other"),
        "{message}"
    );
    // An object that is gone was another one.
    let (code, _) = door
        .put(&format!("{ALL}/gone"), &{
            let mut gone = other.clone();
            gone["metadata"]["name"] = "gone".into();
            gone
        })
        .await;
    assert_eq!(code, 409);
    let (code, _) = door.put(&format!("{ALL}/gone"), &config_map("gone")).await;
    assert_eq!(code, 404);
    let (code, status) = door.put(ONE, &config_map("z")).await;
    assert_eq!(
        (code, &status["message"]),
        (
            400,
            &json!("the name of the object (z) does not match the name on the URL (a)")
        )
    );
    let (code, status) = door.put(ONE, &json!({ "metadata": {} })).await;
    assert_eq!(
        (code, &status["message"]),
        (
            400,
            &json!(
                "the name of the object (a based on URL) was undeterminable: name must be provided"
            )
        )
    );
    let (code, status) = door
        .delete(ONE, &json!({ "preconditions": { "uid": "other" } }))
        .await;
    let uid = made["metadata"]["uid"].as_str().unwrap();
    assert_eq!(
        (code, &status["message"]),
        (
            409,
            &json!(format!(
                r#"Operation cannot be fulfilled on ConfigMap "a": the UID in the precondition (other) does not match the UID in record ({uid}). The object might have been deleted and then recreated"#
            ))
        )
    );
    let (code, _) = door
        .patch(
            ONE,
            MERGE,
            &json!({ "metadata": { "resourceVersion": "1" } }),
        )
        .await;
    assert_eq!(code, 409);
    let leases = "/apis/coordination.k8s.io/v1/namespaces/default/leases";
    let lease = json!({ "metadata": { "name": "l" }, "spec": { "holderIdentity": "x" } });
    assert_eq!(door.put(&format!("{leases}/l"), &lease).await.0, 201);
    let (code, status) = door.put(&format!("{leases}/l"), &lease).await;
    assert_eq!(
        (code, &status["message"]),
        (
            422,
            &json!(
                r#"leases.coordination.k8s.io "l" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified for an update"#
            )
        )
    );
    let owner = json!({ "apiVersion": "v1", "kind": "ConfigMap", "name": "a", "uid": "u" });
    let mut owned = config_map("owned");
    owned["metadata"]["ownerReferences"] = json!([owner, owner]);
    let response = door
        .door
        .handle(request(
            Method::POST,
            ALL,
            "application/json",
            owned.to_string(),
        ))
        .await;
    let warning = response.headers()["warning"].to_str().unwrap();
    assert!(
        warning.contains("duplicate UID(s) observed: u"),
        "{warning}"
    );
}
