//! Devices that a driver offers.

mod device;
mod request_policy;
mod validate;

use crate::{
    Cell, Column, Context, Names, Strategy, columns,
    gates::{self, Gated},
    prepare,
};
use jiff::Timestamp;
use k8s_openapi::{
    api::resource::v1 as upstream,
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time},
};
use machinery::field::ErrorList;

/// The law of ResourceSlice.
pub(crate) struct ResourceSlice;

/// A taint counts from when it was first seen.
fn date_taints(spec: &mut upstream::ResourceSliceSpec, now: Timestamp) {
    let devices = spec.devices.iter_mut().flatten();
    for taint in devices.flat_map(|it| it.taints.iter_mut().flatten()) {
        taint.time_added.get_or_insert(Time(now));
    }
}

impl Strategy for ResourceSlice {
    type Object = upstream::ResourceSlice;

    fn names(&self) -> Names {
        Names::cluster("resourceslices", "resourceslice")
    }

    fn prepare_for_create(&self, context: &Context<'_>, object: &mut upstream::ResourceSlice) {
        date_taints(&mut object.spec, context.now);
        prepare::first_generation(&mut object.metadata);
    }

    fn prepare_for_update(
        &self,
        context: &Context<'_>,
        new: &mut upstream::ResourceSlice,
        old: &upstream::ResourceSlice,
    ) {
        date_taints(&mut new.spec, context.now);
        prepare::next_generation(&mut new.metadata, &old.metadata, new.spec != old.spec);
    }

    fn gated(&self) -> &'static [Gated<upstream::ResourceSlice>] {
        gates::SLICE
    }

    fn validate(&self, object: &upstream::ResourceSlice) -> ErrorList {
        validate::spec(&object.spec, None)
    }

    fn validate_update(
        &self,
        new: &upstream::ResourceSlice,
        old: &upstream::ResourceSlice,
    ) -> ErrorList {
        validate::spec(&new.spec, Some(&old.spec))
    }

    fn selectable_fields(&self, object: &upstream::ResourceSlice) -> Vec<(&'static str, String)> {
        let node = object.spec.node_name.clone().unwrap_or_default();
        vec![
            ("spec.driver", object.spec.driver.clone()),
            ("spec.nodeName", node),
        ]
    }

    fn selectable_field_names(&self) -> &'static [&'static str] {
        &["spec.driver", "spec.nodeName"]
    }

    fn columns(&self) -> &'static [Column] {
        const {
            &[
                Column::NAME,
                Column::text("Node", NODE),
                Column::text("Driver", DRIVER),
                Column::text("Pool", POOL),
                Column::AGE,
            ]
        }
    }

    fn row(&self, object: &upstream::ResourceSlice, now: Timestamp) -> Vec<Cell> {
        let (metadata, spec): (&ObjectMeta, _) = (&object.metadata, &object.spec);
        vec![
            columns::name(metadata),
            columns::or(spec.node_name.as_ref(), columns::UNSET),
            spec.driver.as_str().into(),
            spec.pool.name.as_str().into(),
            columns::age(metadata, now),
        ]
    }
}

const NODE: &str = "NodeName identifies the node which provides the resources in this pool. A field selector can be used to list only ResourceSlice objects belonging to a certain node.\n\nThis field can be used to limit access from nodes to ResourceSlices with the same node name. It also indicates to autoscalers that adding new nodes of the same type as some old node might also make new resources available.\n\nExactly one of NodeName, NodeSelector, AllNodes, and PerDeviceNodeSelection must be set. This field is immutable.";
const DRIVER: &str = "Driver identifies the DRA driver providing the capacity information. A field selector can be used to list only ResourceSlice objects with a certain driver name.\n\nMust be a DNS subdomain and should end with a DNS domain owned by the vendor of the driver. It should use only lower case characters. This field is immutable.";
const POOL: &str = "Name is used to identify the pool. For node-local devices, this is often the node name, but this is not required.\n\nIt must not be longer than 253 characters and must consist of one or more DNS sub-domains separated by slashes. This field is immutable.";
