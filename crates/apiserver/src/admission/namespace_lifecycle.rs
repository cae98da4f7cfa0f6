//! `NamespaceLifecycle`: nothing is created in a namespace that is absent or ending, and the
//! namespaces that the system needs are not deleted.

use super::{Admit, Claims, Operation, Review};
use k8s_openapi::api::core::v1::Namespace;
use machinery::status::{Cause, Resource, Status};
use store::Condition;

const NAMESPACES: Resource<'static> = Resource {
    group: "",
    plural: "namespaces",
};
/// Namespaces that always exist.
const IMMORTAL: [&str; 3] = ["default", "kube-system", "kube-public"];

/// The step.
pub(super) struct NamespaceLifecycle;

impl Admit for NamespaceLifecycle {
    fn handles(&self, review: &Review<'_>) -> bool {
        review.namespaced && review.operation == Operation::Create
            || review.is("", "namespaces") && review.operation == Operation::Delete
    }

    fn mutate(&self, review: &mut Review<'_>) -> Result<(), Status> {
        if review.operation != Operation::Create {
            return Ok(());
        }
        check(review)
    }

    fn judge(&self, review: &Review<'_>, claims: &mut Claims) -> Result<(), Status> {
        if review.operation == Operation::Delete {
            if IMMORTAL.contains(&review.name) {
                return Err(review.forbidden("this namespace may not be deleted"));
            }
            return Ok(());
        }
        if let Some(key) = review.key("", "namespaces", "", review.namespace) {
            claims.require(Condition::Present(key));
        }
        Ok(())
    }
}

fn check(review: &Review<'_>) -> Result<(), Status> {
    let name = review.namespace;
    let Some(object) = review.find::<Namespace>("", name) else {
        return Err(Status::not_found(NAMESPACES, name));
    };
    let status = object.status.as_ref();
    let ending = object.metadata.deletion_timestamp.is_some()
        || status.and_then(|it| it.phase.as_deref()) == Some("Terminating");
    if !ending {
        return Ok(());
    }
    let mut status = review.forbidden(&format!(
        "unable to create new content in namespace {name} because it is being terminated"
    ));
    if let Some(details) = &mut status.details {
        details.causes.push(Cause {
            reason: "NamespaceTerminating".to_owned(),
            message: format!("namespace {name} is being terminated"),
            field: "metadata.namespace".to_owned(),
        });
    }
    Err(status)
}
