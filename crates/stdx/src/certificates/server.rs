//! The certificate a server shows, which can be changed while it serves.

use super::{Error, Pair};
use arc_swap::ArcSwap;
use rustls::{
    RootCertStore, ServerConfig,
    crypto::aws_lc_rs,
    server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier},
    sign::CertifiedKey,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use std::sync::Arc;

/// A certificate in use; new connections see what was set last.
#[derive(Debug)]
pub struct ServedCertificate(ArcSwap<CertifiedKey>);

impl ServedCertificate {
    /// Begins with this one.
    ///
    /// # Errors
    /// When it is unusable.
    pub fn new(pair: &Pair) -> Result<Arc<Self>, Error> {
        Ok(Arc::new(Self(ArcSwap::from_pointee(certified(pair)?))))
    }

    /// Shows this one from now on.
    ///
    /// # Errors
    /// When it is unusable; the old one stays.
    pub fn set(&self, pair: &Pair) -> Result<(), Error> {
        self.0.store(Arc::new(certified(pair)?));
        Ok(())
    }
}

impl ResolvesServerCert for ServedCertificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

fn malformed(what: &str, reason: &dyn std::fmt::Display) -> Error {
    Error::Malformed {
        what: what.to_owned(),
        reason: reason.to_string(),
    }
}

fn certified(pair: &Pair) -> Result<CertifiedKey, Error> {
    let chain: Vec<CertificateDer<'static>> =
        CertificateDer::pem_slice_iter(pair.certificate_pem.as_bytes())
            .collect::<Result<_, _>>()
            .map_err(|error| malformed("a certificate", &error))?;
    let key = PrivateKeyDer::from_pem_slice(pair.key_pem.as_bytes())
        .map_err(|error| malformed("a private key", &error))?;
    let key = aws_lc_rs::sign::any_supported_type(&key)
        .map_err(|error| malformed("a private key", &error))?;
    Ok(CertifiedKey::new(chain, key))
}

/// TLS 1.2 and 1.3 with HTTP/2 and HTTP/1.1; certificates of clients are optional, and checked against
/// the client authorities when offered.
///
/// # Errors
/// When an authority is unusable.
pub fn server_config(
    certificate: Arc<ServedCertificate>,
    client_authorities_pem: &str,
) -> Result<Arc<ServerConfig>, Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    for root in CertificateDer::pem_slice_iter(client_authorities_pem.as_bytes()) {
        let root = root.map_err(|error| malformed("the client authority", &error))?;
        roots
            .add(root)
            .map_err(|error| malformed("the client authority", &error))?;
    }
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .allow_unauthenticated()
            .build()
            .map_err(|error| malformed("the client authority", &error))?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| malformed("the TLS configuration", &error))?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(certificate);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
