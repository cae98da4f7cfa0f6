//! What controllers and kubectl ask of workloads: template hashes and revisions. The hash need not be
//! upstream's, byte for byte; it only has to be stable and to differ when templates do.

use api::Object;
use k8s_openapi::{
    api::core::v1::{PodTemplate, PodTemplateSpec},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};

/// The label that tells the ReplicaSets of a Deployment apart.
pub const POD_TEMPLATE_HASH: &str = "pod-template-hash";
/// The annotation with a rollout's number.
pub const REVISION: &str = "deployment.kubernetes.io/revision";
/// The annotation with the earlier numbers of a ReplicaSet that was rolled back to.
pub const REVISION_HISTORY: &str = "deployment.kubernetes.io/revision-history";
/// The annotation with the Deployment's replicas.
pub const DESIRED_REPLICAS: &str = "deployment.kubernetes.io/desired-replicas";
/// The annotation with the Deployment's replicas and surge.
pub const MAX_REPLICAS: &str = "deployment.kubernetes.io/max-replicas";
/// The annotation that `kubectl rollout history` shows.
pub const CHANGE_CAUSE: &str = "kubernetes.io/change-cause";
/// The annotation `kubectl rollout restart` sets on the template.
pub const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";
/// The annotation of client-side apply.
pub const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// A short name for `template`; another `collisions` count gives another name.
#[must_use]
pub fn template_hash(template: &PodTemplateSpec, collisions: Option<i32>) -> String {
    let json = PodTemplate {
        template: Some(template.clone()),
        ..PodTemplate::default()
    }
    .encode();
    let mut hash = fnv(0x811c_9dc5, &json);
    if let Some(count) = collisions {
        hash = fnv(hash, &count.to_le_bytes());
    }
    stdx::random::safe_encode(&hash.to_string())
}

/// 32-bit FNV-1a.
fn fnv(start: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(start, |hash, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    })
}

/// The number in the revision annotation; 0 without one.
#[must_use]
pub fn revision(metadata: &ObjectMeta) -> i64 {
    annotation(metadata, REVISION)
        .and_then(|text| text.parse().ok())
        .unwrap_or(0)
}

/// Sets the revision annotation; whether it changed.
pub fn set_revision(metadata: &mut ObjectMeta, revision: i64) -> bool {
    set_annotation(metadata, REVISION, &revision.to_string())
}

/// An annotation's value.
#[must_use]
pub fn annotation<'a>(metadata: &'a ObjectMeta, key: &str) -> Option<&'a str> {
    metadata.annotations.as_ref()?.get(key).map(String::as_str)
}

/// Sets an annotation; whether it changed.
pub fn set_annotation(metadata: &mut ObjectMeta, key: &str, value: &str) -> bool {
    let annotations = metadata.annotations.get_or_insert_default();
    if annotations.get(key).is_some_and(|old| old == value) {
        return false;
    }
    annotations.insert(key.to_owned(), value.to_owned());
    true
}

/// Whether two templates are the same but for the hash label.
#[must_use]
pub fn same_template(a: &PodTemplateSpec, b: &PodTemplateSpec) -> bool {
    let bare = |template: &PodTemplateSpec| {
        let mut template = template.clone();
        if let Some(metadata) = &mut template.metadata
            && let Some(labels) = &mut metadata.labels
        {
            labels.remove(POD_TEMPLATE_HASH);
        }
        template
    };
    bare(a) == bare(b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::{Container, PodSpec};

    #[test]
    fn hashes_follow_templates() {
        let template = |image: &str| PodTemplateSpec {
            spec: Some(PodSpec {
                containers: vec![Container {
                    image: Some(image.to_owned()),
                    ..Container::default()
                }],
                ..PodSpec::default()
            }),
            metadata: Some(ObjectMeta::default()),
        };
        let hash = |image, collisions| template_hash(&template(image), collisions);
        assert_eq!(hash("a", None), hash("a", None));
        assert_ne!(hash("a", None), hash("b", None));
        assert_ne!(hash("a", None), hash("a", Some(1)));
        let mut labelled = template("a");
        labelled.metadata.get_or_insert_default().labels =
            Some([(POD_TEMPLATE_HASH.to_owned(), "x".to_owned())].into());
        let mut bare = template("a");
        bare.metadata.get_or_insert_default().labels = Some([].into());
        assert!(same_template(&labelled, &bare));
        assert!(!same_template(&template("a"), &template("b")));
    }

    #[test]
    fn revisions_are_annotations() {
        let mut metadata = ObjectMeta::default();
        assert_eq!(revision(&metadata), 0);
        assert!(set_revision(&mut metadata, 3) && !set_revision(&mut metadata, 3));
        assert_eq!(revision(&metadata), 3);
    }
}
