//! The wish to attach a volume to a node.

use crate::{Names, Strategy, Subresource};
use k8s_openapi::api::storage::v1 as upstream;

/// The law of VolumeAttachment.
pub(crate) struct VolumeAttachment;

impl Strategy for VolumeAttachment {
    type Object = upstream::VolumeAttachment;

    fn names(&self) -> Names {
        Names::cluster("volumeattachments", "volumeattachment")
    }

    fn subresources(&self) -> &'static [Subresource] {
        const { &[Subresource::status("VolumeAttachment")] }
    }
}
