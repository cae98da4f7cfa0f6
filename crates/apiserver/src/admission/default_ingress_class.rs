//! `DefaultIngressClass`: an Ingress that names no class gets the default one, the newest if there
//! are several.

use super::{Admit, Review};
use k8s_openapi::api::networking::v1::{Ingress, IngressClass};
use machinery::status::Status;

const GROUP: &str = "networking.k8s.io";
const DEFAULT: &str = "ingressclass.kubernetes.io/is-default-class";
/// How a class was named before there was a field for it.
const ANNOTATION: &str = "kubernetes.io/ingress.class";

pub(super) struct DefaultIngressClass;

impl Admit for DefaultIngressClass {
    fn handles(&self, review: &Review<'_>) -> bool {
        review.creates(GROUP, "ingresses")
    }

    fn mutate(&self, review: &mut Review<'_>) -> Result<(), Status> {
        let named = |ingress: &Ingress| {
            let annotations = ingress.metadata.annotations.as_ref();
            let spec = ingress.spec.as_ref();
            spec.is_some_and(|it| it.ingress_class_name.is_some())
                || annotations.is_some_and(|it| it.contains_key(ANNOTATION))
        };
        if review.wished::<Ingress>().is_none_or(|it| named(it)) {
            return Ok(());
        }
        let default = review.default_class::<IngressClass>(&[DEFAULT]);
        if let (Some(name), Some(ingress)) = (default, review.wished::<Ingress>()) {
            ingress.spec.get_or_insert_default().ingress_class_name = Some(name);
        }
        Ok(())
    }
}
