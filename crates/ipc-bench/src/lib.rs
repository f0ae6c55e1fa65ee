//! Measures `ipc-server` beside a raw relay and its peers.
//!
//! Every broker runs in a process of its own on one core, the load on the other. Each work is run
//! by all brokers in turn, round after round, so that they meet the same machine; what counts are
//! ratios within one run, and the broker's own CPU per message. `cargo xtask bench` builds and
//! runs it; [`report`] makes `docs/performance.md` from its results.

mod args;
mod dialect;
mod hog;
pub mod library;
mod link;
mod load;
mod payload;
mod peers;
mod process;
mod relay;
pub mod report;
pub mod results;
mod role;
mod setup;
pub mod statistics;
mod stream;
pub mod table;
mod tracer;
mod works;

pub use args::{Args, run};

/// Says on standard error what is going on.
#[expect(
    clippy::print_stderr,
    reason = "progress, beside the tables on standard output"
)]
pub(crate) fn progress(text: &str) {
    eprintln!("bench: {text}");
}
