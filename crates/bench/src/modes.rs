//! What can be measured: one file per mode.

pub(crate) mod all;
pub(crate) mod api;
pub(crate) mod start;
pub(crate) mod store;
