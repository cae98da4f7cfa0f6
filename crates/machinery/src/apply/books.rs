//! The entries of `metadata.managedFields`: which manager owns which paths since when.

use super::{Conflict, Request, compare::Comparison, field_set::Set, stamp};
use crate::status::Status;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// Managers that update (not apply) beyond this many are merged into one; upstream's limit.
const UPDATERS_LIMIT: usize = 10;
const ANCIENT: &str = "ancient-changes";
const BEFORE_FIRST_APPLY: &str = "before-first-apply";

/// What tells entries apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Manager {
    pub(super) name: String,
    pub(super) operation: String,
    pub(super) api_version: String,
    pub(super) subresource: String,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Entry {
    manager: Manager,
    time: String,
    set: Set,
}

/// All entries, in their order.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Books(Vec<Entry>);

impl Books {
    /// Reads the books of an object; one without has none.
    pub(super) fn read(object: Option<&Value>) -> Result<Self, Status> {
        let entries = object
            .and_then(|it| it.pointer("/metadata/managedFields"))
            .and_then(Value::as_array);
        let mut books = Self::default();
        for entry in entries.into_iter().flatten() {
            let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
            let empty = Value::Object(Map::new());
            let fields = entry.get("fieldsV1").unwrap_or(&empty);
            let set = Set::parse(fields).map_err(|error| {
                Status::bad_request(format!("metadata.managedFields: Invalid value: {error}"))
            })?;
            books.0.push(Entry {
                manager: Manager {
                    name: text("manager"),
                    operation: text("operation"),
                    api_version: text("apiVersion"),
                    subresource: text("subresource"),
                },
                time: text("time"),
                set,
            });
        }
        Ok(books)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// An object from before there were books: what it has belongs to `before-first-apply`.
    pub(super) fn open_before_first_apply(&mut self, live: &Value, request: &Request<'_>) {
        let mut set = Set::of(live, request.node());
        request.strip(&mut set);
        if set.is_empty() {
            return;
        }
        let manager = Manager {
            name: BEFORE_FIRST_APPLY.to_owned(),
            operation: "Update".to_owned(),
            api_version: request.api_version.to_owned(),
            subresource: String::new(),
        };
        self.write(manager, set, request.now);
    }

    pub(super) fn set_of(&self, manager: &Manager) -> Option<&Set> {
        self.0
            .iter()
            .find(|it| it.manager == *manager)
            .map(|it| &it.set)
    }

    /// Everything that anybody owns.
    pub(super) fn union(&self) -> Set {
        let mut all = Set::default();
        for entry in &self.0 {
            all.add(&entry.set);
        }
        all
    }

    /// Replaces a manager's set.
    pub(super) fn write(&mut self, manager: Manager, set: Set, now: Timestamp) {
        match self.0.iter_mut().find(|it| it.manager == manager) {
            Some(entry) => {
                entry.set = set;
                entry.time = stamp(now);
            }
            None => self.0.push(Entry {
                manager,
                time: stamp(now),
                set,
            }),
        }
        self.0.retain(|it| !it.set.is_empty());
    }

    /// Fields that others own and that `who` would change.
    pub(super) fn conflicts(&self, who: &Manager, changes: &Comparison) -> Vec<Conflict> {
        let taken = changes.taken();
        let mut conflicts: Vec<Conflict> = Vec::new();
        for entry in self.0.iter().filter(|it| it.manager != *who) {
            let name = entry.describe();
            conflicts.extend(
                entry
                    .set
                    .intersection(&taken)
                    .paths()
                    .into_iter()
                    .map(|path| Conflict {
                        manager: name.clone(),
                        path,
                    }),
            );
        }
        conflicts.sort_by(|a, b| a.manager.cmp(&b.manager));
        conflicts
    }

    /// Others lose what `who` changed or removed.
    pub(super) fn yield_to(&mut self, who: &Manager, changes: &Comparison) {
        let taken = changes.taken();
        for entry in self.0.iter_mut().filter(|it| it.manager != *who) {
            entry.set.subtract(&taken);
            entry.set.subtract(&changes.removed);
        }
        self.0.retain(|it| !it.set.is_empty());
    }

    /// Whether both hold the same managers with the same sets, whatever the times.
    pub(super) fn same_sets(&self, other: &Self) -> bool {
        self.0.len() == other.0.len()
            && self
                .0
                .iter()
                .zip(&other.0)
                .all(|(a, b)| a.manager == b.manager && a.set == b.set)
    }

    /// Merges the oldest updaters beyond the limit into one entry.
    pub(super) fn cap_updates(&mut self) {
        loop {
            let mut updaters: Vec<usize> = (0..self.0.len())
                .filter(|at| self.0[*at].manager.operation == "Update")
                .collect();
            if updaters.len() <= UPDATERS_LIMIT {
                return;
            }
            updaters.sort_by(|a, b| self.0[*a].time.cmp(&self.0[*b].time));
            let (first, second) = (updaters[0], updaters[1]);
            let Entry { set, time, .. } = self.0[second].clone();
            let oldest = &mut self.0[first];
            oldest.set.add(&set);
            ANCIENT.clone_into(&mut oldest.manager.name);
            oldest.time = time;
            self.0.remove(second);
        }
    }

    /// Writes the books into `object`: appliers first, then by time, as upstream sorts them.
    pub(super) fn store(&self, object: &mut Value) {
        let mut entries = self.0.clone();
        entries.sort_by(|a, b| {
            (&a.manager.operation, &a.time, &a.manager.name).cmp(&(
                &b.manager.operation,
                &b.time,
                &b.manager.name,
            ))
        });
        let list: Vec<Value> = entries.iter().map(Entry::to_tree).collect();
        if let Some(object) = object.as_object_mut() {
            let metadata = object
                .entry("metadata")
                .or_insert_with(|| Value::Object(Map::new()));
            if let Some(metadata) = metadata.as_object_mut()
                && !list.is_empty()
            {
                metadata.insert("managedFields".to_owned(), Value::Array(list));
            }
        }
    }
}

impl Entry {
    fn to_tree(&self) -> Value {
        let mut tree = json!({
            "manager": self.manager.name,
            "operation": self.manager.operation,
            "apiVersion": self.manager.api_version,
            "time": self.time,
            "fieldsType": "FieldsV1",
            "fieldsV1": self.set.to_tree(),
        });
        if !self.manager.subresource.is_empty() {
            tree["subresource"] = self.manager.subresource.as_str().into();
        }
        tree
    }

    /// As messages show a manager.
    fn describe(&self) -> String {
        let Manager {
            name,
            operation,
            api_version,
            subresource,
        } = &self.manager;
        let mut text = format!("{name:?}");
        if !subresource.is_empty() {
            text.push_str(&format!(" with subresource {subresource:?}"));
        }
        if operation == "Update" {
            text.push_str(&format!(" using {api_version}"));
            if !self.time.is_empty() {
                text.push_str(&format!(" at {}", self.time));
            }
        }
        text
    }
}
