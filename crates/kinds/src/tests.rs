//! What must hold of every kind.

use super::*;
use std::{collections::BTreeSet, path::Path};

#[test]
fn names_are_unique_and_columns_have_cells() {
    let mut seen = BTreeSet::new();
    for law in list() {
        let names = law.names();
        assert!(seen.insert((law.group(), law.version(), names.plural)));
        assert!(find(law.group(), law.version(), law.kind()).is_some());
        assert_eq!(names.singular, law.kind().to_lowercase(), "{}", law.kind());
        if names.verbs.contains(&"list") {
            let object = law.decode(b"{\"metadata\":{}}").unwrap();
            let cells = law.row(object.as_ref(), jiff::Timestamp::UNIX_EPOCH);
            assert_eq!(cells.len(), law.columns().len(), "{}", law.kind());
        }
        let sorted = law.subresources().is_sorted_by_key(|part| part.name);
        assert!(sorted, "{}", law.kind());
    }
}

#[test]
fn selectable_fields_are_the_declared_ones() {
    for law in list() {
        let object = law.decode(b"{\"metadata\":{}}").unwrap();
        let fields = law.selectable_fields(object.as_ref());
        let names: Vec<_> = fields.iter().map(|field| field.0).collect();
        assert_eq!(names, law.selectable_field_names(), "{}", law.kind());
    }
}

/// Upstream's own sample of every kind, when the shared folder is at hand.
fn golden(law: &dyn Law) -> Option<Vec<u8>> {
    let group = if law.group().is_empty() {
        "core"
    } else {
        law.group()
    };
    let file = format!(
        "../../../shared/golden/api/{group}.{}.{}.json",
        law.version(),
        law.kind()
    );
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).ok()
}

#[test]
fn defaulting_twice_is_defaulting_once() {
    for law in list() {
        for json in [
            golden(*law),
            Some(b"{\"metadata\":{\"name\":\"x\"}}".to_vec()),
        ] {
            let Some(json) = json else { continue };
            // One sample has a null where the typed form has a time; it cannot be read as that type.
            let Ok(mut once) = law.decode(&json) else {
                continue;
            };
            law.default(once.as_mut());
            let mut twice = once.clone_box();
            law.default(twice.as_mut());
            assert_eq!(once.encode(), twice.encode(), "{}", law.kind());
            let _ = law.validate(once.as_ref());
            let _ = law.validate_update(twice.as_ref(), once.as_ref());
            let _ = law.warnings(twice.as_ref(), Some(once.as_ref()));
            let _ = law.row(once.as_ref(), jiff::Timestamp::UNIX_EPOCH);
        }
    }
}

#[test]
fn views_survive_the_hub() {
    for law in list() {
        let (Some(hub), Some(json)) = (law.hub(), golden(*law)) else {
            continue;
        };
        let mut view = law.decode(&json).unwrap();
        law.default(view.as_mut());
        let stored = (hub.to_hub)(view.as_ref()).unwrap();
        let back = (hub.from_hub)(stored.as_ref()).unwrap();
        let again = (hub.to_hub)(back.as_ref()).unwrap();
        assert_eq!(stored.encode(), again.encode(), "{}", law.kind());
        assert!(find(hub.group, hub.version, stored.kind()).is_some());
    }
}
