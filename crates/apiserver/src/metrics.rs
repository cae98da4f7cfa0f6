//! `/metrics`: counts and times of requests, watches, objects, the store's revision.

use crate::{Door, answer, answer::Body, route::Route};
use http::Response;
use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{counter::Counter, family::Family, gauge, histogram::Histogram},
    registry::Registry,
};
use std::time::Instant;

/// Bucket bounds in seconds, from upstream's request histogram.
const BUCKETS: [f64; 12] = [
    0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 1.0, 2.0, 5.0, 15.0, 60.0,
];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Requested {
    verb: &'static str,
    group: String,
    resource: String,
    subresource: String,
    code: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Timed {
    verb: &'static str,
    group: String,
    resource: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Stored {
    resource: String,
}

/// What is counted.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<Requested, Counter>,
    seconds: Family<Timed, Histogram>,
    watches: gauge::Gauge,
    revision: gauge::Gauge,
    objects: Family<Stored, gauge::Gauge>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::default();
        let requests = Family::default();
        let seconds =
            Family::new_with_constructor((|| Histogram::new(BUCKETS)) as fn() -> Histogram);
        let watches = gauge::Gauge::default();
        let revision = gauge::Gauge::default();
        let objects = Family::default();
        registry.register(
            "apiserver_request",
            "Requests by verb, resource and code",
            Family::clone(&requests),
        );
        registry.register(
            "apiserver_request_duration_seconds",
            "Time until the answer began",
            Family::clone(&seconds),
        );
        registry.register(
            "apiserver_longrunning_requests",
            "Watches that are open",
            watches.clone(),
        );
        registry.register(
            "apiserver_store_revision",
            "Revision of the watch cache",
            revision.clone(),
        );
        registry.register(
            "apiserver_storage_objects",
            "Objects by resource",
            Family::clone(&objects),
        );
        Self {
            registry,
            requests,
            seconds,
            watches,
            revision,
            objects,
        }
    }

    pub(crate) fn begin(&self, route: &Route, known: bool) -> Observed<'_> {
        // Only names that are served become labels, or a client could grow the map.
        let target = route.target.as_ref().filter(|_| known);
        Observed {
            metrics: self,
            verb: route.verb,
            group: target.map_or(String::new(), |it| it.group.clone()),
            resource: target.map_or(String::new(), |it| it.plural.clone()),
            subresource: target.map_or(String::new(), |it| it.subresource.clone()),
            since: Instant::now(),
        }
    }

    pub(crate) fn watch_started(&self) -> Gauge {
        self.watches.inc();
        Gauge(self.watches.clone())
    }

    pub(crate) fn answer(&self, door: &Door) -> Response<Body> {
        self.revision
            .set(i64::try_from(door.cache.revision()).unwrap_or(i64::MAX));
        for resource in door.resources.slots() {
            let name = match resource.group() {
                "" => resource.names.plural.to_owned(),
                group => format!("{}.{group}", resource.names.plural),
            };
            let count = i64::try_from(door.cache.count(resource.slot)).unwrap_or(i64::MAX);
            self.objects
                .get_or_create(&Stored { resource: name })
                .set(count);
        }
        let mut out = String::new();
        if text::encode(&mut out, &self.registry).is_err() {
            return answer::text(500, "the metrics could not be written");
        }
        answer::whole(200, "text/plain; version=0.0.4; charset=utf-8", out)
    }
}

/// Counts down when dropped.
pub(crate) struct Gauge(gauge::Gauge);

impl Drop for Gauge {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// A request being timed.
pub(crate) struct Observed<'a> {
    metrics: &'a Metrics,
    verb: &'static str,
    group: String,
    resource: String,
    subresource: String,
    since: Instant,
}

impl Observed<'_> {
    pub(crate) fn end(self, code: u16) {
        let timed = Timed {
            verb: self.verb,
            group: self.group.clone(),
            resource: self.resource.clone(),
        };
        self.metrics
            .seconds
            .get_or_create(&timed)
            .observe(self.since.elapsed().as_secs_f64());
        let requested = Requested {
            verb: self.verb,
            group: self.group,
            resource: self.resource,
            subresource: self.subresource,
            code,
        };
        self.metrics.requests.get_or_create(&requested).inc();
    }
}
