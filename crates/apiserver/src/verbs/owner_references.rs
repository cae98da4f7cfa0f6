//! Owner references that say the same twice are kept once, with a warning.

use api::AnyObject;

const WHY: &str = "API server dedups owner references in 1.20+, and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed:";

/// Removes duplicates; the warning, if there were any.
pub(crate) fn dedup(object: &mut dyn AnyObject, after_admission: bool) -> Option<String> {
    let references = object.metadata_mut().owner_references.as_mut()?;
    let mut kept = Vec::with_capacity(references.len());
    let mut duplicates = Vec::new();
    for reference in references.drain(..) {
        if kept.contains(&reference) {
            duplicates.push(reference.uid);
        } else {
            kept.push(reference);
        }
    }
    *references = kept;
    let when = if after_admission {
        " after mutating admission happens"
    } else {
        ""
    };
    (!duplicates.is_empty()).then(|| {
        format!(
            ".metadata.ownerReferences contains duplicate entries{when}; {WHY} {}",
            duplicates.join(", ")
        )
    })
}
