//! Measurements. Prints one JSON line per figure: `{"figure", "value", "unit", ...}`, with the rival's
//! value beside ours where there is one. `store` measures durable writes, `api` the requests to a
//! server, `start` a server from its first instruction to its fiftieth pod.

mod apart;
mod etcd;
mod figure;
mod http;
mod kubeconfig;
mod load;
mod modes;
mod process;
mod protobuf;
mod servers;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Measures Sampan; one JSON line per figure on standard output.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    mode: Mode,
}

#[derive(Subcommand)]
enum Mode {
    /// Durable writes to the embedded store and reads, beside etcd's if `etcd` is on the PATH
    Store(modes::store::Arguments),
    /// Requests to a server, all or some parts; beside kube-apiserver if KUBE_APISERVER names its binary
    Api(modes::api::Arguments),
    /// Everything: `store`, `start`, `api` (needs root)
    All(modes::start::Arguments),
    /// Starts a server on a fresh directory and measures it from there (needs root)
    Start(modes::start::Arguments),
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if !matches!(&arguments.mode, Mode::Api(api) if api.is_elsewhere()) {
        apart::enter()?;
    }
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        match arguments.mode {
            Mode::All(arguments) => modes::all::run(arguments).await,
            Mode::Store(arguments) => modes::store::run(arguments).await,
            Mode::Api(arguments) => modes::api::run(arguments).await,
            Mode::Start(arguments) => modes::start::run(arguments).await,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn arguments_are_sound() {
        Arguments::command().debug_assert();
    }
}
