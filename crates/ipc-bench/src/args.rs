//! The command line, and what each form of it does.

use std::{path::PathBuf, time::Duration};

use anyhow::Context;
use clap::{Parser, Subcommand, ValueEnum};

use crate::{
    hog,
    link::Address,
    peers::Places,
    process, relay, report,
    results::Results,
    setup,
    stream::Listener,
    works::{Effort, Run, Work},
};

/// Measures ipc-server beside a raw relay and its peers.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench", args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    part: Option<Part>,

    /// What to measure, instead of everything
    #[arg(value_enum)]
    works: Vec<Work>,

    /// Fewer loads and rounds: rough figures in some four minutes
    #[arg(long)]
    quick: bool,

    /// Install the peers that are missing, as far as this system has them, and stop
    #[arg(long)]
    setup: bool,

    /// Measure only peers whose names begin so, such as `ours`; may be given several times
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,

    /// Rounds of each load
    #[arg(long, value_name = "N")]
    rounds: Option<usize>,

    /// The length of one round of one peer
    #[arg(long, value_name = "MS")]
    round_ms: Option<u64>,

    /// End a round after so many messages
    #[arg(long, value_name = "N", default_value_t = u64::MAX)]
    messages: u64,

    /// The size of the large messages beside which small calls are measured
    #[arg(long, value_name = "N", default_value_t = hog::MESSAGE_BYTES)]
    hog_bytes: usize,

    /// Our server; without it, the server's library in a process of the benchmark
    #[arg(long, value_name = "FILE")]
    server: Option<PathBuf>,

    /// Where to write the results
    #[arg(long, value_name = "FILE", default_value = "target/bench/results.json")]
    output: PathBuf,

    /// Write docs/performance.md from these results, and measure nothing
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,

    /// Print how these results stand to the targets, as JSON, and measure nothing
    #[arg(long, value_name = "FILE")]
    targets: Option<PathBuf>,

    /// Where the report goes
    #[arg(long, value_name = "DIRECTORY", default_value = "docs")]
    docs: PathBuf,
}

/// The processes that the benchmark starts of itself.
#[derive(Debug, Subcommand)]
enum Part {
    /// Run a program on one core
    #[command(hide = true)]
    Pinned {
        core: usize,
        /// Only while nobody else wants the core
        #[arg(long)]
        background: bool,
        #[arg(last = true)]
        command: Vec<String>,
    },
    /// Forward bytes between the addresses for callers, providers, publishers, listeners
    #[command(hide = true)]
    Relay { addresses: Vec<Address> },
    /// Send messages of 16 MiB through a broker, from one address to another
    #[command(hide = true)]
    Hog {
        peer: String,
        message_bytes: usize,
        time_ms: u64,
        addresses: Vec<Address>,
    },
    /// Our server's library
    #[command(hide = true)]
    Server { address: ipc_server::Address },
}

/// Does what the command line says.
///
/// # Errors
///
/// Nothing could be measured, or a file could not be written.
pub fn run(args: Args) -> anyhow::Result<()> {
    match &args.part {
        Some(Part::Pinned {
            core,
            background,
            command,
        }) => return process::become_pinned(*core, *background, command),
        Some(Part::Relay { addresses }) => return run_relay(addresses),
        Some(Part::Hog {
            peer,
            message_bytes,
            time_ms,
            addresses,
        }) => {
            let site = hog::site(peer, addresses.clone())?;
            return hog::run(&site, *message_bytes, Duration::from_millis(*time_ms));
        }
        Some(Part::Server { address }) => return run_server(address.clone()),
        None => {}
    }
    let installed = PathBuf::from("target/bench/peers");
    if args.setup {
        return setup::run(&installed);
    }
    if let Some(results) = &args.report {
        return report::write(&Results::load(results)?, &args.docs);
    }
    if let Some(results) = &args.targets {
        let judged = report::judge(&Results::load(results)?)?;
        process::say(&serde_json::to_string_pretty(&judged)?);
        return Ok(());
    }
    measure(args, installed)
}

fn measure(args: Args, installed: PathBuf) -> anyhow::Result<()> {
    raise_file_limit()?;
    process::pin(process::LOAD_CORE.min(process::n_cores() - 1))?;
    let (rounds, round_ms) = if args.quick { (3, 120) } else { (5, 350) };
    let effort = Effort {
        is_quick: args.quick,
        n_rounds: args.rounds.unwrap_or(rounds),
        time: Duration::from_millis(args.round_ms.unwrap_or(round_ms)),
        messages: args.messages,
        hog_bytes: args.hog_bytes,
    };
    let places = Places {
        server: args.server,
        installed,
        scratch: tempfile::tempdir().context("no directory for sockets")?,
    };
    let mut run = Run::new(places, effort, &args.only);
    for skipped in &run.results.skipped {
        crate::progress(&format!("skipped: {skipped}"));
    }
    let works = if args.works.is_empty() {
        Work::value_variants()
    } else {
        &args.works
    };
    for work in works {
        run.work(*work)?;
        // What is measured is kept, whatever becomes of the next work.
        run.results.save(&args.output)?;
    }
    crate::progress(&format!("written to {}", args.output.display()));
    Ok(())
}

/// Idle connections by the thousand have a descriptor each here.
fn raise_file_limit() -> anyhow::Result<()> {
    rlimit::increase_nofile_limit(u64::MAX).context("the limit of open files stays as it is")?;
    Ok(())
}

fn run_relay(addresses: &[Address]) -> anyhow::Result<()> {
    raise_file_limit()?;
    let bind =
        |address| Listener::bind(address).with_context(|| format!("cannot listen on {address}"));
    let listeners = addresses.iter().map(bind).collect::<Result<_, _>>()?;
    process::say("ready");
    relay::run(listeners)
}

fn run_server(address: ipc_server::Address) -> anyhow::Result<()> {
    let server = ipc_server::Server::builder().listen(address).bind()?;
    server.run().context("the event loop failed")
}
