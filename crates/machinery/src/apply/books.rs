//! The entries of `metadata.managedFields`: which manager owns which paths since when.

use super::{Conflict, Request, compare::compare, field_set::Set, stamp, versions::Changes};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::{collections::BTreeMap, fmt};

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
    /// Reads `metadata.managedFields`; absent ones are empty books.
    pub(super) fn read(list: Option<&Value>) -> Result<Self, String> {
        let mut books = Self::default();
        for (index, entry) in list
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .enumerate()
        {
            let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
            let manager = Manager {
                name: text("manager"),
                operation: text("operation"),
                api_version: text("apiVersion"),
                subresource: text("subresource"),
            };
            if !matches!(manager.operation.as_str(), "Apply" | "Update") {
                return Err("operation must be `Apply` or `Update`".to_owned());
            }
            if manager.api_version.is_empty() {
                return Err("apiVersion must not be empty".to_owned());
            }
            match text("fieldsType").as_str() {
                "FieldsV1" => {}
                "" => {
                    return Err(format!(
                        "missing fieldsType in managed fields entry {index}"
                    ));
                }
                other => {
                    return Err(format!(
                        "invalid fieldsType {other:?} in managed fields entry {index}"
                    ));
                }
            }
            let set = match entry.get("fieldsV1") {
                Some(fields) => {
                    Set::parse(fields).map_err(|error| format!("error decoding set: {error}"))?
                }
                None => Set::default(),
            };
            books.0.push(Entry {
                manager,
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
        let mut changes = compare(None, live, request.node());
        request.resets.exclude(&mut changes);
        let mut set = changes.taken();
        request.strip(&mut set);
        let manager = Manager {
            name: BEFORE_FIRST_APPLY.to_owned(),
            ..request.manager("Update")
        };
        self.write(manager, set, Some(request.now));
    }

    pub(super) fn set_of(&self, manager: &Manager) -> Option<&Set> {
        let found = self.0.iter().find(|it| it.manager.is(manager));
        found.map(|it| &it.set)
    }

    /// Everything that anybody owns.
    pub(super) fn union(&self) -> Set {
        let mut all = Set::default();
        for entry in &self.0 {
            all.add(&entry.set);
        }
        all
    }

    /// Replaces a manager's set; its time only when one is given.
    pub(super) fn write(&mut self, manager: Manager, set: Set, now: Option<Timestamp>) {
        let time = now.map(stamp);
        match self.0.iter_mut().find(|it| it.manager.is(&manager)) {
            Some(entry) => {
                entry.manager = manager;
                entry.set = set;
                entry.time = time.unwrap_or(std::mem::take(&mut entry.time));
            }
            None => self.0.push(Entry {
                manager,
                time: time.unwrap_or_default(),
                set,
            }),
        }
        self.0.retain(|it| !it.set.is_empty());
    }

    /// Fields that others own and that `who` would change.
    pub(super) fn conflicts(&self, who: &Manager, changes: &Changes<'_>) -> Vec<Conflict> {
        let mut conflicts: Vec<Conflict> = Vec::new();
        let mut others: Vec<&Entry> = self.0.iter().filter(|it| !it.manager.is(who)).collect();
        others.sort_by_key(|it| it.manager.key());
        for entry in others {
            let Some(changes) = changes.in_version(&entry.manager.api_version) else {
                continue;
            };
            let (name, taken) = (entry.manager.to_string(), changes.taken());
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
        conflicts
    }

    /// Others lose what `who` changed or removed, and those of versions that nobody knows all they had.
    pub(super) fn yield_to(&mut self, who: &Manager, changes: &Changes<'_>) {
        for entry in self.0.iter_mut().filter(|it| !it.manager.is(who)) {
            match changes.in_version(&entry.manager.api_version) {
                Some(changes) => {
                    entry.set.subtract(&changes.taken());
                    entry.set.subtract(&changes.removed);
                }
                None => entry.set = Set::default(),
            }
        }
        self.0.retain(|it| !it.set.is_empty());
    }

    /// Merges the oldest updaters beyond the limit into one entry for each version.
    pub(super) fn cap_updates(&mut self) {
        let mut updaters: Vec<Manager> = self.updaters();
        let mut count = updaters.len();
        let mut first: BTreeMap<String, Manager> = BTreeMap::new();
        for manager in updaters.drain(..) {
            if count <= UPDATERS_LIMIT {
                return;
            }
            let version = manager.api_version.clone();
            let Some(eldest) = first.get(&version) else {
                first.insert(version, manager);
                continue;
            };
            let bucket = Manager {
                name: ANCIENT.to_owned(),
                operation: "Update".to_owned(),
                api_version: version,
                subresource: String::new(),
            };
            let mut merged = match self.take(&bucket) {
                Some(entry) => entry.set,
                None => self.take(eldest).map(|it| it.set).unwrap_or_default(),
            };
            let Some(entry) = self.take(&manager) else {
                continue;
            };
            merged.add(&entry.set);
            self.0.push(Entry {
                manager: bucket,
                time: entry.time,
                set: merged,
            });
            count -= 1;
        }
    }

    /// Managers that update, oldest first.
    fn updaters(&self) -> Vec<Manager> {
        let mut entries: Vec<&Entry> = self
            .0
            .iter()
            .filter(|it| it.manager.operation == "Update")
            .collect();
        entries.sort_by(|a, b| (&a.time, a.manager.key()).cmp(&(&b.time, b.manager.key())));
        entries.iter().map(|it| it.manager.clone()).collect()
    }

    fn take(&mut self, manager: &Manager) -> Option<Entry> {
        let at = self.0.iter().position(|it| it.manager.is(manager))?;
        Some(self.0.remove(at))
    }

    /// The entries' JSON: appliers first, then by time, as upstream sorts them. None when nobody owns anything.
    pub(super) fn to_tree(&self) -> Option<Value> {
        let mut entries: Vec<&Entry> = self.0.iter().collect();
        entries.sort_by_key(|it| {
            let Manager {
                name,
                operation,
                api_version,
                subresource,
            } = &it.manager;
            (operation, &it.time, name, api_version, subresource)
        });
        let list: Vec<Value> = entries.into_iter().map(Entry::to_tree).collect();
        (!list.is_empty()).then_some(Value::Array(list))
    }
}

impl Manager {
    /// Whether both are one: an applier stays itself when it applies another version.
    fn is(&self, other: &Self) -> bool {
        self.name == other.name
            && self.operation == other.operation
            && self.subresource == other.subresource
            && (self.operation == "Apply" || self.api_version == other.api_version)
    }

    fn key(&self) -> (&str, &str, &str, &str) {
        (
            &self.name,
            &self.operation,
            &self.api_version,
            &self.subresource,
        )
    }
}

impl fmt::Display for Manager {
    /// As messages show it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.name)?;
        if !self.subresource.is_empty() {
            write!(f, " with subresource {:?}", self.subresource)?;
        }
        if self.operation == "Update" {
            write!(f, " using {}", self.api_version)?;
        }
        Ok(())
    }
}

impl Entry {
    fn to_tree(&self) -> Value {
        let mut tree = json!({
            "manager": self.manager.name,
            "operation": self.manager.operation,
            "apiVersion": self.manager.api_version,
            "fieldsType": "FieldsV1",
            "fieldsV1": self.set.to_tree(),
        });
        if !self.time.is_empty() {
            tree["time"] = self.time.as_str().into();
        }
        if !self.manager.subresource.is_empty() {
            tree["subresource"] = self.manager.subresource.as_str().into();
        }
        tree
    }
}
