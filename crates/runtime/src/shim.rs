//! The processes that stand between the server and containers, and outlive the server.
//!
//! One *launcher* for each server: this binary executed again, single-threaded, small. It only forks;
//! each child does one thing: pin the namespaces of a sandbox, start a container and stay as its
//! *shim* (streams, log, exit code), run a command in a container, or connect to a port of a sandbox.
//! A fork shares the launcher's memory, so that a shim costs little more than its stack, and starts
//! without loading and relocating a large binary. libcontainer changes directory and forks in
//! its caller, which a threaded process must not do: another reason for these children.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

mod complaints;
mod dial;
mod exec;
mod identity;
mod launcher;
pub(crate) mod log;
mod namespaces;
mod pause;
mod probe;
mod process;
mod relay;
mod start;
pub(crate) mod wire;
mod workload;

pub(crate) use probe::meaning as probe_meaning;
pub(crate) use process::kill_group;
pub(crate) use relay::clients;
pub(crate) use start::{SOCKET, is_alive, start_error};
use wire::{Reply, Request};

/// Runs a hidden subcommand of the binary: everything after `shim` on its command line.
/// Must be called before the process has a second thread.
pub fn main(args: &[String]) -> ExitCode {
    // The server does without huge pages, and children inherit that; containers decide for themselves. A kernel that
    // has no such setting has nothing to undo.
    let _ = rustix::thread::disable_transparent_huge_pages(false);
    match args.first().map(String::as_str) {
        Some("launcher") => launcher::run(args.get(1..).unwrap_or_default()),
        Some("probe") => process::exit(probe::run()),
        _ => {
            let _ = writeln!(
                std::io::stderr(),
                "shim: this command is for the runtime's own use"
            );
            ExitCode::FAILURE
        }
    }
}

/// What a fresh child of the launcher does: serve the one request on its connection.
fn serve(connection: UnixStream) -> ExitCode {
    let (request, descriptors) = match wire::receive::<Request>(&connection) {
        Ok(received) => received,
        Err(_) => return ExitCode::FAILURE,
    };
    let outcome = match request {
        Request::Sandbox(request) => namespaces::serve(&connection, &request),
        Request::Start(request) => start::serve(connection, request),
        Request::Exec(request) => exec::serve(connection, request, descriptors),
        Request::Dial(request) => dial::serve(&connection, &request),
    };
    if outcome.is_ok() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Answers with the reason and passes it on.
fn refuse(connection: &UnixStream, reason: String) -> Result<(), String> {
    let _ = wire::send(
        connection,
        &Reply::Failed {
            reason: reason.clone(),
        },
        &[],
    );
    Err(reason)
}
