//! What connections cost that do nothing.

use std::time::{Duration, Instant};

use super::{Run, Sample, rounds::skip};
use crate::{peers::Peer, results::Case, role::Role};

/// How long a broker is watched while nothing happens.
const WATCH: Duration = Duration::from_secs(1);

/// The same in a quick run.
const QUICK_WATCH: Duration = Duration::from_millis(400);

const SIZES: [usize; 2] = [1000, 10_000];

/// Memory per connection, and CPU while all are silent. Each peer has a fresh broker, so that
/// nothing is left of works before; the larger number is reached from the smaller.
pub(crate) fn run(run: &mut Run) -> anyhow::Result<()> {
    crate::progress("idle");
    let loads = SIZES.map(|n| format!("{n} connections"));
    let mut cases = loads.each_ref().map(|load| Case::new(("idle", load)));
    let watch = if run.effort.is_quick {
        QUICK_WATCH
    } else {
        WATCH
    };
    for spec in run.specs.clone() {
        for peer in run.start(|other| other == spec) {
            if let Err(error) = idle_connections(&peer, watch, &mut cases) {
                skip(run, ("idle", "connections"), &peer, &error);
            }
        }
    }
    for case in cases {
        run.keep(case)?;
    }
    Ok(())
}

fn idle_connections(peer: &Peer, watch: Duration, cases: &mut [Case]) -> anyhow::Result<()> {
    // The first connection pays for what all share.
    let _first = peer.site.connect(Role::Listener)?;
    rest(Duration::from_millis(100));
    let before = peer.process.memory_kib();
    let mut links = Vec::new();
    for (n_connections, case) in SIZES.into_iter().zip(cases) {
        while links.len() < n_connections {
            links.push(peer.site.connect(Role::Listener)?);
        }
        rest(Duration::from_millis(200));
        let memory_kib = peer.process.memory_kib().saturating_sub(before);
        let cpu_ns = peer.process.cpu_ns()?;
        rest(watch);
        let cpu_ns = peer.process.cpu_ns()? - cpu_ns;
        let per_connection = memory_kib as f64 / n_connections as f64;
        let cpu_percent = 100.0 * cpu_ns as f64 / watch.as_nanos() as f64;
        let sample: Sample = [
            ("memory_kib".to_owned(), per_connection),
            ("cpu_percent".to_owned(), cpu_percent),
        ]
        .into();
        case.add(peer.site.spec, sample);
    }
    Ok(())
}

fn rest(time: Duration) {
    let start = Instant::now();
    while let Some(left) = time.checked_sub(start.elapsed()) {
        std::thread::park_timeout(left);
    }
}
