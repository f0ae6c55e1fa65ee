//! All sessions, and the one way by which anything is sent to one.

use std::{
    collections::{BTreeMap, VecDeque},
    ops::Bound,
};

use ipc_wire::{Dialect, Encode, Id, Message, Outcome, Payload, Reply, Success, Text, Wait};
use slab::Slab;

use crate::{
    broadcast::{Encoded, Piece},
    buffers::Buffers,
    calls::CallId,
    io::{CloseReason, Output, Peer, SessionId},
    outbox::{Full, Outbox, Queue},
    refusal::{Refusal, unasked},
    session::{ReplyTo, Session},
};

/// What the server answers to a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer<'a> {
    Outcome(Outcome<'a>),
    Success {
        delivered: Option<u64>,
    },
    List {
        objects: Payload<'a>,
        missing: Option<Payload<'a>>,
    },
}

impl<'a> Answer<'a> {
    fn message(self, id: Option<Id<'a>>) -> Message<'a> {
        match self {
            Self::Outcome(outcome) => Message::Reply(Reply {
                outcome,
                more: false,
                id,
            }),
            Self::Success { delivered } => Message::Success(Success { delivered, id }),
            Self::List { objects, missing } => Message::Wait(Wait {
                objects,
                timeout_ms: None,
                missing,
                id,
            }),
        }
    }
}

/// All sessions, their queues, and what the shell has to be told.
#[derive(Debug)]
pub(crate) struct Sessions {
    table: Slab<Session>,
    /// The slots of all sessions by their clients' numbers, so that a list can begin at any of them.
    slots: BTreeMap<u64, usize>,
    n_opened: u64,
    buffers: Buffers,
    outputs: VecDeque<Output>,
    /// Sessions that have to end once the current input is handled: ending one inside another's
    /// ending would never come to an end itself.
    doomed: VecDeque<(SessionId, CloseReason)>,
    outbox_limit: usize,
    total_limit: usize,
    queued_bytes: usize,
}

impl Sessions {
    pub(crate) fn new(outbox_limit: usize, total_limit: usize) -> Self {
        Self {
            table: Slab::new(),
            slots: BTreeMap::new(),
            n_opened: 0,
            buffers: Buffers::default(),
            outputs: VecDeque::new(),
            doomed: VecDeque::new(),
            outbox_limit,
            total_limit,
            queued_bytes: 0,
        }
    }

    pub(crate) fn open(&mut self, peer: Peer) -> SessionId {
        self.n_opened += 1;
        let entry = self.table.vacant_entry();
        let id = SessionId {
            slot: entry.key(),
            client: self.n_opened,
        };
        entry.insert(Session::new(id, peer));
        self.slots.insert(id.client, id.slot);
        id
    }

    /// Forgets a session that has ended.
    pub(crate) fn remove(&mut self, id: SessionId) {
        if self.any(id).is_some() {
            let mut session = self.table.remove(id.slot);
            self.slots.remove(&id.client);
            self.queued_bytes -= session.queued_bytes();
            session.outbox.clear(&mut self.buffers);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    pub(crate) const fn queued_bytes(&self) -> usize {
        self.queued_bytes
    }

    /// Returns the sessions that have not ended, from the first one whose client's number is
    /// greater than this.
    pub(crate) fn after(&self, client: u64) -> impl Iterator<Item = &Session> {
        let slots = self
            .slots
            .range((Bound::Excluded(client), Bound::Unbounded));
        slots
            .filter_map(|(_, &slot)| self.table.get(slot))
            .filter(|session| !session.is_closing)
    }

    /// The session of a client, if it has not ended.
    pub(crate) fn by_client(&self, client: u64) -> Option<&Session> {
        let slot = *self.slots.get(&client)?;
        self.get(SessionId { slot, client })
    }

    /// The sessions that have not ended, by their slots.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Session> {
        self.table
            .iter()
            .map(|(_, session)| session)
            .filter(|session| !session.is_closing)
    }

    /// What waits to be written to a session, ended or not.
    pub(crate) fn outbox(&self, id: SessionId) -> Option<Outbox<'_>> {
        let session = self.any(id)?;
        Some(Outbox::new(&session.outbox, &self.buffers))
    }

    /// Encodes a message that goes to many sessions.
    pub(crate) fn encode(&mut self, message: &Message<'_>, dialect: Dialect) -> Encoded {
        Encoded::new(message, dialect, &mut self.buffers)
    }

    /// Gives back what [`Sessions::encode`] made.
    pub(crate) fn release(&mut self, encoded: Encoded) {
        encoded.release(&mut self.buffers);
    }

    /// Whether events are kept that nobody is about to be sent.
    pub(crate) fn has_stray_events(&self) -> bool {
        let is_common = |(_, session): (_, &Session)| session.outbox.is_common();
        !self.buffers.broadcasts.is_empty() && !self.table.iter().any(is_common)
    }

    /// A session, ended or not.
    pub(crate) fn any(&self, id: SessionId) -> Option<&Session> {
        let session = self.table.get(id.slot);
        session.filter(|session| session.id.client == id.client)
    }

    /// A session that has not ended.
    pub(crate) fn get(&self, id: SessionId) -> Option<&Session> {
        self.any(id).filter(|session| !session.is_closing)
    }

    /// A session that has not ended.
    pub(crate) fn get_mut(&mut self, id: SessionId) -> Option<&mut Session> {
        any_mut(&mut self.table, id).filter(|session| !session.is_closing)
    }

    /// Where the answer to a request goes that was just received.
    pub(crate) fn reply_to<'a>(&mut self, session: SessionId, id: Option<Id<'a>>) -> ReplyTo<'a> {
        match id {
            Some(id) => ReplyTo::Id(id),
            None => ReplyTo::Turn(self.get_mut(session).map_or(0, Session::take_turn)),
        }
    }

    /// Takes back the turn of a request that is not answered when it succeeds. Nobody has come
    /// after it yet; so a session that waits for one answer may send any number of events, and
    /// nothing is kept of them.
    pub(crate) fn answer_nothing(&mut self, session: SessionId, to: ReplyTo<'_>) {
        if let ReplyTo::Turn(turn) = to
            && let Some(session) = self.get_mut(session)
            && turn + 1 == session.first_turn + session.turns.len() as u64
        {
            session.turns.pop_back();
        }
    }

    /// Answers a request. A session that cannot take its answer is closed, for an answer is never
    /// dropped.
    pub(crate) fn answer(&mut self, id: SessionId, to: ReplyTo<'_>, answer: Answer<'_>) {
        let limit = self.outbox_limit;
        let Some(session) = self.get_mut(id) else {
            return;
        };
        match to {
            ReplyTo::Id(request) => {
                self.send_or_doom(id, &answer.message(Some(request)));
            }
            ReplyTo::Turn(turn) if turn == session.first_turn => {
                session.turns.pop_front();
                session.first_turn += 1;
                self.send_or_doom(id, &answer.message(None));
                self.release_turns(id);
            }
            ReplyTo::Turn(turn) => {
                let mut bytes = Vec::new();
                answer.message(None).encode(&mut bytes, session.dialect);
                if !session.fits(bytes.len(), limit) {
                    self.doom(id, CloseReason::SlowConsumer);
                } else if let Some(session) = self.get_mut(id) {
                    let n_bytes = bytes.len();
                    if let Some(place) = session.turn_mut(turn) {
                        *place = Some(bytes);
                        session.held_bytes += n_bytes;
                        self.charge(n_bytes);
                    }
                }
            }
        }
    }

    /// Declines a request.
    pub(crate) fn refuse(&mut self, id: SessionId, to: ReplyTo<'_>, refusal: &Refusal) {
        let error = json(&refusal.text);
        let code = json(refusal.code.as_str());
        let outcome = Outcome::Error {
            error: Payload::from_json(&error),
            code: Some(Text::from_literal(&code)),
        };
        self.answer(id, to, Answer::Outcome(outcome));
    }

    /// Sends the answers whose turn has come.
    fn release_turns(&mut self, id: SessionId) {
        while let Some(session) = self.get_mut(id)
            && let Some(Some(_)) = session.turns.front()
        {
            let bytes = session.turns.pop_front().flatten().unwrap_or_default();
            session.first_turn += 1;
            session.held_bytes -= bytes.len();
            if !bytes.is_empty() {
                self.queued_bytes -= bytes.len();
                self.send_counted(id, bytes);
            }
        }
    }

    /// Sends bytes that were counted against the session's limit while they were held.
    fn send_counted(&mut self, id: SessionId, bytes: Vec<u8>) {
        let encoded = Encoded::Small(bytes);
        let queued = self.queue(id, |outbox, dialect, _, buffers| {
            outbox.push_encoded(&encoded, dialect, usize::MAX, buffers)
        });
        if queued.is_err() {
            self.doom(id, CloseReason::SlowConsumer);
        }
    }

    /// Sends a message, unless the session's queue is full.
    pub(crate) fn send(&mut self, id: SessionId, message: &impl Encode) -> Result<(), Full> {
        self.queue(id, |outbox, dialect, limit, buffers| {
            outbox.push(message, dialect, limit, &mut buffers.pool)
        })
    }

    /// Sends bytes that were encoded in the session's dialect, for many sessions at once.
    pub(crate) fn send_encoded(&mut self, id: SessionId, encoded: &Encoded) -> Result<(), Full> {
        self.queue(id, |outbox, dialect, limit, buffers| {
            outbox.push_encoded(encoded, dialect, limit, buffers)
        })
    }

    /// Whether a message of so many bytes fits into a session's queue.
    pub(crate) fn has_room(&self, id: SessionId, n_bytes: usize) -> bool {
        self.get(id)
            .is_some_and(|session| session.fits(n_bytes, self.outbox_limit))
    }

    /// Sends an event to a session that is about to be sent what comes right before it, as listeners
    /// are whose events follow each other; whether it is one, and was not reached by this fan-out.
    #[inline]
    pub(crate) fn continue_common(&mut self, id: SessionId, fan_out: u64, piece: Piece) -> bool {
        let outbox_limit = self.outbox_limit;
        let Some(session) = self.get_mut(id) else {
            return false;
        };
        let is_ordinary = session.is_dirty && session.lost.is_empty();
        let limit = outbox_limit.saturating_sub(session.held_bytes);
        let is_sent = session.last_fan_out != fan_out
            && is_ordinary
            && session.outbox.continue_common(piece, limit);
        if is_sent {
            session.last_fan_out = fan_out;
            self.charge(piece.len());
        }
        is_sent
    }

    pub(crate) fn send_or_doom(&mut self, id: SessionId, message: &Message<'_>) {
        if self.send(id, message).is_err() {
            self.doom(id, CloseReason::SlowConsumer);
        }
    }

    /// Sends the message behind which nothing comes, unless it would come within another.
    fn send_last(&mut self, id: SessionId, refusal: &Refusal) {
        let (error, code) = (json(&refusal.text), json(refusal.code.as_str()));
        let message = unasked(&error, &code);
        let queued = self.queue(id, |outbox, dialect, _, buffers| {
            if outbox.is_cut() {
                return Err(Full);
            }
            outbox.push(&message, dialect, usize::MAX, &mut buffers.pool)
        });
        // Who cannot be told sees a stream that ends within a message.
        queued.ok();
    }

    /// Puts something into a session's outbox, whose limit is what its other queues leave.
    fn queue(
        &mut self,
        id: SessionId,
        push: impl FnOnce(&mut Queue, Dialect, usize, &mut Buffers) -> Result<usize, Full>,
    ) -> Result<(), Full> {
        let Some(session) = any_mut(&mut self.table, id) else {
            return Ok(());
        };
        let held_bytes = session.seed_provider.queued_bytes + session.held_bytes;
        let limit = self.outbox_limit.saturating_sub(held_bytes);
        let n_bytes = push(
            &mut session.outbox,
            session.dialect,
            limit,
            &mut self.buffers,
        )?;
        if !session.is_dirty {
            session.is_dirty = true;
            self.outputs.push_back(Output::Write(id));
        }
        self.charge(n_bytes);
        Ok(())
    }

    /// Writes white space to a session, to learn whether anybody is there.
    pub(crate) fn probe(&mut self, id: SessionId) {
        let space = Encoded::Small(b" ".to_vec());
        // A queue that is full is a probe in itself.
        self.send_encoded(id, &space).ok();
    }

    /// Queues a call for a provider that takes one at a time, unless its queue is full.
    pub(crate) fn queue_for_seed(
        &mut self,
        provider: SessionId,
        call: CallId,
        message: &Message<'_>,
    ) -> Result<(), Full> {
        let limit = self.outbox_limit;
        let Some(session) = self.get_mut(provider) else {
            return Ok(());
        };
        if session.seed_provider.serving.is_none() {
            self.send(provider, message)?;
            if let Some(session) = self.get_mut(provider) {
                session.seed_provider.serving = Some(call);
            }
            return Ok(());
        }
        let mut bytes = Vec::new();
        message.encode(&mut bytes, Dialect::Seed);
        let n_bytes = bytes.len();
        if !session.fits(n_bytes, limit) {
            return Err(Full);
        }
        session.seed_provider.queued_bytes += n_bytes;
        session.seed_provider.queue.push_back((call, bytes));
        self.charge(n_bytes);
        Ok(())
    }

    /// A provider that takes one call at a time is free: sends it the next.
    pub(crate) fn serve_next(&mut self, provider: SessionId) {
        let Some(session) = self.get_mut(provider) else {
            return;
        };
        let Some((call, bytes)) = session.seed_provider.queue.pop_front() else {
            return;
        };
        session.seed_provider.serving = Some(call);
        session.seed_provider.queued_bytes -= bytes.len();
        self.queued_bytes -= bytes.len();
        self.send_counted(provider, bytes);
    }

    /// Takes a call out of the queue of a provider that has not been sent it yet; whether it was
    /// there.
    pub(crate) fn unqueue_for_seed(&mut self, provider: SessionId, call: CallId) -> bool {
        let Some(session) = self.get_mut(provider) else {
            return false;
        };
        let queue = &mut session.seed_provider.queue;
        let Some(place) = queue.iter().position(|&(queued, _)| queued == call) else {
            return false;
        };
        if let Some((_, bytes)) = queue.remove(place) {
            session.seed_provider.queued_bytes -= bytes.len();
            self.queued_bytes -= bytes.len();
        }
        true
    }

    /// The socket took bytes.
    pub(crate) fn written(&mut self, id: SessionId, n_bytes: usize) {
        let Some(session) = any_mut(&mut self.table, id) else {
            return;
        };
        let before = session.outbox.queued_bytes();
        session.outbox.advance(n_bytes, &mut self.buffers);
        self.queued_bytes -= before - session.outbox.queued_bytes();
    }

    /// Counts queued bytes, and makes room when there are too many altogether.
    #[inline]
    fn charge(&mut self, n_bytes: usize) {
        self.queued_bytes += n_bytes;
        if self.total_limit < self.queued_bytes {
            self.make_room();
        }
    }

    /// The longest queue pays.
    #[cold]
    fn make_room(&mut self) {
        while self.total_limit < self.queued_bytes {
            let longest = self
                .table
                .iter()
                .map(|(_, session)| (session.queued_bytes(), session.id))
                .max_by_key(|&(queued_bytes, _)| queued_bytes);
            let Some((1.., id)) = longest else {
                return;
            };
            // Not even the rest of a message that it has begun to read is kept.
            self.discard(id, Queue::clear);
            self.doom(id, CloseReason::SlowConsumer);
        }
    }

    /// Ends a session as soon as the current input is handled.
    pub(crate) fn doom(&mut self, id: SessionId, reason: CloseReason) {
        if reason == CloseReason::SlowConsumer {
            self.discard(id, Queue::clear_behind_begun);
        }
        self.doomed.push_back((id, reason));
    }

    /// Has the shell try again to write to a session.
    pub(crate) fn retry(&mut self, id: SessionId) {
        self.outputs.push_back(Output::Retry(id));
    }

    #[inline]
    pub(crate) fn has_doomed(&self) -> bool {
        !self.doomed.is_empty()
    }

    pub(crate) fn next_doomed(&mut self) -> Option<(SessionId, CloseReason)> {
        self.doomed.pop_front()
    }

    /// Forgets what is queued for a session that will not read it, and of its outbox as much as
    /// `clear` does.
    fn discard(&mut self, id: SessionId, clear: fn(&mut Queue, &mut Buffers) -> usize) {
        let Some(session) = any_mut(&mut self.table, id) else {
            return;
        };
        let mut n_bytes = clear(&mut session.outbox, &mut self.buffers);
        n_bytes += std::mem::take(&mut session.seed_provider.queued_bytes);
        session.seed_provider.queue.clear();
        n_bytes += std::mem::take(&mut session.held_bytes);
        for turn in session.turns.iter_mut().flatten() {
            turn.clear();
        }
        self.queued_bytes -= n_bytes;
    }

    /// Marks a session as ended and tells the shell to close it. One that is closed for being slow
    /// is told so behind the message that it has begun to read, should it read on.
    pub(crate) fn close(&mut self, id: SessionId, reason: CloseReason) {
        if reason == CloseReason::SlowConsumer {
            self.discard(id, Queue::clear_behind_begun);
            self.send_last(id, &Refusal::SLOW_CONSUMER);
        }
        if let Some(session) = self.get_mut(id) {
            session.is_closing = true;
            self.outputs.push_back(Output::Close(id, reason));
        }
    }

    pub(crate) fn poll_output(&mut self) -> Option<Output> {
        while let Some(output) = self.outputs.pop_front() {
            match output {
                Output::Write(id) => {
                    if let Some(session) = any_mut(&mut self.table, id) {
                        session.is_dirty = false;
                        return Some(output);
                    }
                }
                Output::Retry(id) | Output::Close(id, _) if self.any(id).is_some() => {
                    return Some(output);
                }
                Output::Retry(_) | Output::Close(..) => {}
            }
        }
        None
    }
}

/// A session, ended or not, for those who need what stands beside the table too. Its number is
/// never used again, so nothing else has to be compared.
fn any_mut(table: &mut Slab<Session>, id: SessionId) -> Option<&mut Session> {
    let session = table.get_mut(id.slot);
    session.filter(|session| session.id.client == id.client)
}

/// The JSON text of a value that always has one.
pub(crate) fn json<T: serde::Serialize + ?Sized>(value: &T) -> Vec<u8> {
    // Only maps with keys that are no strings, and types that refuse, fail; there are none here.
    serde_json::to_vec(value).unwrap_or_default()
}
