//! Steps on trees that several conversions take. Whatever has another type than expected is left as it is:
//! the decoder refuses it in upstream's words.

use serde_json::{Map, Value};

pub(super) type Object = Map<String, Value>;

/// The object at a path, when there is one.
pub(super) fn at<'a>(tree: &'a mut Value, path: &[&str]) -> Option<&'a mut Object> {
    path.iter()
        .try_fold(tree, |tree, step| tree.get_mut(step))?
        .as_object_mut()
}

/// The object in a field, made when the field is absent or null.
pub(super) fn made<'a>(object: &'a mut Object, field: &str) -> Option<&'a mut Object> {
    if is_absent(object, field) {
        object.insert(field.to_owned(), Value::Object(Object::new()));
    }
    object.get_mut(field)?.as_object_mut()
}

/// The objects of the list in a field.
pub(super) fn items<'a>(
    object: &'a mut Object,
    field: &str,
) -> impl Iterator<Item = &'a mut Object> + use<'a> {
    object
        .get_mut(field)
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
        .filter_map(Value::as_object_mut)
}

/// Absent and null are the same to Kubernetes.
pub(super) fn is_absent(object: &Object, field: &str) -> bool {
    object.get(field).is_none_or(Value::is_null)
}

/// Takes a field out; nothing when it is absent or null.
pub(super) fn take(object: &mut Object, field: &str) -> Option<Value> {
    object.remove(field).filter(|value| !value.is_null())
}

/// Puts a value in, when there is one.
pub(super) fn put(object: &mut Object, field: &str, value: Option<Value>) {
    if let Some(value) = value {
        object.insert(field.to_owned(), value);
    }
}

/// Fills a field that is absent; whether it was.
pub(super) fn fill(object: &mut Object, field: &str, value: impl Into<Value>) -> bool {
    let absent = is_absent(object, field);
    if absent {
        object.insert(field.to_owned(), value.into());
    }
    absent
}

/// Moves a field to another name; whether there was one.
pub(super) fn rename(object: &mut Object, from: &str, to: &str) -> bool {
    match take(object, from) {
        Some(value) => {
            object.insert(to.to_owned(), value);
            true
        }
        None => false,
    }
}

/// Keeps a value in an annotation.
pub(super) fn annotate(tree: &mut Value, key: &str, value: String) {
    let annotations = tree
        .as_object_mut()
        .and_then(|it| made(it, "metadata"))
        .and_then(|it| made(it, "annotations"));
    if let Some(annotations) = annotations {
        annotations.insert(key.to_owned(), value.into());
    }
}

/// Takes a value out of an annotation.
pub(super) fn annotation(tree: &mut Value, key: &str) -> Option<String> {
    let annotations = at(tree, &["metadata", "annotations"])?;
    let value = annotations.remove(key)?;
    if annotations.is_empty() {
        at(tree, &["metadata"])?.remove("annotations");
    }
    value.as_str().map(str::to_owned)
}
