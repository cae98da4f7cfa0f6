//! `TaintNodesByCondition`: a new node takes no pods before it was seen to be ready. The node
//! life-cycle controller takes the taint away.

use super::{Admit, Review};
use k8s_openapi::api::core::v1::{Node, Taint};
use machinery::status::Status;

const NOT_READY: &str = "node.kubernetes.io/not-ready";

pub(super) struct TaintNodesByCondition;

impl Admit for TaintNodesByCondition {
    fn handles(&self, review: &Review<'_>) -> bool {
        review.creates("", "nodes")
    }

    fn mutate(&self, review: &mut Review<'_>) -> Result<(), Status> {
        let Some(node) = review.wished::<Node>() else {
            return Ok(());
        };
        let taints = node
            .spec
            .get_or_insert_default()
            .taints
            .get_or_insert_default();
        let same = |it: &Taint| it.key == NOT_READY && it.effect == "NoSchedule";
        if !taints.iter().any(same) {
            taints.push(Taint {
                key: NOT_READY.to_owned(),
                effect: "NoSchedule".to_owned(),
                ..Taint::default()
            });
        }
        Ok(())
    }
}
