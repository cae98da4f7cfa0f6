//! A request for a signed certificate.

mod prepare;
#[cfg(test)]
mod tests;
mod validate;

use crate::{Cell, Column, Names, Strategy, Subresource, columns};
use jiff::Timestamp;
use k8s_openapi::api::certificates::v1 as upstream;
use machinery::{apply::Resets, field::ErrorList};

/// The law of CertificateSigningRequest.
pub(crate) struct CertificateSigningRequest;

impl Strategy for CertificateSigningRequest {
    type Object = upstream::CertificateSigningRequest;

    fn names(&self) -> Names {
        Names::cluster("certificatesigningrequests", "certificatesigningrequest").short(&["csr"])
    }

    fn subresources(&self) -> &'static [Subresource] {
        const {
            &[
                Subresource::part(
                    "approval",
                    "CertificateSigningRequest",
                    Subresource::PART_VERBS,
                )
                .resetting(Resets::These(&[&["spec"], &["status", "certificate"]])),
                Subresource::status("CertificateSigningRequest")
                    .resetting(Resets::These(&[&["spec"], &["status", "conditions"]])),
            ]
        }
    }

    fn resets(&self) -> Resets {
        Resets::These(&[&["spec"], &["status"]])
    }

    fn prepare_for_create(
        &self,
        context: &crate::Context<'_>,
        object: &mut upstream::CertificateSigningRequest,
    ) {
        // The requester is who asks, whatever the request says.
        object.spec.username = Some(context.user.to_owned());
        object.spec.uid = Some(context.user_uid.to_owned()).filter(|it| !it.is_empty());
        object.spec.groups = Some(context.groups.to_vec());
        object.spec.extra = None;
        object.status = Some(Default::default());
    }

    fn prepare_for_update(
        &self,
        _: &crate::Context<'_>,
        new: &mut upstream::CertificateSigningRequest,
        old: &upstream::CertificateSigningRequest,
    ) {
        new.spec.clone_from(&old.spec);
        new.status.clone_from(&old.status);
    }

    fn prepare_for_subresource(
        &self,
        subresource: &str,
        context: &crate::Context<'_>,
        new: &mut upstream::CertificateSigningRequest,
        old: &upstream::CertificateSigningRequest,
    ) {
        new.spec.clone_from(&old.spec);
        match subresource {
            "approval" => prepare::approval(new, old),
            _ => prepare::status(new, old),
        }
        prepare::times(new, old, context.now);
    }

    fn default(&self, object: &mut upstream::CertificateSigningRequest) {
        for it in validate::conditions_mut(object) {
            if it.status.is_empty() {
                "True".clone_into(&mut it.status);
            }
        }
    }

    fn validate(&self, object: &upstream::CertificateSigningRequest) -> ErrorList {
        validate::created(object)
    }

    /// In version v1beta1 the rules that came later do not hold yet.
    fn validate_older(&self, object: &upstream::CertificateSigningRequest) -> ErrorList {
        let mut errors = validate::created(object);
        errors.retain(|it| it.ratchet.is_none());
        errors
    }

    fn validate_update(
        &self,
        new: &upstream::CertificateSigningRequest,
        old: &upstream::CertificateSigningRequest,
    ) -> ErrorList {
        validate::update(new, old, "")
    }

    fn validate_subresource(
        &self,
        subresource: &str,
        new: &upstream::CertificateSigningRequest,
        old: &upstream::CertificateSigningRequest,
    ) -> ErrorList {
        validate::update(new, old, subresource)
    }

    fn name_errors(&self, name: &str) -> Vec<String> {
        machinery::names::path_segment_errors(name)
    }

    fn selectable_fields(
        &self,
        object: &upstream::CertificateSigningRequest,
    ) -> Vec<(&'static str, String)> {
        vec![("spec.signerName", object.spec.signer_name.clone())]
    }

    fn selectable_field_names(&self) -> &'static [&'static str] {
        &["spec.signerName"]
    }

    fn columns(&self) -> &'static [Column] {
        const {
            &[
                Column::NAME,
                Column::AGE,
                Column::text(
                    "SignerName",
                    "signerName indicates the requested signer, and is a qualified name.\n\nList/watch requests for CertificateSigningRequests can filter on this field using a \"spec.signerName=NAME\" fieldSelector.\n\nWell-known Kubernetes signers are:\n1. \"kubernetes.io/kube-apiserver-client\": issues client certificates that can be used to authenticate to kube-apiserver.\nRequests for this signer are never auto-approved by kube-controller-manager, can be issued by the \"csrsigning\" controller in kube-controller-manager.\n2. \"kubernetes.io/kube-apiserver-client-kubelet\": issues client certificates that kubelets use to authenticate to kube-apiserver.\nRequests for this signer can be auto-approved by the \"csrapproving\" controller in kube-controller-manager, and can be issued by the \"csrsigning\" controller in kube-controller-manager.\n3. \"kubernetes.io/kubelet-serving\" issues serving certificates that kubelets use to serve TLS endpoints, which kube-apiserver can connect to securely.\nRequests for this signer are never auto-approved by kube-controller-manager, and can be issued by the \"csrsigning\" controller in kube-controller-manager.\n\nMore details are available at https://k8s.io/docs/reference/access-authn-authz/certificate-signing-requests/#kubernetes-signers\n\nCustom signerNames can also be specified. The signer defines:\n1. Trust distribution: how trust (CA bundles) are distributed.\n2. Permitted subjects: and behavior when a disallowed subject is requested.\n3. Required, permitted, or forbidden x509 extensions in the request (including whether subjectAltNames are allowed, which types, restrictions on allowed values) and behavior when a disallowed extension is requested.\n4. Required, permitted, or forbidden key usages / extended key usages.\n5. Expiration/certificate lifetime: whether it is fixed by the signer, configurable by the admin.\n6. Whether or not requests for CA certificates are allowed.",
                ),
                Column::text(
                    "Requestor",
                    "username contains the name of the user that created the CertificateSigningRequest. Populated by the API server on creation and immutable.",
                ),
                Column::text(
                    "RequestedDuration",
                    "expirationSeconds is the requested duration of validity of the issued certificate. The certificate signer may issue a certificate with a different validity duration so a client must check the delta between the notBefore and and notAfter fields in the issued certificate to determine the actual duration.\n\nThe v1.22+ in-tree implementations of the well-known Kubernetes signers will honor this field as long as the requested duration is not greater than the maximum duration they will honor per the --cluster-signing-duration CLI flag to the Kubernetes controller manager.\n\nCertificate signers may not honor this field for various reasons:\n\n1. Old signer that is unaware of the field (such as the in-tree\nimplementations prior to v1.22)\n2. Signer whose configured maximum is shorter than the requested duration\n3. Signer whose configured minimum is longer than the requested duration\n\nThe minimum valid value for expirationSeconds is 600, i.e. 10 minutes.",
                ),
                Column::text(
                    "Condition",
                    "conditions applied to the request. Known conditions are \"Approved\", \"Denied\", and \"Failed\".",
                ),
            ]
        }
    }

    fn row(&self, object: &upstream::CertificateSigningRequest, now: Timestamp) -> Vec<Cell> {
        let duration = object.spec.expiration_seconds.map_or_else(
            || columns::NONE.to_owned(),
            |it| machinery::durations::human(it.into()),
        );
        vec![
            columns::name(&object.metadata),
            columns::age(&object.metadata, now),
            object.spec.signer_name.clone().into(),
            columns::or(object.spec.username.as_ref(), columns::NONE),
            duration.into(),
            condition(object).into(),
        ]
    }
}

fn condition(object: &upstream::CertificateSigningRequest) -> String {
    let status = object.status.clone().unwrap_or_default();
    let conditions = status.conditions.unwrap_or_default();
    let has = |kind: &str| conditions.iter().any(|it| it.type_ == kind);
    let decided = if has("Denied") {
        "Denied"
    } else if has("Approved") {
        "Approved"
    } else {
        "Pending"
    };
    let mut parts = vec![decided];
    if has("Failed") {
        parts.push("Failed");
    }
    if status.certificate.is_some_and(|it| !it.0.is_empty()) {
        parts.push("Issued");
    }
    parts.join(",")
}
