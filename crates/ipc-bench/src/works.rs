//! The works: what is measured, with which loads, and the rounds in which the peers take turns.

mod bus;
mod churn;
mod growth;
mod idle;
mod isolation;
mod library;
mod rounds;
mod syscalls;

use std::{collections::BTreeMap, time::Duration};

use clap::ValueEnum;

use crate::{
    load::Budget,
    peers::{Peer, Places, Spec, find},
    results::{Case, Machine, Results},
};

pub(crate) use rounds::Scenario;

/// What is measured.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Work {
    /// One call in flight
    Latency,
    /// Many calls in flight, of several sizes
    Calls,
    /// Events to 1, 10, 100 and 1,000 listeners
    Fanout,
    /// System calls of the broker per message
    Syscalls,
    /// Client libraries in place of the raw load
    Library,
    /// Memory and CPU of connections that do nothing
    Idle,
    /// A small call beside a sender of 16 MiB messages
    Isolation,
    /// Connect, hello, one call, close
    Churn,
    /// 1 to 10,000 connections, objects, subscriptions and patterns
    Growth,
}

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// Whether only the most telling loads are run.
    pub(crate) is_quick: bool,
    /// Rounds of each load.
    pub(crate) n_rounds: usize,
    /// The length of one round of one peer.
    pub(crate) time: Duration,
    /// Messages after which a round is over, whatever the time.
    pub(crate) messages: u64,
    /// The size of the hog's messages.
    pub(crate) hog_bytes: usize,
}

impl Effort {
    fn budget(&self) -> Budget {
        Budget {
            time: self.time,
            messages: self.messages,
        }
    }
}

/// A run: where things are, how much to do, and what has been found.
pub(crate) struct Run {
    pub(crate) places: Places,
    pub(crate) effort: Effort,
    pub(crate) specs: Vec<Spec>,
    pub(crate) results: Results,
}

impl Run {
    /// Finds out which of the peers are there.
    pub(crate) fn new(places: Places, effort: Effort, wanted: &[String]) -> Self {
        let mut results = Results {
            is_quick: effort.is_quick,
            machine: Machine::here(),
            ..Results::default()
        };
        let mut specs = Vec::new();
        for spec in Spec::ALL {
            let name = spec.name();
            if !wanted.is_empty() && !wanted.iter().any(|word| name.starts_with(word.as_str())) {
                continue;
            }
            match find(spec.kind, &places) {
                Ok((_, version)) => {
                    results.versions.insert(name.to_owned(), version);
                    specs.push(spec);
                }
                Err(error) => results.skipped.push(format!("{name}: {error:#}")),
            }
        }
        Self {
            places,
            effort,
            specs,
            results,
        }
    }

    pub(crate) fn work(&mut self, work: Work) -> anyhow::Result<()> {
        match work {
            Work::Latency => bus::latency(self),
            Work::Calls => bus::calls(self),
            Work::Fanout => bus::fanout(self),
            Work::Syscalls => syscalls::run(self),
            Work::Library => library::run(self),
            Work::Idle => idle::run(self),
            Work::Isolation => isolation::run(self),
            Work::Churn => churn::run(self),
            Work::Growth => growth::run(self),
        }
    }

    /// Prints a case and puts it among the results.
    pub(crate) fn keep(&mut self, case: Case) -> anyhow::Result<()> {
        crate::table::print(&case)?;
        self.results.cases.push(case);
        Ok(())
    }

    /// Starts those of the peers that fit and that the load can speak to.
    pub(crate) fn start(&mut self, fits: impl Fn(Spec) -> bool) -> Vec<Peer> {
        self.start_for_libraries(|spec| spec.has_dialect() && fits(spec))
    }

    /// Starts those of the peers that fit, if only their libraries can speak to them; one that
    /// does not start is named as skipped.
    pub(crate) fn start_for_libraries(&mut self, fits: impl Fn(Spec) -> bool) -> Vec<Peer> {
        let mut peers = Vec::new();
        for spec in self.specs.clone() {
            if !fits(spec) {
                continue;
            }
            match Peer::start(spec, &self.places) {
                Ok(peer) => {
                    let commands = &mut self.results.commands;
                    commands.insert(spec.name().to_owned(), peer.process.command.clone());
                    peers.push(peer);
                }
                Err(error) => {
                    crate::progress(&format!("skipped: {error:#}"));
                    self.results.skipped.push(format!("{error:#}"));
                    self.specs.retain(|other| *other != spec);
                }
            }
        }
        peers
    }
}

/// The measures of one round.
pub(crate) type Sample = BTreeMap<String, f64>;
