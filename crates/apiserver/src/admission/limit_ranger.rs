//! `LimitRanger`: the LimitRanges of a namespace give containers their default requests and limits,
//! and bound what containers, pods and claims may ask for.

mod bounds;

use super::{Admit, Claims, Operation, Review};
use k8s_openapi::api::core::v1::{LimitRange, PersistentVolumeClaim, Pod};
use machinery::status::Status;

pub(super) struct LimitRanger;

impl Admit for LimitRanger {
    fn handles(&self, review: &Review<'_>) -> bool {
        let resizes = review.operation == Operation::Update
            && review.subresource == "resize"
            && review.is("", "pods");
        let ends = review
            .old
            .is_some_and(|it| it.metadata().deletion_timestamp.is_some());
        !ends
            && (resizes
                || review.creates("", "pods")
                || review.writes("", "persistentvolumeclaims"))
    }

    fn mutate(&self, review: &mut Review<'_>) -> Result<(), Status> {
        let ranges = ranges(review);
        if let Some(pod) = review.wished::<Pod>() {
            for range in &ranges {
                bounds::complete(range, pod);
            }
        }
        Ok(())
    }

    fn judge(&self, review: &Review<'_>, _: &mut Claims) -> Result<(), Status> {
        for range in ranges(review) {
            let faults = if let Some(pod) = review.after::<Pod>() {
                bounds::of_pod(&range, pod, review.before::<Pod>())
            } else if let Some(claim) = review.after::<PersistentVolumeClaim>() {
                bounds::of_claim(&range, claim, review.before())
            } else {
                Vec::new()
            };
            match faults.as_slice() {
                [] => {}
                [one] => return Err(review.forbidden(one)),
                many => return Err(review.forbidden(&format!("[{}]", many.join(", ")))),
            }
        }
        Ok(())
    }
}

fn ranges(review: &Review<'_>) -> Vec<LimitRange> {
    review.all(review.namespace)
}
