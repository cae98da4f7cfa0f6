//! What is kept, for whom, and until when.

use super::*;
use crate::{
    forms::{Include, Writer},
    frames::Pieces,
    resources::Resources,
};
use std::cell::Cell;

fn items(count: usize, bytes: usize) -> Vec<Arc<Item>> {
    let law = kinds::find("", "v1", "ConfigMap").unwrap();
    let item = |number| {
        let value = "x".repeat(bytes);
        let stored = format!(
            r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"m-{number}","annotations":{{"a":"\"}}\\"}}}},"data":{{"a":"{value}"}}}}"#
        );
        let key: Arc<str> = format!("/registry/core/configmaps/default/m-{number}").into();
        let local = &key["/registry/core/configmaps/".len()..];
        Arc::new(Item::new(law, (&key, local), &stored.into(), 7))
    };
    (0..count).map(item).collect()
}

fn writer(plural: &str, shape: Shape, encoding: Encoding) -> Writer {
    let resources = Resources::new(kinds::list(), false);
    Writer {
        resource: Arc::clone(resources.find("", "v1", plural).unwrap()),
        form: Form {
            shape,
            encoding,
            pretty: false,
        },
        include: Include::Metadata,
        now: jiff::Timestamp::UNIX_EPOCH,
        gzip: false,
    }
}

fn whole(pieces: &Pieces) -> Vec<u8> {
    pieces.concat()
}

#[test]
fn a_form_is_made_once_for_all_who_ask() {
    let (made, one) = (Made::default(), &items(1, 10)[0]);
    let writer = writer("configmaps", Shape::Whole, Encoding::Protobuf);
    let (of, count) = (Of::new(&writer.resource, writer.form), Cell::new(0));
    let ask = |made: Option<&Made>| {
        shared(made, one, of, || {
            count.set(count.get() + 1);
            Ok(Bytes::from(vec![1, 2, 3]))
        })
        .unwrap()
    };
    let first = ask(Some(&made));
    for _ in 0..100 {
        assert_eq!(ask(Some(&made)).as_ptr(), first.as_ptr());
    }
    assert_eq!(count.get(), 1);
    assert_ne!(ask(None).as_ptr(), first.as_ptr());
    assert_eq!(count.get(), 2);
}

#[test]
fn those_whom_an_event_wakes_together_wait_for_the_first() {
    let (made, one) = (Made::default(), &items(1, 10)[0]);
    let writer = writer("configmaps", Shape::Whole, Encoding::Protobuf);
    let of = Of::new(&writer.resource, writer.form);
    let count = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let form = shared(Some(&made), one, of, || {
                    count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                    std::thread::yield_now();
                    Ok(Bytes::from_static(b"form"))
                });
                assert_eq!(form.unwrap(), "form");
            });
        }
    });
    assert_eq!(count.into_inner(), 1);
}

#[test]
fn watchers_share_what_is_not_stored() {
    for shape in [Shape::Whole, Shape::Metadata] {
        let (made, one) = (Made::default(), &items(1, 10)[0]);
        let writer = writer("configmaps", shape, Encoding::Protobuf);
        let event = |kind| writer.event(Some(&made), kind, one, false).unwrap();
        let (first, second, gone) = (event("ADDED"), event("ADDED"), event("DELETED"));
        assert_eq!(whole(&first), whole(&second));
        // The object in them is one, however it is seen.
        assert_eq!(first[1].as_ptr(), second[1].as_ptr());
        assert_eq!(first[1].as_ptr(), gone[1].as_ptr());
        let alone = writer.event(None, "DELETED", one, false).unwrap();
        assert_eq!(whole(&gone), whole(&alone));
        assert_ne!(gone[1].as_ptr(), alone[1].as_ptr());
    }
}

#[test]
fn metadata_in_json_is_nobodys_copy() {
    let one = &items(1, 10)[0];
    let writer = writer("configmaps", Shape::Metadata, Encoding::Json);
    let pieces = writer.event(None, "MODIFIED", one, false).unwrap();
    let json = one.json().as_ptr_range();
    assert!(json.contains(&pieces[1].as_ptr()));
    let expected = r#"{"type":"MODIFIED","object":{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":{"resourceVersion":"7","name":"m-0","annotations":{"a":"\"}\\"}}}}"#;
    assert_eq!(
        String::from_utf8(whole(&pieces)).unwrap(),
        format!("{expected}\n")
    );
}

#[test]
fn forms_differ_by_what_was_asked() {
    let (made, one) = (Made::default(), &items(1, 10)[0]);
    let form = |plural, shape| {
        let writer = writer(plural, shape, Encoding::Protobuf);
        writer.protobuf(Some(&made), one).unwrap()
    };
    let all = [
        form("configmaps", Shape::Whole),
        form("configmaps", Shape::Metadata),
    ];
    assert!(all[0] != all[1]);
    let decoded = api::protobuf::decode(&all[1]).unwrap();
    assert_eq!(decoded.kind, "PartialObjectMetadata");
}

#[test]
fn another_object_in_the_same_place_has_its_own_form() {
    let made = Made::default();
    let writer = writer("configmaps", Shape::Whole, Encoding::Protobuf);
    for number in 0..200 {
        let one = &items(1, number)[0];
        let form = writer.protobuf(Some(&made), one).unwrap();
        assert_eq!(form, writer.protobuf(None, one).unwrap());
    }
}

#[test]
fn the_oldest_forms_go_first() {
    let made = Made::default();
    let writer = writer("configmaps", Shape::Whole, Encoding::Protobuf);
    let many = items(40, 1 << 20);
    let forms: Vec<_> = many
        .iter()
        .map(|item| writer.protobuf(Some(&made), item).unwrap())
        .collect();
    let kept = made.kept.read();
    assert!(
        kept.bytes <= BYTES && kept.bytes > BYTES / 2,
        "{}",
        kept.bytes
    );
    assert_eq!(kept.forms.len(), kept.ages.len());
    let held: usize = kept
        .forms
        .values()
        .map(|(_, it)| it.len() + ENTRY_BYTES)
        .sum();
    assert_eq!(held, kept.bytes);
    drop(kept);
    let again = |at: usize| writer.protobuf(Some(&made), &many[at]).unwrap();
    assert_eq!(again(39).as_ptr(), forms[39].as_ptr());
    assert_ne!(again(0).as_ptr(), forms[0].as_ptr());
    assert!(made.holding(&many).is_none() && made.holding(&many[..8]).is_some());
}

#[test]
fn forms_of_what_is_gone_do_not_pile_up() {
    let made = Made::default();
    let writer = writer("configmaps", Shape::Whole, Encoding::Protobuf);
    let alive = items(10, 10);
    for item in &alive {
        writer.protobuf(Some(&made), item).unwrap();
    }
    for _ in 0..1000 {
        writer.protobuf(Some(&made), &items(1, 10)[0]).unwrap();
        assert!(made.kept.read().forms.len() <= 3 * alive.len());
    }
    let kept = made.kept.read();
    assert_eq!(kept.forms.len(), kept.ages.len());
    for item in &alive {
        let is_kept = |it: &&Key| it.0 == Arc::as_ptr(item) as usize;
        assert!(kept.forms.keys().any(|it| is_kept(&it)));
    }
}
