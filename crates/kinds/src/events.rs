//! The newer form of events.

pub(crate) mod event;
