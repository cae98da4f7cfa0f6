//! The verbs, one file each.

mod annotate;
mod api_resources;
mod api_versions;
mod apply;
mod cluster_info;
mod config;
mod cordon;
mod create;
mod delete;
mod describe;
mod exec;
mod expose;
mod get;
mod label;
mod logs;
mod patch;
mod replace;
mod rollout;
mod run;
mod scale;
mod set;
mod version;
mod wait;

pub(crate) use exec::selector_text;

use crate::session::Session;

macro_rules! verbs {
    ($($(#[$attribute:meta])* $name:ident($arguments:ty)),+ $(,)?) => {
        /// What can be asked for, in alphabetic order.
        #[derive(Debug, clap::Subcommand)]
        pub(crate) enum Verb {
            $($(#[$attribute])* $name($arguments),)+
        }

        impl Verb {
            /// Runs the verb.
            pub(crate) async fn run(self, session: &Session) -> anyhow::Result<()> {
                match self {
                    $(Self::$name(arguments) => Box::pin(arguments.run(session)).await,)+
                }
            }
        }
    };
}

verbs! {
    /// Update the annotations on a resource
    Annotate(annotate::Arguments),
    /// Print the supported API resources on the server
    ApiResources(api_resources::Arguments),
    /// Print the supported API versions on the server
    ApiVersions(api_versions::Arguments),
    /// Apply a configuration to a resource by file name or stdin
    Apply(apply::Arguments),
    /// Display cluster information
    ClusterInfo(cluster_info::Arguments),
    /// Look at kubeconfig files
    Config(config::Arguments),
    /// Mark node as unschedulable
    Cordon(cordon::Arguments),
    /// Create a resource from a file or from stdin
    Create(create::Arguments),
    /// Delete resources by file names, stdin, resources and names, or by resources and label selector
    Delete(delete::Arguments),
    /// Show details of a specific resource or group of resources
    Describe(describe::Arguments),
    /// Execute a command in a container
    Exec(exec::Arguments),
    /// Take a replication controller, service, deployment or pod and expose it as a new service
    Expose(expose::Arguments),
    /// Display one or many resources
    Get(get::Arguments),
    /// Update the labels on a resource
    Label(label::Arguments),
    /// Print the logs for a container in a pod
    Logs(logs::Arguments),
    /// Update fields of a resource
    Patch(patch::Arguments),
    /// Replace a resource by file name or stdin
    Replace(replace::Arguments),
    /// Manage the rollout of a resource
    Rollout(rollout::Arguments),
    /// Run a particular image on the cluster
    Run(run::Arguments),
    /// Set a new size for a deployment, replica set, or replication controller
    Scale(scale::Arguments),
    /// Set specific features on objects
    Set(set::Arguments),
    /// Mark node as schedulable
    Uncordon(cordon::Uncordon),
    /// Print the client and server version information
    Version(version::Arguments),
    /// Wait for a specific condition on one or many resources
    Wait(wait::Arguments),
}
