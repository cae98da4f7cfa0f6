//! Who owns and who controls an object: upstream's `metav1.GetControllerOf` and its kin.

use api::Object;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

/// The one owner that manages the object, if it has one.
#[must_use]
pub fn controller_of(metadata: &ObjectMeta) -> Option<&OwnerReference> {
    metadata
        .owner_references
        .iter()
        .flatten()
        .find(|owner| owner.controller == Some(true))
}

/// Whether the object's controller has this UID.
#[must_use]
pub fn is_controlled_by(metadata: &ObjectMeta, uid: &str) -> bool {
    controller_of(metadata).is_some_and(|owner| owner.uid == uid)
}

/// A reference that makes `owner` the controller of what carries it.
#[must_use]
pub fn controller_reference<T: Object>(owner: &T) -> OwnerReference {
    OwnerReference {
        controller: Some(true),
        block_owner_deletion: Some(true),
        ..owner_reference(owner)
    }
}

/// A reference that makes `owner` one of the owners of what carries it.
#[must_use]
pub fn owner_reference<T: Object>(owner: &T) -> OwnerReference {
    let metadata = k8s_openapi::Metadata::metadata(owner);
    OwnerReference {
        api_version: T::API_VERSION.to_owned(),
        kind: T::KIND.to_owned(),
        name: metadata.name.clone().unwrap_or_default(),
        uid: metadata.uid.clone().unwrap_or_default(),
        controller: None,
        block_owner_deletion: None,
    }
}

/// Adds `owner`, replacing the reference of the same UID.
pub fn add(metadata: &mut ObjectMeta, owner: OwnerReference) {
    let owners = metadata.owner_references.get_or_insert_default();
    match owners.iter_mut().find(|it| it.uid == owner.uid) {
        Some(same) => *same = owner,
        None => owners.push(owner),
    }
}

/// Removes the owner of this UID; whether there was one.
pub fn remove(metadata: &mut ObjectMeta, uid: &str) -> bool {
    let Some(owners) = &mut metadata.owner_references else {
        return false;
    };
    let before = owners.len();
    owners.retain(|owner| owner.uid != uid);
    let removed = owners.len() < before;
    if owners.is_empty() {
        metadata.owner_references = None;
    }
    removed
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::apps::v1::ReplicaSet;

    #[test]
    fn control_is_one_reference() {
        let mut set = ReplicaSet::default();
        set.metadata.name = Some("web".to_owned());
        set.metadata.uid = Some("u1".to_owned());
        let mut metadata = ObjectMeta::default();
        assert!(controller_of(&metadata).is_none());
        add(&mut metadata, owner_reference(&set));
        assert!(controller_of(&metadata).is_none());
        add(&mut metadata, controller_reference(&set));
        assert!(is_controlled_by(&metadata, "u1"));
        assert!(!is_controlled_by(&metadata, "u2"));
        assert_eq!(controller_of(&metadata).unwrap().api_version, "apps/v1");
        assert!(remove(&mut metadata, "u1") && !remove(&mut metadata, "u1"));
        assert_eq!(metadata.owner_references, None);
    }
}
