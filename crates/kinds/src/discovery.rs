//! Service endpoints.

pub(crate) mod endpoint_slice;
