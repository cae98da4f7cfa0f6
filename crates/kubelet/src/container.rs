//! From a pod's spec to a container's configuration: environment, names, limits, identity. Pure.

pub mod dns;
pub mod env;
mod env_file;
pub mod expansion;
pub mod field_ref;
pub mod resources;
pub mod security;
