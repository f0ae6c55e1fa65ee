//! The end of sessions, and of the server: everyone who is owed an answer gets it.

use std::time::Instant;

use ipc_wire::Dialect;

use super::{Broker, Timer, reports::ClientEvent};
use crate::{
    io::{CloseReason, SessionId},
    refusal::Refusal,
};

/// How often a socket that takes nothing is tried again within the time in which it has to take
/// something.
const STALL_TRIES: u32 = 10;

impl Broker {
    /// The socket took bytes, or would not.
    pub(super) fn written(&mut self, id: SessionId, n_bytes: usize, now: Instant) {
        self.sessions.written(id, n_bytes);
        let low_water = self.limits.outbox_bytes / 2;
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        let is_empty = session.outbox.is_empty();
        if session.stall.note(n_bytes, is_empty, now) {
            if session.stall.n_tries == STALL_TRIES {
                return self.sessions.doom(id, CloseReason::SlowConsumer);
            }
            if !session.stall.is_timed {
                session.stall.is_timed = true;
                let next_try = now + self.limits.stall / STALL_TRIES;
                self.deadlines.push(next_try, Timer::Stall(id));
            }
        }
        if !session.lost.is_empty() && session.outbox.queued_bytes() <= low_water {
            // What does not fit is told when more is written.
            self.tell_lost(id).ok();
        }
        self.close_if_done(id);
    }

    /// It is time to try again whether a session's socket takes anything, unless it did meanwhile.
    ///
    /// The system's word that it does not is not enough: it keeps quiet until there is a good deal
    /// of room. Nor is one try after a long time: when the machine slept or the server stood still,
    /// nobody had that time to read.
    pub(super) fn check_progress(&mut self, id: SessionId, now: Instant) {
        let interval = self.limits.stall / STALL_TRIES;
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        session.stall.is_timed = false;
        let Some(since) = session.stall.since else {
            return;
        };
        if now < since + interval {
            session.stall.is_timed = true;
            self.deadlines.push(since + interval, Timer::Stall(id));
            return;
        }
        session.stall.is_tried = true;
        self.sessions.retry(id);
    }

    /// The peer sends nothing more. What it asked for is still answered; what it promised to
    /// others ends, for it cannot answer them.
    pub(super) fn finish(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        session.is_finished = true;
        let is_owed = 0 < session.n_requests();
        let speaks_lines = session.dialect == Dialect::Lines;
        self.end_services(id, CloseReason::Left);
        if is_owed && speaks_lines {
            // A peer that is gone altogether looks the same as one that only sends no more, until
            // something is written to it; white space between messages is always allowed.
            self.sessions.probe(id);
        }
        self.close_if_done(id);
    }

    fn close_if_done(&mut self, id: SessionId) {
        if self
            .sessions
            .get(id)
            .is_some_and(|session| session.is_finished && !session.is_owed())
        {
            self.sessions.doom(id, CloseReason::Left);
        }
    }

    /// The socket is gone.
    pub(super) fn forget(&mut self, id: SessionId, reason: CloseReason) {
        self.end(id, reason);
        if let Some(session) = self.sessions.any(id) {
            self.stats.connections_closed += 1;
            if let Some(uid) = session.peer.uid
                && let Some(n_connections) = self.users.get_mut(&uid)
            {
                *n_connections -= 1;
                if *n_connections == 0 {
                    self.users.swap_remove(&uid);
                }
            }
            self.sessions.remove(id);
        }
    }

    /// Ends a session: its callers are answered, then its names are free, and what it asked for
    /// is cancelled. Its outbox stays until the shell has written it.
    pub(super) fn end(&mut self, id: SessionId, reason: CloseReason) {
        let Some(session) = self.sessions.get(id) else {
            return;
        };
        if reason == CloseReason::SlowConsumer {
            self.stats.slow_consumers += 1;
        }
        let is_announced = session.is_announced;
        let name = session.name.clone();
        self.end_services(id, reason);
        self.end_requests(id);
        self.sessions.close(id, reason);
        if is_announced {
            let result = ClientEvent::new(id, name.as_ref(), Some(reason.as_str()));
            self.announce_event("ipc.client.disconnected", &result);
        }
    }

    /// Ends what a session does for others, and what others send to it unasked.
    fn end_services(&mut self, id: SessionId, reason: CloseReason) {
        while let Some(session) = self.sessions.get(id)
            && let Some(call_id) = self.calls.first(&session.calls_in)
            && let Some(&call) = self.calls.get(call_id)
        {
            self.sessions.unqueue_for_seed(id, call_id);
            self.close_call(call_id);
            self.refuse(call.caller, call.reply_to.as_ref(), &Refusal::PROVIDER_GONE);
        }
        let subscriptions = self.sessions.get_mut(id).map(|session| {
            session.lost.clear();
            std::mem::take(&mut session.subscriptions)
        });
        for subscription in subscriptions.iter().flatten() {
            self.subscriptions.remove(subscription, id);
        }
        let objects = self.sessions.get(id).map(|session| session.objects.clone());
        for name in objects.iter().flatten() {
            // It has registered all of them.
            self.release(id, name.as_str(), reason.as_str()).ok();
        }
    }

    /// Ends what a session asked for.
    fn end_requests(&mut self, id: SessionId) {
        while let Some(session) = self.sessions.get(id)
            && let Some(call) = self.calls.first(&session.calls_out)
        {
            self.stats.calls_cancelled += 1;
            self.abandon_call(call, None);
        }
        let waits = self.sessions.get(id).map(|session| session.waits.clone());
        for wait in waits.into_iter().flatten() {
            self.close_wait(wait);
        }
    }

    /// Begins to stop: nothing new is taken, clients are told, and calls in flight have until the
    /// end of the drain to be answered.
    pub fn shut_down(&mut self, now: Instant) {
        if self.drain_deadline.is_some() {
            return;
        }
        let deadline = now + self.limits.drain;
        self.drain_deadline = Some(deadline);
        self.deadlines.push(deadline, Timer::Drain);
        let grace_ms = u64::try_from(self.limits.drain.as_millis()).unwrap_or(u64::MAX);
        let sessions: Vec<_> = self.sessions.iter().map(|session| session.id).collect();
        for id in sessions {
            self.notify(
                id,
                "ipc.shutdown",
                &serde_json::json!({ "grace_ms": grace_ms }),
            );
        }
        for wait in self.waits.all() {
            if let Some(wait) = self.close_wait(wait) {
                self.refuse(
                    wait.session,
                    wait.reply_to.as_ref(),
                    &Refusal::SHUTTING_DOWN,
                );
            }
        }
        self.settle();
    }

    /// Whether the server is stopping and nobody is owed anything any more.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.drain_deadline.is_some() && self.calls.len() == 0 && self.sessions.queued_bytes() == 0
    }

    /// When the server must have stopped, once it is stopping.
    #[must_use]
    pub const fn drain_deadline(&self) -> Option<Instant> {
        self.drain_deadline
    }

    /// The time to drain is over: what is still open is answered.
    pub(super) fn end_drain(&mut self) {
        let sessions: Vec<_> = self.sessions.iter().map(|session| session.id).collect();
        for id in sessions {
            while let Some(session) = self.sessions.get(id)
                && let Some(call) = self.calls.first(&session.calls_in)
            {
                self.abandon_call(call, Some(&Refusal::SHUTTING_DOWN));
            }
        }
    }
}
