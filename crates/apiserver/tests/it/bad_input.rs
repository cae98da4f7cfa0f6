//! What clients send by mistake or malice.

use crate::door::{open, request};
use http::Method;
use serde_json::json;
use std::io::Write;

const ALL: &str = "/api/v1/namespaces/default/configmaps";

#[tokio::test]
async fn bad_bodies_get_upstreams_codes() {
    let door = open().await;
    let long = format!(r#"{{"metadata":{{"name":"{}"}}}}"#, "a".repeat(254));
    let table: &[(&str, u16, &str)] = &[
        ("{", 400, "BadRequest"),
        ("", 400, "BadRequest"),
        ("[]", 400, "BadRequest"),
        (r#"{"metadata":{"name":1}}"#, 400, "BadRequest"),
        (r#"{"metadata":{"name":"a"},"data":[]}"#, 400, "BadRequest"),
        (
            r#"{"apiVersion":"v2","kind":"ConfigMap","metadata":{"name":"a"}}"#,
            400,
            "BadRequest",
        ),
        (
            r#"{"apiVersion":"v1","kind":"Secret","metadata":{"name":"a"}}"#,
            400,
            "BadRequest",
        ),
        (
            r#"{"metadata":{"name":"a","namespace":"other"}}"#,
            400,
            "BadRequest",
        ),
        (r#"{"metadata":{}}"#, 422, "Invalid"),
        (r#"{"metadata":{"name":"A_b"}}"#, 422, "Invalid"),
        (&long, 422, "Invalid"),
    ];
    for (body, code, reason) in table {
        let sent = request(Method::POST, ALL, "application/json", (*body).to_owned());
        let (got, status) = door.send(sent).await;
        assert_eq!(
            (got, status["reason"].as_str().unwrap_or_default()),
            (*code, *reason),
            "{body}: {status}"
        );
    }
}

#[tokio::test]
async fn unknown_fields_by_validation() {
    let door = open().await;
    let object = json!({ "metadata": { "name": "a" }, "nope": 1 });
    let (code, status) = door
        .post(&format!("{ALL}?fieldValidation=Strict&dryRun=All"), &object)
        .await;
    assert_eq!(code, 400);
    assert!(
        status["message"]
            .as_str()
            .unwrap()
            .contains(r#"strict decoding error: unknown field "nope""#)
    );
    let sent = request(
        Method::POST,
        &format!("{ALL}?dryRun=All"),
        "application/json",
        object.to_string(),
    );
    let response = door.door.handle(sent).await;
    assert_eq!(
        response.headers()["warning"],
        r#"299 - "unknown field \"nope\"""#
    );
    let (code, _) = door
        .post(&format!("{ALL}?fieldValidation=Ignore"), &object)
        .await;
    assert_eq!(code, 201);
}

#[tokio::test]
async fn bodies_are_bounded() {
    let door = open().await;
    let large = vec![b' '; 4 << 20];
    let (code, status) = door
        .send(request(Method::POST, ALL, "application/json", large))
        .await;
    assert_eq!(
        (code, status["reason"].as_str()),
        (413, Some("RequestEntityTooLarge"))
    );
    let mut packed = Vec::new();
    let mut encoder = flate2::write::GzEncoder::new(&mut packed, flate2::Compression::fast());
    encoder.write_all(br#"{"metadata":{"name":"a"}}"#).unwrap();
    encoder.finish().unwrap();
    for (cut, expected) in [(0, 201), (6, 400)] {
        let mut sent = request(
            Method::POST,
            ALL,
            "application/json",
            packed[..packed.len() - cut].to_vec(),
        );
        sent.headers_mut()
            .insert("content-encoding", "gzip".parse().unwrap());
        assert_eq!(door.send(sent).await.0, expected);
    }
    let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n";
    let (code, _) = door
        .send(request(Method::POST, ALL, "application/yaml", bomb))
        .await;
    assert!(matches!(code, 400 | 422), "{code}");
}
