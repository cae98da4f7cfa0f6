//! Managers that wrote another version of an object: what changed is held against what they own in the
//! version that they know. Upstream: structured-merge-diff's `Converter`.

use super::{
    Request,
    compare::{Comparison, compare},
};
use crate::node::Node;
use api::schema::{Schemas, TypeRef};
use serde_json::Value;
use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

/// An object in one of its versions, and that version's type.
pub struct View {
    /// The object.
    pub tree: Value,
    /// The arena of the type.
    pub schemas: &'static Schemas,
    /// The type.
    pub of: TypeRef,
}

/// The versions of an object's kind.
pub trait Versions {
    /// The object, given in the version of the request, in another one; none for a version that nobody
    /// knows: who owns something in that owns nothing, as upstream has it.
    fn view(&self, tree: &Value, api_version: &str) -> Option<View>;
}

/// What a request changes, in every version that somebody asks for.
pub(super) struct Changes<'a> {
    old: Option<&'a Value>,
    new: &'a Value,
    request: &'a Request<'a>,
    own: Rc<Comparison>,
    others: RefCell<BTreeMap<String, Option<Rc<Comparison>>>>,
}

impl<'a> Changes<'a> {
    pub(super) fn new(old: Option<&'a Value>, new: &'a Value, request: &'a Request<'a>) -> Self {
        let mut own = compare(old, new, request.node());
        request.resets.exclude(&mut own);
        Self {
            old,
            new,
            request,
            own: Rc::new(own),
            others: RefCell::default(),
        }
    }

    /// In the version of the request.
    pub(super) fn own(&self) -> &Comparison {
        &self.own
    }

    /// In the version that a manager wrote.
    pub(super) fn in_version(&self, api_version: &str) -> Option<Rc<Comparison>> {
        if api_version == self.request.api_version {
            return Some(Rc::clone(&self.own));
        }
        let mut others = self.others.borrow_mut();
        let known = others.entry(api_version.to_owned());
        known
            .or_insert_with(|| self.compared_in(api_version))
            .clone()
    }

    fn compared_in(&self, api_version: &str) -> Option<Rc<Comparison>> {
        let view = |tree| self.request.versions.view(tree, api_version);
        let new = view(self.new)?;
        let old = match self.old {
            Some(old) => Some(view(old)?.tree),
            None => None,
        };
        let node = Node::root(new.schemas, new.of);
        let mut changes = compare(old.as_ref(), &new.tree, node);
        self.request.resets.exclude(&mut changes);
        Some(Rc::new(changes))
    }
}
