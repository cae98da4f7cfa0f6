//! `DefaultIngressClass`: an Ingress that names no class gets the default one, the newest if there
//! are several.

use super::{Admit, Review};
use k8s_openapi::api::networking::v1::{Ingress, IngressClass};
use machinery::status::Status;
use std::cmp::Reverse;

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
        let default = review
            .list(GROUP, "ingressclasses", "")
            .iter()
            .filter_map(|it| it.downcast_ref::<IngressClass>())
            .filter(|class| {
                let annotations = class.metadata.annotations.as_ref();
                annotations
                    .and_then(|it| it.get(DEFAULT))
                    .is_some_and(|value| value == "true")
            })
            .max_by_key(|class| {
                let metadata = &class.metadata;
                (
                    metadata.creation_timestamp.clone(),
                    Reverse(metadata.name.clone()),
                )
            })
            .and_then(|class| class.metadata.name.clone());
        if let (Some(name), Some(ingress)) = (default, review.wished::<Ingress>()) {
            ingress.spec.get_or_insert_default().ingress_class_name = Some(name);
        }
        Ok(())
    }
}
