//! The broker's system calls per message, counted in rounds of their own: counting disturbs.

use std::time::Duration;

use super::{
    Run, Sample, Scenario,
    rounds::{skip, warm_up},
};
use crate::{
    load::{Budget, Load},
    payload::{Shape, payload},
    peers::Peer,
    results::Case,
    tracer::Tracer,
};

/// Counts are steady: for so many rounds of other works, one is enough here.
const ROUNDS_FOR_ONE: usize = 3;

/// How long a round may take where tracing is slow; what has been counted by then is enough.
const MAX_TIME: Duration = Duration::from_secs(4);

/// Every load with the number of messages that are counted.
fn loads() -> [(&'static str, Scenario, u64); 5] {
    let small = || payload(Shape::Text, 64);
    [
        ("calls 1×1", Scenario::calls(1, 1, small()), 2_000),
        ("calls 1×64", Scenario::calls(1, 64, small()), 20_000),
        ("calls 16×16", Scenario::calls(16, 16, small()), 20_000),
        ("events to 10", Scenario::events(10, 256, small()), 4_000),
        ("events to 100", Scenario::events(100, 256, small()), 1_000),
    ]
}

pub(crate) fn run(run: &mut Run) -> anyhow::Result<()> {
    let tracer = match Tracer::find() {
        Ok(tracer) => tracer,
        Err(error) => {
            crate::progress(&format!("skipped: system calls: {error:#}"));
            run.results.skipped.push(format!("system calls: {error:#}"));
            return Ok(());
        }
    };
    let by = format!("counted by {}", tracer.name());
    run.results.versions.insert("system calls".to_owned(), by);
    let started = run.start(|_| true);
    for (load, scenario, n_messages) in loads() {
        crate::progress(&format!("syscalls: {load}"));
        let is_call = scenario.calls.is_some();
        let able = |peer: &&Peer| peer.site.spec.has_calls() || !is_call;
        let peers: Vec<&Peer> = started.iter().filter(able).collect();
        let budget = Budget {
            time: MAX_TIME,
            messages: n_messages.min(run.effort.messages),
        };
        let mut case = Case::new(("syscalls", load));
        for peer in peers {
            let counted = warm_up(peer, &scenario, run.effort).and_then(|mut load| {
                let n_rounds = run.effort.n_rounds.div_ceil(ROUNDS_FOR_ONE);
                let rounds = (0..n_rounds).map(|_| round(run, tracer, peer, &mut load, budget));
                rounds.collect::<anyhow::Result<Vec<_>>>()
            });
            match counted {
                Ok(samples) => {
                    for sample in samples {
                        case.add(peer.site.spec, sample);
                    }
                }
                Err(error) => skip(run, ("syscalls", load), peer, &error),
            }
        }
        run.keep(case)?;
    }
    Ok(())
}

fn round(
    run: &Run,
    tracer: Tracer,
    peer: &Peer,
    load: &mut Load<'_>,
    budget: Budget,
) -> anyhow::Result<Sample> {
    let file = run.places.scratch.path().join("syscalls");
    let tracing = tracer.start(&peer.process.pids(), file)?;
    let tally = load.run(budget)?;
    let n_syscalls = tracing.finish()?;
    let n_messages = tally.n_messages();
    Ok([
        ("messages", n_messages as f64),
        ("syscalls", n_syscalls as f64 / n_messages.max(1) as f64),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into())
}
