//! The hog of the isolation work: a sender of 16 MiB messages and their receiver.
//!
//! It is a process of its own (`ipc-bench hog`), on the load's core but in the background: it
//! never keeps the measured caller waiting. It reads and writes in pieces, because the kernel may
//! not interrupt a system call that copies megabytes.

use std::time::Duration;

use anyhow::{Context, ensure};

use crate::{
    link::Address,
    load::Budget,
    payload::{Shape, payload},
    peers::{Site, Spec},
    process::say,
    role::Role,
    works::Scenario,
};

/// Its messages: as large as ours allows, the envelope included.
pub(crate) const MESSAGE_BYTES: usize = (16 << 20) - 1024;

/// What it reads or writes in one system call: some ten microseconds of copying.
const PIECE_BYTES: usize = 64 * 1024;

/// The broker of this name at these addresses.
pub(crate) fn site(peer: &str, addresses: Vec<Address>) -> anyhow::Result<Site> {
    let spec = Spec::named(peer).with_context(|| format!("there is no peer {peer}"))?;
    ensure!(addresses.len() == Role::ALL.len(), "an address is missing");
    Ok(Site::new(spec, addresses))
}

/// Says that it is ready, sends one message after the other for so long, and says how many
/// bytes arrived in how many nanoseconds.
pub(crate) fn run(site: &Site, message_bytes: usize, time: Duration) -> anyhow::Result<()> {
    // The next message follows when the one before has arrived: a broker that bounds what it
    // queues could not take two.
    let mut scenario = Scenario::events(1, 1, payload(Shape::Text, message_bytes));
    if let Some(emits) = &mut scenario.emits {
        emits.names = vec!["hog".to_owned()];
    }
    let mut load = scenario.set_up(site)?;
    load.set_piece(PIECE_BYTES);
    say("ready");
    let budget = Budget {
        time,
        messages: u64::MAX,
    };
    let tally = load.run(budget)?;
    let n_bytes = tally.n_delivered * message_bytes as u64;
    say(&format!("{n_bytes} {}", tally.elapsed.as_nanos()));
    Ok(())
}
