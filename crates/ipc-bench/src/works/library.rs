//! Library to library: what an application gets, the client's cost included. Provider and callers
//! share the load's one thread, as everywhere.

mod blocking;
#[cfg(feature = "peers")]
mod dbus;
#[cfg(feature = "peers")]
mod nats;
mod ours;
mod zenoh;

use tokio::runtime::Runtime;

use super::{
    Run, Sample,
    rounds::{in_turn, skip, timed},
};
use crate::{
    library::{self, Library},
    load::Budget,
    peers::{Kind, Peer, Spec},
};

/// What is called, and with what.
struct Shared {
    object: &'static str,
    n_callers: usize,
    payload: Vec<u8>,
}

pub(crate) fn run(run: &mut Run) -> anyhow::Result<()> {
    if cfg!(not(feature = "peers")) {
        let line = "client libraries of the peers: built without the feature `peers`";
        run.results.skipped.push(line.to_owned());
    }
    let peers = run.start_for_libraries(|spec: Spec| match spec.kind {
        Kind::Ours | Kind::Zenoh => true,
        _ => cfg!(feature = "peers") && (spec.is_nats() || spec.is_dbus()),
    });
    for (n_callers, in_flight) in [(1, 1), (1, 64), (16, 16)] {
        let load = format!("{n_callers}×{in_flight}, 64 B text");
        crate::progress(&format!("library: {load}"));
        let budget = run.effort.budget();
        let mut case = in_turn(run, ("library", &load), &peers, |peer| {
            round(peer, (n_callers, in_flight), budget)
        });
        if (n_callers, in_flight) == (1, 1) {
            let waiting: Vec<&Peer> = peers
                .iter()
                .filter(|peer| blocking::is_there(peer))
                .collect();
            for _ in 0..run.effort.n_rounds {
                for peer in &waiting {
                    match blocking::round(peer, budget) {
                        Ok(sample) => case.add_as(
                            &blocking::name(peer.site.spec),
                            peer.site.spec.transport(),
                            sample,
                        ),
                        Err(error) => skip(run, ("library, blocking", &load), peer, &error),
                    }
                }
            }
        }
        run.keep(case)?;
    }
    Ok(())
}

fn round(peer: &Peer, load: (usize, usize), budget: Budget) -> anyhow::Result<Sample> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let shared = Shared {
        object: "bench",
        n_callers: load.0,
        payload: library::payload(),
    };
    match peer.site.spec.kind {
        Kind::Ours => {
            let library = runtime.block_on(ours::Ours::connect(peer, shared))?;
            drive(&runtime, peer, library, load, budget)
        }
        #[cfg(feature = "peers")]
        Kind::NatsDebian | Kind::NatsCurrent => {
            let library = runtime.block_on(nats::AsyncNats::connect(peer, shared))?;
            drive(&runtime, peer, library, load, budget)
        }
        #[cfg(feature = "peers")]
        Kind::DbusDaemon | Kind::DbusBroker | Kind::Busd => {
            let library = runtime.block_on(dbus::Zbus::connect(peer, shared))?;
            drive(&runtime, peer, library, load, budget)
        }
        Kind::Zenoh => zenoh::round(peer, load, budget),
        _ => anyhow::bail!("there is no client library to measure"),
    }
}

fn drive(
    runtime: &Runtime,
    peer: &Peer,
    library: impl Library + 'static,
    load: (usize, usize),
    budget: Budget,
) -> anyhow::Result<Sample> {
    let mut before = 0;
    let tally = library::drive(runtime, library, load, budget, || {
        before = peer.process.cpu_ns()?;
        Ok(())
    })?;
    Ok(timed(tally, peer.process.cpu_ns()? - before))
}
