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
    // What every operation of a path takes belongs to the path.
    let parameter = |path: &Value, method: &str, name: &str| {
        let own = path[method]["parameters"].as_array().into_iter().flatten();
        let shared = path["parameters"].as_array().into_iter().flatten();
        let found: Vec<_> = own.chain(shared).filter(|it| it["name"] == name).collect();
        assert!(found.len() < 2, "{found:?}");
        found.first().map(|it| (*it).clone()).unwrap_or_default()
    };
    let selector = parameter(path, "get", "labelSelector");
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
        assert_eq!(parameter(path, verb, name)["in"], "query", "{verb} {name}");
    }
    let one = &document["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"];
    assert_eq!(
        parameter(one, "patch", "force")["schema"]["type"],
        "boolean"
    );
    let one = &one["patch"];
    assert_eq!(one["x-kubernetes-action"], "patch");
    assert_eq!(one["x-kubernetes-group-version-kind"]["kind"], "Deployment");
    assert!(document["paths"]["/apis/apps/v1/"]["get"].is_object());
    let core = json(&door, "/openapi/v3/api/v1").await;
    let exec = &core["paths"]["/api/v1/namespaces/{namespace}/pods/{name}/exec"];
    assert_eq!(
        (
            exec["get"]["x-kubernetes-action"].as_str(),
            parameter(exec, "get", "command")["in"].as_str()
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

/// Operations as upstream publishes them: path below `/api/v1`, method, name, action, kind, words.
const OPERATIONS: &[(&str, &str, &str, &str, &str, &str)] = &[
    (
        "/pods",
        "get",
        "listCoreV1PodForAllNamespaces",
        "list",
        "Pod",
        "list or watch objects of kind Pod",
    ),
    (
        "/namespaces/{namespace}/pods",
        "get",
        "listCoreV1NamespacedPod",
        "list",
        "Pod",
        "list or watch objects of kind Pod",
    ),
    (
        "/namespaces/{namespace}/pods",
        "post",
        "createCoreV1NamespacedPod",
        "post",
        "Pod",
        "create a Pod",
    ),
    (
        "/namespaces/{namespace}/pods",
        "delete",
        "deleteCoreV1CollectionNamespacedPod",
        "deletecollection",
        "Pod",
        "delete collection of Pod",
    ),
    (
        "/namespaces/{namespace}/pods/{name}",
        "put",
        "replaceCoreV1NamespacedPod",
        "put",
        "Pod",
        "replace the specified Pod",
    ),
    (
        "/namespaces/{namespace}/pods/{name}/status",
        "get",
        "readCoreV1NamespacedPodStatus",
        "get",
        "Pod",
        "read status of the specified Pod",
    ),
    (
        "/namespaces/{namespace}/pods/{name}/log",
        "get",
        "readCoreV1NamespacedPodLog",
        "get",
        "Pod",
        "read log of the specified Pod",
    ),
    (
        "/namespaces/{namespace}/pods/{name}/eviction",
        "post",
        "createCoreV1NamespacedPodEviction",
        "post",
        "Eviction",
        "create eviction of a Pod",
    ),
    (
        "/namespaces/{namespace}/pods/{name}/exec",
        "post",
        "connectCoreV1PostNamespacedPodExec",
        "connect",
        "PodExecOptions",
        "connect POST requests to exec of Pod",
    ),
    (
        "/namespaces/{namespace}/services/{name}/proxy/{path}",
        "options",
        "connectCoreV1OptionsNamespacedServiceProxyWithPath",
        "connect",
        "ServiceProxyOptions",
        "connect OPTIONS requests to proxy of Service",
    ),
    (
        "/nodes/{name}/proxy",
        "head",
        "connectCoreV1HeadNodeProxy",
        "connect",
        "NodeProxyOptions",
        "connect HEAD requests to proxy of Node",
    ),
    (
        "/componentstatuses",
        "get",
        "listCoreV1ComponentStatus",
        "list",
        "ComponentStatus",
        "list objects of kind ComponentStatus",
    ),
    (
        "/namespaces/{namespace}/events",
        "post",
        "createCoreV1NamespacedEvent",
        "post",
        "Event",
        "create an Event",
    ),
    (
        "/namespaces/{namespace}/endpoints/{name}",
        "delete",
        "deleteCoreV1NamespacedEndpoints",
        "delete",
        "Endpoints",
        "delete Endpoints",
    ),
    (
        "/watch/pods",
        "get",
        "watchCoreV1PodListForAllNamespaces",
        "watchlist",
        "Pod",
        "watch individual changes to a list of Pod. deprecated: use the 'watch' parameter with a list operation instead.",
    ),
    (
        "/watch/namespaces/{namespace}/pods",
        "get",
        "watchCoreV1NamespacedPodList",
        "watchlist",
        "Pod",
        "watch individual changes to a list of Pod. deprecated: use the 'watch' parameter with a list operation instead.",
    ),
    (
        "/watch/namespaces/{namespace}/pods/{name}",
        "get",
        "watchCoreV1NamespacedPod",
        "watch",
        "Pod",
        "watch changes to an object of kind Pod. deprecated: use the 'watch' parameter with a list operation instead, filtered to a single item with the 'fieldSelector' parameter.",
    ),
    (
        "/watch/nodes",
        "get",
        "watchCoreV1NodeList",
        "watchlist",
        "Node",
        "watch individual changes to a list of Node. deprecated: use the 'watch' parameter with a list operation instead.",
    ),
    (
        "/watch/nodes/{name}",
        "get",
        "watchCoreV1Node",
        "watch",
        "Node",
        "watch changes to an object of kind Node. deprecated: use the 'watch' parameter with a list operation instead, filtered to a single item with the 'fieldSelector' parameter.",
    ),
];

#[tokio::test]
async fn operations_are_named_as_upstreams() {
    let door = open().await;
    let (two, three) = (
        json(&door, "/openapi/v2").await,
        json(&door, "/openapi/v3/api/v1").await,
    );
    for document in [&two, &three] {
        for (path, method, name, action, kind, words) in OPERATIONS {
            let operation = &document["paths"][format!("/api/v1{path}")][method];
            let found = [
                &operation["operationId"],
                &operation["x-kubernetes-action"],
                &operation["x-kubernetes-group-version-kind"]["kind"],
                &operation["description"],
                &operation["tags"][0],
            ];
            assert_eq!(found, [name, action, kind, words, "core_v1"], "{path}");
        }
        let missing = ["/api/v1/watch/bindings", "/api/v1/watch/componentstatuses"];
        for path in missing {
            assert!(document["paths"].get(path).is_none(), "{path}");
        }
        let mut names: Vec<&str> = Vec::new();
        let paths = document["paths"].as_object().unwrap();
        for operation in paths
            .values()
            .flat_map(|it| it.as_object().unwrap().values())
        {
            names.extend(operation["operationId"].as_str());
        }
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count, "an operation's name is its own");
    }
    let path = &two["paths"]["/api/v1/watch/namespaces/{namespace}/pods/{name}"];
    assert_eq!(
        path["get"]["responses"]["200"]["schema"]["$ref"],
        "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.WatchEvent"
    );
    let parameters = path["parameters"].as_array().unwrap().iter();
    let parameters: Vec<_> = parameters
        .map(|it| meant(&two, it)["name"].as_str().unwrap())
        .collect();
    let expected = [
        "allowWatchBookmarks",
        "continue",
        "fieldSelector",
        "labelSelector",
        "limit",
        "name",
        "namespace",
        "pretty",
        "resourceVersion",
        "resourceVersionMatch",
        "sendInitialEvents",
        "shardSelector",
        "timeoutSeconds",
        "watch",
    ];
    assert_eq!(parameters, expected);
    assert_eq!(two["securityDefinitions"]["BearerToken"]["type"], "apiKey");
}

/// What a reference to a shared parameter refers to; a parameter of its own as it is.
fn meant<'d>(document: &'d Value, parameter: &'d Value) -> &'d Value {
    match parameter["$ref"].as_str() {
        Some(reference) => {
            let found = document.pointer(reference.strip_prefix('#').unwrap());
            found.unwrap_or_else(|| panic!("{reference} is not there"))
        }
        None => parameter,
    }
}

#[tokio::test]
async fn parameters_of_version_2_are_shared_under_upstreams_names() {
    let door = open().await;
    let document = json(&door, "/openapi/v2").await;
    for name in [
        "body-2Y1dVQaQ",
        "command-Py3eQybp",
        "namespace-vgWSWtn3",
        "path-z6Ciiujn",
        "pretty-tJGM1-ng",
    ] {
        assert!(document["parameters"][name].is_object(), "{name}");
    }
    let mut own = std::collections::BTreeSet::new();
    for item in document["paths"].as_object().unwrap().values() {
        let operations = item.as_object().unwrap().values();
        for parameters in operations.chain([item]).map(|it| &it["parameters"]) {
            for parameter in parameters.as_array().into_iter().flatten() {
                meant(&document, parameter);
                own.extend(parameter["name"].as_str());
            }
        }
    }
    let asked = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";
    let (_, _, bytes) = get(&door, "/openapi/v2", &[(header::ACCEPT, asked)]).await;
    for text in ["#/parameters/body-2Y1dVQaQ", "\x0a\x0dbody-2Y1dVQaQ"] {
        let mut parts = bytes.windows(text.len());
        assert!(parts.any(|part| part == text.as_bytes()), "{text}");
    }
    let own: Vec<_> = own.into_iter().collect();
    assert_eq!(own, ["body", "dryRun", "fieldValidation", "name"]);
}

#[tokio::test]
async fn the_issuer_of_tokens_is_published() {
    let door = open().await;
    let two = json(&door, "/openapi/v2").await;
    let index = json(&door, "/openapi/v3").await;
    for (name, media_type, operation) in [
        (
            ".well-known/openid-configuration",
            "application/json",
            "getServiceAccountIssuerOpenIDConfiguration",
        ),
        (
            "openid/v1/jwks",
            "application/jwk-set+json",
            "getServiceAccountIssuerOpenIDKeyset",
        ),
    ] {
        let url = index["paths"][name]["serverRelativeURL"].as_str().unwrap();
        let three = json(&door, url).await;
        let path = format!("/{name}/");
        let (two, three) = (&two["paths"][&path]["get"], &three["paths"][&path]["get"]);
        assert_eq!(two["operationId"], operation);
        assert_eq!(three["operationId"], operation);
        assert_eq!(two["produces"], serde_json::json!([media_type]));
        let ok = &three["responses"]["200"]["content"];
        assert_eq!(ok[media_type]["schema"]["type"], "string", "{three}");
    }
}
