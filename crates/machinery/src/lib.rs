//! Operations on objects that know no single kind, except in named pod and workload questions:
//! field errors, Status, selectors, quantities, patches, server-side apply.

pub mod durations;
pub mod field;
pub mod names;
pub mod status;
