//! Clients that wait in the calling thread: one caller, one call in flight. Each has a series of
//! its own beside that of its asynchronous form.

use std::time::Instant;

use anyhow::bail;

use crate::{
    load::{Budget, Tally},
    peers::{Kind, Peer, Spec},
    works::{Sample, rounds::timed},
};

/// A connection whose calls return with their answers.
pub(super) trait Blocking {
    fn call(&mut self) -> anyhow::Result<()>;
}

/// Whether the peer's client library has such a form that is measured.
pub(super) fn is_there(peer: &Peer) -> bool {
    let spec = peer.site.spec;
    spec.kind == Kind::Ours || cfg!(feature = "peers") && spec.is_dbus()
}

/// The name of its series.
pub(super) fn name(spec: Spec) -> String {
    format!("{}, blocking", spec.name())
}

pub(super) fn round(peer: &Peer, budget: Budget) -> anyhow::Result<Sample> {
    if peer.site.spec.kind == Kind::Ours {
        return drive(peer, super::ours::Waiting::connect(peer)?, budget);
    }
    #[cfg(feature = "peers")]
    if peer.site.spec.is_dbus() {
        return drive(peer, super::dbus::Waiting::connect(peer)?, budget);
    }
    bail!("there is no blocking client to measure")
}

fn drive(peer: &Peer, mut library: impl Blocking, budget: Budget) -> anyhow::Result<Sample> {
    // The first call sets up what is set up on first use.
    library.call()?;
    let before = peer.process.cpu_ns()?;
    let start = Instant::now();
    let mut tally = Tally::default();
    while start.elapsed() < budget.time && tally.n_called < budget.messages {
        let sent = Instant::now();
        tally.n_called += 1;
        library.call()?;
        tally.n_answered += 1;
        tally
            .latencies
            .push(u32::try_from(sent.elapsed().as_nanos())?);
    }
    tally.elapsed = start.elapsed();
    Ok(timed(tally, peer.process.cpu_ns()? - before))
}
