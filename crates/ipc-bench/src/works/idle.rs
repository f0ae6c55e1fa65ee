//! What connections cost that do nothing.

use std::time::{Duration, Instant};

use super::{Run, Sample, rounds::skip};
use crate::{peers::Peer, results::Case, role::Role};

/// How long a broker is watched while nothing happens.
const WATCH: Duration = Duration::from_secs(1);

/// Memory per connection, and CPU while all are silent. Each number has a fresh broker, so that
/// nothing is left of works before.
pub(crate) fn run(run: &mut Run) -> anyhow::Result<()> {
    for n_connections in [1000, 10_000] {
        let load = format!("{n_connections} connections");
        crate::progress(&format!("idle: {load}"));
        let mut case = Case::new(("idle", &load));
        for spec in run.specs.clone() {
            for peer in run.start(|other| other == spec) {
                match idle_connections(&peer, n_connections) {
                    Ok(sample) => case.add(spec, sample),
                    Err(error) => skip(run, ("idle", &load), &peer, &error),
                }
            }
        }
        run.keep(case)?;
    }
    Ok(())
}

fn idle_connections(peer: &Peer, n_connections: usize) -> anyhow::Result<Sample> {
    // The first connection pays for what all share.
    let _first = peer.site.connect(Role::Listener)?;
    rest(Duration::from_millis(100));
    let before = peer.process.memory_kib();
    let links = (0..n_connections).map(|_| peer.site.connect(Role::Listener));
    let links = links.collect::<Result<Vec<_>, _>>()?;
    rest(Duration::from_millis(200));
    let memory_kib = peer.process.memory_kib().saturating_sub(before);
    let cpu_ns = peer.process.cpu_ns()?;
    rest(WATCH);
    let cpu_ns = peer.process.cpu_ns()? - cpu_ns;
    drop(links);
    let per_connection = memory_kib as f64 / n_connections as f64;
    let cpu_percent = 100.0 * cpu_ns as f64 / WATCH.as_nanos() as f64;
    Ok([
        ("memory_kib".to_owned(), per_connection),
        ("cpu_percent".to_owned(), cpu_percent),
    ]
    .into())
}

fn rest(time: Duration) {
    let start = Instant::now();
    while let Some(left) = time.checked_sub(start.elapsed()) {
        std::thread::park_timeout(left);
    }
}
