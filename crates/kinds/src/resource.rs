//! Dynamic resource allocation.

pub(crate) mod device_class;
mod devices;
pub(crate) mod resource_claim;
pub(crate) mod resource_claim_template;
pub(crate) mod resource_slice;
#[cfg(test)]
mod tests;
