//! Questions asked by creating what is not kept: who may what, who asks, whose token.

use crate::{
    door::{open, request},
    wire::listen,
};
use http::Method;
use serde_json::{Value, json};

const AUTHORIZATION: &str = "/apis/authorization.k8s.io/v1";
const TOKENS: &str = "/apis/authentication.k8s.io/v1/tokenreviews";

#[tokio::test]
async fn who_may_what() {
    let door = open().await;
    let pods = json!({ "verb": "get", "resource": "pods" });
    let of = |user: &str, groups: &[&str]| json!({ "user": user, "groups": groups, "resourceAttributes": pods });
    for (plural, spec, expected) in [
        ("subjectaccessreviews", of("a", &[]), false),
        ("subjectaccessreviews", of("a", &["system:masters"]), true),
        (
            "subjectaccessreviews",
            json!({ "user": "a", "nonResourceAttributes": { "path": "/healthz", "verb": "get" } }),
            true,
        ),
        (
            "selfsubjectaccessreviews",
            json!({ "resourceAttributes": pods }),
            true,
        ),
    ] {
        let path = format!("{AUTHORIZATION}/{plural}");
        let (code, answer) = door.post(&path, &json!({ "spec": spec })).await;
        assert_eq!(code, 201, "{answer}");
        assert_eq!(answer["status"], json!({ "allowed": expected }), "{spec}");
        assert_eq!(answer["metadata"], json!({}));
    }
    let local = format!("{AUTHORIZATION}/namespaces/n/localsubjectaccessreviews");
    let here = json!({ "user": "a", "resourceAttributes": { "verb": "get", "resource": "pods", "namespace": "n" } });
    let (code, answer) = door.post(&local, &json!({ "spec": here })).await;
    assert_eq!(
        (code, &answer["status"]["allowed"]),
        (201, &json!(false)),
        "{answer}"
    );
    let elsewhere = json!({ "metadata": { "namespace": "other" }, "spec": here });
    let (code, answer) = door.post(&local, &elsewhere).await;
    assert_eq!(code, 400, "{answer}");
}

#[tokio::test]
async fn questions_are_checked() {
    let door = open().await;
    for (path, object, code, message) in [
        (
            format!("{AUTHORIZATION}/subjectaccessreviews"),
            json!({ "spec": { "resourceAttributes": {} } }),
            422,
            ".authorization.k8s.io \"\" is invalid: spec.user: Invalid value: \"\": at least one of user or group must be specified",
        ),
        (
            format!("{AUTHORIZATION}/selfsubjectaccessreviews"),
            json!({ "spec": {} }),
            422,
            ".authorization.k8s.io \"\" is invalid: spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified",
        ),
        (
            format!("{AUTHORIZATION}/selfsubjectrulesreviews"),
            json!({ "spec": {} }),
            400,
            "no namespace on request",
        ),
        (
            TOKENS.to_owned(),
            json!({ "spec": {} }),
            400,
            "token is required for TokenReview in authentication",
        ),
    ] {
        let (found, status) = door.post(&path, &object).await;
        assert_eq!(
            (found, &status["message"]),
            (code, &json!(message)),
            "{path}"
        );
    }
    let path = format!("{AUTHORIZATION}/selfsubjectaccessreviews?fieldValidation=Warn");
    let odd = json!({ "spec": { "resourceAttributes": {}, "odd": 1 } });
    let asked = request(Method::POST, &path, "application/json", odd.to_string());
    let response = door.door.handle(asked).await;
    assert_eq!(
        response.headers()["warning"],
        r#"299 - "unknown field \"spec.odd\"""#
    );
}

#[tokio::test]
async fn who_asks_and_what_they_may() {
    let door = open().await;
    let path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    let labelled = json!({ "metadata": { "labels": { "a": "b" } } });
    let (_, answer) = door.post(path, &labelled).await;
    assert_eq!(
        answer,
        json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview",
            "metadata": { "creationTimestamp": "2026-01-01T00:00:00Z" },
            "status": { "userInfo": { "username": "admin", "groups": ["system:masters", "system:authenticated"] } } })
    );
    let path = format!("{AUTHORIZATION}/selfsubjectrulesreviews");
    let (_, answer) = door
        .post(
            &path,
            &json!({ "metadata": { "name": "n" }, "spec": { "namespace": "n" } }),
        )
        .await;
    assert_eq!(
        (&answer["metadata"], &answer["spec"]),
        (&json!({}), &json!({}))
    );
    assert_eq!(answer["status"]["resourceRules"][0]["verbs"], json!(["*"]));
}

#[tokio::test]
async fn whose_token_it_is() {
    let wire = listen().await;
    let accounts = "/api/v1/namespaces/default/serviceaccounts";
    wire.post(accounts, &json!({ "metadata": { "name": "robot" } }))
        .await;
    let token = async |audiences: Value| {
        let spec = json!({ "spec": { "audiences": audiences } });
        let answer = wire.post(&format!("{accounts}/robot/token"), &spec).await;
        answer["status"]["token"].clone()
    };
    let (ours, theirs) = (token(json!(["door"])).await, token(json!(["vault"])).await);
    for (token, audiences, expected) in [
        (&ours, json!([]), Some("door")),
        (&ours, json!(["door", "vault"]), Some("door")),
        (&ours, json!(["vault"]), None),
        (&theirs, json!(["vault"]), Some("vault")),
        (&theirs, json!([]), None),
        (&json!("forged"), json!([]), None),
    ] {
        let review = json!({ "spec": { "token": token, "audiences": audiences } });
        let status = wire.post(TOKENS, &review).await["status"].clone();
        match expected {
            Some(audience) => {
                assert_eq!(status["authenticated"], true, "{status}");
                assert_eq!(
                    status["user"]["username"],
                    "system:serviceaccount:default:robot"
                );
                assert_eq!(status["audiences"], json!([audience]));
            }
            None => assert_eq!(
                status,
                json!({ "user": {}, "error": "invalid bearer token" })
            ),
        }
    }
}
