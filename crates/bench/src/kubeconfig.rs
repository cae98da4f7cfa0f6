//! Where a server is and who we are to it, from a kubeconfig file with embedded data.

use anyhow::{Context, Result};
use base64::{Engine, prelude::BASE64_STANDARD};
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject};
use serde_json::Value;
use std::{path::Path, sync::Arc};
use tokio_rustls::TlsConnector;

/// A server and our way to it.
#[derive(Clone)]
pub(crate) struct Target {
    /// Host and port.
    pub(crate) authority: String,
    /// TLS with our certificate; `None` is plain TCP.
    pub(crate) tls: Option<(TlsConnector, ServerName<'static>)>,
    /// Who we are, when no certificate says it.
    pub(crate) token: Option<String>,
}

impl Target {
    /// The first cluster and user of a kubeconfig.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        let tree: Value = serde_saphyr::from_str(&text)
            .with_context(|| format!("{} is not YAML", path.display()))?;
        Self::from_tree(&tree).with_context(|| format!("{} cannot be used", path.display()))
    }

    /// A server by its certificate, which vouches for itself, and a token.
    pub(crate) fn trusting(authority: &str, certificate: &Path, token: &str) -> Result<Self> {
        let pem = std::fs::read(certificate)?;
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            roots.add(certificate?)?;
        }
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from(host(authority).to_owned())?;
        Ok(Self {
            authority: authority.to_owned(),
            tls: Some((TlsConnector::from(Arc::new(config)), name)),
            token: Some(token.to_owned()),
        })
    }

    fn from_tree(tree: &Value) -> Result<Self> {
        let cluster = &tree["clusters"][0]["cluster"];
        let user = &tree["users"][0]["user"];
        let server = cluster["server"].as_str().context("no server")?;
        let authority = server
            .trim_start_matches("https://")
            .trim_end_matches('/')
            .to_owned();
        let mut roots = RootCertStore::empty();
        for certificate in certificates(&cluster["certificate-authority-data"])? {
            roots.add(certificate)?;
        }
        let key = decoded(&user["client-key-data"])?;
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_client_auth_cert(
                certificates(&user["client-certificate-data"])?,
                PrivateKeyDer::from_pem_slice(&key)?,
            )?;
        let name = ServerName::try_from(host(&authority).to_owned())?;
        Ok(Self {
            authority,
            tls: Some((TlsConnector::from(Arc::new(config)), name)),
            token: None,
        })
    }
}

fn host(authority: &str) -> &str {
    let host = authority
        .rsplit_once(':')
        .map_or(authority, |(host, _)| host);
    host.trim_matches(['[', ']'])
}

fn decoded(field: &Value) -> Result<Vec<u8>> {
    let text = field
        .as_str()
        .context("certificates and key must be embedded")?;
    Ok(BASE64_STANDARD.decode(text)?)
}

fn certificates(field: &Value) -> Result<Vec<CertificateDer<'static>>> {
    let pem = decoded(field)?;
    let all = CertificateDer::pem_slice_iter(&pem).collect::<Result<_, _>>()?;
    Ok(all)
}
