//! `NamespaceLifecycle`: nothing is created in a namespace that is absent or ending, and the
//! namespaces that the system needs are not deleted.

use super::{Admit, Claims, Operation, Review};
use machinery::status::{Cause, Resource, Status};
use serde::{Deserialize, de::IgnoredAny};
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

/// What is read of a namespace: every create in it asks.
#[derive(Deserialize)]
struct Life {
    metadata: Ending,
    status: Option<Phase>,
}

#[derive(Deserialize)]
struct Ending {
    #[serde(rename = "deletionTimestamp")]
    since: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Phase {
    phase: Option<String>,
}

fn check(review: &Review<'_>) -> Result<(), Status> {
    let name = review.namespace;
    let Some(life) = review.outline::<Life>("", "namespaces", "", name) else {
        return Err(Status::not_found(NAMESPACES, name));
    };
    let phase = life.status.and_then(|it| it.phase);
    if life.metadata.since.is_none() && phase.as_deref() != Some("Terminating") {
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
