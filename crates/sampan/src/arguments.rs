//! The command line. Flags are named as k3s names them where it has them.

mod api_server;

pub(crate) use api_server::{ApiServerOptions, AuthorizationMode};

use crate::service_ranges::ServiceRanges;
use clap::{Args, Parser, Subcommand};
use ipnet::Ipv4Net;
use std::{
    ffi::{OsStr, OsString},
    net::{IpAddr, Ipv4Addr},
    os::unix::ffi::OsStrExt as _,
    path::PathBuf,
};

/// Kubernetes in one small binary.
#[derive(Debug, Parser)]
#[command(name = "sampan", version, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a cluster of one node: API server, store, scheduler, controllers, kubelet, network and DNS
    Server(ServerOptions),
    /// Run a cluster in the foreground and deploy a demo on it
    Up(UpOptions),
    /// Manage the images of this machine
    #[command(subcommand)]
    Image(ImageCommand),
    /// Stop every container and remove everything Sampan made on this machine
    Uninstall(UninstallOptions),
    /// Say whether this machine has what Sampan needs, and the remedy for what it lacks
    Check(CheckOptions),
    /// Serve the demo page; the demo image runs this
    Hello(HelloOptions),
    /// Print the version
    Version,
    /// The Kubernetes command line: `sampan kubectl get pods`
    #[command(name = "kubectl", disable_help_flag = true)]
    #[allow(dead_code)] // parsed before clap sees it; here for `sampan --help`
    Kubectl,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct ServerOptions {
    /// YAML file with the same keys as these flags
    #[arg(short, long, default_value = crate::config_file::DEFAULT)]
    #[allow(dead_code)] // read before clap runs; here for the help text
    pub(crate) config: PathBuf,
    /// Folder that holds all state
    #[arg(short, long, default_value = crate::paths::DATA_DIR)]
    pub(crate) data_dir: PathBuf,
    /// Address the API listens on
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::UNSPECIFIED))]
    pub(crate) bind_address: IpAddr,
    /// Port the API listens on
    #[arg(long, visible_alias = "secure-port", default_value_t = 6443)]
    pub(crate) https_listen_port: u16,
    /// Address by which clients reach the API; the first address of this machine unless given
    #[arg(long)]
    pub(crate) advertise_address: Option<IpAddr>,
    /// Additional names or addresses for the API's certificate
    #[arg(long, value_delimiter = ',')]
    pub(crate) tls_san: Vec<String>,
    /// Range of pod addresses
    #[arg(long, default_value = "10.42.0.0/16")]
    pub(crate) cluster_cidr: Ipv4Net,
    /// Range of service addresses; for services of both families an IPv6 range after a comma
    #[arg(
        long,
        visible_alias = "service-cluster-ip-range",
        default_value = "10.43.0.0/16"
    )]
    pub(crate) service_cidr: ServiceRanges,
    /// Service address of the cluster's DNS; the tenth of the service range unless given
    #[arg(long)]
    pub(crate) cluster_dns: Option<Ipv4Addr>,
    /// Domain of the cluster's names
    #[arg(long, default_value = "cluster.local")]
    pub(crate) cluster_domain: String,
    /// Where to write the administrator's kubeconfig (mode 0600); /etc/sampan/kubeconfig.yaml for root,
    /// kubeconfig.yaml in the data folder for others, unless given
    #[arg(short = 'o', long)]
    pub(crate) write_kubeconfig: Option<PathBuf>,
    /// Name of this node; the host's name unless given
    #[arg(long)]
    pub(crate) node_name: Option<String>,
    /// Address of this node; the advertised address unless given
    #[arg(long)]
    pub(crate) node_ip: Option<IpAddr>,
    /// Parts not to run: scheduler, controllers, proxy, dns, demo-image, or a controller by name
    #[arg(long, value_delimiter = ',')]
    pub(crate) disable: Vec<String>,
    /// Run no node: API, store, scheduler and controllers only
    #[arg(long)]
    pub(crate) disable_agent: bool,
    /// Admission plugins to run besides those that run by default, by upstream's names
    #[arg(long, value_delimiter = ',')]
    pub(crate) enable_admission_plugins: Vec<String>,
    /// Admission plugins not to run although they run by default, by upstream's names
    #[arg(long, value_delimiter = ',')]
    pub(crate) disable_admission_plugins: Vec<String>,
    /// Tell of API versions that Kubernetes no longer serves (extensions/v1beta1 and others) in discovery and OpenAPI; they are answered in any case
    #[arg(long)]
    pub(crate) advertise_removed_apis: bool,
    /// Registries (host:port) to speak to without TLS
    #[arg(long, value_delimiter = ',')]
    pub(crate) insecure_registry: Vec<String>,
    /// Certificates of registries, as HOST:PORT/*.crt
    #[arg(long, default_value = "/etc/containerd/certs.d")]
    pub(crate) registry_certs_dir: PathBuf,
    /// What to log: error, warn, info, debug, or a tracing filter
    #[arg(long, default_value = "warn")]
    pub(crate) log_level: String,
    #[command(flatten)]
    pub(crate) api: ApiServerOptions,
}

impl ServerOptions {
    /// Where the administrator's kubeconfig goes.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        match &self.write_kubeconfig {
            Some(path) => path.clone(),
            None if nix::unistd::geteuid().is_root() => crate::paths::KUBECONFIG.into(),
            None => self.data_dir.join("kubeconfig.yaml"),
        }
    }
}

#[derive(Clone, Debug, Args)]
pub(crate) struct UpOptions {
    #[command(flatten)]
    pub(crate) server: ServerOptions,
    /// Replicas of the demo
    #[arg(long, default_value_t = 3)]
    pub(crate) replicas: i32,
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum ImageCommand {
    /// Add the images of an archive (OCI layout or docker-save, also compressed)
    Import {
        /// The archive
        file: PathBuf,
        #[command(flatten)]
        data: DataOptions,
    },
    /// List images
    Ls {
        #[command(flatten)]
        data: DataOptions,
    },
    /// Remove an image by name or id
    Rm {
        /// The image
        image: String,
        #[command(flatten)]
        data: DataOptions,
    },
    /// Write an image archive from a root folder, to import here or elsewhere
    Build {
        /// Its name, such as `busybox:1.36`
        #[arg(long)]
        name: String,
        /// A tar archive of its files (may be given several times, one layer each)
        #[arg(long, required = true)]
        layer: Vec<PathBuf>,
        /// What it runs
        #[arg(long)]
        entrypoint: Vec<String>,
        /// Default arguments
        #[arg(long)]
        cmd: Vec<String>,
        /// Environment, NAME=VALUE
        #[arg(long)]
        env: Vec<String>,
        /// Where to write it
        output: PathBuf,
    },
}

#[derive(Clone, Debug, Args)]
pub(crate) struct DataOptions {
    /// Folder that holds all state
    #[arg(short, long, default_value = crate::paths::DATA_DIR)]
    pub(crate) data_dir: PathBuf,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct UninstallOptions {
    #[command(flatten)]
    pub(crate) data: DataOptions,
    /// The kubeconfig that the server wrote
    #[arg(short = 'o', long, default_value = crate::paths::KUBECONFIG)]
    pub(crate) write_kubeconfig: PathBuf,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct CheckOptions {
    /// Port the API will listen on
    #[arg(long, default_value_t = 6443)]
    pub(crate) https_listen_port: u16,
    /// Folder that will hold all state
    #[arg(short, long, default_value = crate::paths::DATA_DIR)]
    pub(crate) data_dir: PathBuf,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct HelloOptions {
    /// Port to listen on
    #[arg(long, env = "PORT", default_value_t = 8080)]
    pub(crate) port: u16,
}

/// The value of a flag, by its long or short names, in arguments that nobody has parsed yet.
pub(crate) fn value_of(arguments: &[OsString], names: &[&str]) -> Option<OsString> {
    let mut next = arguments.iter().skip(1);
    let value = |argument: &OsString, name: &str| {
        let rest = argument.as_bytes().strip_prefix(name.as_bytes())?;
        match rest.split_first() {
            None => Some(None),
            Some((b'=', value)) => Some(Some(value.to_owned())),
            Some(_) if !name.starts_with("--") => Some(Some(rest.to_owned())),
            Some(_) => None,
        }
    };
    let found = next
        .by_ref()
        .find_map(|argument| names.iter().find_map(|name| value(argument, name)));
    match found? {
        Some(value) => Some(OsStr::from_bytes(&value).to_owned()),
        None => next.next().cloned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_in_each_spelling() {
        for text in [
            "sampan server --config=/x",
            "sampan server --config /x",
            "sampan server -c /x",
            "sampan server -c=/x",
            "sampan server -c/x --configure=/y",
            "sampan server --configure=/y --config=/x",
        ] {
            let line: Vec<_> = text.split(' ').map(OsString::from).collect();
            assert_eq!(
                value_of(&line, &["--config", "-c"]),
                Some("/x".into()),
                "{text}"
            );
        }
        let none = ["sampan", "server", "--config"].map(OsString::from);
        assert_eq!(value_of(&none, &["--config", "-c"]), None);
    }
}
