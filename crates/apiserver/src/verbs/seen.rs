//! Kinds whose objects nobody stores: they tell what is seen in the server itself, when they are asked for.

use super::Call;
use crate::{Door, watch_cache::Item};
use api::AnyObject;
use bytes::Bytes;
use kinds::Part;
use std::sync::Arc;

/// The objects of the call's kind, when it is such a kind.
pub(crate) fn items(door: &Door, call: &Call) -> Option<Vec<Arc<Item>>> {
    let resource = &call.resource;
    let objects = resource.stored.seen(&|| parts(door))?;
    let item = |object: Box<dyn AnyObject>| {
        let name = object.metadata().name.as_deref().unwrap_or_default();
        let key = resource.key("", name).into();
        let stored = Bytes::from(object.encode());
        let (law, revision) = (resource.stored, door.cache.revision());
        Arc::new(Item::new(law, (&key, name), &stored, revision))
    };
    Some(objects.into_iter().map(item).collect())
}

/// The parts that the door was told of, and its store.
fn parts(door: &Door) -> Vec<Part> {
    let is_cut = door.cache.is_cut();
    let store = ("etcd-0", is_cut.then(|| "the store is cut off".into()));
    let parts = (door.config.parts)().into_iter().chain([store]);
    parts.map(|(name, fault)| Part { name, fault }).collect()
}
