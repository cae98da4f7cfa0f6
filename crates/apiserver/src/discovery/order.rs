//! The order of groups and versions in discovery, which decides what a short name means to clients.
//!
//! Upstream: the priorities in kube-apiserver's aggregator, and `CompareKubeAwareVersionStrings`.

use std::cmp::Ordering;

/// Groups by falling priority; those not named come after them, by name.
const GROUPS: [&str; 20] = [
    "apiregistration.k8s.io",
    "",
    "apps",
    "events.k8s.io",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "batch",
    "certificates.k8s.io",
    "networking.k8s.io",
    "extensions",
    "policy",
    "rbac.authorization.k8s.io",
    "storage.k8s.io",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "scheduling.k8s.io",
    "coordination.k8s.io",
    "node.k8s.io",
    "discovery.k8s.io",
];

/// Which group comes first.
pub(super) fn groups(a: &str, b: &str) -> Ordering {
    let place = |group: &str| GROUPS.iter().position(|known| *known == group);
    let place = |group| place(group).unwrap_or(GROUPS.len());
    place(a).cmp(&place(b)).then(a.cmp(b))
}

/// Which version comes first: stable before beta before alpha, then the higher number.
pub(super) fn versions(a: &str, b: &str) -> Ordering {
    rank(b).cmp(&rank(a)).then(a.cmp(b))
}

/// Stability (3 is stable), major and minor number; nothing for what is no version.
fn rank(version: &str) -> Option<(u8, u32, u32)> {
    let rest = version.strip_prefix('v')?;
    let digits = rest.find(|c: char| !c.is_ascii_digit());
    let (major, rest) = rest.split_at(digits.unwrap_or(rest.len()));
    let major = major.parse().ok()?;
    if rest.is_empty() {
        return Some((3, major, 0));
    }
    let (stability, minor) = match rest.strip_prefix("beta") {
        Some(minor) => (2, minor),
        None => (1, rest.strip_prefix("alpha")?),
    };
    Some((stability, major, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_fall_as_upstreams_do() {
        let mut all = [
            "v1alpha1",
            "v2beta1",
            "v1",
            "foo1",
            "v10",
            "v1beta1",
            "v2",
            "v11alpha2",
            "v1beta2",
        ];
        all.sort_by(|a, b| versions(a, b));
        assert_eq!(
            all,
            [
                "v10",
                "v2",
                "v1",
                "v2beta1",
                "v1beta2",
                "v1beta1",
                "v11alpha2",
                "v1alpha1",
                "foo1"
            ]
        );
    }

    #[test]
    fn groups_fall_as_upstreams_do() {
        let mut all = [
            "zebra.io",
            "batch",
            "resource.k8s.io",
            "apps",
            "apiregistration.k8s.io",
            "flowcontrol.apiserver.k8s.io",
        ];
        all.sort_by(|a, b| groups(a, b));
        assert_eq!(
            all,
            [
                "apiregistration.k8s.io",
                "apps",
                "batch",
                "flowcontrol.apiserver.k8s.io",
                "resource.k8s.io",
                "zebra.io"
            ]
        );
    }
}
