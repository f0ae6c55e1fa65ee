//! Library to library: what an application gets, the client's cost included. Provider and callers
//! share the load's one thread, as everywhere.

mod blocking;
#[cfg(feature = "peers")]
mod dbus;
#[cfg(feature = "peers")]
mod nats;
mod ours;

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Instant,
};

use anyhow::Context;
use tokio::{runtime::Runtime, task::LocalSet};

use super::{
    Run, Sample,
    rounds::{in_turn, skip, timed},
};
use crate::{
    load::{Budget, Tally},
    payload::{Shape, payload},
    peers::{Kind, Peer, Spec},
};

/// The connections of a library to one broker.
trait Library {
    /// One call by this caller, its answer awaited.
    async fn call(&self, caller: usize) -> anyhow::Result<()>;
}

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
    let peers = run.start(|spec: Spec| match spec.kind {
        Kind::Ours => true,
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
        payload: payload(Shape::Text, 64),
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
        _ => anyhow::bail!("there is no client library to measure"),
    }
}

fn drive(
    runtime: &Runtime,
    peer: &Peer,
    library: impl Library + 'static,
    (n_callers, in_flight): (usize, usize),
    budget: Budget,
) -> anyhow::Result<Sample> {
    let local = LocalSet::new();
    let library = Rc::new(library);
    local.block_on(runtime, async {
        // The first call sets up what is set up on first use.
        library.call(0).await?;
        let before = peer.process.cpu_ns()?;
        let start = Instant::now();
        let tally = Rc::new(RefCell::new(Tally::default()));
        let is_over = Rc::new(Cell::new(false));
        let mut tasks = Vec::new();
        for caller in 0..n_callers {
            for _ in 0..in_flight {
                let (library, tally) = (Rc::clone(&library), Rc::clone(&tally));
                let is_over = Rc::clone(&is_over);
                tasks.push(tokio::task::spawn_local(async move {
                    while !is_over.get() {
                        let sent = Instant::now();
                        tally.borrow_mut().n_called += 1;
                        library.call(caller).await?;
                        let now = Instant::now();
                        let mut tally = tally.borrow_mut();
                        tally.n_answered += 1;
                        let latency = u32::try_from((now - sent).as_nanos())?;
                        tally.latencies.push(latency);
                        let is_spent = budget.messages <= tally.n_called;
                        is_over.set(is_over.get() || is_spent || budget.time <= now - start);
                    }
                    anyhow::Ok(())
                }));
            }
        }
        for task in tasks {
            task.await.context("a caller failed")??;
        }
        let mut tally = tally.take();
        tally.elapsed = start.elapsed();
        Ok(timed(tally, peer.process.cpu_ns()? - before))
    })
}
