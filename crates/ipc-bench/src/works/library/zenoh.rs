//! zenoh: its library is in a program of its own, which `--setup` installs with its router.

use anyhow::{Context, ensure};

use crate::{
    load::{Budget, Tally},
    peers::Peer,
    process::{LOAD_CORE, Launch, Process, n_cores},
    works::{Sample, rounds::timed},
};

pub(super) fn round(
    peer: &Peer,
    (n_callers, in_flight): (usize, usize),
    budget: Budget,
) -> anyhow::Result<Sample> {
    let mut arguments = vec!["load".to_owned(), peer.site.addresses[0].to_string()];
    arguments.extend([n_callers, in_flight].map(|number| number.to_string()));
    arguments.push(budget.time.as_millis().to_string());
    arguments.push(budget.messages.to_string());
    let mut load = Process::start(Launch {
        program: &peer.process.program,
        arguments: &arguments,
        core: LOAD_CORE.min(n_cores() - 1),
        in_background: false,
        is_heard: true,
    })?;
    ensure!(load.line()? == "ready", "it says something else first");
    let before = peer.process.cpu_ns()?;
    let line = load.line().context("a call failed")?;
    let cpu_ns = peer.process.cpu_ns()? - before;
    let tally: Tally = serde_json::from_str(&line).context("no tally")?;
    Ok(timed(tally, cpu_ns))
}
