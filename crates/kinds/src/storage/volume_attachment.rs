//! The wish to attach a volume to a node.

use super::shared;
use crate::{
    Cell, Column, Names, Strategy, Subresource, check, columns,
    core::persistent_volume::validate::{self as volume, Place},
};
use jiff::Timestamp;
use k8s_openapi::api::storage::v1 as upstream;
use machinery::{
    apply::Resets,
    field::{Error, ErrorList, Path, Value},
    names,
};
use serde_json::json;

/// The law of VolumeAttachment.
pub(crate) struct VolumeAttachment;

const METADATA_LIMIT_BYTES: usize = 256 * 1024;
const MESSAGE_LIMIT_BYTES: usize = 1024;

impl Strategy for VolumeAttachment {
    type Object = upstream::VolumeAttachment;

    fn names(&self) -> Names {
        Names::cluster("volumeattachments", "volumeattachment").returning_deleted()
    }

    crate::prepare::status_apart!();

    fn validate(&self, object: &upstream::VolumeAttachment) -> ErrorList {
        let mut errors = ErrorList::new();
        attachment(&mut errors, object);
        let spec = &object.spec;
        let path = Path::new("spec");
        let attacher = path.child("attacher");
        if !spec.attacher.is_empty() {
            shared::csi_driver(&mut errors, &attacher, &spec.attacher);
        }
        if let Some(name) = &spec.source.persistent_volume_name {
            let path = path.child("source").child("persistentVolumeName");
            check::messages(&mut errors, &path, name, names::subdomain_errors(name));
        }
        errors
    }

    fn validate_update(
        &self,
        new: &upstream::VolumeAttachment,
        old: &upstream::VolumeAttachment,
    ) -> ErrorList {
        let mut errors = ErrorList::new();
        attachment(&mut errors, new);
        if new.spec != old.spec {
            check::immutable(&mut errors, &Path::new("spec"), false, shown(new));
        }
        errors
    }

    fn validate_subresource(
        &self,
        _: &str,
        new: &upstream::VolumeAttachment,
        old: &upstream::VolumeAttachment,
    ) -> ErrorList {
        self.validate_update(new, old)
    }

    fn subresources(&self) -> &'static [Subresource] {
        const { &[Subresource::status("VolumeAttachment").resetting(Resets::SPEC_AND_METADATA)] }
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

/// What holds of new and changed attachments.
fn attachment(e: &mut ErrorList, object: &upstream::VolumeAttachment) {
    let path = Path::new("spec");
    let spec = &object.spec;
    check::required(e, &path.child("attacher"), Some(&spec.attacher));
    let source = path.child("source");
    const ONE: &str = "must specify exactly one of inlineVolumeSpec and persistentVolumeName";
    match (
        &spec.source.inline_volume_spec,
        &spec.source.persistent_volume_name,
    ) {
        (None, None) => e.push(Error::required(&source, ONE)),
        (Some(_), Some(_)) => e.push(Error::forbidden(&source, ONE)),
        (None, Some(name)) if name.is_empty() => e.push(Error::required(
            &source.child("persistentVolumeName"),
            "must specify non empty persistentVolumeName",
        )),
        (None, Some(_)) => {}
        (Some(volume), None) => {
            volume::spec(e, &source.child("inlineVolumeSpec"), volume, Place::Inline);
        }
    }
    let found = names::subdomain_errors(&spec.node_name);
    check::messages(e, &path.child("nodeName"), &spec.node_name, found);
    let Some(status) = &object.status else { return };
    let path = Path::new("status");
    let metadata = status.attachment_metadata.iter().flatten();
    if metadata.map(|it| it.0.len() + it.1.len()).sum::<usize>() > METADATA_LIMIT_BYTES {
        e.push(Error::too_long(
            &path.child("attachmentMetadata"),
            METADATA_LIMIT_BYTES,
        ));
    }
    for (field, error) in [
        ("attachError", &status.attach_error),
        ("detachError", &status.detach_error),
    ] {
        let Some(error) = error else { continue };
        let path = path.child(field);
        if error
            .message
            .as_ref()
            .is_some_and(|it| it.len() > MESSAGE_LIMIT_BYTES)
        {
            e.push(Error::too_long(
                &path.child("message"),
                METADATA_LIMIT_BYTES,
            ));
        }
        if let Some(code) = error.error_code.filter(|it| *it < 0) {
            let text = "must be between 0 and 2147483647, inclusive";
            e.push(Error::invalid(&path.child("errorCode"), code, text));
        }
    }
}

/// The spec as messages show it.
fn shown(object: &upstream::VolumeAttachment) -> Value {
    let spec = &object.spec;
    let volume = json!(spec.source.persistent_volume_name).into();
    let inline = check::part(object, "/spec/source/inlineVolumeSpec");
    let source = [
        ("PersistentVolumeName", volume),
        ("InlineVolumeSpec", inline),
    ];
    Value::fields([
        ("Attacher", (&spec.attacher).into()),
        ("Source", Value::fields(source)),
        ("NodeName", (&spec.node_name).into()),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases;

    #[test]
    fn errors() {
        let base = json!({"metadata": {"name": "a"}, "spec": {"attacher": "d", "nodeName": "n", "source": {"persistentVolumeName": "v"}}});
        const ONE: &str = "must specify exactly one of inlineVolumeSpec and persistentVolumeName";
        let source = |it| json!({"spec": {"source": it}});
        cases::creates(
            &VolumeAttachment,
            base.clone(),
            &[
                (json!({}), &[]),
                (
                    json!({"spec": {"attacher": ""}}),
                    &["spec.attacher: Required value"],
                ),
                (
                    source(json!({"persistentVolumeName": null})),
                    &[&format!("spec.source: Required value: {ONE}")],
                ),
                (
                    source(json!({"inlineVolumeSpec": {}})),
                    &[&format!("spec.source: Forbidden: {ONE}")],
                ),
                (
                    source(
                        json!({"persistentVolumeName": null, "inlineVolumeSpec": {"accessModes": ["ReadWriteOnce"], "csi": {"driver": "d", "volumeHandle": "h"}}}),
                    ),
                    &[],
                ),
                (
                    source(
                        json!({"persistentVolumeName": null, "inlineVolumeSpec": {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}, "csi": {"driver": "d", "volumeHandle": "h"}}}),
                    ),
                    &[
                        "spec.source.inlineVolumeSpec.capacity: Forbidden: may not be specified in the context of inline volumes",
                    ],
                ),
            ],
        );
        cases::updates(
            &VolumeAttachment,
            base.clone(),
            &[(
                json!({"spec": {"nodeName": "m"}}),
                &[
                    "spec: Invalid value: {\"Attacher\":\"d\",\"Source\":{\"PersistentVolumeName\":\"v\",\"InlineVolumeSpec\":null},\"NodeName\":\"m\"}: field is immutable",
                ],
            )],
        );
        cases::changes(
            &VolumeAttachment,
            "status",
            base,
            &[
                (json!({"status": {"attached": true}}), &[]),
                (
                    json!({"status": {"attached": false, "attachError": {"errorCode": -1}}}),
                    &[
                        "status.attachError.errorCode: Invalid value: -1: must be between 0 and 2147483647, inclusive",
                    ],
                ),
            ],
        );
    }
}
