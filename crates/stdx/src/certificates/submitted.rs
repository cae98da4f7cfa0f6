//! What clients hand in to be signed or served, and what signers hand back: whether it is what it should be.
//! Upstream: `ParseCSR`, `validateCertificate` and Go's `tls.X509KeyPair`.

use rcgen::{KeyPair, PublicKeyData};
use x509_parser::{
    certificate::X509Certificate, certification_request::X509CertificationRequest,
    error::X509Error, pem::Pem, prelude::FromDer, public_key::PublicKey,
    x509::SubjectPublicKeyInfo,
};

/// Keys of RSA that are shorter are not verified.
const RSA_BITS: usize = 2048;

/// Why something is not what it should be. The texts are upstream's, but of malformed data.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Something else than a request.
    #[error("PEM block type must be CERTIFICATE REQUEST")]
    NoRequest,
    /// A request that cannot be read.
    #[error("x509: malformed certificate request: {0}")]
    MalformedRequest(String),
    /// A signature that was made with another key than the one in the request.
    #[error("{0}")]
    Signature(&'static str),
    /// No certificate at all.
    #[error("must contain at least one CERTIFICATE PEM block")]
    NoCertificate,
    /// Something else beside the certificates.
    #[error("only CERTIFICATE PEM blocks are allowed, found {0:?}")]
    Foreign(String),
    /// A block that says it is a certificate.
    #[error("x509: malformed certificate: {0}")]
    MalformedCertificate(String),
    /// A certificate and a key that cannot be served together.
    #[error("tls: {0}")]
    Pair(String),
}

/// The blocks up to the first that cannot be read.
fn blocks(pem: &[u8]) -> impl Iterator<Item = Pem> {
    Pem::iter_from_buffer(pem).map_while(Result::ok)
}

/// Checks a request and its signature. A signature of a kind that is not known here is left to who signs.
///
/// # Errors
/// When it is no request, or was signed with another key.
pub fn check_request(pem: &[u8]) -> Result<(), Refused> {
    let block = blocks(pem)
        .next()
        .filter(|it| it.label == "CERTIFICATE REQUEST");
    let block = block.ok_or(Refused::NoRequest)?;
    let malformed = |why: String| Refused::MalformedRequest(why);
    let (rest, request) = X509CertificationRequest::from_der(&block.contents)
        .map_err(|error| malformed(error.to_string()))?;
    if !rest.is_empty() {
        return Err(malformed("trailing data".to_owned()));
    }
    match request.verify_signature() {
        Err(X509Error::SignatureVerificationError) => {
            wrong_signature(&request.certification_request_info.subject_pki)
        }
        _ => Ok(()),
    }
}

fn wrong_signature(key: &SubjectPublicKeyInfo<'_>) -> Result<(), Refused> {
    match key.parsed() {
        Ok(PublicKey::RSA(key)) if key.key_size() < RSA_BITS => Ok(()),
        Ok(PublicKey::RSA(_)) => Err(Refused::Signature("crypto/rsa: verification error")),
        Ok(PublicKey::EC(_)) => Err(Refused::Signature("x509: ECDSA verification failure")),
        _ => Err(Refused::Signature("x509: Ed25519 verification failure")),
    }
}

/// Checks certificates one after the other.
///
/// # Errors
/// When there is none, or something else among them.
pub fn check_certificates(pem: &[u8]) -> Result<(), Refused> {
    let mut count = 0;
    for block in blocks(pem) {
        if block.label != "CERTIFICATE" {
            return Err(Refused::Foreign(block.label));
        }
        let mut rest = block.contents.as_slice();
        while !rest.is_empty() {
            (rest, _) = X509Certificate::from_der(rest)
                .map_err(|error| Refused::MalformedCertificate(error.to_string()))?;
            count += 1;
        }
    }
    match count {
        0 => Err(Refused::NoCertificate),
        _ => Ok(()),
    }
}

/// Checks that a key is that of the first certificate.
///
/// # Errors
/// When either cannot be found or read, or they do not belong together.
pub fn check_pair(certificate_pem: &[u8], key_pem: &[u8]) -> Result<(), Refused> {
    let found = |blocks: &[Pem]| {
        let labels: Vec<_> = blocks.iter().map(|it| it.label.as_str()).collect();
        format!(
            "after skipping PEM blocks of the following types: [{}]",
            labels.join(" ")
        )
    };
    let is_key = |it: &Pem| it.label.ends_with("PRIVATE KEY");
    let certificates: Vec<_> = blocks(certificate_pem).collect();
    let keys: Vec<_> = blocks(key_pem).collect();
    let refused = |text: &str| Err(Refused::Pair(text.to_owned()));
    let Some(first) = certificates.iter().find(|it| it.label == "CERTIFICATE") else {
        return match certificates.as_slice() {
            [] => refused("failed to find any PEM data in certificate input"),
            [only] if is_key(only) => refused(
                "failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may have been switched",
            ),
            all => refused(&format!(
                "failed to find \"CERTIFICATE\" PEM block in certificate input {}",
                found(all)
            )),
        };
    };
    if !keys.iter().any(is_key) {
        return match keys.as_slice() {
            [] => refused("failed to find any PEM data in key input"),
            [only] if only.label == "CERTIFICATE" => {
                refused("found a certificate rather than a key in the PEM for the private key")
            }
            all => refused(&format!(
                "failed to find PEM block with type ending in \"PRIVATE KEY\" in key input {}",
                found(all)
            )),
        };
    }
    let (_, certificate) = X509Certificate::from_der(&first.contents)
        .map_err(|error| Refused::MalformedCertificate(error.to_string()))?;
    let text = String::from_utf8_lossy(key_pem);
    let Ok(key) = KeyPair::from_pem(&text) else {
        return refused("failed to parse private key");
    };
    let (info, own) = (key.subject_public_key_info(), certificate.public_key());
    match SubjectPublicKeyInfo::from_der(&info) {
        Ok((_, it)) if it.algorithm.algorithm != own.algorithm.algorithm => {
            refused("private key type does not match public key type")
        }
        Ok((_, it)) if it.subject_public_key != own.subject_public_key => {
            refused("private key does not match public key")
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
