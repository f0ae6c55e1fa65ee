//! The process around the server: arguments, logs, signals.

mod args;

use std::{
    io::{self, IsTerminal, Write},
    process::ExitCode,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use anyhow::Context;
use clap::Parser;
use ipc_server::{Server, Stopper};
use tracing_subscriber::EnvFilter;

use crate::args::Args;

#[expect(clippy::print_stderr, reason = "the command's error channel")]
fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ipc-server: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> anyhow::Result<()> {
    log_to_stderr(&args.log_filter())?;
    raise_file_limit();
    let mut builder = Server::builder()
        .limits(args.limits())
        .busy_poll(Duration::from_micros(args.busy_poll));
    for address in args.addresses()? {
        builder = builder.listen(address);
    }
    let server = builder.bind()?;
    stop_on_signals(server.stopper())?;
    let mut stdout = io::stdout().lock();
    for address in server.addresses() {
        writeln!(stdout, "listening on {address}").context("cannot write to standard output")?;
    }
    stdout.flush().context("cannot write to standard output")?;
    drop(stdout);
    server.run().context("the event loop failed")
}

fn log_to_stderr(filter: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::builder()
        .parse(filter)
        .with_context(|| format!("{filter:?} is not a log level or filter"))?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none())
        .init();
    Ok(())
}

/// Lets the process have as many connections as the system allows it.
fn raise_file_limit() {
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}

/// SIGINT, SIGTERM and SIGHUP stop the server cleanly; a second one ends it at once.
fn stop_on_signals(stopper: Stopper) -> anyhow::Result<()> {
    let is_stopping = AtomicBool::new(false);
    ctrlc::set_handler(move || {
        if is_stopping.swap(true, Ordering::Relaxed) {
            std::process::exit(1);
        }
        stopper.stop();
    })
    .context("cannot handle signals")
}
