//! Every published pair of JSON and protobuf decodes to the same JSON and encodes to the same bytes.

use super::*;
use crate::schema::Shape;
use crate::written;
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

/// One published pair: both decode to the same object, and both encode to the published bytes.
fn transcode(name: &str, json: &[u8], pb: &[u8]) -> Result<(), String> {
    let of = find(name).ok_or(format!("{name}: no type"))?;
    let fail = |error: &dyn std::fmt::Display| format!("{name}: {error}");
    let expected: Value = serde_json::from_slice(json).expect("published JSON");
    let decoded = decode_as(pb, schema::builtin(), of).map_err(|e| fail(&e))?;
    let found = serde_json::from_slice(&decoded.json).map_err(|e| fail(&e))?;
    if let Some(difference) = difference(name, &found, &expected) {
        return Err(difference);
    }
    // Files are indented; what travels is not, and raw JSON is copied as it stands.
    for json in [expected.to_string().into_bytes(), decoded.json] {
        if encode_as(&json, schema::builtin(), of).map_err(|e| fail(&e))? != pb {
            return Err(format!("{name}: encodes to other bytes"));
        }
    }
    // As a type, where the closed list has one.
    let object = crate::list::decode(&decoded.api_version, &decoded.kind, json);
    match object {
        None => Ok(()),
        Some(Ok(object)) if encode(&object.encode()).map_err(|e| fail(&e))? == pb => Ok(()),
        Some(Ok(_)) => Err(format!("{name}: loses something as a type")),
        Some(Err(error)) => Err(fail(&error)),
    }
}

#[test]
fn published_pairs_transcode_both_ways() {
    let failed: Vec<_> = pairs()
        .iter()
        .filter_map(|(name, json, pb)| transcode(name, json, pb).err())
        .collect();
    assert!(
        failed.is_empty(),
        "{} failed\n{}",
        failed.len(),
        failed.join("\n")
    );
}

/// A kind's random object through protobuf, and through its type where the closed list has one.
fn lossless(kind: &schema::Kind, seed: u64) -> Result<(), String> {
    let api_version = match (&*kind.group, &*kind.version) {
        ("", version) => version.to_owned(),
        (group, version) => format!("{group}/{version}"),
    };
    let name = format!("{api_version} {} seed {seed}", kind.kind);
    let fail = |error: &dyn std::fmt::Display| format!("{name}: {error}");
    let object = crate::sample::object(&api_version, &kind.kind, seed).ok_or("no schema")?;
    let json = object.to_string();
    let as_go_writes = written(schema::builtin(), kind.of, &object);
    let as_go_writes = serde_json::from_slice(&as_go_writes).expect("JSON");
    let same = |found: &[u8], object: &Value, how: &str| {
        let mut found: Value = serde_json::from_slice(found).map_err(|e| fail(&e))?;
        // Claims in a stateful set name their kind, as upstream prints them; protobuf drops it.
        let claims = found.pointer_mut("/spec/volumeClaimTemplates");
        for claim in claims.and_then(Value::as_array_mut).into_iter().flatten() {
            claim.as_object_mut().map(|claim| {
                claim.remove("apiVersion");
                claim.remove("kind")
            });
        }
        match difference("", &found, object) {
            Some(difference) => Err(format!("{name} {how}: {difference}")),
            None => Ok(()),
        }
    };
    let bytes = encode(json.as_bytes()).map_err(|e| fail(&e))?;
    let decoded = decode(&bytes).map_err(|e| fail(&e))?;
    same(&decoded.json, &object, "through protobuf")?;
    if encode(&decoded.json).map_err(|e| fail(&e))? != bytes {
        return Err(format!("{name}: encodes to other bytes the second time"));
    }
    match crate::list::decode(&api_version, &kind.kind, json.as_bytes()) {
        Some(typed) => {
            let typed = typed.map_err(|e| fail(&e))?;
            same(&typed.encode(), &as_go_writes, "as a type")
        }
        None => Ok(()),
    }
}

#[test]
fn random_objects_of_every_kind_lose_nothing() {
    let schemas = schema::builtin();
    let failed: Vec<_> = schemas
        .kinds()
        .iter()
        // Watch events name no kind of their own; Info is JSON only.
        .filter(|kind| !["Info", "WatchEvent"].contains(&&*kind.kind))
        .flat_map(|kind| (0..8).filter_map(|seed| lossless(kind, seed).err()).take(1))
        .collect();
    assert!(
        failed.is_empty(),
        "{} failed\n{}",
        failed.len(),
        failed.join("\n")
    );
}

#[test]
fn lists_are_the_same_item_by_item_and_whole() {
    let item = r#"{"metadata":{"name":"a","resourceVersion":"5"},"data":{"k":"v"}}"#;
    let head = r#"{"resourceVersion":"7","continue":"x","remainingItemCount":3}"#;
    let whole = format!(
        r#"{{"kind":"ConfigMapList","apiVersion":"v1","metadata":{head},"items":[{item},{item}]}}"#
    );
    let one = encode_kind("v1", "ConfigMap", item.as_bytes()).expect("an item");
    let items = [&one, &one];
    let kind = ("v1", "ConfigMapList");
    let list = List::around(&items, kind, head.as_bytes()).expect("a list");
    let mut bytes = list.head;
    items.iter().for_each(|item| List::put(&mut bytes, item));
    bytes.extend_from_slice(list.tail);
    assert_eq!(bytes.len(), list.length);
    assert_eq!(bytes, encode(whole.as_bytes()).expect("encodes"));
    assert!(List::around(&items, ("v1", "Pod"), b"{}").is_err());
}

#[test]
fn lengths_are_known_before_they_are_written() {
    for length in [0, 1, 127, 128, 300, 16_383, 16_384, 1 << 21] {
        for tag in [1, 15, 16, 2047, 2048] {
            let mut bytes = Vec::new();
            wire::put_bytes(&mut bytes, tag, &vec![0; length]);
            assert_eq!(
                wire::bytes_length(tag, length),
                bytes.len(),
                "{tag} {length}"
            );
        }
    }
}

#[test]
fn every_list_has_metadata_and_items_where_lists_are_written() {
    for kind in schema::builtin().kinds() {
        let of = schema::builtin().get(kind.of);
        let tag = |name| of.field(name).and_then(|field| Some(field.proto?.tag));
        let list = kind.kind.ends_with("List") && tag("items").is_some();
        if list && tag("metadata").is_some() {
            assert_eq!(
                (tag("metadata"), tag("items")),
                (Some(1), Some(2)),
                "{}",
                of.name
            );
        }
    }
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
    let head = watch_head("ADDED", object.len());
    assert_eq!(
        (head.capacity(), object.capacity()),
        (head.len(), object.len())
    );
    let frame = [head, object].concat();
    assert_eq!(
        u32::from_be_bytes(frame[..4].try_into().expect("four")) as usize,
        frame.len() - 4
    );
    let event = schema::builtin()
        .kind("", "v1", "WatchEvent")
        .expect("known");
    let found = decode::message(schema::builtin(), event, &frame[4..], 1).expect("decodes");
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

/// A definition whose schema nests so deeply, through properties, lists and single schemas by turns.
fn nested(levels: usize) -> String {
    let parts = [
        (r#"{"not":"#, "}"),
        (r#"{"allOf":["#, "]}"),
        (r#"{"properties":{"p":"#, "}}"),
        (r#"{"items":"#, "}"),
    ];
    let around = (0..levels).map(|level| parts[level % parts.len()]);
    let open: String = around.clone().map(|(open, _)| open).collect();
    let close: String = around.rev().map(|(_, close)| close).collect();
    format!(
        r#"{{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","spec":{{"versions":[{{"schema":{{"openAPIV3Schema":{open}{{}}{close}}}}}]}}}}"#
    )
}

#[test]
fn what_json_holds_protobuf_holds_too() {
    let (mut held, mut refused) = (0, 0);
    for levels in 60..110 {
        let json = nested(levels);
        let read = serde_json::from_str::<Value>(&json).is_ok();
        let encoded = encode(json.as_bytes());
        assert_eq!(encoded.is_ok(), read, "{levels}");
        if let Ok(encoded) = encoded {
            held += 1;
            let decoded = decode(&encoded).expect("what JSON holds");
            let again: Value = serde_json::from_slice(&decoded.json).expect("JSON");
            let expected: Value = serde_json::from_str(&json).expect("JSON");
            let path = "/spec/versions/0/schema";
            assert_eq!(again.pointer(path), expected.pointer(path));
        } else {
            refused += 1;
        }
    }
    assert!(held > 20 && refused > 20, "{held} {refused}");
}

#[test]
fn messages_deeper_than_json_are_refused() {
    let schemas = schema::builtin();
    let of =
        schemas.named("io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps");
    let of = of.expect("a type that holds itself");
    let not = schemas.get(of).field("not").expect("a field");
    let tag = not.proto.expect("a number").tag;
    let mut bytes = Vec::new();
    for depth in 1..200 {
        let decoded = decode_bare(&bytes, schemas, of);
        match decoded {
            Ok(json) => assert!(serde_json::from_slice::<Value>(&json).is_ok(), "{depth}"),
            Err(_) => assert!(depth > DEPTH_LIMIT, "{depth}"),
        }
        let mut outer = Vec::new();
        wire::put_bytes(&mut outer, tag, &bytes);
        bytes = outer;
    }
}

#[test]
fn no_type_holds_itself_without_a_pointer() {
    let schemas = schema::builtin();
    let mut around = Vec::new();
    fn visit(schemas: &Schemas, of: TypeRef, around: &mut Vec<TypeRef>) {
        assert!(!around.contains(&of), "{}", schemas.get(of).name);
        around.push(of);
        let kind = schemas.get(of);
        for field in &kind.fields {
            let there = field.proto.is_some_and(|proto| !proto.pointer);
            if let (Shape::Object(inner), true) = (&field.shape, there) {
                visit(schemas, *inner, around);
            }
        }
        for inline in &kind.inline {
            visit(schemas, inline.of, around);
        }
        around.pop();
    }
    for (of, _) in schemas.types() {
        visit(schemas, of, &mut around);
    }
}
