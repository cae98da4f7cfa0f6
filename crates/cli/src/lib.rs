//! The command line: kubectl's verbs over the client. No columns live here, since the server prints
//! tables; no kinds either, but in the verbs and descriptions named after one.

#[cfg(test)]
mod bad_input;
mod describe;
mod failure;
mod flags;
mod live;
mod manifest;
mod print;
mod resolve;
mod selection;
mod session;
mod streams;
mod tree;
mod verbs;

use clap::Parser;
use std::process::ExitCode;

/// Controls a Kubernetes cluster.
#[derive(Debug, Parser)]
#[command(
    name = "kubectl",
    about = "kubectl controls the Kubernetes cluster manager.",
    disable_version_flag = true,
    disable_help_subcommand = true,
    subcommand_required = true,
    arg_required_else_help = true
)]
struct Line {
    #[command(flatten)]
    flags: flags::Flags,
    #[command(subcommand)]
    verb: verbs::Verb,
}

/// Runs one command line; `arguments` begin with the program's name.
#[must_use]
pub fn main(arguments: &[String]) -> ExitCode {
    let line = match Line::try_parse_from(arguments) {
        Ok(line) => line,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::from(error.use_stderr()));
        }
    };
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return failure::report(&error.into()),
    };
    let done = runtime.block_on(async {
        let session = session::Session::new(line.flags);
        line.verb.run(&session).await
    });
    // Standard input may be read by a thread that nothing can wake.
    runtime.shutdown_background();
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure::report(&error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_grammar_is_consistent() {
        Line::command().debug_assert();
        for text in [
            "get pods -A",
            "exec -it web -- sh -c x",
            "create deployment x --image=y",
            "apply -f -",
            "delete po x --grace-period=-1",
            "logs web -f --tail=5",
        ] {
            let words = std::iter::once("kubectl").chain(text.split(' '));
            let parsed = Line::try_parse_from(words);
            assert!(
                parsed.is_ok(),
                "{text}: {}",
                parsed.map(|_| ()).unwrap_err()
            );
        }
    }
}
