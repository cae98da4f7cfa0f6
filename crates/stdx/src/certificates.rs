//! Certificates: authorities, leaves issued by them, and their renewal in place long before they expire.
//!
//! A pair lives in two files, `NAME.crt` and `NAME.key` (0600), each replaced whole. Leaves are renewed at two
//! thirds of their life, or at once when what they should say has changed.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_RSA_SHA256,
};
use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};
use x509_parser::{extensions::GeneralName, prelude::FromDer as _};

/// Life of an authority.
const AUTHORITY_DAYS: i64 = 3650;
/// Life of a leaf.
const LEAF_DAYS: i64 = 365;

/// Why a certificate could not be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be read or written.
    #[error("cannot {operation} {}: {source}", path.display())]
    File {
        /// Read or write.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// A key or certificate could not be made or understood.
    #[error("cannot {operation} {what}: {source}")]
    Crypto {
        /// Make, sign or read.
        operation: &'static str,
        /// Of what.
        what: String,
        /// The library's answer.
        #[source]
        source: rcgen::Error,
    },
    /// A file holds no certificate.
    #[error("{} holds no certificate: {reason}; restore it, or remove it to have a new one made", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// A certificate with its key, both in PEM.
#[derive(Clone)]
pub struct Pair {
    /// The certificate.
    pub certificate_pem: String,
    /// The key, PKCS #8.
    pub key_pem: String,
    /// When it should be renewed.
    pub renew_at: Timestamp,
}

impl std::fmt::Debug for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The key stays out of logs.
        f.debug_struct("Pair")
            .field("renew_at", &self.renew_at)
            .finish_non_exhaustive()
    }
}

/// What a leaf is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// Proving a server's names.
    Server,
    /// Proving who a client is.
    Client,
}

/// What a leaf says.
#[derive(Clone, Debug)]
pub struct Leaf {
    /// Common name: the user name of a client.
    pub common_name: String,
    /// Organizations: the groups of a client.
    pub organizations: Vec<String>,
    /// DNS names and IP addresses of a server.
    pub names: Vec<String>,
    /// Server or client.
    pub usage: Usage,
}

/// An authority that issues leaves.
pub struct Authority {
    pair: Pair,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Reads the authority `name` in `folder`, or makes it at the first start.
    ///
    /// # Errors
    /// When its files cannot be read, understood or written.
    pub fn load_or_create(
        folder: &Path,
        name: &str,
        common_name: &str,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let files = Files::new(folder, name);
        let pair = match files.read()? {
            Some(pair) => pair,
            None => {
                let pair = new_authority(common_name, now)?;
                files.write(&pair)?;
                pair
            }
        };
        let key = KeyPair::from_pem(&pair.key_pem).map_err(crypto("read", name))?;
        let issuer =
            Issuer::from_ca_cert_pem(&pair.certificate_pem, key).map_err(crypto("read", name))?;
        Ok(Self { pair, issuer })
    }

    /// The authority's certificate in PEM.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pair.certificate_pem
    }

    /// A new leaf.
    ///
    /// # Errors
    /// When a name is not one, or the key cannot be made.
    pub fn issue(&self, leaf: &Leaf, now: Timestamp) -> Result<Pair, Error> {
        let mut params = CertificateParams::new(leaf.names.clone())
            .map_err(crypto("make", &leaf.common_name))?;
        set_life(&mut params, now, LEAF_DAYS);
        params.distinguished_name = rcgen::DistinguishedName::new();
        for organization in &leaf.organizations {
            params
                .distinguished_name
                .push(DnType::OrganizationName, organization.as_str());
        }
        params
            .distinguished_name
            .push(DnType::CommonName, leaf.common_name.as_str());
        params.key_usages = vec![
            KeyUsagePurpose::DigitalSignature,
            KeyUsagePurpose::KeyEncipherment,
        ];
        params.extended_key_usages = vec![match leaf.usage {
            Usage::Server => ExtendedKeyUsagePurpose::ServerAuth,
            Usage::Client => ExtendedKeyUsagePurpose::ClientAuth,
        }];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate().map_err(crypto("make a key for", &leaf.common_name))?;
        let certificate = params
            .signed_by(&key, &self.issuer)
            .map_err(crypto("sign", &leaf.common_name))?;
        Ok(Pair {
            certificate_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
            renew_at: two_thirds(now, LEAF_DAYS),
        })
    }

    /// Reads the leaf `name` in `folder`; issues it anew when it is missing, due for renewal, issued by another
    /// authority, or says something else than `leaf`.
    ///
    /// # Errors
    /// When its files cannot be read or written, or it cannot be issued.
    pub fn load_or_renew(
        &self,
        folder: &Path,
        name: &str,
        leaf: &Leaf,
        now: Timestamp,
    ) -> Result<Pair, Error> {
        let files = Files::new(folder, name);
        if let Ok(Some(pair)) = files.read()
            && pair.renew_at > now
            && says(&pair.certificate_pem, leaf)
            && is_issued_by(&pair.certificate_pem, &self.pair.certificate_pem)
        {
            return Ok(pair);
        }
        let pair = self.issue(leaf, now)?;
        files.write(&pair)?;
        Ok(pair)
    }
}

/// Reads the RSA signing key at `path` (PKCS #8 PEM), or makes it at the first start.
///
/// # Errors
/// When the file cannot be read or written, or the key cannot be made.
pub fn load_or_create_signing_key(path: &Path) -> Result<String, Error> {
    if let Some(pem) = read(path)? {
        return Ok(pem);
    }
    let key =
        KeyPair::generate_for(&PKCS_RSA_SHA256).map_err(crypto("make", "the token signing key"))?;
    let pem = key.serialize_pem();
    write_private(path, &pem)?;
    Ok(pem)
}

/// The public half of a key in PEM.
///
/// # Errors
/// When the PEM holds no key.
pub fn public_key_pem(key_pem: &str) -> Result<String, Error> {
    let key = KeyPair::from_pem(key_pem).map_err(crypto("read", "the token signing key"))?;
    Ok(key.public_key_pem())
}

fn new_authority(common_name: &str, now: Timestamp) -> Result<Pair, Error> {
    let mut params = CertificateParams::default();
    set_life(&mut params, now, AUTHORITY_DAYS);
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![
        KeyUsagePurpose::KeyCertSign,
        KeyUsagePurpose::DigitalSignature,
    ];
    let key = KeyPair::generate().map_err(crypto("make a key for", common_name))?;
    let certificate = params
        .self_signed(&key)
        .map_err(crypto("sign", common_name))?;
    Ok(Pair {
        certificate_pem: certificate.pem(),
        key_pem: key.serialize_pem(),
        renew_at: two_thirds(now, AUTHORITY_DAYS),
    })
}

/// Valid from the day before, so that a clock that is a little behind does not refuse it.
fn set_life(params: &mut CertificateParams, now: Timestamp, days: i64) {
    let date = |offset: i64| {
        let time = now
            .saturating_add(SignedDuration::from_hours(24 * offset))
            .unwrap_or(now);
        let date = time.to_zoned(TimeZone::UTC).date();
        rcgen::date_time_ymd(
            i32::from(date.year()),
            date.month().unsigned_abs(),
            date.day().unsigned_abs(),
        )
    };
    params.not_before = date(-1);
    params.not_after = date(days);
}

fn two_thirds(now: Timestamp, days: i64) -> Timestamp {
    now.saturating_add(SignedDuration::from_hours(16 * days))
        .unwrap_or(now)
}

fn crypto(operation: &'static str, what: &str) -> impl FnOnce(rcgen::Error) -> Error {
    let what = what.to_owned();
    move |source| Error::Crypto {
        operation,
        what,
        source,
    }
}

/// Runs `read` on the parsed certificate; `None` when the PEM is malformed.
fn parsed<T>(
    pem: &str,
    read: impl FnOnce(&x509_parser::certificate::X509Certificate<'_>) -> T,
) -> Option<T> {
    let (_, block) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).ok()?;
    let (_, certificate) =
        x509_parser::certificate::X509Certificate::from_der(&block.contents).ok()?;
    Some(read(&certificate))
}

fn is_issued_by(pem: &str, authority_pem: &str) -> bool {
    parsed(authority_pem, |authority| {
        parsed(pem, |leaf| {
            leaf.verify_signature(Some(authority.public_key())).is_ok()
        })
    })
    .flatten()
    .unwrap_or(false)
}

/// Whether a certificate says what `leaf` asks for.
fn says(pem: &str, leaf: &Leaf) -> bool {
    parsed(pem, |certificate| {
        let subject = certificate.subject();
        let common_name = subject
            .iter_common_name()
            .next()
            .and_then(|name| name.as_str().ok());
        let organizations: Vec<_> = subject
            .iter_organization()
            .filter_map(|name| name.as_str().ok())
            .collect();
        let mut names: Vec<String> = certificate
            .subject_alternative_name()
            .ok()
            .flatten()
            .map(|extension| {
                extension
                    .value
                    .general_names
                    .iter()
                    .filter_map(name_text)
                    .collect()
            })
            .unwrap_or_default();
        let mut wanted = leaf.names.clone();
        names.sort();
        wanted.sort();
        common_name == Some(leaf.common_name.as_str())
            && organizations == leaf.organizations
            && names == wanted
    })
    .unwrap_or(false)
}

fn name_text(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(*bytes)
                .ok()
                .map(|bytes| std::net::IpAddr::from(bytes).to_string()),
            16 => <[u8; 16]>::try_from(*bytes)
                .ok()
                .map(|bytes| std::net::IpAddr::from(bytes).to_string()),
            _ => None,
        },
        _ => None,
    }
}

struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

impl Files {
    fn new(folder: &Path, name: &str) -> Self {
        Self {
            certificate: folder.join(format!("{name}.crt")),
            key: folder.join(format!("{name}.key")),
        }
    }

    fn read(&self) -> Result<Option<Pair>, Error> {
        let (Some(certificate_pem), Some(key_pem)) = (read(&self.certificate)?, read(&self.key)?)
        else {
            return Ok(None);
        };
        let malformed = |reason: &str| Error::Malformed {
            path: self.certificate.clone(),
            reason: reason.to_owned(),
        };
        let (from, to) = parsed(&certificate_pem, |certificate| {
            let validity = certificate.validity();
            (
                validity.not_before.timestamp(),
                validity.not_after.timestamp(),
            )
        })
        .ok_or_else(|| malformed("it is not PEM with an X.509 certificate"))?;
        let renew_at = Timestamp::from_second(from + (to - from) / 3 * 2)
            .map_err(|_| malformed("its dates are out of range"))?;
        Ok(Some(Pair {
            certificate_pem,
            key_pem,
            renew_at,
        }))
    }

    fn write(&self, pair: &Pair) -> Result<(), Error> {
        // The key first: a certificate without its key would be read as a whole pair.
        write_private(&self.key, &pair.key_pem)?;
        write_private(&self.certificate, &pair.certificate_pem)
    }
}

fn read(path: &Path) -> Result<Option<String>, Error> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::File {
            operation: "read",
            path: path.to_owned(),
            source,
        }),
    }
}

/// Writes a file whole or not at all, readable by its owner only.
///
/// # Errors
/// When the file cannot be written.
pub fn write_private(path: &Path, text: &str) -> Result<(), Error> {
    let failed = |source| Error::File {
        operation: "write",
        path: path.to_owned(),
        source,
    };
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)
        .map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    fs::rename(&draft, path).map_err(failed)
}

#[cfg(test)]
mod tests;
