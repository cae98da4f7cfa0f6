//! Pod specs, which Pods and every workload's template have in common: defaults, validation, warnings.

mod annotations;
pub(crate) mod containers;
pub(crate) mod defaults;
mod dns;
mod environment;
mod image_name;
mod lists;
mod mounts;
mod probes;
mod resources;
pub(crate) mod scheduling;
mod security;
#[cfg(test)]
mod tests;
pub(crate) mod validate;
pub(crate) mod volumes;
pub(crate) mod warnings;
