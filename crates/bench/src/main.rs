//! Measurements. Prints one JSON line per figure: `{"figure", "value", "unit", ...}`, with the rival's
//! value beside ours where there is one. `store` measures durable writes, `api` a running server,
//! `start` a server from its first instruction to its fiftieth pod.

mod apart;
mod figure;
mod http;
mod kubeconfig;
mod load;
mod modes;
mod process;

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
    /// Durable writes to the embedded store, beside etcd's if `etcd` is on the PATH
    Store(modes::store::Arguments),
    /// Requests to a running server
    Api(modes::api::Arguments),
    /// Everything: `store`, then `start` with `api` on the server it starts (needs root)
    All(modes::start::Arguments),
    /// Starts a server on a fresh directory and measures it from there (needs root)
    Start(modes::start::Arguments),
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if !matches!(arguments.mode, Mode::Api(_)) {
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
