//! Custom resources.

pub(crate) mod custom_resource_definition;
