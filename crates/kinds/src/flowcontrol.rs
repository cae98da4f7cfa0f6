//! Request priority and fairness.

pub(crate) mod flow_schema;
mod mandatory;
pub(crate) mod priority_level_configuration;
