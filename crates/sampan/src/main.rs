//! The binary: configuration, first certificates, wiring and supervision. No logic lives here that a test of
//! a crate could not reach.

mod access;
mod admin;
mod arguments;
#[cfg(test)]
mod bad_input;
mod certificates;
mod cluster_dns;
mod config_file;
mod demo;
mod hello;
mod hello_image;
mod images;
mod kube_apiserver;
mod kubeconfig;
mod node;
mod nodes;
mod paths;
mod requirements;
mod server;
mod service_ranges;
mod uninstall;
mod upstream_flags;
mod wiring;

use anyhow::Context as _;
use arguments::{Arguments, Command};
use clap::Parser as _;
use std::{ffi::OsString, process::ExitCode};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    // The shim and the CLI come first: the one must stay single-threaded, the other has its own grammar.
    match arguments.get(1).and_then(|first| first.to_str()) {
        Some("shim") => return runtime::shim::main(&text(&arguments[2..])),
        Some("kubectl") => return cli::main(&text(&arguments[1..])),
        _ if is_called(&arguments, "kubectl") => return cli::main(&text(&arguments)),
        _ => {}
    }
    match start(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sampan: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether the binary was called through a link of this name.
fn is_called(arguments: &[OsString], by: &str) -> bool {
    arguments
        .first()
        .map(std::path::Path::new)
        .and_then(|path| path.file_name())
        .is_some_and(|name| name == by)
}

fn text(arguments: &[OsString]) -> Vec<String> {
    arguments
        .iter()
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect()
}

fn start(arguments: Vec<OsString>) -> anyhow::Result<()> {
    // Memory here is many small objects: huge pages would hold twice as much. Without the setting, so it is.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    let arguments = if is_called(&arguments, "kube-apiserver") {
        kube_apiserver::command_line(arguments)
    } else {
        arguments
    };
    // Before the file is read, so that the flag that names it has the neighbours that clap will see.
    let arguments = config_file::extend(upstream_flags::sift(arguments)?)?;
    let arguments = upstream_flags::sift(arguments)?;
    let arguments = Arguments::parse_from(arguments);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .worker_threads(worker_threads())
        .max_blocking_threads(64)
        .thread_stack_size(1 << 20)
        .build()
        .context("cannot start the threads of the program")?;
    runtime.block_on(run(arguments.command))
}

/// One for each processor, at most eight: past that one node's work does not spread.
fn worker_threads() -> usize {
    std::thread::available_parallelism()
        .map_or(2, usize::from)
        .clamp(2, 8)
}

async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Server(options) => {
            start_logging(&options.log_level);
            server::run(options, |_, _| {}).await
        }
        Command::Up(options) => {
            start_logging(&options.server.log_level);
            demo::up(options).await
        }
        Command::Image(command) => images::run(command).await,
        Command::Uninstall(options) => uninstall::run(options).await,
        Command::Hello(options) => hello::serve(options).await,
        Command::Check(options) => requirements::report(&options),
        // Parsed before clap is asked; named there for the sake of `--help`.
        Command::Kubectl => Ok(()),
        Command::Version => {
            println!(
                "sampan version {} (Kubernetes {})",
                env!("CARGO_PKG_VERSION"),
                machinery::versions::GIT_VERSION
            );
            Ok(())
        }
    }
}

fn start_logging(level: &str) {
    let filter = tracing_subscriber::EnvFilter::try_from_env("SAMPAN_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(level));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        .init();
}
