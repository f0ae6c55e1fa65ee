//! The process around the server: arguments, logs, signals.

mod args;
mod log_filter;
mod output;
mod signals;

use std::{
    backtrace::Backtrace,
    io::{self, IsTerminal, Write},
    process::ExitCode,
    time::Duration,
};

use anyhow::Context;
use clap::Parser;
use ipc_server::Server;
use tracing_subscriber::EnvFilter;

use crate::{
    args::Args,
    output::{Output, Outputs},
};

fn main() -> ExitCode {
    signals::set_mask();
    let outputs = match Outputs::open() {
        Ok(outputs) => outputs,
        Err(error) => {
            // Nobody may be there to read it; unlike `eprintln!`, this does not panic then.
            writeln!(io::stderr(), "ipc-server: cannot start a thread: {error}").ok();
            return ExitCode::FAILURE;
        }
    };
    report_panics(outputs.stderr.clone());
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) if error.use_stderr() => return report_usage(&error, &outputs.stderr),
        Err(help) => return show_help(&help, &outputs.stderr),
    };
    match run(&args, &outputs) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let line = format!("ipc-server: {error:#}\n");
            outputs.stderr.push(line.as_bytes());
            ExitCode::FAILURE
        }
    }
}

/// Says what is wrong with the command line.
fn report_usage(error: &clap::Error, stderr: &Output) -> ExitCode {
    stderr.push(text_of(error, &io::stderr()).as_bytes());
    ExitCode::from(2)
}

/// Prints what was asked for, such as help, which waits for its reader.
fn show_help(help: &clap::Error, stderr: &Output) -> ExitCode {
    match output::print(&text_of(help, &io::stdout())) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            let line = format!("ipc-server: cannot write to standard output: {error}\n");
            stderr.push(line.as_bytes());
            ExitCode::FAILURE
        }
        // Who stopped reading has read enough.
        _ => ExitCode::SUCCESS,
    }
}

/// What the command line's parser says, with colors where the stream shows them.
fn text_of(said: &clap::Error, stream: &impl IsTerminal) -> String {
    let text = said.render();
    if shows_colors(stream) {
        text.ansi().to_string()
    } else {
        text.to_string()
    }
}

fn run(args: &Args, outputs: &Outputs) -> anyhow::Result<()> {
    log_to(outputs.stderr.clone(), &args.log_filter()?.directives())?;
    signals::outlive_file_size_limit();
    raise_file_limit();
    let mut builder = Server::builder()
        .limits(args.limits())
        .busy_poll(Duration::from_micros(args.busy_poll));
    for address in args.addresses()? {
        builder = builder.listen(address);
    }
    let server = builder.bind()?;
    signals::stop_on_signals(server.stopper())?;
    for address in server.addresses() {
        let line = format!("listening on {address}\n");
        outputs.stdout.push(line.as_bytes());
    }
    server.run().context("the event loop failed")
}

fn log_to(stderr: Output, filter: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::builder()
        .parse(filter)
        .with_context(|| format!("{filter:?} is not a log level or filter"))?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(move || stderr.clone())
        .with_ansi(shows_colors(&io::stderr()))
        // These would be written to standard error directly.
        .log_internal_errors(false)
        .init();
    Ok(())
}

fn shows_colors(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

/// Writes the message of a panic through the queue, so that a panic ends the process even when
/// nobody reads standard error.
fn report_panics(stderr: Output) {
    std::panic::set_hook(Box::new(move |panic| {
        let backtrace = Backtrace::capture();
        stderr.push(format!("ipc-server: {panic}\n{backtrace}\n").as_bytes());
    }));
}

/// Lets the process have as many connections as the system allows it.
fn raise_file_limit() {
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}
