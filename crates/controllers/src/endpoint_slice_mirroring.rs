//! Promise: Endpoints that somebody wrote by hand for a service without a selector are seen as
//! EndpointSlices too. Upstream: endpointslice-mirroring-controller.

mod plan;

use crate::Context;
use async_trait::async_trait;
use client::DeleteOptions;
use k8s_openapi::api::{
    core::v1::{Endpoints, Service},
    discovery::v1::EndpointSlice,
};
use plan::Step;
use reconcile::{Cache, Error, Key, Outcome, Reconcile, Recorder, Wiring, Writes, reference};
use std::sync::Arc;

pub(crate) const NAME: &str = "endpointslice-mirroring-controller";
/// Who its events say they are from.
const COMPONENT: &str = "endpoint-slice-mirroring-controller";

pub(crate) struct EndpointSliceMirroring {
    endpoints: Arc<Cache<Endpoints>>,
    services: Arc<Cache<Service>>,
    slices: Arc<Cache<EndpointSlice>>,
    recorder: Recorder,
}

impl EndpointSliceMirroring {
    pub(crate) fn new(context: &Context) -> Self {
        Self {
            endpoints: context.caches.of(),
            services: context.caches.of(),
            slices: context.caches.of(),
            recorder: context.recorder.named(COMPONENT),
        }
    }

    fn wanted(&self, key: &Key) -> Option<(Arc<Endpoints>, plan::Mirror)> {
        let endpoints = self.endpoints.get_key(key)?;
        let service = self.services.get_key(key)?;
        plan::is_mirrored(&endpoints, &service).then(|| {
            let mirror = plan::mirror(&endpoints);
            (endpoints, mirror)
        })
    }

    fn complain(&self, endpoints: &Endpoints, mirror: &plan::Mirror) {
        let about = reference(endpoints);
        if mirror.invalid > 0 {
            let message = format!(
                "Skipped {} invalid IP addresses when mirroring to EndpointSlices",
                mirror.invalid
            );
            self.recorder.warning(&about, "InvalidIPAddress", &message);
        }
        if mirror.too_many > 0 {
            let message = format!(
                "A max of {} addresses can be mirrored to EndpointSlices per Endpoints subset. {} addresses were skipped",
                plan::LIMIT,
                mirror.too_many + mirror.invalid
            );
            self.recorder
                .warning(&about, "TooManyAddressesToMirror", &message);
        }
    }
}

#[async_trait]
impl Reconcile for EndpointSliceMirroring {
    fn name(&self) -> &'static str {
        NAME
    }

    /// The key is the Endpoints' name, which is the service's.
    fn watch(&self, wiring: &Wiring) {
        wiring.on_own::<Endpoints>();
        wiring.on_own::<Service>();
        wiring.on::<EndpointSlice>(|change| {
            let slice = change.latest().filter(|it| plan::is_mirror(it));
            let service = slice.and_then(|it| machinery::endpoint_slices::service_of(it));
            service
                .map(|(namespace, name)| Key::new(namespace, name))
                .into_iter()
                .collect()
        });
    }

    async fn reconcile(&self, key: &Key, writes: &Writes) -> Result<Outcome, Error> {
        let all = self.slices.list_in(&key.namespace);
        let existing: Vec<_> = all
            .into_iter()
            .filter(|it| plan::is_mirror_of(it, &key.name))
            .collect();
        let wanted = self.wanted(key);
        let slices = match &wanted {
            Some((endpoints, mirror)) => {
                self.complain(endpoints, mirror);
                mirror.slices.as_slice()
            }
            None => &[],
        };
        for step in plan::plan(slices, &existing) {
            match step {
                Step::Create(slice) => drop(writes.create(&*slice).await?),
                Step::Update(slice) => drop(writes.update(&*slice).await?),
                Step::Delete(name) => {
                    writes
                        .delete::<EndpointSlice>(&key.namespace, &name, &DeleteOptions::default())
                        .await?;
                }
            }
        }
        Ok(Outcome::Done)
    }
}
