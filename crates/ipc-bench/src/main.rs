//! The program: see the library.

use std::process::ExitCode;

use clap::Parser;

#[expect(clippy::print_stderr, reason = "the command's error channel")]
fn main() -> ExitCode {
    match ipc_bench::run(ipc_bench::Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ipc-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}
