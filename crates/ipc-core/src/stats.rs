//! What was counted since the start.

use serde::Serialize;

/// The broker's counters and gauges, as `stats` of the object `ipc` shows them.
///
/// `calls_accepted` = `calls_answered` + `calls_open`, and `events_matched` = `events_queued` +
/// `events_dropped`, at every moment.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Stats {
    /// Messages received.
    pub messages: u64,
    /// Connections taken.
    pub connections_opened: u64,
    /// Connections that were refused, for there were too many or the server was stopping.
    pub connections_refused: u64,
    /// Connections that ended.
    pub connections_closed: u64,
    /// Connections that were closed because they broke the protocol.
    pub faults: u64,
    /// Connections that were closed because they did not read.
    pub slow_consumers: u64,
    /// Requests declined.
    pub refusals: u64,
    /// Calls that were sent to a provider, or queued for one.
    pub calls_accepted: u64,
    /// Of these, the ones whose caller was answered, or had left.
    pub calls_answered: u64,
    /// Of these, the ones that still wait for their provider.
    pub calls_open: u64,
    /// Calls whose time passed.
    pub calls_timed_out: u64,
    /// Calls that the caller cancelled, or left.
    pub calls_cancelled: u64,
    /// Answers of providers that no call waited for.
    pub replies_dropped: u64,
    /// Events sent by peers and by the server.
    pub events: u64,
    /// Copies of events that some connection listened to.
    pub events_matched: u64,
    /// Of these, the ones that were queued for their listener.
    pub events_queued: u64,
    /// Of these, the ones that a slow listener missed and is told of.
    pub events_dropped: u64,
    /// Bytes queued for all connections now.
    pub queued_bytes: u64,
}
