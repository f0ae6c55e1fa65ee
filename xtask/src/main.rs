//! What the project does to itself: `cargo xtask demo`, `cargo xtask ci`, and their like.

mod bench;
mod checks;
mod demo;
mod instructions;
mod packages;
mod process;
mod suite;

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
    /// Run every check and test, as CI does; the last line says that all passed, and how many
    Ci,
    /// Run the long forms of the tests: a thousand killed providers, thousands of simulations
    Slow,
    /// Measure the server beside a raw relay and its peers; `cargo xtask bench --help` says how
    #[command(disable_help_flag = true)]
    Bench {
        /// What `ipc-bench` is told
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Count the instructions of the hot path, and compare them with the record
    Instructions {
        /// Make the record anew
        #[arg(long)]
        record: bool,
    },
    /// Check that the client library stays within its number of crates
    ClientBudget,
    /// Write the man pages and shell completions of `ipc` below target/
    Assets,
}

fn name_skipped(skipped: Option<String>) {
    if let Some(reason) = skipped {
        process::say(&format!("skipped: {reason}"));
    }
}

#[expect(clippy::print_stderr, reason = "the command's error channel")]
fn main() -> ExitCode {
    let done = match Args::parse().task {
        Task::Demo => demo::run(),
        Task::Ci => checks::run(),
        Task::Slow => checks::slow(),
        Task::Bench { arguments } => bench::run(&arguments),
        Task::Instructions { record } => instructions::check(record).map(name_skipped),
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
