//! The broker: one door in, one way out, and everything that is decided between them.
//!
//! [`Broker::handle`] takes what happened and leaves behind what is to be done. The rooms are:
//! `calling` (calls and their answers), `naming` (objects and those who wait for them),
//! `publishing` (events), `ipc_object` (the methods of the server itself), `listing` (those that
//! list) and `leaving` (the end of sessions, and of the server).

mod calling;
mod ipc_object;
mod leaving;
mod listing;
mod naming;
mod param;
mod publishing;
mod reports;

use std::time::Instant;

use indexmap::IndexMap;
use ipc_wire::{Dialect, Fault, Id, Invalid, Message};

use crate::{
    calls::{CallId, Calls},
    deadlines::Deadlines,
    in_flight::Request,
    io::{CloseReason, Input, Output, Peer, SessionId},
    limits::Limits,
    outbox::Outbox,
    refusal::{Refusal, unasked},
    registry::Registry,
    session::ReplyTo,
    sessions::{Answer, Sessions, json},
    stats::Stats,
    subscriptions::Subscriptions,
    waits::{WaitId, Waits},
};

/// Something that happens when time passes.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Timer {
    Call(CallId),
    Wait(WaitId),
    Stall(SessionId),
    Drain,
}

/// The router: takes messages of sessions and queues messages for sessions.
#[derive(Debug)]
pub struct Broker {
    limits: Limits,
    /// What `hello` tells about the server.
    server: String,
    sessions: Sessions,
    users: IndexMap<u32, usize>,
    registry: Registry,
    calls: Calls,
    waits: Waits,
    subscriptions: Subscriptions,
    deadlines: Deadlines<Timer>,
    stats: Stats,
    started: Instant,
    /// When the server must have stopped, once it is stopping.
    drain_deadline: Option<Instant>,
    n_fan_outs: u64,
    /// Where the listeners of an event are gathered.
    listeners: Vec<SessionId>,
}

impl Broker {
    /// A broker without sessions; `server` is its name and version, as told in `hello`.
    #[must_use]
    pub fn new(limits: Limits, server: &str, now: Instant) -> Self {
        let limits = limits.with_countable_times();
        Self {
            sessions: Sessions::new(limits.outbox_bytes, limits.queued_bytes),
            limits,
            server: server.to_owned(),
            users: IndexMap::new(),
            registry: Registry::default(),
            calls: Calls::default(),
            waits: Waits::default(),
            subscriptions: Subscriptions::default(),
            deadlines: Deadlines::new(),
            stats: Stats::default(),
            started: now,
            drain_deadline: None,
            n_fan_outs: 0,
            listeners: Vec::new(),
        }
    }

    /// Takes a new connection.
    ///
    /// # Errors
    ///
    /// A [`Refusal`] when there are too many, or the server is stopping.
    pub fn open(&mut self, peer: Peer) -> Result<SessionId, Refusal> {
        let opened = self.try_open(peer);
        if opened.is_err() {
            self.stats.connections_refused += 1;
        }
        opened
    }

    fn try_open(&mut self, peer: Peer) -> Result<SessionId, Refusal> {
        if self.drain_deadline.is_some() {
            return Err(Refusal::SHUTTING_DOWN);
        }
        let too_many = |limit: usize, whose: &str| {
            let text = format!("{whose} {limit} connections already");
            Err(Refusal::new(ipc_wire::Code::Busy, text))
        };
        if self.limits.connections <= self.sessions.len() {
            return too_many(self.limits.connections, "the server has");
        }
        if let Some(uid) = peer.uid {
            let n_connections = self.users.entry(uid).or_default();
            if self.limits.connections_per_user <= *n_connections {
                return too_many(self.limits.connections_per_user, "this user has");
            }
            *n_connections += 1;
        }
        self.stats.connections_opened += 1;
        Ok(self.sessions.open(peer))
    }

    /// Takes what happened. Afterwards, [`Broker::poll_output`] has to be drained.
    #[inline]
    pub fn handle(&mut self, input: Input<'_>, now: Instant) {
        match input {
            Input::Received(session, message) => self.receive(session, message, now),
            Input::Broken(session, fault) => self.break_off(session, fault),
            Input::Written(session, n_bytes) => self.written(session, n_bytes, now),
            Input::Finished(session) => self.finish(session),
            Input::Closed(session, reason) => self.forget(session, reason),
        }
        self.settle();
    }

    /// Takes that time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(timer) = self.deadlines.pop_due(now) {
            match timer {
                Timer::Call(call) => self.time_out_call(call),
                Timer::Wait(wait) => self.time_out_wait(wait),
                Timer::Stall(session) => self.check_progress(session, now),
                Timer::Drain => self.end_drain(),
            }
        }
        self.settle();
    }

    /// When [`Broker::handle_timeout`] has to be called at the latest.
    pub fn poll_timeout(&mut self) -> Option<Instant> {
        let (calls, waits, sessions) = (&self.calls, &self.waits, &self.sessions);
        self.deadlines
            .next(|timer| is_alive(timer, calls, waits, sessions))
    }

    /// The next thing to do, until there is none.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.sessions.poll_output()
    }

    /// What is queued for a session; also for one that has ended, until it is closed.
    #[must_use]
    pub fn outbox(&self, session: SessionId) -> Option<Outbox<'_>> {
        self.sessions.outbox(session)
    }

    /// How a session is written to.
    #[must_use]
    pub fn dialect(&self, session: SessionId) -> Option<Dialect> {
        self.sessions.any(session).map(|session| session.dialect)
    }

    /// What was counted since the start.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats {
            calls_open: self.calls.len() as u64,
            queued_bytes: self.sessions.queued_bytes() as u64,
            ..self.stats
        }
    }

    /// Checks what must hold between any two inputs.
    ///
    /// # Panics
    ///
    /// When it does not: that is a bug in this crate.
    pub fn assert_invariants(&self) {
        let stats = self.stats();
        assert_eq!(
            stats.calls_accepted,
            stats.calls_answered + stats.calls_open
        );
        assert_eq!(
            stats.events_matched,
            stats.events_queued + stats.events_dropped
        );
        let sessions = || self.sessions.iter();
        assert_eq!(
            self.calls.len(),
            sessions()
                .map(|session| session.calls_out.len())
                .sum::<usize>()
        );
        assert_eq!(
            self.calls.len(),
            sessions()
                .map(|session| session.calls_in.len())
                .sum::<usize>()
        );
        let n_subscriptions: usize = sessions().map(|session| session.subscriptions.len()).sum();
        assert_eq!(self.subscriptions.len(), n_subscriptions);
        let n_claims: usize = sessions().map(|session| session.objects.len()).sum();
        self.registry.assert_invariants();
        let n_claimed: usize = self
            .registry
            .after(None)
            .map(|(_, object)| object.providers.len() + object.standby.len())
            .sum();
        assert_eq!(n_claims, n_claimed);
        assert!(!self.sessions.has_stray_events());
        for session in sessions() {
            assert!(session.n_requests() <= self.limits.requests);
            assert!(session.in_flight.len() <= session.n_requests());
            assert!(session.n_unanswered_turns() <= session.n_requests());
            assert!(!session.has_empty_turns());
        }
    }

    fn receive(&mut self, session: SessionId, message: &Message<'_>, now: Instant) {
        let Some(state) = self.sessions.get(session) else {
            return;
        };
        let is_first = !state.is_announced;
        self.stats.messages += 1;
        match message {
            Message::Call(call) => self.call(session, call, now),
            Message::Reply(reply) => self.reply(session, reply),
            Message::Event(event) => self.event(session, event),
            Message::Register(register) => self.register(session, register),
            Message::Wait(wait) => self.wait(session, wait, now),
            Message::Listen(listen) => self.listen(session, listen),
            Message::Success(success) => self.refuse_unknown(session, success.id),
            Message::Invalid(invalid) => self.refuse_invalid(session, invalid),
            Message::Unknown { id } => self.refuse_unknown(session, *id),
            _ => self.refuse_unknown(session, None),
        }
        if is_first {
            self.announce(session);
        }
    }

    fn refuse_unknown(&mut self, session: SessionId, id: Option<Id<'_>>) {
        let text = "the message is of no kind that a server takes; its keys tell the kind: \
                    reg_object, list, object and method, event_name, event and result, response, \
                    or error, in lowercase and not null";
        self.request(session, id, |_, _| {
            Err(Refusal::new(ipc_wire::Code::Unsupported, text))
        });
    }

    fn refuse_invalid(&mut self, session: SessionId, invalid: &Invalid<'_>) {
        self.request(session, invalid.id, |_, _| {
            Err(Refusal::new(invalid.code(), invalid.value.to_string()))
        });
    }

    /// Handles a request: gives it its place among the answers and declines it when `handle` does.
    fn request(
        &mut self,
        session: SessionId,
        id: Option<Id<'_>>,
        handle: impl FnOnce(&mut Self, ReplyTo<'_>) -> Result<(), Refusal>,
    ) {
        let to = self.sessions.reply_to(session, id);
        let is_duplicate = match to {
            ReplyTo::Id(id) => self.in_flight(session, id).is_some(),
            ReplyTo::Turn(_) => false,
        };
        let handled = if is_duplicate {
            Err(Refusal::DUPLICATE_ID)
        } else {
            handle(self, to)
        };
        if let Err(refusal) = handled {
            self.refuse(session, to, &refusal);
        }
    }

    /// The request of a session by the id that it gave it, until it is answered.
    fn in_flight(&self, session: SessionId, id: Id<'_>) -> Option<Request> {
        let reply_to = |request| match request {
            Request::Call(call) => self.calls.get(call).map(|call| call.reply_to.as_ref()),
            Request::Wait(wait) => self.waits.get(wait).map(|wait| wait.reply_to.as_ref()),
        };
        let session = self.sessions.get(session)?;
        session
            .in_flight
            .find(id, |request| match reply_to(request)? {
                ReplyTo::Id(id) => Some(id),
                ReplyTo::Turn(_) => None,
            })
    }

    fn refuse(&mut self, session: SessionId, to: ReplyTo<'_>, refusal: &Refusal) {
        self.stats.refusals += 1;
        self.sessions.refuse(session, to, refusal);
    }

    /// Answers that a request without a result of its own succeeded; without an id, `listen` and
    /// `event` are answered by nothing, as in the seed.
    fn acknowledge(&mut self, session: SessionId, to: ReplyTo<'_>, delivered: Option<u64>) {
        match to {
            ReplyTo::Id(_) => self
                .sessions
                .answer(session, to, Answer::Success { delivered }),
            ReplyTo::Turn(_) => self.sessions.answer_nothing(session, to),
        }
    }

    /// The stream of a session broke: it is told why, and closed.
    fn break_off(&mut self, session: SessionId, fault: &Fault) {
        if self.sessions.get(session).is_none() {
            return;
        }
        self.stats.faults += 1;
        let error = json(&fault.to_string());
        let code = json(fault.code().as_str());
        self.sessions.send_or_doom(session, &unasked(&error, &code));
        self.sessions.doom(session, CloseReason::Fault);
    }

    /// Ends the sessions that have to, if there are any.
    #[inline]
    fn settle(&mut self) {
        if self.sessions.has_doomed() {
            self.end_doomed();
        }
    }

    /// Ends the sessions that have to, which may make others have to.
    #[cold]
    fn end_doomed(&mut self) {
        while let Some((session, reason)) = self.sessions.next_doomed() {
            self.end(session, reason);
        }
    }

    /// One deadline is not needed any more.
    fn cancel_deadline(&mut self) {
        let (calls, waits, sessions) = (&self.calls, &self.waits, &self.sessions);
        self.deadlines
            .cancel(|timer| is_alive(timer, calls, waits, sessions));
    }
}

/// Whether a deadline still has its reason.
fn is_alive(timer: Timer, calls: &Calls, waits: &Waits, sessions: &Sessions) -> bool {
    match timer {
        Timer::Call(call) => calls.get(call).is_some(),
        Timer::Wait(wait) => waits.get(wait).is_some(),
        Timer::Stall(session) => sessions.any(session).is_some(),
        Timer::Drain => true,
    }
}
