//! A request for devices, and what was given.

mod status;
pub(super) mod validate;

use super::devices;
use crate::{
    Cell, Column, Context, Names, Strategy, Subresource, check, columns, pod_spec::defaults::text,
};
use jiff::Timestamp;
use k8s_openapi::api::resource::v1 as upstream;
use machinery::field::{ErrorList, Path};

/// The law of ResourceClaim.
pub(crate) struct ResourceClaim;

/// What is asked for when nothing else is said: one device.
pub(super) fn spec_defaults(spec: &mut upstream::ResourceClaimSpec) {
    let count = |mode: &mut Option<String>, count: &mut Option<i64>| {
        text(mode, "ExactCount");
        if mode.as_deref() == Some("ExactCount") && count.unwrap_or(0) == 0 {
            *count = Some(1);
        }
    };
    let devices = spec.devices.get_or_insert_default();
    for request in devices.requests.iter_mut().flatten() {
        if let Some(it) = &mut request.exactly {
            count(&mut it.allocation_mode, &mut it.count);
            devices::toleration_defaults(it.tolerations.as_mut());
        }
        for it in request.first_available.iter_mut().flatten() {
            count(&mut it.allocation_mode, &mut it.count);
            devices::toleration_defaults(it.tolerations.as_mut());
        }
    }
}

impl Strategy for ResourceClaim {
    type Object = upstream::ResourceClaim;

    fn names(&self) -> Names {
        Names::namespaced("resourceclaims", "resourceclaim")
    }

    fn default(&self, object: &mut upstream::ResourceClaim) {
        spec_defaults(&mut object.spec);
        let given = object
            .status
            .as_mut()
            .and_then(|it| it.allocation.as_mut()?.devices.as_mut());
        for it in given
            .and_then(|it| it.results.as_mut())
            .into_iter()
            .flatten()
        {
            devices::toleration_defaults(it.tolerations.as_mut());
        }
    }

    fn prepare_for_create(&self, _: &Context<'_>, object: &mut upstream::ResourceClaim) {
        object.status = Some(upstream::ResourceClaimStatus::default());
    }

    fn prepare_for_update(
        &self,
        _: &Context<'_>,
        new: &mut upstream::ResourceClaim,
        old: &upstream::ResourceClaim,
    ) {
        new.status.clone_from(&old.status);
    }

    fn prepare_for_subresource(
        &self,
        _: &str,
        _: &Context<'_>,
        new: &mut upstream::ResourceClaim,
        old: &upstream::ResourceClaim,
    ) {
        new.spec.clone_from(&old.spec);
        crate::prepare::same_metadata(&mut new.metadata, &old.metadata);
        status::forget_taken(new.status.get_or_insert_default(), old.status.as_ref());
    }

    fn validate(&self, object: &upstream::ResourceClaim) -> ErrorList {
        let mut errors = ErrorList::new();
        validate::spec(&mut errors, &Path::new("spec"), &object.spec);
        errors
    }

    fn validate_update(
        &self,
        new: &upstream::ResourceClaim,
        old: &upstream::ResourceClaim,
    ) -> ErrorList {
        check::same_spec(new, new.spec == old.spec)
    }

    fn validate_subresource(
        &self,
        _: &str,
        new: &upstream::ResourceClaim,
        old: &upstream::ResourceClaim,
    ) -> ErrorList {
        status::validate(new, old)
    }

    fn subresources(&self) -> &'static [Subresource] {
        const { &[Subresource::status("ResourceClaim")] }
    }

    fn columns(&self) -> &'static [Column] {
        const {
            &[
                Column::NAME,
                Column::text(
                    "State",
                    "A summary of the current state (allocated, pending, reserved, etc.).",
                ),
                Column::AGE,
            ]
        }
    }

    fn row(&self, object: &upstream::ResourceClaim, now: Timestamp) -> Vec<Cell> {
        let deleted = object.metadata.deletion_timestamp.is_some();
        let status = object.status.as_ref();
        let allocated = status.is_some_and(|it| it.allocation.is_some());
        let reserved = status.and_then(|it| it.reserved_for.as_ref());
        let reserved = allocated && reserved.is_some_and(|it| !it.is_empty());
        let states = [
            ("deleted", deleted),
            ("pending", !allocated && !deleted),
            ("allocated", allocated),
            ("reserved", reserved),
        ];
        let states: Vec<_> = states.iter().filter(|it| it.1).map(|it| it.0).collect();
        vec![
            columns::name(&object.metadata),
            states.join(",").into(),
            columns::age(&object.metadata, now),
        ]
    }
}
