//! Versions that say the same as the current one, in the same fields and with the same defaults.

use super::{Older, Shape};

const ADMISSION: &str = "admissionregistration.k8s.io";
const RBAC: &str = "rbac.authorization.k8s.io";
const SCHEDULING: &str = "scheduling.k8s.io";
const STORAGE: &str = "storage.k8s.io";

const fn row(
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    releases: (u8, u8),
) -> Older {
    Older {
        group,
        version,
        kind,
        current: (group, "v1"),
        releases,
        shape: Shape::SAME,
    }
}

pub(super) static ROWS: &[Older] = &[
    row(ADMISSION, "v1beta1", "ValidatingAdmissionPolicy", (31, 34)),
    row(
        ADMISSION,
        "v1beta1",
        "ValidatingAdmissionPolicyBinding",
        (31, 34),
    ),
    row("apiregistration.k8s.io", "v1beta1", "APIService", (19, 22)),
    row("apps", "v1beta1", "ControllerRevision", (8, 16)),
    row("apps", "v1beta2", "ControllerRevision", (9, 16)),
    row("apps", "v1beta2", "DaemonSet", (9, 16)),
    row("apps", "v1beta2", "Deployment", (9, 16)),
    row("apps", "v1beta2", "ReplicaSet", (9, 16)),
    row("apps", "v1beta2", "StatefulSet", (9, 16)),
    row(
        "authentication.k8s.io",
        "v1beta1",
        "SelfSubjectReview",
        (30, 33),
    ),
    row("authentication.k8s.io", "v1beta1", "TokenReview", (19, 22)),
    row(
        "authorization.k8s.io",
        "v1beta1",
        "SelfSubjectAccessReview",
        (19, 22),
    ),
    row(
        "authorization.k8s.io",
        "v1beta1",
        "SelfSubjectRulesReview",
        (19, 22),
    ),
    row("batch", "v1beta1", "CronJob", (21, 25)),
    row("batch", "v2alpha1", "CronJob", (20, 21)),
    row("coordination.k8s.io", "v1beta1", "Lease", (19, 22)),
    row("events.k8s.io", "v1beta1", "Event", (22, 25)),
    Older {
        current: ("networking.k8s.io", "v1"),
        ..row("extensions", "v1beta1", "NetworkPolicy", (9, 16))
    },
    row(
        "flowcontrol.apiserver.k8s.io",
        "v1beta1",
        "FlowSchema",
        (23, 26),
    ),
    row(
        "flowcontrol.apiserver.k8s.io",
        "v1beta2",
        "FlowSchema",
        (26, 29),
    ),
    row(
        "flowcontrol.apiserver.k8s.io",
        "v1beta3",
        "FlowSchema",
        (29, 32),
    ),
    row(
        "flowcontrol.apiserver.k8s.io",
        "v1beta3",
        "PriorityLevelConfiguration",
        (29, 32),
    ),
    row("networking.k8s.io", "v1beta1", "IngressClass", (19, 22)),
    row("node.k8s.io", "v1beta1", "RuntimeClass", (22, 25)),
    row(RBAC, "v1alpha1", "ClusterRole", (17, 22)),
    row(RBAC, "v1alpha1", "Role", (17, 22)),
    row(RBAC, "v1beta1", "ClusterRole", (17, 22)),
    row(RBAC, "v1beta1", "ClusterRoleBinding", (17, 22)),
    row(RBAC, "v1beta1", "Role", (17, 22)),
    row(RBAC, "v1beta1", "RoleBinding", (17, 22)),
    row(SCHEDULING, "v1alpha1", "PriorityClass", (14, 22)),
    row(SCHEDULING, "v1beta1", "PriorityClass", (14, 22)),
    row(STORAGE, "v1alpha1", "CSIStorageCapacity", (21, 24)),
    row(STORAGE, "v1alpha1", "VolumeAttachment", (21, 24)),
    row(STORAGE, "v1beta1", "CSIDriver", (19, 22)),
    row(STORAGE, "v1beta1", "CSINode", (17, 22)),
    row(STORAGE, "v1beta1", "CSIStorageCapacity", (24, 27)),
    row(STORAGE, "v1beta1", "StorageClass", (19, 22)),
    row(STORAGE, "v1beta1", "VolumeAttachment", (19, 22)),
];
