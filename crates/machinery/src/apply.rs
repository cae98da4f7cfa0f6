//! Server-side apply and field ownership: who set which field, who may take it, what goes when an
//! applier stops naming it. Upstream: `managedfields` and `structured-merge-diff`.
//!
//! Everything works on trees. [`apply`] is the verb; [`track_update`] keeps the books on every other
//! write.

mod books;
mod compare;
pub mod field_set;
mod last_applied;
mod merge;
mod resets;
#[cfg(test)]
mod tests;
mod typed;
mod versions;

pub use resets::Resets;
pub use versions::{Versions, View};

use crate::{
    durations,
    node::{Node, empty_object},
    status::{Cause, Details, Status},
};
use api::schema::{Schemas, TypeRef};
use books::{Books, Manager};
use field_set::Set;
use jiff::Timestamp;
use serde_json::Value;
use versions::Changes;

/// Who writes what, when, and by which schema.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The field manager: `fieldManager` of the request, else the user agent up to its first `/`.
    pub manager: &'a str,
    /// `apiVersion` of the object written.
    pub api_version: &'a str,
    /// The subresource written through; empty for the object itself.
    pub subresource: &'a str,
    /// The time of the request.
    pub now: Timestamp,
    /// Whether to take fields that others own.
    pub force: bool,
    /// What this way of writing cannot change.
    pub resets: Resets,
    /// The arena of the kind's schema.
    pub schemas: &'a Schemas,
    /// The kind's type in it.
    pub of: TypeRef,
    /// The kind's other versions, in which others may have written.
    pub versions: &'a dyn Versions,
}

const MANAGED_FIELDS: &str = "/metadata/managedFields";

/// Longest name of a field manager.
pub const MANAGER_LIMIT_BYTES: usize = 128;

impl Request<'_> {
    fn node(&self) -> Node<'_> {
        Node::root(self.schemas, self.of)
    }

    fn manager(&self, operation: &str) -> Manager {
        Manager {
            name: self.manager.to_owned(),
            operation: operation.to_owned(),
            api_version: self.api_version.to_owned(),
            subresource: self.subresource.to_owned(),
        }
    }

    /// Takes away what no manager owns.
    fn strip(&self, set: &mut Set) {
        self.resets.strip(set);
        for field in ["apiVersion", "kind"] {
            set.remove_field(&[field]);
        }
        set.remove_member(&["metadata"]);
        for field in [
            "creationTimestamp",
            "generation",
            "managedFields",
            "name",
            "namespace",
            "resourceVersion",
            "selfLink",
            "uid",
        ] {
            set.remove_field(&["metadata", field]);
        }
    }
}

/// Applies `applied` to `live` (absent on create): the object to store, its `managedFields` included.
///
/// # Errors
/// 409 with upstream's causes when others own changed fields, 400 when `applied` cannot be applied at all,
/// 500 when it does not fit the schema, as upstream answers.
pub fn apply(
    live: Option<&Value>,
    applied: &Value,
    request: &Request<'_>,
) -> Result<Value, Status> {
    check(applied, request)?;
    let node = request.node();
    let mut books =
        Books::read(live.and_then(|it| it.pointer(MANAGED_FIELDS))).map_err(|error| {
            Status::failure(500, "", format!("failed to decode managed fields: {error}"))
        })?;
    let mut bare = live.unwrap_or_else(|| empty_object()).clone();
    drop_managed_fields(&mut bare);
    if books.is_empty() && live.is_some() {
        books.open_before_first_apply(&bare, request);
    }
    let mut owned = Set::of(applied, node);
    request.strip(&mut owned);
    let who = request.manager("Apply");
    let last = books.set_of(&who).cloned().unwrap_or_default();
    books.write(who.clone(), owned, None);

    let mut merged = merge::merge(&bare, applied, node);
    merge::prune(&mut merged, node, &last, &books.union());
    let changes = Changes::new(Some(&bare), &merged, request);
    let conflicts = books.conflicts(&who, &changes);
    if !conflicts.is_empty() && !request.force {
        let left = last_applied::left(conflicts, live, request);
        if !left.is_empty() {
            return Err(conflict(&left));
        }
    }
    books.yield_to(&who, &changes);
    if merged != bare
        && let Some(set) = books.set_of(&who).cloned()
    {
        books.write(who, set, Some(request.now));
    }
    last_applied::sync(&mut merged, applied, request);
    if let (Some(list), Some(metadata)) = (
        books.to_tree(),
        merged.get_mut("metadata").and_then(Value::as_object_mut),
    ) {
        metadata.insert("managedFields".to_owned(), list);
    }
    Ok(merged)
}

/// What every applied object must be.
fn check(applied: &Value, request: &Request<'_>) -> Result<(), Status> {
    let text = |path: &str| {
        applied
            .pointer(path)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let (version, kind) = (text("/apiVersion"), text("/kind"));
    let kind_here = request.schemas.get(request.of).short_name();
    let slash = if version.contains('/') { "" } else { "/" };
    let kind = format!("{slash}{version}, Kind={kind}");
    if version != request.api_version || !kind.ends_with(&format!("={kind_here}")) {
        return Err(Status::bad_request(format!("invalid object type: {kind}")));
    }
    if applied.pointer(MANAGED_FIELDS).is_some_and(Value::is_array) {
        return Err(Status::bad_request("metadata.managedFields must be nil"));
    }
    match typed::misfit(applied, request.node()) {
        None => Ok(()),
        Some(wrong) => Err(Status::failure(
            500,
            "",
            format!(
                "failed to create typed patch object ({}/{}; {kind}): {wrong}",
                text("/metadata/namespace"),
                text("/metadata/name"),
            ),
        )),
    }
}

/// The `managedFields` of `new`, which `request.manager` made of `old` (absent on create); neither tree
/// holds any. `before` are those of `old`, `sent` those that the client sent: they replace the stored ones,
/// as upstream allows for the object itself, and an empty list clears them.
#[must_use]
pub fn track_update(
    old: Option<&Value>,
    new: &Value,
    before: Option<&Value>,
    sent: Option<&Value>,
    request: &Request<'_>,
) -> Option<Value> {
    let sent = sent.filter(|_| request.subresource.is_empty());
    let reset = sent
        .and_then(Value::as_array)
        .is_some_and(|list| list.is_empty() || list == &[serde_json::json!({})]);
    let mut books = match sent {
        _ if reset => Books::default(),
        Some(list) => Books::read(Some(list)).unwrap_or_default(),
        None => Books::default(),
    };
    if books.is_empty() && !reset {
        books = Books::read(before).unwrap_or_default();
    }
    // Who once stopped keeping books, or cleared them, has them opened again by the first apply.
    if books.is_empty() && old.is_some() {
        return None;
    }
    let changes = Changes::new(old, new, request);
    let who = request.manager("Update");
    let mut set = books.set_of(&who).cloned().unwrap_or_default();
    books.yield_to(&who, &changes);
    let mut taken = changes.own().taken();
    request.strip(&mut taken);
    set.subtract(&changes.own().removed);
    set.add(&taken);
    books.write(who, set, (!taken.is_empty()).then_some(request.now));
    books.cap_updates();
    books.to_tree()
}

fn drop_managed_fields(object: &mut Value) {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
}

/// The manager's name for a request without `fieldManager`: what is printable of the user agent up to
/// its first `/`.
#[must_use]
pub fn manager_of_user_agent(user_agent: &str) -> String {
    let mut name = String::new();
    for c in user_agent.split('/').next().unwrap_or_default().chars() {
        if c.is_control() {
            continue;
        }
        if name.len() + c.len_utf8() > MANAGER_LIMIT_BYTES {
            break;
        }
        name.push(c);
    }
    if name.is_empty() {
        "unknown".clone_into(&mut name);
    }
    name
}

/// One field that another manager owns.
struct Conflict {
    manager: String,
    path: String,
}

fn conflict(conflicts: &[Conflict]) -> Status {
    let message = match conflicts {
        [one] => format!(
            "Apply failed with 1 conflict: conflict with {}: {}",
            one.manager, one.path
        ),
        many => {
            let mut lines = Vec::new();
            let mut last = "";
            for each in many {
                if each.manager != last {
                    lines.push(format!("conflicts with {}:", each.manager));
                    last = &each.manager;
                }
                lines.push(format!("- {}", each.path));
            }
            format!(
                "Apply failed with {} conflicts: {}",
                many.len(),
                lines.join("\n")
            )
        }
    };
    let mut status = Status::failure(409, "Conflict", message);
    status.details = Some(Details {
        causes: conflicts
            .iter()
            .map(|each| Cause {
                reason: "FieldManagerConflict".to_owned(),
                message: format!("conflict with {}", each.manager),
                field: each.path.clone(),
            })
            .collect(),
        ..Details::default()
    });
    status
}

fn stamp(now: Timestamp) -> String {
    durations::rfc3339(now)
}
