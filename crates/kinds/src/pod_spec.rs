//! Pod specs, which Pods and every workload's template have in common: defaults and validation.

pub(crate) mod containers;
pub(crate) mod defaults;
mod probes;
mod scheduling;
#[cfg(test)]
mod tests;
pub(crate) mod validate;
mod volumes;
