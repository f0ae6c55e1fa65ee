//! What connections cost that do nothing, and what a hog costs the others.

use std::time::{Duration, Instant};

use super::{
    Run, Sample, Scenario,
    rounds::{measure, skip},
};
use crate::{
    load::Emits,
    payload::{Shape, payload},
    peers::{Kind, Peer, Spec},
    results::{Case, Series},
    role::Role,
};

/// How long a broker is watched while nothing happens.
const WATCH: Duration = Duration::from_secs(1);

/// The hog's messages: as large as ours allows, the envelope included.
const HOG_BYTES: usize = (16 << 20) - 1024;

/// Memory per connection, and CPU while all are silent. Each number has a fresh broker, so that
/// nothing is left of works before.
pub(crate) fn idle(run: &mut Run) -> anyhow::Result<()> {
    for n_connections in [1000, 10_000] {
        let load = format!("{n_connections} connections");
        crate::progress(&format!("idle: {load}"));
        let mut case = Case {
            work: "idle".to_owned(),
            load: load.clone(),
            series: Vec::new(),
        };
        for spec in run.specs.clone() {
            for peer in run.start(|other| other == spec) {
                match idle_connections(&peer, n_connections) {
                    Ok(sample) => case.series.push(Series {
                        peer: spec.name().to_owned(),
                        transport: spec.transport().to_owned(),
                        rounds: vec![sample],
                    }),
                    Err(error) => skip(run, ("idle", &load), &peer, &error),
                }
            }
        }
        crate::table::print(&case)?;
        run.results.cases.push(case);
    }
    Ok(())
}

fn idle_connections(peer: &Peer, n_connections: usize) -> anyhow::Result<Sample> {
    // The first connection pays for what all share.
    let _first = peer.connect(Role::Listener)?;
    rest(Duration::from_millis(100));
    let before = peer.process.memory_kib();
    let links = (0..n_connections).map(|_| peer.connect(Role::Listener));
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

/// A call of 64 B alone, and beside somebody who sends 16 MiB after 16 MiB to another.
pub(crate) fn isolation(run: &mut Run) -> anyhow::Result<()> {
    let compared = |spec: Spec| spec.has_calls() && spec.kind != Kind::NatsDebian;
    let started = run.start(compared);
    let peers: Vec<&Peer> = started.iter().collect();
    let alone = Scenario::calls(1, 1, payload(Shape::Text, 64));
    measure(run, &peers, ("isolation", "alone"), &alone)?;
    let hog = Scenario::events(1, 1, payload(Shape::Text, HOG_BYTES));
    let beside = Scenario {
        n_listeners: 1,
        emits: hog.emits.map(|emits| Emits {
            names: vec!["hog".to_owned()],
            ..emits
        }),
        ..alone
    };
    measure(run, &peers, ("isolation", "beside a hog"), &beside)
}
