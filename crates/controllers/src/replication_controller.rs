//! Promise: as many pods of the template as the ReplicationController asks for. It is the ReplicaSet
//! controller, over another kind. Upstream: replicationcontroller-controller, an adapter of the same sort.

use crate::replica_set::Replicated;
use k8s_openapi::{
    api::{
        apps::v1::{ReplicaSet, ReplicaSetCondition, ReplicaSetSpec, ReplicaSetStatus},
        core::v1::{
            ReplicationController, ReplicationControllerCondition, ReplicationControllerStatus,
        },
    },
    apimachinery::pkg::apis::meta::v1::LabelSelector,
};
use std::sync::Arc;

pub(crate) const NAME: &str = ReplicationController::CONTROLLER;

impl Replicated for ReplicationController {
    const CONTROLLER: &'static str = "replicationcontroller-controller";
    const COMPONENT: &'static str = "replication-controller";

    fn as_set(object: &Arc<Self>) -> Arc<ReplicaSet> {
        let spec = object.spec.clone().unwrap_or_default();
        let status = object.status.clone().unwrap_or_default();
        let condition = |it: ReplicationControllerCondition| ReplicaSetCondition {
            type_: it.type_,
            status: it.status,
            reason: it.reason,
            message: it.message,
            last_transition_time: it.last_transition_time,
        };
        Arc::new(ReplicaSet {
            metadata: object.metadata.clone(),
            spec: Some(ReplicaSetSpec {
                min_ready_seconds: spec.min_ready_seconds,
                replicas: spec.replicas,
                selector: LabelSelector {
                    match_labels: spec.selector,
                    match_expressions: None,
                },
                template: spec.template,
            }),
            status: Some(ReplicaSetStatus {
                available_replicas: status.available_replicas,
                conditions: status
                    .conditions
                    .map(|all| all.into_iter().map(condition).collect()),
                fully_labeled_replicas: status.fully_labeled_replicas,
                observed_generation: status.observed_generation,
                ready_replicas: status.ready_replicas,
                replicas: status.replicas,
                terminating_replicas: None,
            }),
        })
    }

    /// Terminating replicas are not counted for this kind.
    fn set_status(&mut self, status: ReplicaSetStatus) {
        let condition = |it: ReplicaSetCondition| ReplicationControllerCondition {
            type_: it.type_,
            status: it.status,
            reason: it.reason,
            message: it.message,
            last_transition_time: it.last_transition_time,
        };
        self.status = Some(ReplicationControllerStatus {
            available_replicas: status.available_replicas,
            conditions: status
                .conditions
                .map(|all| all.into_iter().map(condition).collect()),
            fully_labeled_replicas: status.fully_labeled_replicas,
            observed_generation: status.observed_generation,
            ready_replicas: status.ready_replicas,
            replicas: status.replicas,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::Object;

    #[test]
    fn a_status_survives_the_two_forms() {
        let tree = r#"{"metadata": {"name": "rc", "generation": 3}, "spec": {"replicas": 2, "minReadySeconds": 4,
            "selector": {"app": "web"}, "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": []}}},
            "status": {"replicas": 2, "readyReplicas": 1, "fullyLabeledReplicas": 2, "observedGeneration": 3, "conditions": [
            {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "m", "lastTransitionTime": "2026-01-01T00:00:00Z"}]}}"#;
        let before = ReplicationController::decode(tree.as_bytes()).unwrap();
        let set = ReplicationController::as_set(&Arc::new(before.clone()));
        let spec = set.spec.clone().unwrap();
        assert_eq!((spec.replicas, spec.min_ready_seconds), (Some(2), Some(4)));
        assert_eq!(
            spec.selector.match_labels,
            before.spec.clone().unwrap().selector
        );
        let mut after = before.clone();
        after.set_status(set.status.clone().unwrap());
        assert_eq!(after, before);
    }
}
