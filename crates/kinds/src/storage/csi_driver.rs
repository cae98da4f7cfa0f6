//! A CSI volume driver and what it needs.

use crate::{
    Cell, Column, Context, Names, Strategy, check, columns,
    gates::{self, Gated},
};
use jiff::Timestamp;
use k8s_openapi::api::storage::v1 as upstream;
use machinery::field::{Error, ErrorList, Path};
use serde_json::json;

/// The law of CSIDriver.
pub(crate) struct CSIDriver;

const GROUP_POLICIES: &[&str] = &["File", "None", "ReadWriteOnceWithFSType"];
const MODES: &[&str] = &["Persistent", "Ephemeral"];
const TOKEN_MINIMUM_SECONDS: i64 = 10 * 60;
const TOKEN_MAXIMUM_SECONDS: i64 = 1 << 32;
const PERIOD_MINIMUM_SECONDS: i64 = 10;

const fn truth(name: &'static str, description: &'static str) -> Column {
    Column {
        kind: "boolean",
        ..Column::text(name, description)
    }
}

impl Strategy for CSIDriver {
    type Object = upstream::CSIDriver;

    fn names(&self) -> Names {
        Names::cluster("csidrivers", "csidriver").returning_deleted()
    }

    fn default(&self, object: &mut upstream::CSIDriver) {
        let spec = &mut object.spec;
        spec.attach_required.get_or_insert(true);
        for truth in [
            &mut spec.pod_info_on_mount,
            &mut spec.storage_capacity,
            &mut spec.requires_republish,
            &mut spec.se_linux_mount,
        ] {
            truth.get_or_insert(false);
        }
        spec.fs_group_policy
            .get_or_insert_with(|| "ReadWriteOnceWithFSType".to_owned());
        let modes = spec.volume_lifecycle_modes.get_or_insert_default();
        if modes.is_empty() {
            modes.push("Persistent".to_owned());
        }
    }

    fn prepare_for_update(
        &self,
        _: &Context<'_>,
        new: &mut upstream::CSIDriver,
        old: &upstream::CSIDriver,
    ) {
        let changed = new.spec != old.spec;
        crate::prepare::next_generation(&mut new.metadata, &old.metadata, changed);
    }

    fn gated(&self) -> &'static [Gated<upstream::CSIDriver>] {
        gates::DRIVER
    }

    fn validate(&self, object: &upstream::CSIDriver) -> ErrorList {
        let mut errors = ErrorList::new();
        let e = &mut errors;
        let path = Path::new("spec");
        let spec = &object.spec;
        let policy = spec.fs_group_policy.as_deref();
        if let Some(policy) = policy.filter(|it| !GROUP_POLICIES.contains(it)) {
            let path = path.child("fsGroupPolicy");
            e.push(Error::not_supported(&path, policy, GROUP_POLICIES));
        }
        tokens(e, &path.child("tokenRequests"), spec);
        for mode in spec.volume_lifecycle_modes.iter().flatten() {
            if !MODES.contains(&mode.as_str()) {
                let path = path.child("volumeLifecycleModes");
                e.push(Error::not_supported(&path, mode, MODES));
            }
        }
        if let Some(seconds) = spec
            .node_allocatable_update_period_seconds
            .filter(|it| *it < PERIOD_MINIMUM_SECONDS)
        {
            let path = path.child("nodeAllocatableUpdatePeriodSeconds");
            let text = "must be greater than or equal to 10 seconds";
            e.push(Error::invalid(&path, seconds, text));
        }
        errors
    }

    fn validate_update(&self, new: &upstream::CSIDriver, old: &upstream::CSIDriver) -> ErrorList {
        let mut errors = self.validate(new);
        let path = Path::new("spec");
        let (spec, before) = (&new.spec, &old.spec);
        let same = spec.attach_required == before.attach_required;
        let shown = json!(spec.attach_required);
        // Clients know this error under this name.
        check::immutable(&mut errors, &path.child("attachedRequired"), same, shown);
        let same = spec.volume_lifecycle_modes == before.volume_lifecycle_modes;
        let shown = json!(spec.volume_lifecycle_modes);
        check::immutable(
            &mut errors,
            &path.child("volumeLifecycleModes"),
            same,
            shown,
        );
        errors
    }

    fn unconditional_update(&self) -> bool {
        false
    }

    fn columns(&self) -> &'static [Column] {
        const {
            &[
                Column::NAME,
                truth(
                    "AttachRequired",
                    "attachRequired indicates this CSI volume driver requires an attach operation (because it implements the CSI ControllerPublishVolume() method), and that the Kubernetes attach detach controller should call the attach volume interface which checks the volumeattachment status and waits until the volume is attached before proceeding to mounting. The CSI external-attacher coordinates with CSI volume driver and updates the volumeattachment status when the attach operation is complete. If the value is specified to false, the attach operation will be skipped. Otherwise the attach operation will be called.\n\nThis field is immutable.",
                ),
                truth(
                    "PodInfoOnMount",
                    "podInfoOnMount indicates this CSI volume driver requires additional pod information (like podName, podUID, etc.) during mount operations, if set to true. If set to false, pod information will not be passed on mount. Default is false.\n\nThe CSI driver specifies podInfoOnMount as part of driver deployment. If true, Kubelet will pass pod information as VolumeContext in the CSI NodePublishVolume() calls. The CSI driver is responsible for parsing and validating the information passed in as VolumeContext.\n\nThe following VolumeContext will be passed if podInfoOnMount is set to true. This list might grow, but the prefix will be used. \"csi.storage.k8s.io/pod.name\": pod.Name \"csi.storage.k8s.io/pod.namespace\": pod.Namespace \"csi.storage.k8s.io/pod.uid\": string(pod.UID) \"csi.storage.k8s.io/ephemeral\": \"true\" if the volume is an ephemeral inline volume\n                                defined by a CSIVolumeSource, otherwise \"false\"\n\n\"csi.storage.k8s.io/ephemeral\" is a new feature in Kubernetes 1.16. It is only required for drivers which support both the \"Persistent\" and \"Ephemeral\" VolumeLifecycleMode. Other drivers can leave pod info disabled and/or ignore this field. As Kubernetes 1.15 doesn't support this field, drivers can only support one mode when deployed on such a cluster and the deployment determines which mode that is, for example via a command line parameter of the driver.\n\nThis field was immutable in Kubernetes < 1.29 and now is mutable.",
                ),
                truth(
                    "StorageCapacity",
                    "storageCapacity indicates that the CSI volume driver wants pod scheduling to consider the storage capacity that the driver deployment will report by creating CSIStorageCapacity objects with capacity information, if set to true.\n\nThe check can be enabled immediately when deploying a driver. In that case, provisioning new volumes with late binding will pause until the driver deployment has published some suitable CSIStorageCapacity object.\n\nAlternatively, the driver can be deployed with the field unset or false and it can be flipped later when storage capacity information has been published.\n\nThis field was immutable in Kubernetes <= 1.22 and now is mutable.",
                ),
                Column::text(
                    "TokenRequests",
                    "tokenRequests indicates the CSI driver needs pods' service account tokens it is mounting volume for to do necessary authentication. Kubelet will pass the tokens in VolumeContext in the CSI NodePublishVolume calls. The CSI driver should parse and validate the following VolumeContext: \"csi.storage.k8s.io/serviceAccount.tokens\": {\n  \"<audience>\": {\n    \"token\": <token>,\n    \"expirationTimestamp\": <expiration timestamp in RFC3339>,\n  },\n  ...\n}\n\nNote: Audience in each TokenRequest should be different and at most one token is empty string. To receive a new token after expiry, RequiresRepublish can be used to trigger NodePublishVolume periodically.",
                ),
                truth(
                    "RequiresRepublish",
                    "requiresRepublish indicates the CSI driver wants `NodePublishVolume` being periodically called to reflect any possible change in the mounted volume. This field defaults to false.\n\nNote: After a successful initial NodePublishVolume call, subsequent calls to NodePublishVolume should only update the contents of the volume. New mount points will not be seen by a running container.",
                ),
                Column::text(
                    "Modes",
                    "volumeLifecycleModes defines what kind of volumes this CSI volume driver supports. The default if the list is empty is \"Persistent\", which is the usage defined by the CSI specification and implemented in Kubernetes via the usual PV/PVC mechanism.\n\nThe other mode is \"Ephemeral\". In this mode, volumes are defined inline inside the pod spec with CSIVolumeSource and their lifecycle is tied to the lifecycle of that pod. A driver has to be aware of this because it is only going to get a NodePublishVolume call for such a volume.\n\nFor more information about implementing this mode, see https://kubernetes-csi.github.io/docs/ephemeral-local-volumes.html A driver can support one or more of these modes and more modes may be added in the future.\n\nThis field is beta. This field is immutable.",
                ),
                Column::AGE,
            ]
        }
    }

    fn row(&self, object: &upstream::CSIDriver, now: Timestamp) -> Vec<Cell> {
        let spec = &object.spec;
        let modes = spec.volume_lifecycle_modes.as_deref().unwrap_or_default();
        let tokens = spec.token_requests.as_ref().map_or_else(
            || columns::UNSET.to_owned(),
            |it| {
                let audiences = it.iter().map(|it| it.audience.clone());
                audiences.collect::<Vec<_>>().join(",")
            },
        );
        vec![
            columns::name(&object.metadata),
            Cell::Truth(spec.attach_required.unwrap_or(true)),
            Cell::Truth(spec.pod_info_on_mount.unwrap_or(false)),
            Cell::Truth(spec.storage_capacity.unwrap_or(false)),
            tokens.into(),
            Cell::Truth(spec.requires_republish.unwrap_or(false)),
            columns::joined_or_none(modes).into(),
            columns::age(&object.metadata, now),
        ]
    }
}

/// One token for each audience, of a sensible life.
fn tokens(e: &mut ErrorList, path: &Path, spec: &upstream::CSIDriverSpec) {
    let list = spec.token_requests.as_deref().unwrap_or_default();
    for (index, it) in list.iter().enumerate() {
        let path = path.index(index);
        if list[..index]
            .iter()
            .any(|other| other.audience == it.audience)
        {
            e.push(Error::duplicate(&path.child("audience"), &it.audience));
            continue;
        }
        let path = path.child("expirationSeconds");
        let text = match it.expiration_seconds {
            Some(..TOKEN_MINIMUM_SECONDS) => "may not specify a duration less than 10 minutes",
            Some(seconds) if seconds > TOKEN_MAXIMUM_SECONDS => {
                "may not specify a duration larger than 2^32 seconds"
            }
            _ => continue,
        };
        e.push(Error::invalid(
            &path,
            it.expiration_seconds.unwrap_or(0),
            text,
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases;

    #[test]
    fn errors_and_rows() {
        let base = json!({"metadata": {"name": "a"}, "spec": {}});
        let spec = |it| json!({"spec": it});
        cases::creates(
            &CSIDriver,
            base.clone(),
            &[
                (json!({}), &[]),
                (
                    spec(json!({"fsGroupPolicy": "Foo"})),
                    &[
                        "spec.fsGroupPolicy: Unsupported value: \"Foo\": supported values: \"File\", \"None\", \"ReadWriteOnceWithFSType\"",
                    ],
                ),
                (
                    spec(json!({"tokenRequests": [{"audience": "a"}, {"audience": "a"}]})),
                    &["spec.tokenRequests[1].audience: Duplicate value: \"a\""],
                ),
                (
                    spec(json!({"tokenRequests": [{"audience": "a", "expirationSeconds": 1}]})),
                    &[
                        "spec.tokenRequests[0].expirationSeconds: Invalid value: 1: may not specify a duration less than 10 minutes",
                    ],
                ),
                (
                    spec(json!({"volumeLifecycleModes": ["Foo"]})),
                    &[
                        "spec.volumeLifecycleModes: Unsupported value: \"Foo\": supported values: \"Persistent\", \"Ephemeral\"",
                    ],
                ),
                (
                    spec(json!({"nodeAllocatableUpdatePeriodSeconds": 9})),
                    &[
                        "spec.nodeAllocatableUpdatePeriodSeconds: Invalid value: 9: must be greater than or equal to 10 seconds",
                    ],
                ),
            ],
        );
        cases::updates(
            &CSIDriver,
            base.clone(),
            &[
                (spec(json!({"requiresRepublish": true})), &[]),
                (
                    spec(json!({"attachRequired": false, "volumeLifecycleModes": ["Ephemeral"]})),
                    &[
                        "spec.attachedRequired: Invalid value: false: field is immutable",
                        "spec.volumeLifecycleModes: Invalid value: [\"Ephemeral\"]: field is immutable",
                    ],
                ),
            ],
        );
        assert_eq!(
            cases::row(&CSIDriver, base),
            "a|true|false|false|<unset>|false|Persistent|<unknown>"
        );
    }
}
