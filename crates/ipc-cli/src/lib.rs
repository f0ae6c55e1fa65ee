//! The command-line tool `ipc`: list, call, send, listen, wait, serve.
//!
//! A thin shell around `ipc-client`. [`command`] holds the definitions that the parser, the shell
//! completions and the man pages share; each command has a file of its own below `commands`. Data
//! goes to standard output through [`output`](self), everything else to standard error, and
//! `exit.rs` says with which code the process ends.

mod args;
mod commands;
mod connection;
mod escape;
mod exit;
mod help;
mod json;
mod names;
mod output;
mod param;
mod patience;
mod signals;
mod stderr_turn;
mod stop;
mod stream;
mod table;
mod usage;

use std::process::ExitCode;

use anyhow::Context;
use clap::{CommandFactory, Parser};

use crate::{args::Args, output::Output};

/// The whole command line, for completions and man pages.
#[must_use]
pub fn command() -> clap::Command {
    Args::command()
}

/// Runs the command that the process was started with.
#[must_use]
pub fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(said) => {
            let is_json = usage::wants_json(std::env::args_os());
            return exit::report_command_line(&said, &Output::unparsed(is_json));
        }
    };
    let output = Output::new(&args.global);
    match run(args, &output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => exit::report(&error, &output),
    }
}

fn run(args: Args, output: &Output) -> anyhow::Result<()> {
    signals::end_first_process().context("cannot start")?;
    // The commands may block on their output; the connection goes on in a thread of its own.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .context("cannot start")?;
    let outcome = runtime.block_on(commands::run(args, output));
    // A thread that waits for the reader of our output must not keep the process alive.
    runtime.shutdown_background();
    outcome
}
