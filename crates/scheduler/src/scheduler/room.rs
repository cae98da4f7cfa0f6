//! Making room for a pod that fits nowhere: the plan of preemption is asked for and carried out.

use super::{Outcome, Scheduler, preemption, priority};
use crate::{diagnosis::Diagnosis, pod::PodInfo, preemption::Room, snapshot::Snapshot};
use client::{DeleteOptions, Error, Patch};
use k8s_openapi::api::core::v1::Pod;
use reconcile::{Key, reference};

impl Scheduler {
    /// Plans, and keeps the room that will be made; the diagnosis tells when there is none.
    pub(super) fn make_room(
        &self,
        pod: &PodInfo,
        mut diagnosis: Diagnosis,
        snapshot: &mut Snapshot,
    ) -> (Diagnosis, Option<Outcome>) {
        // Without nodes nobody can leave any.
        if diagnosis.nodes() == 0 {
            return (diagnosis, None);
        }
        let budgets = self.budgets.list();
        let outcome = preemption::plan(pod, &diagnosis, snapshot, &budgets, &self.random);
        match &outcome {
            Outcome::Room(room) => snapshot.nominate(pod, &room.node),
            Outcome::Refused { why, withdraws } => {
                diagnosis.preemption.clone_from(why);
                if *withdraws {
                    snapshot.withdraw(&pod.key);
                }
            }
        }
        (diagnosis, Some(outcome))
    }

    /// Has the victims leave. The pod is tried again when they are gone, or soon if one could not be told.
    pub(super) async fn evict(&self, pod: &PodInfo, room: Room) {
        self.release(pod, &room.node).await;
        for victim in &room.victims {
            if victim.is_terminating() {
                continue;
            }
            match self.evict_one(&victim.pod, &victim.key).await {
                Ok(()) => {
                    let uid = pod.pod.metadata.uid.as_deref().unwrap_or_default();
                    let message = format!("Preempted by pod {uid} on node {}", room.node);
                    let about = reference(&*victim.pod);
                    self.recorder
                        .action(&about, "Normal", "Preempted", "Preempting", &message);
                }
                Err(error) if error.is_not_found() => {}
                Err(error) => {
                    tracing::warn!(victim = %victim.key, preemptor = %pod.key, %error, "the pod could not be preempted");
                    self.queue.retry(&pod.key);
                    return;
                }
            }
        }
    }

    async fn evict_one(&self, victim: &Pod, key: &Key) -> Result<(), Error> {
        let condition = serde_json::json!({
            "type": "DisruptionTarget", "status": "True", "reason": preemption::REASON,
            "message": format!("{}: preempting to accommodate a higher priority pod", super::NAME),
            "lastTransitionTime": stdx::clock::whole_seconds(self.clock.now()).to_string(),
            "observedGeneration": victim.metadata.generation,
        });
        let patch = Patch::Strategic(serde_json::json!({
            "metadata": { "uid": victim.metadata.uid }, "status": { "conditions": [condition] },
        }));
        self.client
            .patch::<Pod>(&key.namespace, &key.name, "status", &patch)
            .await?;
        let options = DeleteOptions {
            uid: victim.metadata.uid.clone(),
            ..DeleteOptions::default()
        };
        self.client
            .delete::<Pod>(&key.namespace, &key.name, &options)
            .await?;
        Ok(())
    }

    /// Less important pods for which room was kept there may not fit any more: they look elsewhere.
    async fn release(&self, pod: &PodInfo, node: &str) {
        let lower: Vec<_> = {
            let mut snapshot = self.snapshot.lock();
            let lower: Vec<_> = snapshot
                .nominees()
                .filter(|it| it.node() == node && it.priority() < pod.priority())
                .cloned()
                .collect();
            for it in &lower {
                snapshot.withdraw(&it.key);
            }
            lower
        };
        for it in lower {
            let patch =
                Patch::Strategic(serde_json::json!({ "status": { "nominatedNodeName": null } }));
            let cleared = self
                .client
                .patch::<Pod>(&it.key.namespace, &it.key.name, "status", &patch)
                .await;
            match cleared {
                Ok(_) => self.queue.add(it.key, priority(&it.pod)),
                Err(error) => {
                    tracing::debug!(key = %it.key, %error, "the nomination could not be cleared");
                }
            }
        }
    }
}
