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
    assert!(later.json().starts_with(
        br#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"resourceVersion":"12","name":"x""#
    ));
    assert_eq!(later.at(7).json(), one.json());
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
    assert_eq!(one.revision(), 9);
    assert_eq!(one.framed().as_ptr(), other.framed().as_ptr());
}

#[test]
fn only_those_are_woken_whom_it_concerns() {
    let wakers = wakers::Wakers::new(1);
    let select = |namespace: &str, name: &str| {
        let mut selection = Selection::of_namespace(namespace);
        if !name.is_empty() {
            let field = format!("metadata.name={name}");
            selection.fields = machinery::fields::Selector::parse(&field).unwrap();
        }
        selection
    };
    let mut watchers: Vec<_> = [
        ("", ""),
        ("", "x"),
        ("a", ""),
        ("a", "x"),
        ("b", ""),
        ("b", "x"),
    ]
    .iter()
    .map(|(namespace, name)| wakers.subscribe_to(&select(namespace, name), true))
    .collect();
    let mut woken = |revision: Revision, key: &str, bytes: usize| {
        wakers.wake(revision, &[key], bytes);
        let woken = watchers.iter_mut().enumerate();
        let woken = woken.filter(|(_, it)| it.has_changed().unwrap());
        let woken: Vec<_> = woken
            .map(|(at, it)| (at, *it.borrow_and_update()))
            .collect();
        assert!(woken.iter().all(|(_, told)| *told == revision));
        woken.into_iter().map(|(at, _)| at).collect::<Vec<_>>()
    };
    assert_eq!(woken(2, "a/x", 10), [0, 1, 2, 3]);
    assert_eq!(woken(3, "a/y", 10), [0, 2]);
    assert_eq!(woken(4, "c/x", 10), [0, 1]);
    assert_eq!(woken(5, "b/x", 10), [0, 1, 4, 5]);
    // Before the ring forgets what they have not looked at, everybody looks.
    assert_eq!(woken(6, "c/x", ring::BYTES / 4), [0, 1, 2, 3, 4, 5]);
    for revision in 7..6 + ring::EVENTS as u64 / 4 {
        assert_eq!(woken(revision, "c/x", 1), [0, 1], "{revision}");
    }
    assert_eq!(woken(10_000, "c/x", 1), [0, 1, 2, 3, 4, 5]);
    let mut one = wakers.subscribe_to(&select("", "n"), false);
    let mut all = wakers.subscribe_to(&select("", ""), false);
    wakers.wake(10_001, &["m"], 1);
    assert!(!one.has_changed().unwrap() && all.has_changed().unwrap());
    all.borrow_and_update();
    wakers.wake(10_002, &["n"], 1);
    assert!(one.has_changed().unwrap() && all.has_changed().unwrap());
    one.borrow_and_update();
}
