//! OpenAPI as clients read it: the index, documents by hash, both versions in JSON and protobuf.

use crate::door::{Tested, open, request};
use http::{HeaderMap, Method, header};
use http_body_util::BodyExt;
use serde_json::Value;

async fn get(
    door: &Tested,
    path: &str,
    headers: &[(header::HeaderName, &str)],
) -> (u16, HeaderMap, Vec<u8>) {
    let mut request = request(Method::GET, path, "", "");
    for (name, value) in headers {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    let (parts, body) = door.door.handle(request).await.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes().to_vec();
    (parts.status.as_u16(), parts.headers, bytes)
}

async fn json(door: &Tested, path: &str) -> Value {
    let (code, _, bytes) = get(door, path, &[]).await;
    assert_eq!(code, 200, "{path}");
    serde_json::from_slice(&bytes).unwrap()
}

#[tokio::test]
async fn every_document_of_the_index_is_there_and_closed() {
    let door = open().await;
    let index = json(&door, "/openapi/v3").await;
    let paths = index["paths"].as_object().unwrap();
    for name in [
        "api",
        "apis",
        "apis/apps",
        "api/v1",
        "apis/apps/v1",
        "version",
    ] {
        assert!(paths.contains_key(name), "{name}");
    }
    for (name, entry) in paths {
        let document = json(&door, entry["serverRelativeURL"].as_str().unwrap()).await;
        assert_eq!(document["openapi"], "3.0.0");
        let text = document.to_string();
        for reference in text.split("\"#/components/schemas/").skip(1) {
            let of = reference.split('"').next().unwrap();
            assert!(
                document["components"]["schemas"].get(of).is_some(),
                "{name}: {of}"
            );
        }
    }
}

#[tokio::test]
async fn documents_by_hash_never_change() {
    let door = open().await;
    let index = json(&door, "/openapi/v3").await;
    let url = index["paths"]["apis/apps/v1"]["serverRelativeURL"]
        .as_str()
        .unwrap();
    let (_, headers, _) = get(&door, url, &[]).await;
    assert_eq!(headers[header::CACHE_CONTROL], "public, immutable");
    assert_eq!(headers[header::EXPIRES], "Fri, 01 Jan 2027 00:00:00 GMT");
    let etag = headers[header::ETAG].to_str().unwrap().to_owned();
    assert_eq!(format!("\"{}\"", url.split('=').nth(1).unwrap()), etag);
    let (code, _, bytes) = get(&door, url, &[(header::IF_NONE_MATCH, &etag)]).await;
    assert_eq!((code, bytes.len()), (304, 0));
    let (code, headers, _) = get(&door, "/openapi/v3/apis/apps/v1?hash=old", &[]).await;
    assert_eq!(
        (code, headers[header::LOCATION].to_str().unwrap()),
        (301, url)
    );
    let (_, headers, _) = get(&door, "/openapi/v3/apis/apps/v1", &[]).await;
    assert!(headers.get(header::CACHE_CONTROL).is_none());
    assert_eq!(get(&door, "/openapi/v3/apis/none/v1", &[]).await.0, 404);
}

#[tokio::test]
async fn both_versions_travel_as_protobuf() {
    let door = open().await;
    for (path, version, name) in [
        ("/openapi/v2", "v2", "io.k8s.api.apps.v1.Deployment"),
        (
            "/openapi/v3/apis/apps/v1",
            "v3",
            "io.k8s.api.apps.v1.Deployment",
        ),
    ] {
        let asked = format!("application/com.github.proto-openapi.spec.{version}@v1.0+protobuf");
        let (code, headers, bytes) = get(&door, path, &[(header::ACCEPT, &asked)]).await;
        assert_eq!(
            (code, headers[header::CONTENT_TYPE].to_str().unwrap()),
            (200, asked.replace('@', ".").as_str())
        );
        // Document: 1 is the version of the language.
        assert_eq!(bytes[..2], [0x0a, if version == "v2" { 3 } else { 5 }]);
        assert!(
            bytes
                .windows(name.len())
                .any(|part| part == name.as_bytes())
        );
        let (code, ..) = get(&door, path, &[(header::ACCEPT, "text/html")]).await;
        assert_eq!(code, 406);
    }
}

#[tokio::test]
async fn operations_say_what_they_take() {
    let door = open().await;
    let document = json(&door, "/openapi/v3/apis/apps/v1").await;
    let path = &document["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments"];
    assert_eq!(
        path["get"]["description"],
        "list or watch objects of kind Deployment"
    );
    let parameter = |operation: &Value, name: &str| {
        let all = operation["parameters"].as_array().unwrap();
        all.iter()
            .find(|it| it["name"] == name)
            .cloned()
            .unwrap_or_default()
    };
    let selector = parameter(&path["get"], "labelSelector");
    assert_eq!(
        selector["description"],
        "A selector to restrict the list of returned objects by their labels. Defaults to everything."
    );
    for (verb, name) in [
        ("get", "sendInitialEvents"),
        ("post", "fieldValidation"),
        ("post", "dryRun"),
        ("delete", "propagationPolicy"),
        ("delete", "continue"),
    ] {
        assert_eq!(parameter(&path[verb], name)["in"], "query", "{verb} {name}");
    }
    let one =
        &document["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"];
    assert_eq!(parameter(one, "force")["schema"]["type"], "boolean");
    assert_eq!(one["x-kubernetes-action"], "patch");
    assert_eq!(one["x-kubernetes-group-version-kind"]["kind"], "Deployment");
    assert!(document["paths"]["/apis/apps/v1/"]["get"].is_object());
    let core = json(&door, "/openapi/v3/api/v1").await;
    let exec = &core["paths"]["/api/v1/namespaces/{namespace}/pods/{name}/exec"]["get"];
    assert_eq!(
        (
            exec["x-kubernetes-action"].as_str(),
            parameter(exec, "command")["in"].as_str()
        ),
        (Some("connect"), Some("query"))
    );
}

#[tokio::test]
async fn only_what_is_served_is_published() {
    let door = open().await;
    let document = json(&door, "/openapi/v2").await;
    let definitions = document["definitions"].as_object().unwrap();
    assert!(definitions.contains_key("io.k8s.api.core.v1.Pod"));
    assert!(
        definitions
            .keys()
            .all(|name| !name.contains("extensions.v1beta1"))
    );
}
