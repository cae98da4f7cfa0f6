//! The wish to attach a volume to a node.

use crate::{Cell, Column, Names, Strategy, Subresource, columns};
use jiff::Timestamp;
use k8s_openapi::api::storage::v1 as upstream;

/// The law of VolumeAttachment.
pub(crate) struct VolumeAttachment;

impl Strategy for VolumeAttachment {
    type Object = upstream::VolumeAttachment;

    fn names(&self) -> Names {
        Names::cluster("volumeattachments", "volumeattachment")
    }

    crate::prepare::spec_and_status!();

    fn subresources(&self) -> &'static [Subresource] {
        const { &[Subresource::status("VolumeAttachment")] }
    }

    fn unconditional_update(&self) -> bool {
        false
    }

    fn columns(&self) -> &'static [Column] {
        const {
            &[
                Column::NAME,
                Column::text(
                    "Attacher",
                    "attacher indicates the name of the volume driver that MUST handle this request. This is the name returned by GetPluginName().",
                ),
                Column::text(
                    "PV",
                    "persistentVolumeName represents the name of the persistent volume to attach.",
                ),
                Column::text(
                    "Node",
                    "nodeName represents the node that the volume should be attached to.",
                ),
                Column {
                    kind: "boolean",
                    ..Column::text(
                        "Attached",
                        "attached indicates the volume is successfully attached. This field must only be set by the entity completing the attach operation, i.e. the external-attacher.",
                    )
                },
                Column::AGE,
            ]
        }
    }

    fn row(&self, object: &upstream::VolumeAttachment, now: Timestamp) -> Vec<Cell> {
        vec![
            columns::name(&object.metadata),
            object.spec.attacher.clone().into(),
            columns::or(object.spec.source.persistent_volume_name.as_ref(), ""),
            object.spec.node_name.clone().into(),
            Cell::Truth(object.status.as_ref().is_some_and(|it| it.attached)),
            columns::age(&object.metadata, now),
        ]
    }
}
