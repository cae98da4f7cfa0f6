//! How volumes of a class are provisioned.

use crate::{Names, Strategy};
use k8s_openapi::api::storage::v1 as upstream;

/// The law of StorageClass.
pub(crate) struct StorageClass;

impl Strategy for StorageClass {
    type Object = upstream::StorageClass;

    fn names(&self) -> Names {
        Names::cluster("storageclasses", "storageclass").short(&["sc"])
    }
}
