//! Kinds that were removed and have no current form. They are refused, and the refusal says what took their place.

/// A kind without a current form.
#[derive(Clone, Copy, Debug)]
pub struct Gone {
    /// The `apiVersion`s that it had.
    pub versions: &'static [&'static str],
    /// Its kind.
    pub kind: &'static str,
    /// Its name in paths.
    pub plural: &'static str,
    /// The 1.x release that no longer served it.
    release: u8,
    /// What to do instead.
    instead: &'static str,
}

impl Gone {
    /// Why it cannot be had, and what to do.
    #[must_use]
    pub fn text(&self) -> String {
        format!(
            "{} was removed in Kubernetes v1.{} and has no current form: {}",
            self.kind, self.release, self.instead
        )
    }
}

pub(super) static LIST: &[Gone] = &[
    Gone {
        versions: &["policy/v1beta1", "extensions/v1beta1"],
        kind: "PodSecurityPolicy",
        plural: "podsecuritypolicies",
        release: 25,
        instead: "leave it out, and label namespaces with pod-security.kubernetes.io/enforce (privileged, baseline or restricted) to restrict their pods",
    },
    Gone {
        versions: &["settings.k8s.io/v1alpha1"],
        kind: "PodPreset",
        plural: "podpresets",
        release: 20,
        instead: "write its fields into the pod templates, or change pods with a MutatingAdmissionPolicy",
    },
    Gone {
        versions: &["auditregistration.k8s.io/v1alpha1"],
        kind: "AuditSink",
        plural: "auditsinks",
        release: 19,
        instead: "configure audit on the server",
    },
    Gone {
        versions: &["extensions/v1beta1"],
        kind: "ThirdPartyResource",
        plural: "thirdpartyresources",
        release: 8,
        instead: "write an apiextensions.k8s.io/v1 CustomResourceDefinition",
    },
    Gone {
        versions: &["extensions/v1beta1", "apps/v1beta1"],
        kind: "DeploymentRollback",
        plural: "deploymentrollbacks",
        release: 16,
        instead: "use kubectl rollout undo",
    },
];
