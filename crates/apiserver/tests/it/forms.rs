//! What is not handed out as it is stored says the same as what is: lists and watches in protobuf and of
//! metadata alone, beside JSON.

use crate::door::{Frames, Tested, open, request};
use api::{protobuf, schema};
use http::{Method, header};
use http_body_util::BodyExt;
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};
use std::io::Read;

const ALL: &str = "/api/v1/namespaces/default/configmaps";
const JSON: &str = "application/json";
const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";
const METADATA: &str = ";as=PartialObjectMetadata;g=meta.k8s.io;v=v1";

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "type")]
    kind: String,
    #[serde(borrow)]
    object: &'a RawValue,
}

async fn ask(
    door: &Tested,
    path: &str,
    accept: &str,
    packed: bool,
) -> http::Response<apiserver::Body> {
    let mut asked = request(Method::GET, path, "", "");
    let fields = asked.headers_mut();
    fields.insert(header::ACCEPT, accept.parse().unwrap());
    if packed {
        fields.insert(header::ACCEPT_ENCODING, "gzip".parse().unwrap());
    }
    door.door.handle(asked).await
}

async fn watch(door: &Tested, accept: &str) -> Frames {
    let query = "watch=true&labelSelector=l%3Dx&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
    Frames::of(ask(door, &format!("{ALL}?{query}"), accept, false).await)
}

fn config_map(name: &str, label: &str) -> Value {
    json!({ "metadata": { "name": name, "labels": { "l": label } }, "data": { "k": "v".repeat(900) } })
}

/// An object that enters and leaves the selection, and one that comes and goes.
async fn happenings(door: &Tested) {
    let merge = "application/merge-patch+json";
    let label = |to: &str| json!({ "metadata": { "labels": { "l": to } } });
    let path = format!("{ALL}/a");
    door.post(ALL, &config_map("a", "y")).await;
    door.patch(&path, merge, &label("x")).await;
    door.patch(&path, merge, &json!({ "data": { "more": "b" } }))
        .await;
    door.patch(&path, merge, &label("z")).await;
    door.post(ALL, &config_map("b", "x")).await;
    door.delete(&format!("{ALL}/b"), &Value::Null).await;
}

/// The object with nothing but its metadata, as it was written.
fn partial(object: &str) -> String {
    #[derive(Deserialize)]
    struct Outline<'a> {
        #[serde(borrow)]
        metadata: &'a RawValue,
    }
    let outline: Outline<'_> = serde_json::from_str(object).unwrap();
    let metadata = outline.metadata.get();
    format!(
        r#"{{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":{metadata}}}"#
    )
}

fn message(kind: &str, object: &str) -> Vec<u8> {
    let object = protobuf::encode(object.as_bytes()).unwrap();
    [protobuf::watch_head(kind, object.len()), object].concat()
}

#[tokio::test]
async fn watchers_in_every_form_are_told_the_same() {
    let door = open().await;
    door.post(ALL, &config_map("old", "x")).await;
    let mut plain = watch(&door, JSON).await;
    let mut others = Vec::new();
    for _ in 0..2 {
        for form in [
            PROTOBUF.to_owned(),
            format!("{PROTOBUF}{METADATA}"),
            format!("{JSON}{METADATA}"),
        ] {
            others.push((watch(&door, &form).await, form));
        }
    }
    happenings(&door).await;
    let expected = [
        "ADDED", "BOOKMARK", "ADDED", "MODIFIED", "DELETED", "ADDED", "DELETED",
    ];
    for kind in expected {
        let line = plain.next_line().await.unwrap();
        let event: Event<'_> = serde_json::from_slice(&line).unwrap();
        assert_eq!(event.kind, kind);
        let (whole, metadata) = (event.object.get(), partial(event.object.get()));
        for (other, form) in &mut others {
            if form.starts_with(JSON) {
                let line = String::from_utf8(other.next_line().await.unwrap()).unwrap();
                let same = format!("{{\"type\":\"{kind}\",\"object\":{metadata}}}\n");
                let tree = |text: &str| serde_json::from_str::<Value>(text).unwrap();
                assert_eq!(tree(&line), tree(&same), "{form}");
                // What is stored is not even written anew.
                assert!(kind == "BOOKMARK" || line == same, "{line} {same}");
            } else {
                let object = if form == PROTOBUF { whole } else { &metadata };
                let found = other.next_message().await.unwrap();
                assert!(found == message(kind, object), "{form} {kind}");
            }
        }
    }
}

#[tokio::test]
async fn what_left_a_selection_is_shown_as_it_was() {
    let door = open().await;
    let mut watch = watch(&door, PROTOBUF).await;
    happenings(&door).await;
    let of = schema::builtin().kind("", "v1", "WatchEvent").unwrap();
    let mut labels = Vec::new();
    for _ in 0..4 {
        let frame = watch.next_message().await.unwrap();
        let event = protobuf::decode_bare(&frame[4..], schema::builtin(), of).unwrap();
        let event: Value = serde_json::from_slice(&event).unwrap();
        labels.push((
            event["type"].clone(),
            event["object"]["metadata"]["labels"]["l"].clone(),
        ));
    }
    let last = (json!("DELETED"), json!("x"));
    assert_eq!((&labels[0].0, &labels[3]), (&json!("BOOKMARK"), &last));
}

#[tokio::test]
async fn a_reader_that_stalls_is_told_so_in_its_form() {
    let door = open().await;
    for form in [PROTOBUF.to_owned(), format!("{PROTOBUF}{METADATA}")] {
        let mut watch = watch(&door, &form).await;
        door.churn().await;
        door.post(ALL, &config_map("a", "x")).await;
        let frame = loop {
            let frame = watch.next_message().await.unwrap();
            if !frame.windows(8).any(|it| it == b"BOOKMARK") {
                break frame;
            }
        };
        let text = String::from_utf8_lossy(&frame);
        assert!(text.contains("ERROR") && text.contains("Expired"), "{text}");
        assert_eq!(watch.next_message().await, None);
        door.delete(&format!("{ALL}/a"), &Value::Null).await;
    }
}

#[tokio::test]
async fn lists_in_every_form_say_the_same() {
    let door = open().await;
    let mut many = Vec::new();
    for number in 0..200 {
        many.push(config_map(&format!("m-{number}"), "x"));
    }
    for one in &many {
        door.post(ALL, one).await;
    }
    let body = async |path: &str, accept: &str, packed: bool| {
        let response = ask(&door, path, accept, packed).await;
        let is_packed = response.headers().contains_key(header::CONTENT_ENCODING);
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        // Only what is long is worth it.
        assert_eq!(is_packed, packed && path == ALL && !accept.contains("as="));
        if !is_packed {
            return bytes.to_vec();
        }
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(&bytes[..])
            .read_to_end(&mut plain)
            .unwrap();
        plain
    };
    let partial_list = METADATA.replace("Metadata;", "MetadataList;");
    let metadata = body(ALL, &format!("{JSON}{partial_list}"), false).await;
    let whole = body(ALL, JSON, false).await;
    for (accept, json) in [
        (PROTOBUF.to_owned(), &whole),
        (format!("{PROTOBUF}{partial_list}"), &metadata),
    ] {
        let expected = protobuf::encode(json).unwrap();
        // Made, from what was made, and compressed.
        for packed in [false, false, true] {
            assert!(body(ALL, &accept, packed).await == expected, "{accept}");
        }
    }
    let tree = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap();
    let (whole, metadata) = (tree(&whole), tree(&metadata));
    assert_eq!(metadata["kind"], "PartialObjectMetadataList");
    assert_eq!(
        (
            &metadata["metadata"],
            metadata["items"].as_array().unwrap().len()
        ),
        (&whole["metadata"], 200)
    );
    for (one, other) in whole["items"]
        .as_array()
        .unwrap()
        .iter()
        .zip(metadata["items"].as_array().unwrap())
    {
        assert_eq!(other, &tree(partial(&one.to_string()).as_bytes()));
    }
    let one = format!("{ALL}/m-7");
    let object = body(&one, JSON, false).await;
    for _ in 0..2 {
        assert!(body(&one, PROTOBUF, false).await == protobuf::encode(&object).unwrap());
    }
    // What another request changed is never shown as it was.
    let label = json!({ "metadata": { "labels": { "l": "z" } } });
    door.patch(&one, "application/merge-patch+json", &label)
        .await;
    let object = body(&one, JSON, false).await;
    assert!(body(&one, PROTOBUF, false).await == protobuf::encode(&object).unwrap());
    let list = body(ALL, JSON, false).await;
    assert!(body(ALL, PROTOBUF, false).await == protobuf::encode(&list).unwrap());
}

#[tokio::test]
async fn what_is_stored_in_another_version_has_every_form_too() {
    let door = open().await;
    let path = "/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers";
    let scaler = json!({ "metadata": { "name": "a" }, "spec": { "maxReplicas": 3, "targetCPUUtilizationPercentage": 60,
        "scaleTargetRef": { "apiVersion": "apps/v1", "kind": "Deployment", "name": "d" } } });
    let (code, stored) = door.post(path, &scaler).await;
    assert_eq!(code, 201, "{stored}");
    let accepts = [
        JSON.to_owned(),
        PROTOBUF.to_owned(),
        format!("{JSON}{METADATA}"),
        format!("{PROTOBUF}{METADATA}"),
    ];
    for accept in accepts {
        for _ in 0..2 {
            let mut watch = ask(&door, &format!("{path}?watch=true"), &accept, false).await;
            let event = watch.body_mut().frame().await.unwrap().unwrap();
            assert!(event.into_data().unwrap().len() > 10, "{accept}");
            let one = ask(&door, &format!("{path}/a"), &accept, false).await;
            let bytes = one.into_body().collect().await.unwrap().to_bytes();
            let json = match accept.starts_with(PROTOBUF) {
                true => protobuf::decode(&bytes).unwrap().json,
                false => bytes.to_vec(),
            };
            let object: Value = serde_json::from_slice(&json).unwrap();
            assert_eq!(object["metadata"]["uid"], stored["metadata"]["uid"]);
            if !accept.contains("as=") {
                assert_eq!(object["apiVersion"], "autoscaling/v1");
                assert_eq!(object["spec"]["targetCPUUtilizationPercentage"], 60);
            }
        }
    }
}
