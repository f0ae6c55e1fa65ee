//! zenoh as a peer of the benchmark: a router, and the load of its library. The benchmark starts
//! both, each in a process of its own.

mod library;

use std::{io::Write, thread, time::Duration};

use clap::Parser;
use ipc_bench::library::{Budget, drive};

use crate::library::Zenoh;

#[derive(Debug, Parser)]
#[command(name = "zenoh", version = zenoh::GIT_VERSION)]
enum Part {
    /// Route between those who connect to an address, as zenohd does
    Router { address: String },
    /// Call through the router at an address, say `ready`, and at the end what was done, as JSON
    Load {
        address: String,
        n_callers: usize,
        in_flight: usize,
        time_ms: u64,
        messages: u64,
    },
}

fn main() -> anyhow::Result<()> {
    match Part::parse() {
        Part::Router { address } => {
            let _router = library::open("router", ("listen", &address))?;
            loop {
                thread::park();
            }
        }
        Part::Load {
            address,
            n_callers,
            in_flight,
            time_ms,
            messages,
        } => {
            let runtime = tokio::runtime::Builder::new_current_thread().build()?;
            let budget = Budget {
                time: Duration::from_millis(time_ms),
                messages,
            };
            let library = Zenoh::connect(&address, n_callers)?;
            let load = (n_callers, in_flight);
            let tally = drive(&runtime, library, load, budget, || say("ready"))?;
            say(&serde_json::to_string(&tally)?)
        }
    }
}

fn say(line: &str) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stdout(), "{line}")?)
}
