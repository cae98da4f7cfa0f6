//! The forms in which requests and answers travel: protobuf and YAML beside JSON, trimmed metadata,
//! watches, statuses, discovery.

use crate::door::{Frames, Tested, open, request};
use api::{protobuf, schema};
use http::{Method, header};
use http_body_util::BodyExt;
use serde_json::{Value, json};

const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";
const PARTIAL_LIST: &str =
    "application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

struct Got {
    code: u16,
    headers: http::HeaderMap,
    bytes: Vec<u8>,
}

impl Got {
    fn header(&self, name: header::HeaderName) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// The body of an enveloped answer, as JSON.
    fn decoded(&self) -> Value {
        assert_eq!(
            self.header(header::CONTENT_TYPE).split(';').next(),
            Some(PROTOBUF)
        );
        serde_json::from_slice(&protobuf::decode(&self.bytes).unwrap().json).unwrap()
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap()
    }
}

async fn ask(door: &Tested, method: Method, path: &str, accept: &str, body: &[u8]) -> Got {
    let mut request = request(method, path, PROTOBUF, body.to_vec());
    request
        .headers_mut()
        .insert(header::ACCEPT, accept.parse().unwrap());
    let response = door.door.handle(request).await;
    let (parts, body) = response.into_parts();
    Got {
        code: parts.status.as_u16(),
        headers: parts.headers,
        bytes: body.collect().await.unwrap().to_bytes().to_vec(),
    }
}

async fn get(door: &Tested, path: &str, accept: &str) -> Got {
    ask(door, Method::GET, path, accept, b"").await
}

fn config_map(name: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name }, "data": { "a": "b" } })
}

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

#[tokio::test]
async fn objects_lists_and_statuses_travel_as_protobuf() {
    let door = open().await;
    let body = protobuf::encode(config_map("one").to_string().as_bytes()).unwrap();
    let created = ask(&door, Method::POST, MAPS, PROTOBUF, &body).await;
    assert_eq!(
        (created.code, &created.decoded()["data"]["a"]),
        (201, &json!("b"))
    );
    let (_, stored) = door.get(&format!("{MAPS}/one")).await;
    assert_eq!(
        stored["metadata"]["uid"],
        created.decoded()["metadata"]["uid"]
    );

    let list = get(&door, &format!("{MAPS}?limit=500"), PROTOBUF)
        .await
        .decoded();
    assert_eq!(
        (&list["kind"], &list["apiVersion"]),
        (&json!("ConfigMapList"), &json!("v1"))
    );
    assert!(list["metadata"]["resourceVersion"].is_string());
    assert_eq!(list["items"][0]["metadata"]["name"], "one");
    assert_eq!(list["items"][0].get("kind"), None);

    let again = ask(&door, Method::POST, MAPS, PROTOBUF, &body).await;
    let status = again.decoded();
    assert_eq!(
        (again.code, &status["kind"], &status["reason"]),
        (409, &json!("Status"), &json!("AlreadyExists"))
    );
    assert_eq!(status["details"]["name"], "one");
    let missing = get(&door, &format!("{MAPS}/none"), PROTOBUF).await;
    assert_eq!(
        (missing.code, &missing.decoded()["details"]["kind"]),
        (404, &json!("configmaps"))
    );

    let options =
        protobuf::encode(br#"{"kind":"DeleteOptions","apiVersion":"v1","dryRun":["All"]}"#)
            .unwrap();
    let deleted = ask(
        &door,
        Method::DELETE,
        &format!("{MAPS}/one"),
        PROTOBUF,
        &options,
    )
    .await;
    assert_eq!(
        (deleted.code, &deleted.decoded()["status"]),
        (200, &json!("Success"))
    );
    assert_eq!(door.get(&format!("{MAPS}/one")).await.0, 200);
}

#[tokio::test]
async fn metadata_alone_travels_as_protobuf_but_tables_do_not() {
    let door = open().await;
    door.post(MAPS, &config_map("one")).await;
    let list = get(&door, MAPS, PARTIAL_LIST).await.decoded();
    assert_eq!(list["kind"], "PartialObjectMetadataList");
    assert_eq!(list["items"][0]["metadata"]["name"], "one");
    let one = PARTIAL_LIST.replace("List;", ";");
    let one = get(&door, &format!("{MAPS}/one"), &one).await.decoded();
    assert_eq!(
        (&one["kind"], &one["metadata"]["name"]),
        (&json!("PartialObjectMetadata"), &json!("one"))
    );
    assert_eq!(one.get("data"), None);

    let table = format!("{PROTOBUF};as=Table;g=meta.k8s.io;v=v1");
    let refused = get(&door, MAPS, &table).await;
    assert_eq!(
        (refused.code, &refused.json()["reason"]),
        (406, &json!("NotAcceptable"))
    );
    assert_eq!(
        refused.json()["message"],
        "only the following media types are accepted: application/json, application/yaml, application/vnd.kubernetes.protobuf"
    );
    let either = format!("{table}, application/json;as=Table;g=meta.k8s.io;v=v1");
    assert_eq!(get(&door, MAPS, &either).await.json()["kind"], "Table");
}

#[tokio::test]
async fn watches_travel_as_protobuf() {
    let door = open().await;
    let watch = async || {
        let path = format!("{MAPS}?watch=true&resourceVersion=1&allowWatchBookmarks=true");
        let mut request = request(Method::GET, &path, "", "");
        let accept = format!("{PROTOBUF};stream=watch");
        request
            .headers_mut()
            .insert(header::ACCEPT, accept.parse().unwrap());
        let response = door.door.handle(request).await;
        assert_eq!(response.headers()[header::CONTENT_TYPE], accept);
        Frames::of(response)
    };
    let mut watches = [watch().await, watch().await];
    door.post(MAPS, &config_map("seen")).await;
    door.patch(
        &format!("{MAPS}/seen"),
        "application/merge-patch+json",
        &json!({"data":{"a":"c"}}),
    )
    .await;
    door.delete(&format!("{MAPS}/seen"), &Value::Null).await;
    let mut shared: Vec<Vec<u8>> = Vec::new();
    for body in &mut watches {
        let mut kinds = Vec::new();
        let mut last = Vec::new();
        while kinds.len() < 3 {
            let frame = body.next_message().await.expect("an event");
            // A bare WatchEvent: in an envelope of ours it can be read like anything else.
            let of = schema::builtin().kind("", "v1", "WatchEvent").unwrap();
            let event = protobuf::decode_bare(&frame[4..], schema::builtin(), of).unwrap();
            let event: Value = serde_json::from_slice(&event).unwrap();
            if event["object"]["metadata"]["name"] == "seen" {
                kinds.push(event["type"].as_str().unwrap().to_owned());
                last.extend_from_slice(&frame);
            }
        }
        assert_eq!(kinds, ["ADDED", "MODIFIED", "DELETED"]);
        shared.push(last);
    }
    assert_eq!(shared[0], shared[1]);

    let yaml = get(&door, &format!("{MAPS}?watch=true"), "application/yaml").await;
    assert_eq!(yaml.code, 406);
    let text = String::from_utf8_lossy(&yaml.bytes).into_owned();
    assert!(text.contains("application/json;stream=watch"), "{text}");
}

#[tokio::test]
async fn yaml_and_indented_json() {
    let door = open().await;
    door.post(MAPS, &config_map("one")).await;
    let yaml = get(&door, &format!("{MAPS}/one"), "application/yaml").await;
    assert!(
        String::from_utf8_lossy(&yaml.bytes)
            .starts_with("apiVersion: v1\ndata:\n  a: b\nkind: ConfigMap\n")
    );
    let pretty = get(&door, &format!("{MAPS}?pretty=true"), "application/json").await;
    assert!(
        String::from_utf8_lossy(&pretty.bytes)
            .contains("\n  \"items\": [\n    {\n      \"apiVersion\"")
    );
    assert_eq!(pretty.json()["items"][0]["metadata"]["name"], "one");
}

#[tokio::test]
async fn malformed_protobuf_is_a_bad_request() {
    let door = open().await;
    let whole = protobuf::encode(config_map("one").to_string().as_bytes()).unwrap();
    let nested = [&b"k8s\0"[..], &[0x12, 0xff, 0xff, 0xff, 0xff, 0x0f]].concat();
    for body in [&b"{}"[..], &whole[..whole.len() - 3], &nested] {
        let got = ask(&door, Method::POST, MAPS, "application/json", body).await;
        assert_eq!(
            (got.code, &got.json()["reason"]),
            (400, &json!("BadRequest")),
            "{body:?}"
        );
    }
}

#[tokio::test]
async fn scripts_find_members_of_discovery_in_upstreams_order() {
    let door = open().await;
    for (path, found) in [
        ("/api", r#"{"kind":"APIVersions","versions":["v1"],"#),
        (
            "/apis",
            r#"{"kind":"APIGroupList","apiVersion":"v1","groups":[{"name":"#,
        ),
        (
            "/apis/apps",
            r#"{"kind":"APIGroup","apiVersion":"v1","name":"apps","versions":[{"groupVersion":"apps/v1","version":"v1"}],"preferredVersion":{"#,
        ),
        (
            "/api/v1",
            r#"{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"v1","resources":[{"name":"bindings","#,
        ),
        (
            "/api/v1",
            r#"{"name":"configmaps","singularName":"configmap","namespaced":true,"kind":"ConfigMap","verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"shortNames":["cm"],"storageVersionHash":"#,
        ),
        (
            "/api/v1",
            r#""namespaced":true,"group":"policy","version":"v1","kind":"Eviction","verbs":["create"]}"#,
        ),
    ] {
        let answer = String::from_utf8(get(&door, path, "").await.bytes).unwrap();
        assert!(answer.contains(found), "{path}: {answer}");
    }
}

#[tokio::test]
async fn discovery_in_every_form() {
    let door = open().await;
    for path in ["/api", "/apis", "/apis/apps", "/apis/apps/v1", "/api/v1"] {
        let (json, protobuf) = (
            get(&door, path, "").await.json(),
            get(&door, path, PROTOBUF).await,
        );
        assert_eq!(json["kind"], protobuf.decoded()["kind"], "{path}");
        let names = |tree: &Value| -> Vec<Value> {
            tree["resources"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|it| it["name"].clone())
                .collect()
        };
        assert_eq!(names(&json), names(&protobuf.decoded()));
    }
    let (_, list) = door.get("/apis").await;
    let names: Vec<_> = list["groups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names[..4],
        [
            "apiregistration.k8s.io",
            "apps",
            "events.k8s.io",
            "authentication.k8s.io"
        ]
    );
    let scaling = list["groups"]
        .as_array()
        .unwrap()
        .iter()
        .find(|it| it["name"] == "autoscaling")
        .unwrap();
    assert_eq!(scaling["preferredVersion"]["version"], "v2");
}

#[tokio::test]
async fn aggregated_discovery_has_an_etag_in_every_encoding() {
    let door = open().await;
    let suffix = ";g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
    let json = get(
        &door,
        "/apis",
        &format!("application/json{suffix},application/json"),
    )
    .await;
    assert_eq!(
        json.header(header::CONTENT_TYPE),
        format!("application/json{suffix}")
    );
    let protobuf = get(&door, "/apis", &format!("{PROTOBUF}{suffix}")).await;
    assert_eq!(protobuf.header(header::ETAG), json.header(header::ETAG));
    let decoded = protobuf.decoded();
    assert_eq!(decoded["kind"], "APIGroupDiscoveryList");
    assert_eq!(
        decoded["items"].as_array().unwrap().len(),
        json.json()["items"].as_array().unwrap().len()
    );
    for version in json.json()["items"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|it| it["versions"].as_array().unwrap())
    {
        assert_eq!(version["freshness"], "Current");
    }
    let mut again = request(Method::GET, "/apis", "", "");
    let accept = format!("application/json{suffix}");
    again
        .headers_mut()
        .insert(header::ACCEPT, accept.parse().unwrap());
    again
        .headers_mut()
        .insert(header::IF_NONE_MATCH, json.headers[header::ETAG].clone());
    assert_eq!(door.door.handle(again).await.status(), 304);
    // The version that 1.36 no longer has falls to the next thing the client likes.
    let old = "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";
    assert_eq!(
        get(&door, "/apis", old).await.json()["kind"],
        "APIGroupList"
    );
}

#[tokio::test]
async fn storage_hashes_are_upstreams() {
    let door = open().await;
    let table = [
        ("/api/v1", "pods", "xPOwRZ+Yhw8="),
        ("/api/v1", "configmaps", "qFsyl6wFWjQ="),
        ("/api/v1", "services", "0/CO1lhkEBI="),
        ("/api/v1", "namespaces", "Q3oi5N2YM8M="),
        ("/api/v1", "events", "r2yiGXH7wu8="),
        ("/apis/events.k8s.io/v1", "events", "r2yiGXH7wu8="),
        ("/apis/apps/v1", "deployments", "8aSe+NMegvE="),
        (
            "/apis/autoscaling/v1",
            "horizontalpodautoscalers",
            "qwQve8ut294=",
        ),
        (
            "/apis/autoscaling/v2",
            "horizontalpodautoscalers",
            "qwQve8ut294=",
        ),
        ("/apis/batch/v1", "jobs", "mudhfqk/qZY="),
    ];
    for (path, plural, hash) in table {
        let (_, list) = door.get(path).await;
        let found = list["resources"]
            .as_array()
            .unwrap()
            .iter()
            .find(|it| it["name"] == plural)
            .unwrap();
        assert_eq!(found["storageVersionHash"], hash, "{path} {plural}");
    }
}
