//! A template for pods, kept for controllers outside the cluster.

use crate::{Names, Strategy};
use k8s_openapi::api::core::v1 as upstream;

/// The law of PodTemplate.
pub(crate) struct PodTemplate;

impl Strategy for PodTemplate {
    type Object = upstream::PodTemplate;

    fn names(&self) -> Names {
        Names::namespaced("podtemplates", "podtemplate")
    }
}
