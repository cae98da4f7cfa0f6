//! Flags that every verb takes.

use clap::Args;
use std::path::PathBuf;

/// Where the cluster is, who asks, and in which namespace.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Flags {
    /// Path to the kubeconfig file to use for CLI requests.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        help_heading = "Global options"
    )]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// The name of the kubeconfig context to use.
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) context: Option<String>,
    /// The name of the kubeconfig cluster to use.
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) cluster: Option<String>,
    /// The name of the kubeconfig user to use.
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) user: Option<String>,
    /// If present, the namespace scope for this CLI request.
    #[arg(short, long, global = true, help_heading = "Global options")]
    pub(crate) namespace: Option<String>,
    /// The address and port of the Kubernetes API server.
    #[arg(short, long, global = true, help_heading = "Global options")]
    pub(crate) server: Option<String>,
    /// Bearer token for authentication to the API server.
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) token: Option<String>,
    /// Path to a client certificate file for TLS.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        help_heading = "Global options"
    )]
    pub(crate) client_certificate: Option<PathBuf>,
    /// Path to a client key file for TLS.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        help_heading = "Global options"
    )]
    pub(crate) client_key: Option<PathBuf>,
    /// Path to a cert file for the certificate authority.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        help_heading = "Global options"
    )]
    pub(crate) certificate_authority: Option<PathBuf>,
    /// If true, the server's certificate will not be checked for validity.
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) insecure_skip_tls_verify: bool,
    /// Username to impersonate for the operation.
    #[arg(
        long = "as",
        global = true,
        value_name = "USER",
        help_heading = "Global options"
    )]
    pub(crate) impersonate: Option<String>,
    /// Group to impersonate for the operation; can be repeated.
    #[arg(
        long = "as-group",
        global = true,
        value_name = "GROUP",
        help_heading = "Global options"
    )]
    pub(crate) impersonate_groups: Vec<String>,
}

/// `-f` and what belongs to it.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Files {
    /// File, directory or `-` (standard input) with the resources; can be repeated.
    #[arg(short = 'f', long = "filename", value_name = "FILE")]
    pub(crate) filenames: Vec<String>,
    /// Process the directories used in -f recursively.
    #[arg(short = 'R', long)]
    pub(crate) recursive: bool,
}

/// `--dry-run[=none|client|server]`.
#[derive(Args, Clone, Copy, Debug, Default)]
pub(crate) struct DryRun {
    /// none, client (print only) or server (submit without persisting).
    #[arg(
        long = "dry-run",
        default_value = "none",
        default_missing_value = "client",
        num_args = 0..=1,
        require_equals = true,
        value_name = "STRATEGY"
    )]
    pub(crate) strategy: Strategy,
}

/// How far a dry run goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Strategy {
    /// A real run.
    #[default]
    None,
    /// Nothing is sent.
    Client,
    /// Sent, judged, not stored.
    Server,
}

impl DryRun {
    /// What follows a line such as `pod/x created`.
    pub(crate) fn suffix(self) -> &'static str {
        match self.strategy {
            Strategy::None => "",
            Strategy::Client => " (dry run)",
            Strategy::Server => " (server dry run)",
        }
    }

    /// The query parameter's value.
    pub(crate) fn query(self) -> &'static str {
        if self.strategy == Strategy::Server {
            "All"
        } else {
            ""
        }
    }

    /// Whether nothing may be sent.
    pub(crate) fn is_client(self) -> bool {
        self.strategy == Strategy::Client
    }
}
