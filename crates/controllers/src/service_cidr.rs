//! Promise: a ServiceCIDR says that it is ready, and stays until no address in use would be left
//! without a range. Upstream: service-cidr-controller.

mod plan;

use crate::{Context, finalizers};
use async_trait::async_trait;
use k8s_openapi::{
    api::networking::v1::{IPAddress, ServiceCIDR},
    apimachinery::pkg::apis::meta::v1::Condition,
};
use machinery::conditions::{self, Condition as _};
use plan::Step;
use reconcile::{Cache, Error, Key, Outcome, Reconcile, Wiring, Writes};
use std::sync::Arc;
use stdx::clock::Clock;

pub(crate) const NAME: &str = "service-cidr-controller";

const FINALIZER: &str = "networking.k8s.io/service-cidr-finalizer";
const READY: &str = "Kubernetes Service CIDR is ready";

pub(crate) struct ServiceCidrs {
    ranges: Arc<Cache<ServiceCIDR>>,
    addresses: Arc<Cache<IPAddress>>,
    clock: Clock,
}

impl ServiceCidrs {
    pub(crate) fn new(context: &Context) -> Self {
        Self {
            ranges: context.caches.of(),
            addresses: context.caches.of(),
            clock: context.clock.clone(),
        }
    }

    async fn say(
        &self,
        range: &ServiceCIDR,
        status: &str,
        reason: &str,
        message: &str,
        writes: &Writes,
    ) -> Result<(), Error> {
        let condition = Condition::make("Ready", status, reason, message);
        let mut changed = range.clone();
        let list = &mut changed.status.get_or_insert_default().conditions;
        if conditions::set(list, condition, self.clock.now()) {
            writes.update_status(&changed).await?;
        }
        Ok(())
    }
}

/// All ranges that are being deleted: any change may set one of them free.
fn ending(ranges: &Cache<ServiceCIDR>) -> Vec<Key> {
    let all = ranges.list().into_iter();
    all.filter(|it| it.metadata.deletion_timestamp.is_some())
        .map(|it| Key::of(&it.metadata))
        .collect()
}

#[async_trait]
impl Reconcile for ServiceCidrs {
    fn name(&self) -> &'static str {
        NAME
    }

    fn watch(&self, wiring: &Wiring) {
        let ranges = Arc::clone(&self.ranges);
        wiring.on::<ServiceCIDR>(move |change| {
            let own = change.latest().map(|it| Key::of(&it.metadata));
            ending(&ranges).into_iter().chain(own).collect()
        });
        let ranges = Arc::clone(&self.ranges);
        wiring.on::<IPAddress>(move |change| match &change.new {
            Some(_) => Vec::new(),
            None => ending(&ranges),
        });
    }

    async fn reconcile(&self, key: &Key, writes: &Writes) -> Result<Outcome, Error> {
        let Some(range) = self.ranges.get_key(key) else {
            return Ok(Outcome::Done);
        };
        let plan = plan::plan(
            &range,
            &self.ranges.list(),
            &self.addresses.list(),
            self.clock.now(),
        );
        match plan {
            Step::Protect => {
                let mut changed = (*range).clone();
                finalizers::add(&mut changed.metadata, FINALIZER);
                let written = writes.update(&changed).await?;
                self.say(&written, "True", "", READY, writes).await?;
            }
            Step::Ready => self.say(&range, "True", "", READY, writes).await?,
            Step::Blocked => {
                let message = "There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR";
                self.say(&range, "False", "Terminating", message, writes)
                    .await?;
            }
            Step::Wait(left) => return Ok(Outcome::After(left)),
            Step::Release => {
                let mut changed = (*range).clone();
                finalizers::remove(&mut changed.metadata, FINALIZER);
                writes.update(&changed).await?;
            }
            Step::Nothing => {}
        }
        Ok(Outcome::Done)
    }
}
