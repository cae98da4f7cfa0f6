//! Tables of objects and of what the law says about them, for the tests of every kind. Each row changes
//! a good object by a merge patch; the object is read, defaulted and prepared as the door does it.

use crate::{Cell, Context, Law, Strategy};
use api::Object;
use jiff::Timestamp;
use serde_json::Value;

/// A request at the beginning of time, by nobody.
pub(crate) const CONTEXT: Context<'static> = Context {
    now: Timestamp::UNIX_EPOCH,
    user: "",
    user_uid: "",
    groups: &[],
};

/// Changes, and the errors that each of them brings.
pub(crate) type Table<'a> = &'a [(Value, &'a [&'a str])];

/// An object with its defaults.
pub(crate) fn object<S: Strategy>(law: &S, json: &Value) -> S::Object {
    let mut object = law.read(json.to_string().as_bytes()).unwrap();
    law.default(&mut object);
    object
}

/// `base` with `patch` merged into it.
pub(crate) fn merged(base: &Value, patch: &Value) -> Value {
    let (Value::Object(old), Value::Object(new)) = (base, patch) else {
        return patch.clone();
    };
    let mut all = old.clone();
    for (key, value) in new {
        if value.is_null() {
            all.remove(key);
        } else {
            let merged = merged(old.get(key).unwrap_or(&Value::Null), value);
            all.insert(key.clone(), merged);
        }
    }
    Value::Object(all)
}

/// What is below the first line of an error says what changed: see [`crate::internal`].
fn texts(errors: machinery::field::ErrorList) -> Vec<String> {
    let first = |text: String| text.lines().next().unwrap_or_default().to_owned();
    errors.iter().map(|it| first(it.to_string())).collect()
}

/// Each change of `base` created.
#[track_caller]
pub(crate) fn creates<S: Strategy>(law: &S, base: Value, table: Table<'_>) {
    for (patch, errors) in table {
        let mut new = object(law, &merged(&base, patch));
        law.prepare_for_create(&CONTEXT, &mut new);
        assert_eq!(texts(law.validate(&new)), *errors, "{patch}");
    }
}

/// `base` updated by each change.
#[track_caller]
pub(crate) fn updates<S: Strategy>(law: &S, base: Value, table: Table<'_>) {
    let old = object(law, &base);
    for (patch, errors) in table {
        let mut new = object(law, &merged(&base, patch));
        law.prepare_for_update(&CONTEXT, &mut new, &old);
        let found = Law::validate_update(law, &new, &old);
        assert_eq!(texts(found), *errors, "{patch}");
    }
}

/// `base` changed through `subresource`.
#[track_caller]
pub(crate) fn changes<S: Strategy>(law: &S, subresource: &str, base: Value, table: Table<'_>) {
    let old = object(law, &base);
    for (patch, errors) in table {
        let mut new = object(law, &merged(&base, patch));
        law.prepare_for_subresource(subresource, &CONTEXT, &mut new, &old);
        let found = Law::validate_subresource(law, subresource, &new, &old);
        assert_eq!(texts(found), *errors, "{patch}");
    }
}

/// Each change of `base` created, and the warnings it brings.
#[track_caller]
pub(crate) fn warns<S: Strategy>(law: &S, base: Value, table: Table<'_>) {
    for (patch, warnings) in table {
        let new = object(law, &merged(&base, patch));
        assert_eq!(law.warnings(&new, None), *warnings, "{patch}");
    }
}

/// The cells of an object, as text, between bars.
pub(crate) fn row<S: Strategy>(law: &S, json: Value) -> String {
    let cells = law.row(&object(law, &json), Timestamp::UNIX_EPOCH);
    assert_eq!(cells.len(), law.columns().len());
    let cells = cells.iter().map(|cell| match cell {
        Cell::Text(text) => text.clone(),
        Cell::Number(number) => number.to_string(),
        Cell::Truth(truth) => truth.to_string(),
    });
    cells.collect::<Vec<_>>().join("|")
}

/// The object as the wire has it, with its defaults.
pub(crate) fn defaulted<S: Strategy>(law: &S, json: Value) -> Value {
    serde_json::from_slice(&object(law, &json).encode()).unwrap()
}
