//! The ring's bounds and the item's bytes.

use super::*;
use bytes::Bytes;

fn law() -> &'static dyn kinds::Law {
    kinds::find("", "v1", "ConfigMap").unwrap()
}

fn item(name: &str, revision: Revision) -> Arc<Item> {
    let stored = format!(
        r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"{name}","labels":{{"a":"b"}}}}}}"#
    );
    let key: Arc<str> = format!("/registry/core/configmaps/default/{name}").into();
    let local = &key["/registry/core/configmaps/".len()..];
    let item = Item::new(law(), (&key, local), &Bytes::from(stored), revision);
    Arc::new(item)
}

#[test]
fn the_revision_is_spliced_once() {
    let one = item("x", 7);
    assert_eq!(
        one.bytes(),
        r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"resourceVersion":"7","name":"x","labels":{"a":"b"}}}"#
    );
    assert_eq!((one.namespace(), one.name()), ("default", "x"));
    let later = one.at(12);
    assert!(later.bytes().starts_with(
        br#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"resourceVersion":"12","name":"x""#
    ));
    assert_eq!(later.at(7).bytes(), one.bytes());
}

#[test]
fn only_the_objects_own_metadata_gets_it() {
    let stored = br#"{"apiVersion":"apps/v1","kind":"ControllerRevision","data":{"metadata":{"x":"\"metadata\":{"}},"metadata":{"name":"x"},"revision":1}"#;
    let spliced = with_revision(stored, 3);
    let tree: serde_json::Value = serde_json::from_slice(&spliced).unwrap();
    assert_eq!(tree["metadata"]["resourceVersion"], "3");
    assert_eq!(tree["data"]["metadata"].as_object().unwrap().len(), 1);
}

#[test]
fn escapes_do_not_end_strings() {
    for data in [
        r#""#,
        r#"\"#,
        r#"\\"#,
        r#"a\\\"metadata\":{"#,
        r#"é\u0022\\"#,
    ] {
        let value = serde_json::Value::from(data).to_string();
        let stored = format!(r#"{{"data":{value},"metadata":{{"name":"x"}}}}"#);
        let expected =
            format!(r#"{{"data":{value},"metadata":{{"resourceVersion":"3","name":"x"}}}}"#);
        assert_eq!(with_revision(stored.as_bytes(), 3), expected);
    }
}

#[test]
fn a_full_ring_says_what_it_forgot() {
    let mut ring = Ring::new(1);
    for revision in 2..20_000 {
        let item = Some(item("x", revision));
        ring.push(CacheEvent::new(revision, item, None));
    }
    let lost = ring.after(1, 10).err().unwrap();
    assert!(lost.oldest > 10_000);
    assert_eq!(
        ring.after(lost.oldest, 1).unwrap()[0].revision,
        lost.oldest + 1
    );
    assert!(ring.after(19_999, 10).unwrap().is_empty());
}

#[test]
fn whoever_is_told_of_a_deletion_gets_the_same_bytes() {
    let event = CacheEvent::new(9, None, Some(item("x", 3)));
    let last = event.previous.clone().unwrap();
    let (one, other) = (event.gone(&last), event.gone(&last));
    assert_eq!(one.revision, 9);
    assert_eq!(one.framed().as_ptr(), other.framed().as_ptr());
}
