//! What preparing has in common for every kind with a spec and a status: `metadata.generation`
//! counts the changes of the spec, and a status update changes nothing else. Upstream's statuses are no
//! pointers: a status is there from the beginning and cannot be taken away, so it is never absent here.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

/// A new object is of the first generation.
pub(crate) fn first_generation(metadata: &mut ObjectMeta) {
    metadata.generation = Some(1);
}

/// Keeps the generation, or counts one more when what it counts `changed`.
pub(crate) fn next_generation(new: &mut ObjectMeta, old: &ObjectMeta, changed: bool) {
    new.generation = if changed {
        Some(old.generation.unwrap_or(0) + 1)
    } else {
        old.generation
    };
}

/// The preparations of a kind without a status: its generation counts the changes of one field.
macro_rules! generation {
    ($field:ident) => {
        fn prepare_for_create(&self, _: &crate::Context<'_>, object: &mut Self::Object) {
            crate::prepare::first_generation(&mut object.metadata);
        }

        fn prepare_for_update(
            &self,
            _: &crate::Context<'_>,
            new: &mut Self::Object,
            old: &Self::Object,
        ) {
            let changed = new.$field != old.$field;
            crate::prepare::next_generation(&mut new.metadata, &old.metadata, changed);
        }
    };
}
pub(crate) use generation;

/// Puts back what a status leaves alone that is strict about metadata. Upstream:
/// `ResetObjectMetaForStatus`.
pub(crate) fn same_metadata(new: &mut ObjectMeta, old: &ObjectMeta) {
    new.deletion_timestamp.clone_from(&old.deletion_timestamp);
    new.generation = old.generation;
    new.labels.clone_from(&old.labels);
    new.annotations.clone_from(&old.annotations);
    new.finalizers.clone_from(&old.finalizers);
    new.owner_references.clone_from(&old.owner_references);
}

/// The preparations of a kind whose status is written apart from the rest and whose generation nobody
/// counts.
macro_rules! status_apart {
    () => {
        fn prepare_for_create(&self, _: &crate::Context<'_>, object: &mut Self::Object) {
            object.status = Some(Default::default());
        }

        fn prepare_for_update(
            &self,
            _: &crate::Context<'_>,
            new: &mut Self::Object,
            old: &Self::Object,
        ) {
            new.status = old.status.clone();
        }

        fn prepare_for_subresource(
            &self,
            _: &str,
            _: &crate::Context<'_>,
            new: &mut Self::Object,
            old: &Self::Object,
        ) {
            new.spec = old.spec.clone();
            new.status.get_or_insert_default();
        }
    };
}
pub(crate) use status_apart;

/// The four preparations of a kind whose spec is all that users may write and whose status is all
/// that the status subresource may write. A status that begins with more than its required fields is
/// given.
macro_rules! spec_and_status {
    () => {
        crate::prepare::spec_and_status!(Default::default());
    };
    ($first:expr) => {
        fn prepare_for_create(&self, _: &crate::Context<'_>, object: &mut Self::Object) {
            object.status = Some($first);
            crate::prepare::first_generation(&mut object.metadata);
        }

        fn prepare_for_update(
            &self,
            _: &crate::Context<'_>,
            new: &mut Self::Object,
            old: &Self::Object,
        ) {
            new.status = old.status.clone();
            let changed = new.spec != old.spec;
            crate::prepare::next_generation(&mut new.metadata, &old.metadata, changed);
        }

        crate::prepare::status!();
    };
}
pub(crate) use spec_and_status;

/// The status subresource writes nothing but the status (and metadata that anybody may write).
macro_rules! status {
    () => {
        fn prepare_for_subresource(
            &self,
            _: &str,
            _: &crate::Context<'_>,
            new: &mut Self::Object,
            old: &Self::Object,
        ) {
            new.spec = old.spec.clone();
            new.metadata.generation = old.metadata.generation;
            new.status.get_or_insert_default();
        }
    };
}
pub(crate) use status;
