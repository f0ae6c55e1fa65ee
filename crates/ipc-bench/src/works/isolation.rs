//! What a hog costs the others: a small call, alone and beside somebody who sends 16 MiB after
//! 16 MiB to somebody else.
//!
//! What is to be judged is the delay that the broker adds, so nothing else may stand in the
//! caller's way. The hog's sender and receiver are a process of their own (see [`crate::hog`]) on
//! the load's core, in the scheduler's class for idle time: whenever the caller or its provider
//! has something to do, the hog is interrupted. On the broker's core runs the broker alone, and
//! what it does for the hog is its own to divide. What remains of the hog's own making are system
//! calls that it has begun, of 64 KiB at most; the raw relay, which suffers them too, shows how
//! much that is, beside its own way of dividing. The bytes that the hog got through are told
//! beside the delays: a broker is not fair because it starves the large sender.

use anyhow::Context;

use super::{
    Effort, Run, Sample, Scenario,
    rounds::{one_round, skip},
};
use crate::{
    load::Load,
    payload::{Shape, payload},
    peers::{Peer, Spec},
    process::{LOAD_CORE, Launch, Process, n_cores},
    results::Case,
};

/// A round is longer than elsewhere: it has to see many of the hog's messages come and go.
const LONGER: u32 = 2;

const ALONE: (&str, &str) = ("isolation", "alone");
const BESIDE: (&str, &str) = ("isolation", "beside a hog");

/// Measures each peer alone and then at once beside the hog, round after round.
pub(crate) fn run(run: &mut Run) -> anyhow::Result<()> {
    crate::progress("isolation");
    let started = run.start(Spec::has_calls);
    let call = Scenario::calls(1, 1, payload(Shape::Text, 64));
    let mut running = Vec::new();
    for peer in &started {
        match call.set_up(&peer.site) {
            Ok(load) => running.push((peer, load)),
            Err(error) => skip(run, ALONE, peer, &error),
        }
    }
    let effort = Effort {
        time: run.effort.time * LONGER,
        ..run.effort
    };
    let mut alone = Case::new(ALONE);
    let mut beside = Case::new(BESIDE);
    for _ in 0..effort.n_rounds {
        running.retain_mut(|(peer, load)| {
            let rounds = one_round(peer, load, effort)
                .and_then(|first| Ok((first, beside_hog(peer, load, effort)?)));
            match rounds {
                Ok((first, second)) => {
                    alone.add(peer.site.spec, first);
                    beside.add(peer.site.spec, second);
                    true
                }
                Err(error) => {
                    skip(run, BESIDE, peer, &error);
                    false
                }
            }
        });
    }
    run.keep(alone)?;
    run.keep(beside)
}

fn beside_hog(peer: &Peer, load: &mut Load<'_>, effort: Effort) -> anyhow::Result<Sample> {
    let itself = std::env::current_exe()?;
    let mut arguments = vec!["hog".to_owned(), peer.site.spec.name().to_owned()];
    arguments.push(effort.hog_bytes.to_string());
    arguments.push(effort.time.as_millis().to_string());
    arguments.extend(peer.site.addresses.iter().map(ToString::to_string));
    let mut hog = Process::start(Launch {
        program: &itself.to_string_lossy(),
        arguments: &arguments,
        core: LOAD_CORE.min(n_cores() - 1),
        in_background: true,
        is_heard: true,
    })?;
    hog.line()
        .context("the large messages do not get through")?;
    let mut sample = one_round(peer, load, effort)?;
    // The broker's work was for the hog too.
    sample.remove("cpu_us");
    let moved = hog.line()?;
    let mut numbers = moved.split(' ').filter_map(|word| word.parse::<f64>().ok());
    if let (Some(n_bytes), Some(ns)) = (numbers.next(), numbers.next()) {
        sample.insert("hog_mb_per_s".to_owned(), n_bytes / 1e6 / (ns / 1e9));
    }
    Ok(sample)
}
