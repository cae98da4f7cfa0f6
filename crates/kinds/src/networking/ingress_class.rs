//! Which controller implements an Ingress.

use crate::{Names, Strategy};
use k8s_openapi::api::networking::v1 as upstream;

/// The law of IngressClass.
pub(crate) struct IngressClass;

impl Strategy for IngressClass {
    type Object = upstream::IngressClass;

    fn names(&self) -> Names {
        Names::cluster("ingressclasses", "ingressclass")
    }
}
