//! Fields of features that are off in this release. What a client sends in them is dropped, unless the
//! object has them already. Upstream: the `dropDisabledFields` of each strategy and its feature gates.

use k8s_openapi::api::{
    coordination::v1::Lease,
    core::v1::{PersistentVolumeClaim, Pod, PodSpec, VolumeProjection},
    resource::v1::{Device, DeviceAttribute, ResourceSlice},
    storage::v1::CSIDriver,
};

/// A part of an object that belongs to a feature which is off.
pub struct Gated<T> {
    /// Whether it is there.
    used: fn(&T) -> bool,
    /// Takes it away.
    clear: fn(&mut T),
}

/// Drops what is gated and was not there before. The old object is asked for only when something is.
pub(crate) fn drop<T>(table: &[Gated<T>], new: &mut T, old: impl FnOnce() -> Option<T>) {
    if !table.iter().any(|row| (row.used)(new)) {
        return;
    }
    let old = old();
    for row in table {
        if !old.as_ref().is_some_and(row.used) {
            (row.clear)(new);
        }
    }
}

/// What pods, and the templates of workloads, have.
pub(crate) const POD_SPEC: &[Gated<PodSpec>] = &[
    // GenericWorkload
    Gated {
        used: |it| it.scheduling_group.is_some(),
        clear: |it| it.scheduling_group = None,
    },
    // ClusterTrustBundleProjection
    Gated {
        used: |it| sources(it).any(|it| it.cluster_trust_bundle.is_some()),
        clear: |it| sources_mut(it).for_each(|it| it.cluster_trust_bundle = None),
    },
    // PodCertificateRequest
    Gated {
        used: |it| sources(it).any(|it| it.pod_certificate.is_some()),
        clear: |it| sources_mut(it).for_each(|it| it.pod_certificate = None),
    },
];

fn sources(spec: &PodSpec) -> impl Iterator<Item = &VolumeProjection> {
    let volumes = spec.volumes.iter().flatten();
    let projected = volumes.filter_map(|it| it.projected.as_ref());
    projected.flat_map(|it| it.sources.iter().flatten())
}

fn sources_mut(spec: &mut PodSpec) -> impl Iterator<Item = &mut VolumeProjection> {
    let volumes = spec.volumes.iter_mut().flatten();
    let projected = volumes.filter_map(|it| it.projected.as_mut());
    projected.flat_map(|it| it.sources.iter_mut().flatten())
}

/// What a kubelet says of a pod.
pub(crate) const POD: &[Gated<Pod>] = &[
    // DRANodeAllocatableResources
    Gated {
        used: |it| {
            let status = it.status.as_ref();
            status.is_some_and(|it| it.node_allocatable_resource_claim_statuses.is_some())
        },
        clear: |it| {
            if let Some(status) = &mut it.status {
                status.node_allocatable_resource_claim_statuses = None;
            }
        },
    },
];

/// Data of another namespace. The whole reference goes, or it would mean something else.
pub(crate) const CLAIM: &[Gated<PersistentVolumeClaim>] = &[
    // CrossNamespaceVolumeDataSource
    Gated {
        used: |it| {
            let source = it.spec.as_ref().and_then(|it| it.data_source_ref.as_ref());
            let namespace = source.and_then(|it| it.namespace.as_ref());
            namespace.is_some_and(|it| !it.is_empty())
        },
        clear: |it| {
            if let Some(spec) = &mut it.spec {
                spec.data_source_ref = None;
            }
        },
    },
];

/// Leases for which somebody else chooses the holder.
pub(crate) const LEASE: &[Gated<Lease>] = &[
    // CoordinatedLeaderElection
    Gated {
        used: |it| it.spec.as_ref().is_some_and(|it| it.strategy.is_some()),
        clear: |it| {
            if let Some(spec) = &mut it.spec {
                spec.strategy = None;
            }
        },
    },
    // CoordinatedLeaderElection
    Gated {
        used: |it| {
            let spec = it.spec.as_ref();
            spec.is_some_and(|it| it.preferred_holder.is_some())
        },
        clear: |it| {
            if let Some(spec) = &mut it.spec {
                spec.preferred_holder = None;
            }
        },
    },
];

/// Drivers without which pods are not scheduled.
pub(crate) const DRIVER: &[Gated<CSIDriver>] = &[
    // VolumeLimitScaling
    Gated {
        used: |it| it.spec.prevent_pod_scheduling_if_missing.is_some(),
        clear: |it| it.spec.prevent_pod_scheduling_if_missing = None,
    },
];

/// Devices that count as resources of their node, or whose attributes have several values.
pub(crate) const SLICE: &[Gated<ResourceSlice>] = &[
    // DRANodeAllocatableResources
    Gated {
        used: |it| devices(it).any(|it| it.node_allocatable_resource_mappings.is_some()),
        clear: |it| {
            for it in it.spec.devices.iter_mut().flatten() {
                it.node_allocatable_resource_mappings = None;
            }
        },
    },
    // DRAListTypeAttributes
    Gated {
        used: |it| devices(it).any(|it| it.attributes.iter().flatten().any(|it| has_list(it.1))),
        clear: |it| {
            let devices = it.spec.devices.iter_mut().flatten();
            for (_, it) in devices.flat_map(|it| it.attributes.iter_mut().flatten()) {
                (it.bools, it.ints, it.strings, it.versions) = (None, None, None, None);
            }
        },
    },
];

fn devices(slice: &ResourceSlice) -> impl Iterator<Item = &Device> {
    slice.spec.devices.iter().flatten()
}

fn has_list(it: &DeviceAttribute) -> bool {
    it.bools.is_some() || it.ints.is_some() || it.strings.is_some() || it.versions.is_some()
}

#[cfg(test)]
mod tests;
