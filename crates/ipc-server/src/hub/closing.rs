//! The end of connections: what they are owed is written first, within a bounded time.

use std::time::{Duration, Instant};

use ipc_core::{CloseReason, Input, SessionId};

use super::{Hub, connection};
use crate::{connection::Patience, incidents::Incident};

/// How often a connection that is being closed is checked. One whose socket took nothing meanwhile,
/// or that has everything and does not close its side, is dropped.
pub(super) const LINGER: Duration = Duration::from_secs(1);

impl Hub {
    /// Begins to close a connection: what its outbox holds is written, and what it sends thrown
    /// away.
    pub(super) fn close(&mut self, session: SessionId, reason: CloseReason, now: Instant) {
        tracing::debug!(client = session.client(), %reason, "closing");
        let is_slow = reason == CloseReason::SlowConsumer;
        if is_slow {
            self.incidents.note(Incident::SlowConsumer, now, |what| {
                tracing::warn!(client = session.client(), "{what}");
            });
        }
        let Some(connection) = connection(&mut self.connections, session) else {
            return;
        };
        connection.closing = Some(Patience::new(is_slow));
        self.receive_bytes -= connection.buffered_bytes();
        connection.decoder = None;
        self.lingering.push_back((now + LINGER, session));
        self.mark_dirty(session);
    }

    /// Drops the connections that have had their time to be closed.
    pub(super) fn pass_linger(&mut self, peer_now: Instant, now: Instant) {
        while let Some(&(until, session)) = self.lingering.front()
            && until <= peer_now
        {
            self.lingering.pop_front();
            let Some(connection) = connection(&mut self.connections, session) else {
                continue;
            };
            if connection.closing.as_mut().is_some_and(Patience::is_over) {
                self.drop_connection(session, CloseReason::Failed, now);
            } else {
                self.lingering.push_back((now + LINGER, session));
                self.try_to_write(session);
            }
        }
    }

    /// Writes again to a connection whose socket would take nothing, whatever the system says.
    pub(super) fn try_to_write(&mut self, session: SessionId) {
        if let Some(connection) = connection(&mut self.connections, session) {
            connection.is_writable = true;
            self.mark_dirty(session);
        }
    }

    /// Nothing reaches the peer any more. What it sent before is still handled, as far as it has
    /// arrived.
    pub(super) fn fail_to_write(&mut self, session: SessionId, now: Instant) {
        let Some(connection) = connection(&mut self.connections, session) else {
            return;
        };
        if connection.has_ended || connection.closing.is_some() {
            return self.drop_connection(session, CloseReason::Failed, now);
        }
        connection.is_write_closed = true;
        self.is_behind = true;
        self.mark_ready(session);
    }

    /// The outbox is written: a connection that is being closed tells its peer so, and goes when
    /// the peer has gone, for closing it while there is something to read could destroy what was
    /// just written.
    pub(super) fn finish_closing(&mut self, session: SessionId, now: Instant) {
        let Some(connection) = connection(&mut self.connections, session) else {
            return;
        };
        if connection.closing.is_none() {
            return;
        }
        connection.shut_down();
        if connection.has_ended {
            self.drop_connection(session, CloseReason::Left, now);
        }
    }

    pub(super) fn drop_connection(
        &mut self,
        session: SessionId,
        reason: CloseReason,
        now: Instant,
    ) {
        if connection(&mut self.connections, session).is_none() {
            return;
        }
        if let Some(connection) = self
            .connections
            .get_mut(session.slot())
            .and_then(Option::take)
        {
            self.receive_bytes -= connection.buffered_bytes();
        }
        tracing::debug!(client = session.client(), %reason, "closed");
        self.broker.handle(Input::Closed(session, reason), now);
        self.apply(now);
    }
}
