//! What a load is to do, and what it has done.

use std::time::Duration;

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
pub(crate) struct Budget {
    pub(crate) time: Duration,
    pub(crate) messages: u64,
}

/// What a run did.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) n_called: u64,
    pub(crate) n_answered: u64,
    pub(crate) n_emitted: u64,
    pub(crate) n_delivered: u64,
    /// From the first message sent to the last one received.
    pub(crate) elapsed: Duration,
    /// In nanoseconds: of calls, or, with a window of one event, until its last listener has it.
    pub(crate) latencies: Vec<u32>,
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
