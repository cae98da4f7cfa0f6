//! Promise: a claim that is deleted goes once no pod uses it, and not before. Upstream:
//! persistentvolumeclaim-protection-controller.

use crate::{Context, finalizers};
use async_trait::async_trait;
use client::ListOptions;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use machinery::owners;
use reconcile::{Cache, Error, Key, Outcome, Reconcile, Wiring, Writes};
use std::sync::Arc;

pub(crate) const NAME: &str = "persistentvolumeclaim-protection-controller";

const FINALIZER: &str = "kubernetes.io/pvc-protection";

pub(crate) struct PvcProtection {
    claims: Arc<Cache<PersistentVolumeClaim>>,
    pods: Arc<Cache<Pod>>,
}

impl PvcProtection {
    pub(crate) fn new(context: &Context) -> Self {
        Self {
            claims: context.caches.of(),
            pods: context.caches.of(),
        }
    }
}

/// The claims that a pod's volumes name; true for those that were made for it.
fn claims_of(pod: &Pod) -> impl Iterator<Item = (String, bool)> {
    let pod_name = pod.metadata.name.clone().unwrap_or_default();
    let volumes = pod.spec.iter().flat_map(|it| it.volumes.iter().flatten());
    volumes.filter_map(move |volume| {
        if let Some(claim) = &volume.persistent_volume_claim {
            return Some((claim.claim_name.clone(), false));
        }
        let made = volume.ephemeral.is_some();
        made.then(|| (format!("{pod_name}-{}", volume.name), true))
    })
}

/// Whether the node is done with the pod, or nobody waits for the node.
fn is_shut_down(pod: &Pod) -> bool {
    pod.metadata.deletion_timestamp.is_some()
        && pod.metadata.deletion_grace_period_seconds == Some(0)
}

fn is_scheduled(pod: &Pod) -> bool {
    let node = pod.spec.as_ref().and_then(|it| it.node_name.as_ref());
    node.is_some_and(|it| !it.is_empty())
}

/// Whether a pod that has a node uses the claim.
fn uses(pod: &Pod, claim: &PersistentVolumeClaim) -> bool {
    let own = |made: bool| {
        let owner = owners::controller_of(&claim.metadata);
        !made || !is_shut_down(pod) && owner.map(|it| &it.uid) == pod.metadata.uid.as_ref()
    };
    is_scheduled(pod)
        && claims_of(pod)
            .any(|(name, made)| Some(&name) == claim.metadata.name.as_ref() && own(made))
}

#[async_trait]
impl Reconcile for PvcProtection {
    fn name(&self) -> &'static str {
        NAME
    }

    fn watch(&self, wiring: &Wiring) {
        wiring.on_own::<PersistentVolumeClaim>();
        wiring.on::<Pod>(|change| {
            let replaced = match (&change.old, &change.new) {
                (Some(old), Some(new)) => old.metadata.uid != new.metadata.uid,
                _ => false,
            };
            let helps = |pod: &Pod| {
                change.new.is_none()
                    || replaced
                    || machinery::pods::is_terminal(pod)
                    || is_shut_down(pod)
                    || !is_scheduled(pod)
            };
            let mut keys = Vec::new();
            for pod in [&change.old, &change.new].into_iter().flatten() {
                let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
                if helps(pod) {
                    keys.extend(claims_of(pod).map(|(name, _)| Key::new(namespace, &name)));
                }
            }
            keys
        });
    }

    async fn reconcile(&self, key: &Key, writes: &Writes) -> Result<Outcome, Error> {
        let Some(claim) = self.claims.get_key(key) else {
            return Ok(Outcome::Done);
        };
        let protected = finalizers::has(&claim.metadata, FINALIZER);
        let ends = claim.metadata.deletion_timestamp.is_some();
        let change = match (ends, protected) {
            (false, false) => finalizers::add,
            (true, true) => {
                let cached = self.pods.list_in(&key.namespace);
                if cached.iter().any(|pod| uses(pod, &claim)) {
                    return Ok(Outcome::Done);
                }
                // A pod may be there that the cache has not seen.
                let pods = writes
                    .client()
                    .list::<Pod>(&key.namespace, &ListOptions::default())
                    .await?;
                if pods.items.iter().any(|pod| uses(pod, &claim)) {
                    return Ok(Outcome::Done);
                }
                finalizers::remove
            }
            _ => return Ok(Outcome::Done),
        };
        let mut changed = (*claim).clone();
        change(&mut changed.metadata, FINALIZER);
        writes.update(&changed).await?;
        Ok(Outcome::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn pod(spec: Value, metadata: Value) -> Pod {
        let tree = json!({ "metadata": metadata, "spec": spec });
        api::Object::decode(tree.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn who_uses_a_claim() {
        let claim = |name: &str, owner: &str| -> PersistentVolumeClaim {
            let owners = json!([{ "apiVersion": "v1", "kind": "Pod", "name": "p", "uid": owner, "controller": true }]);
            let tree = json!({ "metadata": { "name": name, "ownerReferences": owners } });
            api::Object::decode(tree.to_string().as_bytes()).unwrap()
        };
        let named = json!([{ "name": "v", "persistentVolumeClaim": { "claimName": "c" } }]);
        let made = json!([{ "name": "v", "ephemeral": {} }]);
        let alive = json!({ "name": "p", "uid": "u" });
        let gone = json!({ "name": "p", "uid": "u", "deletionTimestamp": "2026-01-01T00:00:00Z", "deletionGracePeriodSeconds": 0 });
        let on = |volumes: &Value, node: &str| json!({ "containers": [], "nodeName": node, "volumes": volumes });
        let cases = [
            (on(&named, "n"), &alive, claim("c", "x"), true),
            (on(&named, ""), &alive, claim("c", "x"), false),
            (on(&named, "n"), &alive, claim("d", "x"), false),
            (on(&named, "n"), &gone, claim("c", "x"), true),
            (on(&made, "n"), &alive, claim("p-v", "u"), true),
            (on(&made, "n"), &alive, claim("p-v", "x"), false),
            (on(&made, "n"), &gone, claim("p-v", "u"), false),
        ];
        for (spec, metadata, claim, wanted) in cases {
            assert_eq!(
                uses(&pod(spec.clone(), metadata.clone()), &claim),
                wanted,
                "{spec} {metadata}"
            );
        }
    }
}
