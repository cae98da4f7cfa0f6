//! Every kind's JSON and every published message under mutated input: nothing panics, and what is accepted
//! reads back as it was written.

use crate::{list, protobuf, sample, schema, strict};
use fuzz::Random;
use serde_json::Value;

/// A random object of a random kind.
fn object(random: &mut Random) -> (String, String, Value) {
    let kinds = schema::builtin().kinds();
    loop {
        let kind = &kinds[random.below(kinds.len())];
        let api_version = match (&*kind.group, &*kind.version) {
            ("", version) => version.to_owned(),
            (group, version) => format!("{group}/{version}"),
        };
        if let Some(object) = sample::object(&api_version, &kind.kind, random.next()) {
            return (api_version, kind.kind.to_string(), object);
        }
    }
}

#[test]
fn json_of_every_kind_that_is_accepted_reads_back() {
    fuzz::run("JSON", 1500, |random| {
        let (api_version, kind, mut tree) = object(random);
        if random.one_in(2) {
            random.bend(&mut tree);
        }
        let mut bytes = fuzz::json_text(&tree, random, 60).into_bytes();
        if random.one_in(4) {
            bytes = random.damaged(&bytes, b"{\"metadata\":{\"labels\":{\"a\":null}}}");
        }
        if let Some(of) = schema::builtin().api_kind(&api_version, &kind) {
            assert!(strict::report(&bytes, schema::builtin(), of).strict.len() <= 100);
        }
        let Some(Ok(decoded)) = list::decode(&api_version, &kind, &bytes) else {
            return;
        };
        // A zero time behind a pointer is written as null, as Go writes it, and null reads as none: what was
        // read once more is settled.
        let again = |written: &[u8]| {
            let read = list::decode(&api_version, &kind, written).expect("a kind");
            read.expect("what was written reads back").encode()
        };
        let written = again(&decoded.encode());
        assert_eq!(
            String::from_utf8_lossy(&again(&written)),
            String::from_utf8_lossy(&written),
            "{api_version} {kind}"
        );
        // Whoever asks for the object in protobuf gets it.
        if schema::builtin().api_kind(&api_version, &kind).is_some() {
            let encoded = protobuf::encode(&written);
            let encoded = encoded
                .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&written)));
            protobuf::decode(&encoded).expect("what was encoded decodes");
        }
    });
}

#[test]
fn messages_that_are_accepted_read_back() {
    fuzz::run("protobuf", 1500, |random| {
        let (_, _, one) = object(random);
        let (_, _, other) = object(random);
        let encode = |tree: &Value| protobuf::encode(tree.to_string().as_bytes());
        let (Ok(one), Ok(other)) = (encode(&one), encode(&other)) else {
            return;
        };
        let bytes = random.damaged(&one, &other);
        let Ok(decoded) = protobuf::decode(&bytes) else {
            return;
        };
        assert!(decoded.json.len() < 4096 + 200 * bytes.len());
        // Kinds with a type refuse what no type holds; of the rest the transcoder alone decides.
        let typed = list::decode(&decoded.api_version, &decoded.kind, &decoded.json);
        if let Some(Ok(typed)) = typed {
            let bytes = protobuf::encode(&typed.encode()).expect("a typed object encodes");
            let again = protobuf::decode(&bytes).expect("what was encoded decodes");
            let bytes_again = protobuf::encode(&again.json).expect("and encodes");
            assert_eq!(bytes_again, bytes);
        }
    });
}

#[test]
fn messages_inside_messages_end_somewhere() {
    let schemas = schema::builtin();
    let of =
        schemas.named("io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps");
    let of = of.expect("a type that contains itself");
    let not = schemas.get(of).field("not").expect("a field");
    let tag = not.proto.expect("a number").tag;
    let mut bytes = Vec::new();
    for _ in 0..10_000 {
        let mut outer = Vec::new();
        protobuf::wire::put_bytes(&mut outer, tag, &bytes);
        bytes = outer;
    }
    assert!(protobuf::decode_bare(&bytes, schemas, of).is_err());
}
