//! Aggregated API servers.

pub(crate) mod api_service;
