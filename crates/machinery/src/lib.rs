//! Operations on objects that know no single kind: field errors, Status, selectors, quantities, patches,
//! server-side apply. And, each in a file named after the kind, what several components ask of a pod, a
//! workload, a node, an EndpointSlice or a storage class.

// Status is the answer of a failed request: failures are rare and its size does not matter there.
#![allow(clippy::result_large_err)]

pub mod addresses;
pub mod apply;
#[cfg(test)]
mod bad_input;
pub mod canonical;
pub mod conditions;
pub mod durations;
pub mod endpoint_slices;
pub mod field;
pub mod fields;
pub mod int_or_string;
pub mod labels;
pub mod metadata;
pub mod names;
mod node;
pub mod node_selector;
pub mod owners;
pub mod patch;
pub mod percent;
pub mod pods;
pub mod quantity;
pub mod quota;
pub mod status;
pub mod storage_classes;
pub mod taints;
pub mod versions;
pub mod workloads;
pub mod yaml;
