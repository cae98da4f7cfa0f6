//! Something that happened to an object. Seen as events.k8s.io/v1 too; stored in this form.

use crate::{Names, Strategy};
use k8s_openapi::api::core::v1 as upstream;

/// The law of Event.
pub(crate) struct Event;

impl Strategy for Event {
    type Object = upstream::Event;

    fn names(&self) -> Names {
        Names::namespaced("events", "event").short(&["ev"])
    }
}
