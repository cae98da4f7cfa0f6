//! Certificates: authorities, the leaves they issue, and their renewal long before they expire. Keys
//! are written readable by their owner only, each file whole or not at all.

mod files;
mod server;
mod submitted;
mod unverified;

pub use files::{load_or_create_authority, load_or_create_signing_key, load_or_issue};
pub use server::{ServedCertificate, server_config};
pub use submitted::{Refused, check_certificates, check_pair, check_request};
pub use unverified::unverified;

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SanType,
};
use std::{net::IpAddr, path::PathBuf, sync::Arc, time::Duration};
use x509_parser::prelude::FromDer;

/// How long an authority lives.
pub const AUTHORITY_LIFE: Duration = Duration::from_secs(10 * 365 * 86_400);
/// How long a leaf lives.
pub const LEAF_LIFE: Duration = Duration::from_secs(365 * 86_400);
/// How far back a certificate's life begins, for clocks that are late.
const BACKDATE: Duration = Duration::from_secs(300);

/// Why a certificate could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Making or signing failed.
    #[error("cannot make the certificate of {subject}: {source}")]
    Make {
        /// Common name.
        subject: String,
        /// Why.
        #[source]
        source: rcgen::Error,
    },
    /// A file cannot be read or written.
    #[error("cannot {operation} {path}: {source}")]
    File {
        /// What was tried.
        operation: &'static str,
        /// On which file.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },
    /// Something that should be a certificate or key is not.
    #[error("{what} is not usable: {reason}")]
    Malformed {
        /// Which thing.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// A certificate and its key, in PEM.
#[derive(Clone)]
pub struct Pair {
    /// The certificate (and those above it, but not the root).
    pub certificate_pem: String,
    /// The private key, PKCS#8.
    pub key_pem: String,
}

impl std::fmt::Debug for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pair").finish_non_exhaustive()
    }
}

/// An authority that signs leaves.
pub struct Authority {
    pair: Pair,
    issuer: Issuer<'static, KeyPair>,
}

/// What a leaf says about its holder.
#[derive(Clone, Debug, Default)]
pub struct Leaf {
    /// Common name: the user, or the server's name.
    pub common_name: String,
    /// Organisations: the user's groups.
    pub organizations: Vec<String>,
    /// Names the server is reached by; empty for a client.
    pub dns_names: Vec<String>,
    /// Addresses the server is reached by.
    pub addresses: Vec<IpAddr>,
    /// Good for serving.
    pub server: bool,
    /// Good for being a client.
    pub client: bool,
}

impl Authority {
    /// A new authority, self-signed.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn create(common_name: &str, now: Timestamp) -> Result<Self, Error> {
        let fail = |source| Error::Make {
            subject: common_name.to_owned(),
            source,
        };
        let key = KeyPair::generate().map_err(fail)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = name(common_name, &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::CrlSign,
            KeyUsagePurpose::DigitalSignature,
        ];
        live(&mut params, now, AUTHORITY_LIFE);
        let certificate = params.self_signed(&key).map_err(fail)?;
        let pair = Pair {
            certificate_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
        };
        Self::from_pair(pair)
    }

    /// From PEM.
    ///
    /// # Errors
    /// When the certificate or its key cannot be read.
    pub fn from_pair(pair: Pair) -> Result<Self, Error> {
        let malformed = |source: rcgen::Error| Error::Malformed {
            what: "the certificate authority".to_owned(),
            reason: source.to_string(),
        };
        let key = KeyPair::from_pem(&pair.key_pem).map_err(malformed)?;
        let issuer = Issuer::from_ca_cert_pem(&pair.certificate_pem, key).map_err(malformed)?;
        Ok(Self { pair, issuer })
    }

    /// Its certificate, which clients trust.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.pair.certificate_pem
    }

    /// Its certificate and key.
    #[must_use]
    pub fn pair(&self) -> &Pair {
        &self.pair
    }

    /// Issues a leaf with a new key, good from now for [`LEAF_LIFE`].
    ///
    /// # Errors
    /// When a name is malformed or signing fails.
    pub fn issue(&self, leaf: &Leaf, now: Timestamp) -> Result<Pair, Error> {
        let fail = |source| Error::Make {
            subject: leaf.common_name.clone(),
            source,
        };
        let key = KeyPair::generate().map_err(fail)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = name(&leaf.common_name, &leaf.organizations);
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![
            KeyUsagePurpose::DigitalSignature,
            KeyUsagePurpose::KeyEncipherment,
        ];
        params.use_authority_key_identifier_extension = true;
        if leaf.server {
            params
                .extended_key_usages
                .push(ExtendedKeyUsagePurpose::ServerAuth);
        }
        if leaf.client {
            params
                .extended_key_usages
                .push(ExtendedKeyUsagePurpose::ClientAuth);
        }
        for dns_name in &leaf.dns_names {
            let dns_name = dns_name.as_str().try_into().map_err(fail)?;
            params.subject_alt_names.push(SanType::DnsName(dns_name));
        }
        params
            .subject_alt_names
            .extend(leaf.addresses.iter().map(|it| SanType::IpAddress(*it)));
        live(&mut params, now, LEAF_LIFE);
        let certificate = params.signed_by(&key, &self.issuer).map_err(fail)?;
        Ok(Pair {
            certificate_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
        })
    }
}

/// A new key for signing service-account tokens: RSA of 2048 bits, PKCS#8 PEM.
///
/// # Errors
/// When no key can be made.
pub fn create_signing_key() -> Result<String, Error> {
    let key = KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).map_err(|source| Error::Make {
        subject: "the service-account key".to_owned(),
        source,
    })?;
    Ok(key.serialize_pem())
}

/// Begin and end of a certificate's life.
///
/// # Errors
/// When it is no certificate.
pub fn life(certificate_pem: &str) -> Result<(Timestamp, Timestamp), Error> {
    let malformed = |reason: String| Error::Malformed {
        what: "a certificate".to_owned(),
        reason,
    };
    let (_, pem) = x509_parser::pem::parse_x509_pem(certificate_pem.as_bytes())
        .map_err(|error| malformed(error.to_string()))?;
    let (_, parsed) = x509_parser::certificate::X509Certificate::from_der(&pem.contents)
        .map_err(|error| malformed(error.to_string()))?;
    let time = |at: i64| Timestamp::from_second(at).map_err(|error| malformed(error.to_string()));
    let validity = parsed.validity();
    Ok((
        time(validity.not_before.timestamp())?,
        time(validity.not_after.timestamp())?,
    ))
}

/// Whether two thirds of a certificate's life are over, or it cannot be read: time for a new one.
#[must_use]
pub fn is_due(certificate_pem: &str, now: Timestamp) -> bool {
    life(certificate_pem).is_ok_and(|(from, until)| {
        let whole = until.as_second() - from.as_second();
        now.as_second() >= from.as_second() + whole / 3 * 2 || now < from
    }) || life(certificate_pem).is_err()
}

/// Calls `renew` now and then until the group stops; it re-issues what is due. Renewal is checked
/// every twelve hours, so a clock that jumps is noticed too.
pub fn keep_renewed(tasks: &crate::tasks::Tasks, renew: Arc<dyn Fn() + Send + Sync>) {
    const EVERY: Duration = Duration::from_secs(12 * 3600);
    tasks.spawn("certificate renewal", async move {
        loop {
            tokio::time::sleep(EVERY).await;
            renew();
        }
    });
}

fn name(common_name: &str, organizations: &[String]) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    for organization in organizations {
        name.push(DnType::OrganizationName, organization.as_str());
    }
    name.push(DnType::CommonName, common_name);
    name
}

fn live(params: &mut CertificateParams, now: Timestamp, life: Duration) {
    let from = now.checked_sub(BACKDATE).unwrap_or(now);
    let until = now.checked_add(life).unwrap_or(Timestamp::MAX);
    let date = |at: Timestamp| std::time::SystemTime::from(at).into();
    params.not_before = date(from);
    params.not_after = date(until);
}

#[cfg(test)]
mod tests;
