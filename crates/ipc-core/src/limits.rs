//! Every bound of the broker, named, with its reason.

use std::time::Duration;

use ipc_wire::DecodeLimits;

/// What peers may use: the one place from which broker, decoders and event loop read. The defaults
/// are for a machine that runs desktop or server programs.
///
/// A time of more than a year counts as a year.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Connections at a time: enough for every process of a large machine.
    pub connections: usize,
    /// Connections of one user at a time, where the system tells who connects (Unix sockets): a
    /// runaway program of one user leaves room for the others.
    pub connections_per_user: usize,
    /// Objects that one connection registers or stands by for.
    pub names: usize,
    /// Events and patterns that one connection listens to.
    pub subscriptions: usize,
    /// Calls and waits that one connection has in flight.
    pub requests: usize,
    /// Names in one `list`: as many as one connection may register.
    pub wait_names: usize,
    /// Bytes of the longest message; below 4 GiB.
    pub message_bytes: usize,
    /// The deepest nesting of a message, its own object included; at most 128.
    pub message_depth: u32,
    /// Bytes of unfinished messages of all connections together; beyond it the connection that
    /// holds the most is closed.
    pub unfinished_bytes: usize,
    /// Bytes of an object's interface description: the server keeps it as long as the object.
    pub interface_bytes: usize,
    /// Entries of one page of a list (`objects`, `clients`): a page is made in one go, while
    /// everybody else waits.
    pub page_entries: usize,
    /// Bytes of the entries of one page, unless a single one has more: a page fits well into a
    /// queue, and into the memory of whoever asks.
    pub page_bytes: usize,
    /// Providers, standbys or objects that one entry of a list names; of further ones it only says
    /// how many there are.
    pub entry_items: usize,
    /// Bytes that may be queued for one connection. A message is always taken by an empty queue,
    /// so that the largest message can be sent.
    pub outbox_bytes: usize,
    /// Bytes that may be queued for all connections together; beyond it the connection with the
    /// longest queue is closed, for it is the one that caused it.
    pub queued_bytes: usize,
    /// How long a connection may take nothing of what is queued for it.
    pub stall: Duration,
    /// How long an empty answer to `list` is held back in the seed dialect, whose clients ask
    /// again at once.
    pub seed_wait: Duration,
    /// How long calls in flight may go on when the server stops.
    pub drain: Duration,
    /// Events whose losses are counted by name for one slow listener; the losses of further ones
    /// are reported together under the pattern `>`.
    pub lost_names: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4096,
            connections_per_user: 1024,
            names: 256,
            subscriptions: 512,
            requests: 4096,
            wait_names: 256,
            message_bytes: DecodeLimits::DEFAULT_MESSAGE_BYTES,
            message_depth: DecodeLimits::DEFAULT_DEPTH,
            unfinished_bytes: 256 * 1024 * 1024,
            interface_bytes: 64 * 1024,
            page_entries: 1000,
            page_bytes: 256 * 1024,
            entry_items: 64,
            outbox_bytes: 8 * 1024 * 1024,
            queued_bytes: 256 * 1024 * 1024,
            stall: Duration::from_secs(10),
            seed_wait: Duration::from_millis(100),
            drain: Duration::from_secs(10),
            lost_names: 64,
        }
    }
}

impl Limits {
    /// What one message may cost.
    #[must_use]
    pub const fn decode(&self) -> DecodeLimits {
        DecodeLimits {
            message_bytes: self.message_bytes,
            depth: self.message_depth,
        }
    }

    /// Shortens times that a clock could not count.
    pub(crate) fn with_countable_times(mut self) -> Self {
        for time in [&mut self.stall, &mut self.seed_wait, &mut self.drain] {
            *time = MAX_TIMEOUT.min(*time);
        }
        self
    }
}

/// Timeouts longer than this are none: a year is beyond any process's patience, and clocks can
/// count that far.
pub(crate) const MAX_TIMEOUT: Duration = Duration::from_secs(366 * 24 * 60 * 60);
