//! A broker, its peers by name, and a clock that only tests move.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::IoSlice,
    time::{Duration, Instant},
};

use ipc_core::{Broker, CloseReason, Input, Limits, Output, Peer, Refusal, SessionId, Stats};
use serde_json::Value;

use crate::end::End;

/// A broker with named peers. Bytes go in through a decoder and come out of the outboxes as in
/// the server; the broker's invariants are checked after every step.
#[derive(Debug)]
pub struct World {
    /// The broker.
    pub broker: Broker,
    /// What time it is.
    pub now: Instant,
    ends: BTreeMap<String, End>,
    closings: Vec<(String, CloseReason)>,
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl World {
    /// A world with the default limits, and nobody in it.
    #[must_use]
    pub fn new() -> Self {
        Self::with_limits(Limits::default())
    }

    /// A world with these limits, and nobody in it.
    #[must_use]
    pub fn with_limits(limits: Limits) -> Self {
        let now = Instant::now();
        Self {
            broker: Broker::new(limits, "ipc-server/test", now),
            now,
            ends: BTreeMap::new(),
            closings: Vec::new(),
        }
    }

    /// A world with default limits that differ a little.
    #[must_use]
    pub fn limited(change: impl FnOnce(&mut Limits)) -> Self {
        let mut limits = Limits::default();
        change(&mut limits);
        Self::with_limits(limits)
    }

    /// Connects a peer that speaks the seed dialect.
    pub fn connect(&mut self, name: &str) {
        self.connect_as(name, Peer::default()).unwrap();
    }

    /// Connects a peer of whom the system tells something.
    ///
    /// # Errors
    ///
    /// What the broker says.
    pub fn connect_as(&mut self, name: &str, peer: Peer) -> Result<SessionId, Refusal> {
        let session = self.broker.open(peer)?;
        let known = self.ends.insert(name.to_owned(), End::new(session));
        assert!(known.is_none_or(|end| end.closed.is_some()), "{name} twice");
        self.broker.assert_invariants();
        Ok(session)
    }

    /// Connects a peer that says hello under its name.
    pub fn hello(&mut self, name: &str) {
        self.connect(name);
        let param = serde_json::json!({ "protocol": 1, "name": name });
        let hello = format!(r#"{{"object":"ipc","method":"hello","param":{param},"id":"hello"}}"#);
        let answer = self.ask(name, &hello);
        assert_eq!(answer["response"]["protocol"], 1, "{answer}");
    }

    /// The peer sends a message, or several.
    pub fn send(&mut self, name: &str, text: &str) {
        self.send_bytes(name, text.as_bytes());
    }

    /// The peer sends bytes, which arrive at once.
    pub fn send_bytes(&mut self, name: &str, mut bytes: &[u8]) {
        let mut dirty = BTreeSet::new();
        loop {
            let end = self.ends.get_mut(name).unwrap();
            if end.is_silent || end.closed.is_some() {
                break;
            }
            match end.decoder.decode(&mut bytes) {
                Ok(Some(message)) => {
                    let input = Input::Received(end.session, &message);
                    self.broker.handle(input, self.now);
                }
                Ok(None) => break,
                Err(fault) => {
                    end.is_silent = true;
                    let input = Input::Broken(end.session, &fault);
                    self.broker.handle(input, self.now);
                }
            }
        }
        self.apply(&mut dirty);
        self.flush_all(dirty);
    }

    /// The peer sends a request that is answered at once, and by one message.
    pub fn ask(&mut self, name: &str, text: &str) -> Value {
        self.send(name, text);
        let mut answers = self.values_sent_to(name);
        assert_eq!(answers.len(), 1, "to {text}: {answers:?}");
        answers.remove(0)
    }

    /// The peer registers an object and is told that it did.
    pub fn register(&mut self, name: &str, object: &str) {
        self.register_as(name, object, "exclusive");
    }

    /// The peer registers an object in a mode and is told that it did. What else it is told
    /// is forgotten.
    pub fn register_as(&mut self, name: &str, object: &str, mode: &str) {
        self.send(
            name,
            &format!(r#"{{"reg_object":"{object}","mode":"{mode}","id":"register"}}"#),
        );
        let told = self.sent_to(name);
        assert!(
            told.contains(&r#"{"success":"OK","id":"register"}"#.to_owned()),
            "{told:?}"
        );
    }

    /// The peer listens to an event.
    pub fn listen(&mut self, name: &str, event: &str) {
        self.send(name, &format!(r#"{{"event_name":"{event}"}}"#));
    }

    /// The peer listens to a pattern.
    pub fn listen_to_pattern(&mut self, name: &str, pattern: &str) {
        self.send(
            name,
            &format!(r#"{{"event_name":"{pattern}","match":"pattern"}}"#),
        );
    }

    /// The messages that the peer received since this was asked last.
    pub fn sent_to(&mut self, name: &str) -> Vec<String> {
        self.ends.get_mut(name).unwrap().take_messages()
    }

    /// The messages that the peer received since this was asked last, as JSON.
    pub fn values_sent_to(&mut self, name: &str) -> Vec<Value> {
        let parse = |text: String| serde_json::from_str(&text).unwrap();
        self.sent_to(name).into_iter().map(parse).collect()
    }

    /// What the peer received since this was asked last: each write by itself, byte for byte.
    pub fn writes_to(&mut self, name: &str) -> Vec<String> {
        self.ends.get_mut(name).unwrap().take_writes()
    }

    /// Bytes that wait to be written to the peer.
    #[must_use]
    pub fn queued_for(&self, name: &str) -> usize {
        let outbox = self.broker.outbox(self.ends[name].session);
        outbox.map_or(0, |outbox| outbox.queued_bytes())
    }

    /// The peer closes its connection.
    pub fn disconnect(&mut self, name: &str) {
        self.end(name, CloseReason::Left);
    }

    /// The peer's connection breaks.
    pub fn crash(&mut self, name: &str) {
        self.end(name, CloseReason::Failed);
    }

    fn end(&mut self, name: &str, reason: CloseReason) {
        let end = self.ends.get_mut(name).unwrap();
        end.closed = Some(reason);
        self.broker
            .handle(Input::Closed(end.session, reason), self.now);
        self.settle();
    }

    /// The peer sends nothing more, but reads on.
    pub fn half_close(&mut self, name: &str) {
        let end = self.ends.get_mut(name).unwrap();
        if end.is_silent || end.closed.is_some() {
            return;
        }
        end.is_silent = true;
        match end.decoder.finish() {
            Ok(()) => self.broker.handle(Input::Finished(end.session), self.now),
            Err(fault) => self
                .broker
                .handle(Input::Broken(end.session, &fault), self.now),
        }
        self.settle();
    }

    /// The peer's socket takes nothing any more.
    pub fn stop_reading(&mut self, name: &str) {
        self.ends.get_mut(name).unwrap().room = 0;
    }

    /// The peer reads this many bytes of what waits for it, or comes to wait.
    pub fn read_some(&mut self, name: &str, n_bytes: usize) {
        self.read_unnoticed(name, n_bytes);
        let session = self.ends[name].session;
        self.flush_all([session].into());
    }

    /// The peer reads this many bytes of what waits in its socket, which the server finds out when
    /// it tries to write.
    pub fn read_unnoticed(&mut self, name: &str, n_bytes: usize) {
        let end = self.ends.get_mut(name).unwrap();
        end.room = end.room.saturating_add(n_bytes).min(usize::MAX - 1);
    }

    /// The peer reads all that waits for it as soon as the server has decided to close it.
    pub fn read_on_when_closed(&mut self, name: &str) {
        self.ends.get_mut(name).unwrap().reads_when_closed = true;
    }

    /// The peer reads all that waits for it, and whatever comes.
    pub fn read_on(&mut self, name: &str) {
        let end = self.ends.get_mut(name).unwrap();
        end.room = usize::MAX;
        let session = end.session;
        self.flush_all([session].into());
    }

    /// Time passes, and every deadline is kept.
    pub fn advance(&mut self, ms: u64) {
        let end = self.now + Duration::from_millis(ms);
        while let Some(deadline) = self.broker.poll_timeout().filter(|&next| next <= end) {
            self.now = self.now.max(deadline);
            self.broker.handle_timeout(self.now);
            self.settle();
        }
        self.now = end;
    }

    /// Time jumps, as it does for a machine that slept.
    pub fn jump(&mut self, ms: u64) {
        self.now += Duration::from_millis(ms);
        self.broker.handle_timeout(self.now);
        self.settle();
    }

    /// The server begins to stop.
    pub fn shut_down(&mut self) {
        self.broker.shut_down(self.now);
        self.settle();
    }

    /// Why the peer's connection was closed, if it was.
    #[must_use]
    pub fn closed(&self, name: &str) -> Option<CloseReason> {
        self.ends[name].closed
    }

    /// Whether the peer is connected.
    #[must_use]
    pub fn is_open(&self, name: &str) -> bool {
        self.ends.get(name).is_some_and(|end| end.closed.is_none())
    }

    /// The connections that the server closed since this was asked last, in order.
    pub fn take_closings(&mut self) -> Vec<(String, CloseReason)> {
        std::mem::take(&mut self.closings)
    }

    /// The peer's session.
    #[must_use]
    pub fn session(&self, name: &str) -> SessionId {
        self.ends[name].session
    }

    /// The number by which peers know this one.
    #[must_use]
    pub fn client(&self, name: &str) -> u64 {
        self.session(name).client()
    }

    /// What the broker has counted.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.broker.stats()
    }

    fn settle(&mut self) {
        let mut dirty = BTreeSet::new();
        self.apply(&mut dirty);
        self.flush_all(dirty);
    }

    /// Takes what the broker wants done. Writing waits for the end of the turn, as in the server.
    fn apply(&mut self, dirty: &mut BTreeSet<SessionId>) {
        while let Some(output) = self.broker.poll_output() {
            match output {
                Output::Write(session) | Output::Retry(session) => {
                    dirty.insert(session);
                }
                Output::Close(session, reason) => {
                    if let Some(end) = self.end_of(session).filter(|end| end.reads_when_closed) {
                        end.room = usize::MAX;
                    }
                    self.flush(session);
                    if let Some(name) = self.name_of(session) {
                        self.ends.get_mut(&name).unwrap().closed = Some(reason);
                        self.closings.push((name, reason));
                    }
                    let input = Input::Closed(session, reason);
                    self.broker.handle(input, self.now);
                }
            }
        }
        self.broker.assert_invariants();
    }

    fn flush_all(&mut self, mut dirty: BTreeSet<SessionId>) {
        while let Some(session) = dirty.pop_first() {
            self.flush(session);
            self.apply(&mut dirty);
        }
    }

    /// Writes until nothing is left or the socket takes no more.
    fn flush(&mut self, session: SessionId) {
        while let Some(outbox) = self
            .broker
            .outbox(session)
            .filter(|outbox| !outbox.is_empty())
        {
            let bytes = match outbox.next_alone() {
                Some((bytes, _)) => bytes.to_vec(),
                None => {
                    let mut pieces = [IoSlice::new(&[]); 8];
                    let n_pieces = outbox.pieces(&mut pieces);
                    pieces[..n_pieces]
                        .iter()
                        .flat_map(|piece| piece.to_vec())
                        .collect()
                }
            };
            let Some(end) = self.end_of(session) else {
                return;
            };
            let n_bytes = end.take(&bytes);
            self.broker
                .handle(Input::Written(session, n_bytes), self.now);
            if n_bytes < bytes.len() {
                return;
            }
        }
    }

    fn name_of(&self, session: SessionId) -> Option<String> {
        let mut ends = self.ends.iter();
        let (name, _) = ends.find(|(_, end)| end.session == session && end.closed.is_none())?;
        Some(name.clone())
    }

    fn end_of(&mut self, session: SessionId) -> Option<&mut End> {
        self.ends
            .values_mut()
            .find(|end| end.session == session && end.closed.is_none())
    }
}
