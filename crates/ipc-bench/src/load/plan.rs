//! What a load is to do, and what it has done.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The calls of a work.
#[derive(Clone, Debug)]
pub(crate) struct Calls {
    pub(crate) in_flight: u32,
    pub(crate) payload: Vec<u8>,
    /// Called one after the other.
    pub(crate) objects: Vec<String>,
}

/// The events of a work.
#[derive(Clone, Debug)]
pub(crate) struct Emits {
    /// Events that may be on their way to the listeners.
    pub(crate) window: u64,
    pub(crate) payload: Vec<u8>,
    /// Sent one after the other; each goes to `n_receivers` listeners.
    pub(crate) names: Vec<String>,
    pub(crate) n_receivers: u64,
    /// The bytes that arrive for one event; all have the same length.
    pub(crate) delivered_bytes: u64,
}

/// When a run is over.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// After this time.
    pub time: Duration,
    /// After so many messages, whatever the time.
    pub messages: u64,
}

/// What a run did.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct Tally {
    /// Calls sent.
    pub n_called: u64,
    /// Calls answered.
    pub n_answered: u64,
    /// Events sent.
    pub n_emitted: u64,
    /// Events received, by all listeners together.
    pub n_delivered: u64,
    /// From the first message sent to the last one received.
    pub elapsed: Duration,
    /// In nanoseconds: of calls, or, with a window of one event, until its last listener has it.
    pub latencies: Vec<u32>,
}

impl Tally {
    /// Calls with their answers, or else events delivered.
    pub(crate) fn n_messages(&self) -> u64 {
        if 0 < self.n_called {
            self.n_answered
        } else {
            self.n_delivered
        }
    }
}
