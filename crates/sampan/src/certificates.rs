//! The cluster's certificates: made at the first start, renewed in place long before they expire.

use crate::{arguments::ServerOptions, paths::Paths};
use anyhow::Context as _;
use jiff::Timestamp;
use rustls::ServerConfig;
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::{Path, PathBuf},
    sync::Arc,
};
use stdx::{
    certificates::{
        self, Authority, Leaf, Pair, ServedCertificate, keep_renewed, load_or_create_authority,
        load_or_create_signing_key, load_or_issue,
    },
    clock::Clock,
    tasks::Tasks,
};

/// Everything that proves who is who.
pub(crate) struct Certificates {
    folder: PathBuf,
    /// Where the API's own certificate lies: the folder, or `--cert-dir`.
    server_folder: PathBuf,
    server_ca: Authority,
    client_ca: Authority,
    server: Leaf,
    /// Certificate and key from outside to serve with, instead of our own.
    served: Option<(PathBuf, PathBuf)>,
    /// Further authorities of client certificates, in PEM.
    client_authorities_pem: String,
    admin: Leaf,
    /// Key that signs service-account tokens, in PEM.
    pub(crate) signing_key_pem: String,
}

impl Certificates {
    pub(crate) fn load(
        options: &ServerOptions,
        paths: &Paths,
        node: &str,
        address: IpAddr,
        now: Timestamp,
    ) -> anyhow::Result<Self> {
        let folder = paths.tls();
        let server_ca = load_or_create_authority(&folder, "server-ca", now)?;
        let client_ca = load_or_create_authority(&folder, "client-ca", now)?;
        let api = &options.api;
        let signing_key_pem = match &api.service_account_signing_key_file {
            Some(file) => read(file)?,
            None => load_or_create_signing_key(&folder, "service-account")?,
        };
        Ok(Self {
            server_folder: api.cert_dir.clone().unwrap_or_else(|| folder.clone()),
            served: api.serving_files(),
            client_authorities_pem: api
                .client_ca_file
                .as_deref()
                .map_or(Ok(String::new()), read)?,
            server: server_leaf(options, node, address),
            admin: Leaf {
                common_name: "system:admin".to_owned(),
                organizations: vec!["system:masters".to_owned()],
                client: true,
                ..Leaf::default()
            },
            folder,
            server_ca,
            client_ca,
            signing_key_pem,
        })
    }

    /// What clients trust: our authority, and the certificate from outside if that is what is served.
    pub(crate) fn ca_pem(&self) -> anyhow::Result<String> {
        let own = self.server_ca.certificate_pem();
        match &self.served {
            Some((certificate, _)) => Ok(format!("{own}{}", read(certificate)?)),
            None => Ok(own.to_owned()),
        }
    }

    /// The administrator's certificate.
    pub(crate) fn admin(&self, now: Timestamp) -> anyhow::Result<Pair> {
        Ok(load_or_issue(
            &self.folder,
            "admin",
            &self.client_ca,
            &self.admin,
            now,
        )?)
    }

    fn server(&self, now: Timestamp) -> anyhow::Result<Pair> {
        if let Some((certificate, key)) = &self.served {
            return Ok(Pair {
                certificate_pem: read(certificate)?,
                key_pem: read(key)?,
            });
        }
        Ok(load_or_issue(
            &self.server_folder,
            if self.server_folder == self.folder {
                "server"
            } else {
                "apiserver"
            },
            &self.server_ca,
            &self.server,
            now,
        )?)
    }

    /// TLS for the API: client certificates are asked for, not demanded, since tokens are the other way in.
    pub(crate) fn tls(
        &self,
        now: Timestamp,
    ) -> anyhow::Result<(Arc<ServerConfig>, Arc<ServedCertificate>)> {
        let served = ServedCertificate::new(&self.server(now)?)?;
        let own = self.client_ca.certificate_pem();
        let authorities = format!("{own}{}", self.client_authorities_pem);
        let config = certificates::server_config(Arc::clone(&served), &authorities)?;
        Ok((config, served))
    }

    /// Renews what is due, while the server runs.
    pub(crate) fn keep(
        self: Arc<Self>,
        served: Arc<ServedCertificate>,
        write_kubeconfig: impl Fn(&Pair) -> anyhow::Result<()> + Send + Sync + 'static,
        clock: Clock,
        tasks: &Tasks,
    ) {
        let renew = move || {
            let now = clock.now();
            let renewed = self.server(now).and_then(|pair| {
                served.set(&pair)?;
                write_kubeconfig(&self.admin(now)?)
            });
            if let Err(error) = renewed {
                tracing::error!(
                    error = format!("{error:#}"),
                    "certificates could not be renewed"
                );
            }
        };
        keep_renewed(tasks, Arc::new(renew));
    }
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

fn server_leaf(options: &ServerOptions, node: &str, address: IpAddr) -> Leaf {
    let service = crate::wiring::nth(options.service_cidr.v4, 1);
    let mut leaf = Leaf {
        common_name: "kube-apiserver".to_owned(),
        dns_names: vec![
            "kubernetes".to_owned(),
            "kubernetes.default".to_owned(),
            "kubernetes.default.svc".to_owned(),
            format!("kubernetes.default.svc.{}", options.cluster_domain),
            "localhost".to_owned(),
            node.to_owned(),
        ],
        addresses: vec![
            Ipv4Addr::LOCALHOST.into(),
            Ipv6Addr::LOCALHOST.into(),
            service.into(),
            address,
        ],
        server: true,
        ..Leaf::default()
    };
    for name in &options.tls_san {
        match name.parse() {
            Ok(address) => leaf.addresses.push(address),
            Err(_) => leaf.dns_names.push(name.clone()),
        }
    }
    leaf
}
