//! The flags of kube-apiserver that Sampan honours, under upstream's names, so that it can stand where a
//! kube-apiserver stood in somebody's test rig.

use clap::{ArgAction, Args, ValueEnum};
use std::{path::PathBuf, time::Duration};

/// One of `--authorization-mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum AuthorizationMode {
    /// Everybody who is authenticated may do everything
    #[value(name = "AlwaysAllow")]
    AlwaysAllow,
    /// Nobody may do what no other mode allows
    #[value(name = "AlwaysDeny")]
    AlwaysDeny,
    /// Nodes may do what kubelets do
    #[value(name = "Node")]
    Node,
    /// Roles and their bindings
    #[value(name = "RBAC")]
    Rbac,
}

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "API server, as upstream names them")]
pub(crate) struct ApiServerOptions {
    /// Who may do what; each mode may allow
    #[arg(long, value_delimiter = ',', default_value = "Node,RBAC")]
    pub(crate) authorization_mode: Vec<AuthorizationMode>,
    /// File of static tokens: token,user,uid,"group1,group2"
    #[arg(long)]
    pub(crate) token_auth_file: Option<PathBuf>,
    /// Authorities in PEM whose client certificates are accepted besides the cluster's own
    #[arg(long)]
    pub(crate) client_ca_file: Option<PathBuf>,
    /// Certificate in PEM to serve with; one is made unless given
    #[arg(long, requires = "tls_private_key_file")]
    pub(crate) tls_cert_file: Option<PathBuf>,
    /// Key of that certificate
    #[arg(long, requires = "tls_cert_file")]
    pub(crate) tls_private_key_file: Option<PathBuf>,
    /// Folder of apiserver.crt and apiserver.key, which are served; they are made when absent
    #[arg(long)]
    pub(crate) cert_dir: Option<PathBuf>,
    /// Issuer of service-account tokens; the first signs, all are accepted
    #[arg(long, value_delimiter = ',')]
    pub(crate) service_account_issuer: Vec<String>,
    /// Keys in PEM that service-account tokens are checked with
    #[arg(long, value_delimiter = ',')]
    pub(crate) service_account_key_file: Vec<PathBuf>,
    /// Key in PEM that signs service-account tokens; one is made unless given
    #[arg(long)]
    pub(crate) service_account_signing_key_file: Option<PathBuf>,
    /// Audiences that tokens are accepted for; the issuer unless given
    #[arg(long, value_delimiter = ',')]
    pub(crate) api_audiences: Vec<String>,
    /// Ports of NodePort services
    #[arg(long, default_value = "30000-32767", value_parser = port_range)]
    pub(crate) service_node_port_range: (u16, u16),
    /// How long events stay after they were last written
    #[arg(long, default_value = "1h", value_parser = duration)]
    pub(crate) event_ttl: Duration,
    /// Privileged containers are allowed; they cannot be forbidden here, only by pod security
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_value = "true",
        default_missing_value = "true", value_parser = only_true)]
    #[allow(dead_code)] // true is the only value; there for rigs that say so
    pub(crate) allow_privileged: bool,
}

impl ApiServerOptions {
    /// The certificate and key to serve with, when they come from outside.
    pub(crate) fn serving_files(&self) -> Option<(PathBuf, PathBuf)> {
        let named = self
            .tls_cert_file
            .clone()
            .zip(self.tls_private_key_file.clone());
        let found = self.cert_dir.as_ref().and_then(|folder| {
            let file = |name| folder.join(format!("apiserver.{name}"));
            // Beside a certificate of our own lies what it was issued for.
            let is_foreign = file("crt").exists() && !file("terms").exists();
            is_foreign.then(|| (file("crt"), file("key")))
        });
        named.or(found)
    }
}

fn port_range(text: &str) -> Result<(u16, u16), String> {
    let malformed = || format!("{text:?} is no range of ports such as 30000-32767");
    let range = if let Some((first, count)) = text.split_once('+') {
        let (first, count): (u16, u16) = first
            .parse()
            .ok()
            .zip(count.parse().ok())
            .ok_or_else(malformed)?;
        (first, first.checked_add(count).ok_or_else(malformed)?)
    } else {
        let (first, last) = text.split_once('-').ok_or_else(malformed)?;
        first
            .parse()
            .ok()
            .zip(last.parse().ok())
            .ok_or_else(malformed)?
    };
    if range.0 == 0 || range.0 > range.1 {
        return Err(malformed());
    }
    Ok(range)
}

fn duration(text: &str) -> Result<Duration, String> {
    let parsed = machinery::durations::parse_go(text).ok();
    let parsed = parsed.and_then(|it| Duration::try_from(it).ok());
    parsed.ok_or_else(|| format!("{text:?} is no duration such as 1h or 90m"))
}

fn only_true(text: &str) -> Result<bool, String> {
    match text {
        "true" => Ok(true),
        _ => Err("privileged containers cannot be forbidden for the whole server; label namespaces with pod-security.kubernetes.io/enforce instead".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_ranges() {
        assert_eq!(port_range("30000-32767"), Ok((30000, 32767)));
        assert_eq!(port_range("30000+10"), Ok((30000, 30010)));
        for bad in ["", "1", "5-4", "0-3", "a-b", "65000+1000"] {
            assert!(port_range(bad).is_err(), "{bad}");
        }
    }
}
