//! Node-level configuration.

pub(crate) mod runtime_class;
