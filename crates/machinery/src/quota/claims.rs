//! What claims use: storage, in all and by storage class.

use crate::{
    quantity::{Amounts, Format, Quantity, amounts},
    storage_classes,
};
use k8s_openapi::api::core::v1::PersistentVolumeClaim;

const CLAIMS: &str = "persistentvolumeclaims";
const STORAGE: &str = "requests.storage";
/// `gold.storageclass.storage.k8s.io/requests.storage`
const BY_CLASS: &str = ".storageclass.storage.k8s.io/";

pub(super) fn concerns(name: &str) -> bool {
    let name = name.split_once(BY_CLASS).map_or(name, |(_, rest)| rest);
    matches!(name, CLAIMS | STORAGE)
}

pub(super) fn usage(claim: &PersistentVolumeClaim) -> Amounts {
    let class = storage_classes::named_by(claim).filter(|it| !it.is_empty());
    let mut used = Amounts::new();
    let mut count = |name: &str, amount: Quantity| {
        used.insert(name.to_owned(), amount);
        if let Some(class) = class {
            used.insert(format!("{class}{BY_CLASS}{name}"), amount);
        }
    };
    count(CLAIMS, Quantity::from_units(1, Format::DecimalSi));
    if let Some(storage) = storage(claim) {
        count(STORAGE, storage);
    }
    used
}

/// What is asked for or, while the volume shrinks back, still allocated, in whole bytes.
fn storage(claim: &PersistentVolumeClaim) -> Option<Quantity> {
    let resources = claim.spec.as_ref().and_then(|it| it.resources.as_ref());
    let asked = *amounts(resources.and_then(|it| it.requests.as_ref())).get("storage")?;
    let status = claim.status.as_ref();
    let allocated = amounts(status.and_then(|it| it.allocated_resources.as_ref()));
    let most = allocated.get("storage").map_or(asked, |it| asked.max(*it));
    Some(if most.is_whole() {
        most
    } else {
        Quantity::from_units(most.value(), most.format())
    })
}
