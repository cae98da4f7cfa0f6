//! The wire: Kubernetes' types as k8s-openapi publishes them, one non-generic encode and decode per
//! kind, the schema tables made from published definitions, and protobuf.
//!
//! Every instantiation of serde for a Kubernetes type lives here and nowhere else, because each one
//! costs build time; the rest of the house works on `Object` and `AnyObject`.

#[cfg(test)]
mod bad_input;
mod go_base64;
mod go_json;
mod list;
mod nulls;
mod object;
pub mod openapi;
pub mod protobuf;
pub mod sample;
pub mod schema;
pub mod strict;

pub use go_json::{Written, written};
pub use object::{AnyObject, DecodeError, Object};
