//! Promise: a volume that is deleted goes once no claim is bound to it, and not before. Upstream:
//! persistentvolume-protection-controller.

use crate::Context;
use async_trait::async_trait;
use k8s_openapi::api::core::v1::PersistentVolume;
use reconcile::{Cache, Error, Key, Outcome, Reconcile, Wiring, Writes};
use std::sync::Arc;

pub(crate) const NAME: &str = "persistentvolume-protection-controller";

const FINALIZER: &str = "kubernetes.io/pv-protection";

pub(crate) struct PvProtection {
    volumes: Arc<Cache<PersistentVolume>>,
}

impl PvProtection {
    pub(crate) fn new(context: &Context) -> Self {
        Self {
            volumes: context.caches.of(),
        }
    }
}

#[async_trait]
impl Reconcile for PvProtection {
    fn name(&self) -> &'static str {
        NAME
    }

    fn watch(&self, wiring: &Wiring) {
        wiring.on_own::<PersistentVolume>();
    }

    async fn reconcile(&self, key: &Key, writes: &Writes) -> Result<Outcome, Error> {
        let Some(volume) = self.volumes.get_key(key) else {
            return Ok(Outcome::Done);
        };
        let finalizers = volume.metadata.finalizers.as_ref();
        let protected = finalizers.is_some_and(|it| it.iter().any(|it| it == FINALIZER));
        let ends = volume.metadata.deletion_timestamp.is_some();
        let phase = volume.status.as_ref().and_then(|it| it.phase.as_deref());
        let mut changed = (*volume).clone();
        let own = changed.metadata.finalizers.get_or_insert_default();
        match (ends, protected) {
            (false, false) => own.push(FINALIZER.to_owned()),
            (true, true) if phase != Some("Bound") => own.retain(|it| it != FINALIZER),
            _ => return Ok(Outcome::Done),
        }
        writes.update(&changed).await?;
        Ok(Outcome::Done)
    }
}
