//! What the project does to itself: `cargo xtask demo`, `cargo xtask ci`, and their like.

mod checks;
mod demo;
mod process;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "What the project does to itself")]
struct Args {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Build everything and show it at work: a server, a provider, a caller, a listener
    Demo,
    /// Run every check and test, as CI does; the last output is the test runner's summary
    Ci,
    /// Run the long forms of the tests: a thousand killed providers, thousands of simulations
    Slow,
    /// Check that the client library stays within its number of crates
    ClientBudget,
    /// Write the man pages and shell completions of `ipc` below target/
    Assets,
}

#[expect(clippy::print_stderr, reason = "the command's error channel")]
fn main() -> ExitCode {
    let done = match Args::parse().task {
        Task::Demo => demo::run(),
        Task::Ci => checks::run(),
        Task::Slow => checks::slow(),
        Task::ClientBudget => checks::client_budget(),
        Task::Assets => demo::write_assets(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
