//! events.k8s.io/v1 Event: a view of the core/v1 form, in which it is stored.

use crate::{Names, Strategy};
use k8s_openapi::api::events::v1 as upstream;

/// The law of Event.
pub(crate) struct Event;

impl Strategy for Event {
    type Object = upstream::Event;

    fn names(&self) -> Names {
        Names::namespaced("events", "event").short(&["ev"])
    }
}
