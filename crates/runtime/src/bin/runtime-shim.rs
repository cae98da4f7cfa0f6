//! The shim as a binary of its own, for the tests of this crate; the product has it as a hidden subcommand.

use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.split_first() {
        Some((first, rest)) if first == "shim" => runtime::shim::main(rest),
        _ => ExitCode::FAILURE,
    }
}
