//! Volumes: errors, warnings, printing.

use super::*;
use crate::cases;
use serde_json::{Value, json};

fn base() -> Value {
    json!({"metadata": {"name": "a"}, "spec": {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}, "hostPath": {"path": "/x"}}})
}

fn spec(patch: Value) -> Value {
    json!({"spec": patch})
}

#[test]
fn errors_of_new_volumes() {
    cases::creates(
        &PersistentVolume,
        base(),
        &[
            (json!({}), &[]),
            (
                spec(json!({"accessModes": []})),
                &["spec.accessModes: Required value"],
            ),
            (
                spec(json!({"accessModes": ["Foo"]})),
                &[
                    "spec.accessModes: Unsupported value: \"Foo\": supported values: \"ReadOnlyMany\", \"ReadWriteMany\", \"ReadWriteOnce\", \"ReadWriteOncePod\"",
                ],
            ),
            (
                spec(json!({"accessModes": ["ReadWriteOncePod", "ReadWriteOnce"]})),
                &[
                    "spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes",
                ],
            ),
            (
                spec(json!({"volumeMode": ""})),
                &[
                    "spec.volumeMode: Unsupported value: \"\": supported values: \"Block\", \"Filesystem\"",
                ],
            ),
            (
                spec(json!({"capacity": null})),
                &[
                    "spec.capacity: Required value",
                    "spec.capacity: Unsupported value: null: supported values: \"storage\"",
                ],
            ),
            (
                spec(json!({"capacity": {"storage": "0"}})),
                &["spec.capacity[storage]: Invalid value: \"0\": must be greater than zero"],
            ),
            (
                spec(json!({"persistentVolumeReclaimPolicy": "Foo"})),
                &[
                    "spec.persistentVolumeReclaimPolicy: Unsupported value: \"Foo\": supported values: \"Delete\", \"Recycle\", \"Retain\"",
                ],
            ),
            (
                spec(json!({"hostPath": null})),
                &["spec: Required value: must specify a volume type"],
            ),
            (
                spec(json!({"hostPath": {"path": "/a/../b"}})),
                &["spec.hostPath.path: Invalid value: \"/a/../b\": must not contain '..'"],
            ),
            (
                spec(json!({"nfs": {"server": "s", "path": "/p"}})),
                &["spec.nfs: Forbidden: may not specify more than 1 volume type"],
            ),
            (
                spec(
                    json!({"hostPath": {"path": "/"}, "persistentVolumeReclaimPolicy": "Recycle"}),
                ),
                &[
                    "spec.persistentVolumeReclaimPolicy: Forbidden: may not be 'recycle' for a hostPath mount of '/'",
                ],
            ),
            (
                spec(json!({"hostPath": null, "local": {"path": "/x"}})),
                &["spec.nodeAffinity: Required value: Local volume requires node affinity"],
            ),
            (
                spec(json!({"hostPath": null, "csi": {"driver": "", "volumeHandle": ""}})),
                &[
                    "spec.csi.driver: Required value",
                    "spec.csi.driver: Invalid value: \"\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
                    "spec.csi.volumeHandle: Required value",
                ],
            ),
            (
                spec(json!({"volumeMode": "Foo"})),
                &[
                    "spec.volumeMode: Unsupported value: \"Foo\": supported values: \"Block\", \"Filesystem\"",
                ],
            ),
            (
                spec(json!({"volumeAttributesClassName": ""})),
                &[
                    "spec.volumeAttributesClassName: Required value: an empty string is disallowed",
                    "spec.csi: Required value: has to be specified when using volumeAttributesClassName",
                ],
            ),
            (
                spec(json!({"nodeAffinity": {}})),
                &[
                    "spec.nodeAffinity.required: Required value: must specify required node constraints",
                ],
            ),
        ],
    );
}

#[test]
fn errors_of_changes_and_warnings() {
    let affinity = |key: &str| json!({"nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [{"key": key, "operator": "Exists"}]}]}}});
    cases::updates(
        &PersistentVolume,
        base(),
        &[
            (spec(json!({"capacity": {"storage": "2Gi"}})), &[]),
            (spec(affinity("a")), &[]),
            (
                spec(json!({"hostPath": {"path": "/y"}})),
                &[
                    "spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation",
                ],
            ),
            (
                spec(json!({"volumeMode": "Block"})),
                &["volumeMode: Invalid value: \"Block\": field is immutable"],
            ),
        ],
    );
    let old = cases::merged(&base(), &spec(affinity("beta.kubernetes.io/os")));
    cases::updates(
        &PersistentVolume,
        old,
        &[
            (spec(affinity("kubernetes.io/os")), &[]),
            (
                spec(affinity("a")),
                &[
                    "nodeAffinity: Invalid value: {}: field is immutable, except for updating from beta label to GA",
                ],
            ),
        ],
    );
    cases::warns(
        &PersistentVolume,
        base(),
        &[
            (
                spec(json!({"persistentVolumeReclaimPolicy": "Recycle"})),
                &[
                    "spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.",
                ],
            ),
            (
                json!({"metadata": {"annotations": {CLASS: "a"}}}),
                &[
                    "metadata.annotations[volume.beta.kubernetes.io/storage-class]: deprecated since v1.8; use \"storageClassName\" attribute instead",
                ],
            ),
            (
                spec(affinity("beta.kubernetes.io/os")),
                &[
                    "spec.nodeAffinity.required.nodeSelectorTerms[0].matchExpressions[0].key: beta.kubernetes.io/os is deprecated since v1.14; use \"kubernetes.io/os\" instead",
                ],
            ),
        ],
    );
    assert_eq!(
        cases::row(&PersistentVolume, base()),
        "a|1Gi|RWO|Retain|Pending|||<unset>||<unknown>|Filesystem"
    );
}

#[test]
fn errors_of_sources_that_pods_share() {
    let of = |source: Value| {
        let mut all = json!({"hostPath": null});
        all.as_object_mut()
            .unwrap()
            .extend(source.as_object().unwrap().clone());
        spec(all)
    };
    cases::creates(
        &PersistentVolume,
        base(),
        &[
            (
                of(json!({"hostPath": {"path": "/x", "type": "Foo"}})),
                &[
                    r#"spec.hostPath.type: Unsupported value: "Foo": supported values: "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket""#,
                ],
            ),
            (
                of(json!({"gcePersistentDisk": {"pdName": "", "partition": -1}})),
                &[
                    "spec.persistentDisk.pdName: Required value",
                    "spec.persistentDisk.partition: Invalid value: -1: must be between 1 and 255, inclusive",
                ],
            ),
            (
                of(json!({"glusterfs": {"endpoints": "e", "path": "p", "endpointsNamespace": ""}})),
                &[
                    r#"spec.glusterfs.endpointsNamespace: Invalid value: "": if the endpointnamespace is set, it must be a valid namespace name"#,
                ],
            ),
            (
                of(
                    json!({"iscsi": {"targetPortal": "x".repeat(63), "iqn": "iqn.2015-02.example.com:test", "lun": 0, "initiatorName": "iqn.2015-02.example.com:init", "chapAuthSession": true, "secretRef": {}}}),
                ),
                &[
                    &format!(
                        "spec.iscsi.targetportal: Invalid value: {:?}: Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.",
                        "x".repeat(63)
                    ),
                    "spec.iscsi.secretRef.name: Required value",
                ],
            ),
            (
                of(json!({"cinder": {"volumeID": "v", "secretRef": {}}})),
                &[
                    "spec.cinder.secretRef.name: Required value",
                    "spec.cinder.secretRef.namespace: Required value",
                ],
            ),
            (
                of(
                    json!({"azureFile": {"secretName": "s", "shareName": "n", "secretNamespace": ""}}),
                ),
                &["spec.azureFile.secretNamespace: Required value"],
            ),
            (
                of(json!({"azureDisk": {"diskName": "d", "diskURI": "https://x", "kind": ""}})),
                &[
                    r#"spec.azureDisk.kind: Unsupported value: "": supported values: "Dedicated", "Managed", "Shared""#,
                ],
            ),
            (
                of(
                    json!({"fc": {}, "flexVolume": {"driver": ""}, "csi": {"driver": "d", "volumeHandle": "h"}}),
                ),
                &[
                    "spec.fc.targetWWNs: Required value: must specify either targetWWNs or wwids, but not both",
                    "spec.flexVolume.driver: Required value",
                    "spec.csi: Forbidden: may not specify more than 1 volume type",
                ],
            ),
        ],
    );
    let given = cases::defaulted(
        &PersistentVolume,
        json!({"spec": {"rbd": {"monitors": ["m"], "image": "i"}}}),
    );
    assert_eq!(given["spec"]["rbd"]["pool"], "rbd");
}
