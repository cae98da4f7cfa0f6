//! How deeply a JSON patch may nest an object: each operation goes a few steps further, and a thousand of
//! them make what nothing can walk any more.

use crate::node::depth_of;
use json_patch::PatchOperation;
use serde_json::Value;

/// Deepest nesting that a patch may make; JSON decoders refuse more than 128.
const DEPTH_LIMIT: usize = 120;

/// Whether the operation would put something deeper into `object`.
pub(super) fn is_too_deep(object: &Value, operation: &PatchOperation) -> bool {
    let (path, value) = match operation {
        PatchOperation::Add(add) => (&add.path, Some(&add.value)),
        PatchOperation::Replace(replace) => (&replace.path, Some(&replace.value)),
        PatchOperation::Move(it) => (&it.path, object.pointer(it.from.as_str())),
        PatchOperation::Copy(copy) => (&copy.path, object.pointer(copy.from.as_str())),
        PatchOperation::Remove(_) | PatchOperation::Test(_) => return false,
    };
    let steps = path.as_str().bytes().filter(|byte| *byte == b'/').count();
    steps + value.map_or(0, depth_of) > DEPTH_LIMIT
}
