//! An object in the versions that its managers wrote: through the stored form, by the conversions of its
//! views and of older versions.

use crate::{forms, resources::Resource};
use api::schema;
use kinds::Law;
use machinery::apply::{self, View};
use serde_json::Value;

/// The versions of a resource's objects, given as a request has them.
pub(super) struct Versions<'a> {
    pub(super) resource: &'a Resource,
    /// Whether the request has them in their stored form, not in the served one.
    pub(super) stored: bool,
}

impl apply::Versions for Versions<'_> {
    fn view(&self, tree: &Value, api_version: &str) -> Option<View> {
        let kind = self.resource.kind();
        let older = kinds::find_older(api_version, kind);
        let (group, version) = older.map_or_else(
            || api_version.split_once('/').unwrap_or(("", api_version)),
            |older| older.current,
        );
        let law = kinds::find(group, version, kind).filter(|law| self.has(*law))?;
        let (schemas, of) = match older {
            Some(older) => older.schema()?,
            None => {
                let schemas = schema::builtin();
                (schemas, schemas.kind(group, version, kind)?)
            }
        };
        // What cannot be converted is compared by the names of its fields.
        let mut tree = self.converted(tree, law).unwrap_or_else(|| tree.clone());
        if let Some(older) = older {
            older.downgrade(&mut tree);
        }
        Some(View { tree, schemas, of })
    }
}

impl Versions<'_> {
    /// Whether a law is one of the object's.
    fn has(&self, law: &dyn Law) -> bool {
        let stored = self.resource.stored;
        let hub = law.hub().map(|hub| (hub.group, hub.version));
        let own = (stored.group(), stored.version());
        hub.unwrap_or((law.group(), law.version())) == own
    }

    fn converted(&self, tree: &Value, law: &dyn Law) -> Option<Value> {
        let mut tree = tree.clone();
        let mut is = self.resource.stored;
        if !self.stored {
            is = self.resource.law;
            if let Some(older) = self.resource.older {
                older.upgrade(&mut tree);
            }
        }
        let version = |law: &dyn Law| (law.group(), law.version());
        if version(is) == version(law) {
            return Some(tree);
        }
        let mut object = is.decode(tree.to_string().as_bytes()).ok()?;
        if let Some(hub) = is.hub() {
            object = (hub.to_hub)(&*object)?;
        }
        if let Some(hub) = law.hub() {
            object = (hub.from_hub)(&*object)?;
        }
        forms::tree(&object.encode()).ok()
    }
}
