//! Random peers in a world, watched by a ledger and compared with a model.
//!
//! The same seed does the same, so a failure can be looked at again. In [`Weather::Calm`] no
//! bound in bytes is hit, and the model predicts every message of every peer. In
//! [`Weather::Rough`] queues are so short that events are lost, calls are refused and peers are
//! closed; then the ledger's rules still hold.

mod acts;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use ipc_core::{CloseReason, Limits};
use serde_json::{Value, json};

use crate::{
    ledger::Ledger,
    model::{Model, Place, Quotas},
    prng::Prng,
    world::World,
};

const QUOTAS: Quotas = Quotas {
    names: 3,
    subscriptions: 5,
    requests: 8,
    entry_items: 2,
};

/// How long the simulated server drains.
const DRAIN_MS: u64 = 500;

/// Whether bounds in bytes are hit.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Weather {
    /// There is room for everything, and the model is compared.
    Calm,
    /// There is hardly room for anything.
    Rough,
}

/// A call that a provider was sent.
#[derive(Clone, Copy, Debug)]
struct Taken {
    n: u64,
    /// The server's id of it.
    id: Option<u64>,
    is_replied: bool,
}

/// What a peer knows of itself.
#[derive(Debug, Default)]
struct Player {
    lines: bool,
    is_gone: bool,
    is_finished: bool,
    /// It said hello when events may have been lost already, which nobody told it of.
    was_late: bool,
    reads_slowly: bool,
    /// It broke off itself, so what was on its way to it is lost.
    has_crashed: bool,
    taken: Vec<Taken>,
    received: Vec<Value>,
}

/// A world of random peers.
#[derive(Debug)]
pub struct Simulation {
    world: World,
    weather: Weather,
    prng: Prng,
    players: Vec<Player>,
    model: Model,
    ledger: Ledger,
    /// The numbers of calls by the server's ids.
    numbers: BTreeMap<u64, u64>,
    /// The last number given to a call or an event.
    last_n: u64,
}

impl Simulation {
    /// A simulation at its beginning.
    #[must_use]
    pub fn new(seed: u64, weather: Weather) -> Self {
        let mut limits = Limits::default();
        limits.drain = Duration::from_millis(DRAIN_MS);
        match weather {
            Weather::Calm => {
                limits.names = QUOTAS.names;
                limits.subscriptions = QUOTAS.subscriptions;
                limits.requests = QUOTAS.requests;
                limits.entry_items = QUOTAS.entry_items;
            }
            Weather::Rough => {
                limits.outbox_bytes = 700;
                limits.queued_bytes = 2500;
                limits.lost_names = 1;
            }
        }
        Self {
            world: World::with_limits(limits),
            weather,
            prng: Prng::new(seed),
            players: Vec::new(),
            model: Model::new(QUOTAS),
            ledger: Ledger::default(),
            numbers: BTreeMap::new(),
            last_n: 0,
        }
    }

    /// One peer does something, or time passes.
    pub fn step(&mut self) {
        self.act();
        self.observe();
        self.compare_with_model();
    }

    /// What the broker has counted.
    #[must_use]
    pub fn stats(&self) -> ipc_core::Stats {
        self.world.stats()
    }

    /// The server stops; afterwards nobody is owed anything.
    pub fn finish(&mut self) {
        for place in self.alive() {
            self.players[place].reads_slowly = false;
            self.world.read_on(&name(place));
            self.observe();
        }
        self.world.shut_down();
        self.model.shut_down(DRAIN_MS);
        self.observe();
        self.pass(DRAIN_MS);
        self.observe();
        self.compare_with_model();
        assert!(self.world.broker.is_drained());
        let stats = self.world.stats();
        assert_eq!(stats.calls_open, 0);
        assert_eq!(stats.calls_accepted, stats.calls_answered);
        assert_eq!(stats.queued_bytes, 0);
        for place in self.alive() {
            self.ledger.assert_settled(place);
        }
        for place in self.alive() {
            self.world.crash(&name(place));
        }
        let stats = self.world.stats();
        assert_eq!(stats.connections_opened, stats.connections_closed);
    }

    fn alive(&self) -> Vec<Place> {
        let places = 0..self.players.len();
        places
            .filter(|&place| !self.players[place].is_gone)
            .collect()
    }

    fn pass(&mut self, ms: u64) {
        self.world.jump(ms);
        self.model.pass(ms);
    }

    /// Sends bytes, cut anywhere.
    fn send(&mut self, place: Place, text: &str) {
        let mut bytes = text.as_bytes();
        while !bytes.is_empty() {
            let n_bytes = 1 + self.prng.below(bytes.len());
            let (piece, rest) = bytes.split_at(n_bytes);
            self.world.send_bytes(&name(place), piece);
            bytes = rest;
        }
    }

    /// Sees what was closed and what everyone received.
    fn observe(&mut self) {
        for (closed, reason) in self.world.take_closings() {
            self.see_closed(place(&closed), reason);
        }
        for place in 0..self.players.len() {
            for mut message in self.world.values_sent_to(&name(place)) {
                self.ledger.receive(place, &message);
                self.normalize(place, &mut message);
                self.players[place].received.push(message);
            }
        }
    }

    fn see_closed(&mut self, place: Place, reason: CloseReason) {
        let player = &mut self.players[place];
        player.is_gone = true;
        match reason {
            CloseReason::Left => assert!(player.is_finished, "nobody asked to close {place}"),
            CloseReason::SlowConsumer => {
                let may_stall = player.reads_slowly || self.weather == Weather::Rough;
                assert!(may_stall, "{place} reads everything");
            }
            _ => assert_eq!(reason, CloseReason::Fault),
        }
        self.model.end(place, reason.as_str());
    }

    /// Puts the simulation's numbers where the server chose its own, and leaves out what the
    /// model does not predict: texts for people, and what hello tells.
    fn normalize(&mut self, place: Place, message: &mut Value) {
        if message.get("method").is_some() {
            let n = message["param"].as_u64().unwrap();
            let id = message.get("id").map(|id| id.as_u64().unwrap());
            assert_eq!(id.is_some(), self.players[place].lines);
            if let Some(id) = id {
                assert!(self.numbers.insert(id, n).is_none(), "the id {id} twice");
                message["id"] = json!(n);
            }
            let is_replied = false;
            self.players[place].taken.push(Taken { n, id, is_replied });
        } else if message["event"] == "ipc.cancel" {
            let id = message["result"]["id"].as_u64().unwrap();
            message["result"]["id"] = json!(self.numbers.get(&id));
        } else if message.get("code").is_some() {
            message.as_object_mut().unwrap().remove("error");
        } else if message["response"].get("protocol").is_some() {
            message["response"] = json!({ "client": message["response"]["client"] });
            self.players[place].lines = true;
        }
    }

    fn compare_with_model(&self) {
        for place in self.alive() {
            let player = &self.players[place];
            if player.lines && !player.was_late && !player.is_finished && !player.reads_slowly {
                self.ledger.assert_told(place);
            }
        }
        if self.weather == Weather::Rough {
            let matched = self.world.stats().events_matched;
            assert_eq!(matched, self.ledger.n_matched);
            return;
        }
        for (place, player) in self.players.iter().enumerate() {
            let expected = &self.model.sessions[place].out;
            let received = &player.received;
            let is_behind = player.reads_slowly || player.has_crashed;
            let n_expected = if is_behind {
                received.len()
            } else {
                expected.len()
            };
            assert_eq!(
                received,
                &expected[..n_expected.min(expected.len())],
                "what {place} received, and what the model says"
            );
            let model = &self.model.sessions[place];
            if player.is_finished && !is_behind && self.model.n_requests(place) == 0 {
                assert!(player.is_gone, "{place} is owed nothing any more");
            }
            assert_eq!(player.is_gone, model.ended);
        }
        let (stats, counts) = (self.world.stats(), self.model.counts);
        let counted = crate::model::Counts {
            refusals: stats.refusals,
            calls_accepted: stats.calls_accepted,
            calls_answered: stats.calls_answered,
            calls_timed_out: stats.calls_timed_out,
            calls_cancelled: stats.calls_cancelled,
            replies_dropped: stats.replies_dropped,
            events: stats.events,
            events_matched: stats.events_matched,
        };
        assert_eq!(counted, counts);
        assert_eq!(stats.calls_open, self.model.calls.len() as u64);
        assert_eq!(stats.events_dropped, 0);
        let numbers: BTreeSet<_> = self.numbers.values().collect();
        assert_eq!(numbers.len(), self.numbers.len(), "one call under two ids");
    }
}

fn name(place: Place) -> String {
    format!("{place:05}")
}

fn place(name: &str) -> Place {
    name.parse().unwrap()
}
