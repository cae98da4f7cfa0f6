//! Promise: a volume that is deleted goes once no claim is bound to it, and not before. Upstream:
//! persistentvolume-protection-controller.

use crate::{Context, finalizers};
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
        let protected = finalizers::has(&volume.metadata, FINALIZER);
        let ends = volume.metadata.deletion_timestamp.is_some();
        let phase = volume.status.as_ref().and_then(|it| it.phase.as_deref());
        let change = match (ends, protected) {
            (false, false) => finalizers::add,
            (true, true) if phase != Some("Bound") => finalizers::remove,
            _ => return Ok(Outcome::Done),
        };
        let mut changed = (*volume).clone();
        change(&mut changed.metadata, FINALIZER);
        writes.update(&changed).await?;
        Ok(Outcome::Done)
    }
}
