//! Autoscaling, in two versions of one stored kind.

pub(crate) mod horizontal_pod_autoscaler;
pub(crate) mod horizontal_pod_autoscaler_v1;
mod targets;
