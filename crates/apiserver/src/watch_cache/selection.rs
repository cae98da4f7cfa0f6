//! Which objects a list, a watch or a deletecollection is about.

use super::{Item, Items};
use machinery::{fields, labels};
use std::{ops::Bound, sync::Arc};

/// A namespace (empty: all), a label selector and a field selector.
pub(crate) struct Selection {
    pub(crate) namespace: String,
    pub(crate) labels: labels::Selector,
    pub(crate) fields: fields::Selector,
}

impl Selection {
    /// Everything in a namespace (empty: in all).
    pub(crate) fn of_namespace(namespace: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            labels: labels::Selector::everything(),
            fields: fields::Selector::default(),
        }
    }

    pub(crate) fn matches(&self, item: &Item) -> bool {
        (self.namespace.is_empty() || item.namespace() == self.namespace)
            && (self.labels.is_everything() || self.labels.matches(item.labels()))
            && (self.fields.is_everything()
                || self
                    .fields
                    .matches_by(&|name: &str| item.field(name).map(std::borrow::Cow::into_owned)))
    }

    /// Whether only the namespace restricts it.
    pub(crate) fn is_whole(&self) -> bool {
        self.labels.is_everything() && self.fields.is_everything()
    }

    /// What the local keys of its objects start with.
    pub(crate) fn key_prefix(&self) -> String {
        if self.namespace.is_empty() {
            String::new()
        } else {
            format!("{}/", self.namespace)
        }
    }

    pub(crate) fn range<'m>(
        &'m self,
        items: &'m Items,
    ) -> Box<dyn Iterator<Item = &'m Arc<Item>> + 'm> {
        // A name that is given is a look-up, not a walk.
        if let (Some(name), false) = (
            self.fields.exact("metadata.name"),
            self.namespace.is_empty(),
        ) {
            let key = crate::resources::local_key(&self.namespace, name);
            let found = items.get(&key).filter(|item| self.matches(item));
            return Box::new(found.into_iter());
        }
        if self.namespace.is_empty() {
            let all = items.from(Bound::Unbounded);
            return Box::new(all.filter(|item| self.matches(item)));
        }
        let prefix = self.key_prefix();
        Box::new(
            items
                .from(Bound::Included(&prefix))
                .take_while(move |item| item.key().starts_with(&prefix))
                .filter(|item| self.matches(item)),
        )
    }
}
