//! Every published pair of JSON and protobuf decodes to the same JSON and encodes to the same bytes.

use super::*;
use proptest::prelude::*;
use serde_json::Value;

/// Published serialization test data, when it is there: one `.json` and one `.pb` for each kind.
fn pairs() -> Vec<(String, Vec<u8>, Vec<u8>)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/golden/api");
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    paths.retain(|path| path.extension().is_some_and(|e| e == "json"));
    let read = |path: &std::path::Path| std::fs::read(path).expect("readable");
    paths
        .iter()
        .map(|path| {
            (
                path.file_stem()
                    .expect("a name")
                    .to_string_lossy()
                    .into_owned(),
                read(path),
                read(&path.with_extension("pb")),
            )
        })
        .collect()
}

/// `GROUP.VERSION.KIND` of a file, with the group that the schema knows it by.
fn find(name: &str) -> Option<TypeRef> {
    let (rest, kind) = name.rsplit_once('.')?;
    let (group, version) = rest.rsplit_once('.')?;
    let group = if group == "core" { "" } else { group };
    schema::builtin().kind(group, version, kind)
}

/// Where two trees first differ. Empty objects that Go prints for structs without pointers are left out
/// by ours, so an empty object equals an absent one.
fn difference(path: &str, found: &Value, expected: &Value) -> Option<String> {
    let empty = serde_json::json!({});
    match (found, expected) {
        (Value::Object(a), Value::Object(b)) => a.keys().chain(b.keys()).find_map(|key| {
            let (a, b) = (a.get(key).unwrap_or(&empty), b.get(key).unwrap_or(&empty));
            difference(&format!("{path}.{key}"), a, b)
        }),
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => a
            .iter()
            .zip(b)
            .find_map(|(a, b)| difference(&format!("{path}[]"), a, b)),
        _ if found == expected => None,
        _ => Some(format!("{path}: {found} but expected {expected}")),
    }
}

#[test]
fn published_pairs_transcode_both_ways() {
    let (mut same, mut skipped, mut failed) = (0, Vec::new(), Vec::new());
    for (name, json, pb) in pairs() {
        let Some(of) = find(&name) else {
            skipped.push(name);
            continue;
        };
        let decoded = decode_as(&pb, schema::builtin(), of).map(|d| d.json);
        let expected: Value = serde_json::from_slice(&json).expect("published JSON");
        match decoded.map(|json| serde_json::from_slice::<Value>(&json).expect("our JSON")) {
            Ok(found) => failed.extend(difference(&name, &found, &expected)),
            Err(error) => failed.push(format!("{name}: {error}")),
        }
        // Raw extensions keep the sender's order of fields, which a tree does not; they are compared decoded.
        match encode_as(&json, schema::builtin(), of) {
            Ok(bytes) if bytes == pb => same += 1,
            Ok(bytes) => {
                let again = decode_as(&bytes, schema::builtin(), of)
                    .map(|d| d.json)
                    .unwrap_or_default();
                let first = decode_as(&pb, schema::builtin(), of)
                    .map(|d| d.json)
                    .unwrap_or_default();
                match again == first {
                    true => eprintln!("{name}: other bytes, same meaning"),
                    false => failed.push(format!("{name}: encodes to other bytes")),
                }
            }
            Err(error) => failed.push(format!("{name}: {error}")),
        }
    }
    eprintln!(
        "{same} byte for byte, {} without a type: {skipped:?}",
        skipped.len()
    );
    assert!(
        failed.is_empty(),
        "{} failed\n{}",
        failed.len(),
        failed.join("\n")
    );
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), kind in 0usize..1000) {
        let kinds = schema::builtin().kinds();
        let of = kinds[kind % kinds.len()].of;
        let mut framed = Vec::from(MAGIC);
        wire::put_bytes(&mut framed, 2, &bytes);
        let _ = decode(&bytes);
        let _ = decode_as(&framed, schema::builtin(), of);
    }

    #[test]
    fn damaged_pods_never_panic(at in 0usize..10_000, byte in any::<u8>()) {
        let json = br#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"},"spec":{"containers":[{"name":"c","ports":[{"containerPort":80}]}]}}"#;
        let mut bytes = encode(json).expect("encodes");
        let at = at % bytes.len();
        bytes[at] = byte;
        let _ = decode(&bytes);
    }
}

#[test]
fn zero_and_absent_are_told_apart_where_go_has_pointers() {
    let json = br#"{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web"},"spec":{"replicas":0,"selector":{},"template":{"metadata":{},"spec":{"containers":[]}}}}"#;
    let decoded = decode(&encode(json).expect("encodes")).expect("decodes");
    let found: Value = serde_json::from_slice(&decoded.json).expect("JSON");
    assert_eq!(found["spec"]["replicas"], 0);
    assert_eq!(found["spec"].get("minReadySeconds"), None);
    assert_eq!(found.get("status"), None);
    assert_eq!(found["metadata"], serde_json::json!({"name": "web"}));
}

#[test]
fn a_watch_frame_is_a_length_and_a_bare_event() {
    let object = encode(br#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"}}"#)
        .expect("encodes");
    let frame = watch_frame("ADDED", &object);
    assert_eq!(
        u32::from_be_bytes(frame[..4].try_into().expect("four")) as usize,
        frame.len() - 4
    );
    let event = schema::builtin()
        .kind("", "v1", "WatchEvent")
        .expect("known");
    let found = decode::message(schema::builtin(), event, &frame[4..], 0).expect("decodes");
    assert_eq!(found["type"], "ADDED");
    assert_eq!(found["object"]["kind"], "ConfigMap");
    assert_eq!(found["object"]["metadata"]["name"], "a");
}

#[test]
fn kinds_without_protobuf_say_so() {
    let error =
        encode(br#"{"apiVersion":"meta.k8s.io/v1","kind":"Table"}"#).expect_err("no protobuf");
    assert_eq!(
        error.to_string(),
        "object Table (meta.k8s.io/v1) has no protobuf encoding: use JSON"
    );
    assert!(matches!(decode(b"{}"), Err(ProtobufError::Magic)));
}

#[test]
fn schemas_of_custom_resources_keep_their_unions() {
    let json = br#"{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"a"},"spec":{
        "group":"g","names":{"plural":"as","kind":"A"},"scope":"Namespaced","versions":[{"name":"v1","served":true,"storage":true,
        "schema":{"openAPIV3Schema":{"type":"object","properties":{"l":{"type":"array","items":{"type":"string"},"default":["x"]},
        "m":{"type":"object","additionalProperties":true},"n":{"type":"object","additionalProperties":{"type":"integer","maximum":0}}}}}}]}}"#;
    let decoded = decode(&encode(json).expect("encodes")).expect("decodes");
    let found: Value = serde_json::from_slice(&decoded.json).expect("JSON");
    let expected: Value = serde_json::from_slice(json).expect("JSON");
    let path = "/spec/versions/0/schema/openAPIV3Schema";
    assert_eq!(found.pointer(path), expected.pointer(path));
}
