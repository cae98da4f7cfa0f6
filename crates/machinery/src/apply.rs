//! Server-side apply and field ownership: who set which field, who may take it, what goes when an
//! applier stops naming it. Upstream: `managedfields` and `structured-merge-diff`.
//!
//! Everything works on trees. [`apply`] is the verb; [`track_update`] keeps the books on every other
//! write.

mod books;
mod compare;
pub mod field_set;
mod merge;
#[cfg(test)]
mod tests;

use crate::{
    durations,
    node::Node,
    status::{Cause, Details, Status},
};
use api::schema::{Schemas, TypeRef};
use books::{Books, Manager};
use compare::{Comparison, compare};
use field_set::Set;
use jiff::Timestamp;
use serde_json::Value;

/// Who writes what, when, and by which schema.
#[derive(Clone, Copy, Debug)]
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
    /// Top-level fields that this way of writing cannot change (`status` for the object itself,
    /// `spec` for its status); nobody owns them by it.
    pub reset_fields: &'a [&'a str],
    /// The arena of the kind's schema.
    pub schemas: &'a Schemas,
    /// The kind's type in it.
    pub of: TypeRef,
}

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
        for field in ["apiVersion", "kind"].iter().chain(self.reset_fields) {
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
/// 409 with upstream's causes when others own changed fields, 400 when `applied` or the object's
/// `managedFields` cannot be used.
pub fn apply(
    live: Option<&Value>,
    applied: &Value,
    request: &Request<'_>,
) -> Result<Value, Status> {
    if applied
        .pointer("/metadata/managedFields")
        .and_then(Value::as_array)
        .is_some_and(|entries| !entries.is_empty())
    {
        return Err(Status::bad_request("metadata.managedFields must be nil"));
    }
    let mut books = Books::read(live)?;
    if let Some(live) = live.filter(|_| books.is_empty()) {
        books.open_before_first_apply(live, request);
    }
    let mut wanted = applied.clone();
    drop_managed_fields(&mut wanted);
    let mut bare = live
        .cloned()
        .unwrap_or_else(|| Value::Object(serde_json::Map::new()));
    drop_managed_fields(&mut bare);

    let node = request.node();
    let mut owned = Set::of(&wanted, node);
    request.strip(&mut owned);
    let who = request.manager("Apply");
    let last = books.set_of(&who).cloned().unwrap_or_default();
    let before = books.clone();
    books.write(who.clone(), owned, request.now);

    let mut merged = merge::merge(&bare, &wanted, node);
    merge::prune(&mut merged, node, &last, &books.union());
    let changes = compare(Some(&bare), Some(&merged), node);
    let conflicts = books.conflicts(&who, &changes);
    if !conflicts.is_empty() && !request.force {
        return Err(conflict(&conflicts));
    }
    books.yield_to(&who, &changes);
    let unchanged = live.is_some() && changes.is_empty() && books.same_sets(&before);
    (if unchanged { &before } else { &books }).store(&mut merged);
    Ok(merged)
}

/// Records in `new` that `request.manager` changed what differs from `old` (absent on create).
/// `managedFields` that the client sent replace the stored ones, as upstream allows; an empty list clears them.
pub fn track_update(old: Option<&Value>, new: &mut Value, request: &Request<'_>) {
    let sent = new.pointer("/metadata/managedFields").cloned();
    let cleared = old.is_some()
        && sent
            .as_ref()
            .and_then(Value::as_array)
            .is_some_and(|list| list.is_empty() || list == &[serde_json::json!({})]);
    if cleared {
        drop_managed_fields(new);
        return;
    }
    let mut books = match sent {
        Some(_) => Books::read(Some(new)).or_else(|_| Books::read(old)),
        None => Books::read(old),
    }
    .unwrap_or_default();
    let (mut old, mut bare) = (old.cloned(), std::mem::take(new));
    if let Some(old) = &mut old {
        drop_managed_fields(old);
    }
    drop_managed_fields(&mut bare);
    let changes = compare(old.as_ref(), Some(&bare), request.node());
    let who = request.manager("Update");
    books.yield_to(&who, &changes);
    let Comparison {
        mut added,
        modified,
        removed,
    } = changes;
    added.add(&modified);
    request.strip(&mut added);
    let mut set = books.set_of(&who).cloned().unwrap_or_default();
    let had = set.clone();
    set.subtract(&removed);
    set.add(&added);
    if set != had || !added.is_empty() {
        books.write(who, set, request.now);
        books.cap_updates();
    }
    books.store(&mut bare);
    *new = bare;
}

fn drop_managed_fields(object: &mut Value) {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
}

/// The manager's name for a request without `fieldManager`: the user agent up to its first `/`.
#[must_use]
pub fn manager_of_user_agent(user_agent: &str) -> &str {
    let name = user_agent.split('/').next().unwrap_or_default();
    let mut end = name.len().min(MANAGER_LIMIT_BYTES);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    if end == 0 { "unknown" } else { &name[..end] }
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
