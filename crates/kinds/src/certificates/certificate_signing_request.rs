//! A request for a signed certificate.

use crate::{Names, Strategy, Subresource};
use k8s_openapi::api::certificates::v1 as upstream;

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
                ),
                Subresource::status("CertificateSigningRequest"),
            ]
        }
    }
}
