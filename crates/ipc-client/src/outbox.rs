//! What is to be written to the server, in the order of the dialect.
//!
//! After hello messages are appended to one buffer, which the connection's task takes as a whole:
//! many messages a write. In the seed dialect every message is a write of its own, and one
//! request is outstanding at a time, for its answer carries no id. Kept by
//! [`Core`](crate::core::Core).

use std::{collections::VecDeque, mem};

use ipc_wire::{Dialect, Message};

/// So many messages are worth a write of their own: the server works on them while the next are
/// made. With 64 calls in flight that nearly halves the time of each; half as many gain nothing.
pub(crate) const BATCH_MESSAGES: usize = 32;

/// Whoever finds this much queued waits: as much as the server queues for a connection. One
/// message, or the answers of one turn of the serving task, may exceed it.
const MAX_QUEUED_BYTES: usize = 8 * 1024 * 1024;

/// A buffer that grew beyond this for one large message is given back.
const KEPT_BYTES: usize = 1024 * 1024;

/// Where a message of the lines dialect was put.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Queued {
    batch: u64,
    /// Where its line begins in the batch.
    start: usize,
}

/// The message is larger than the server takes.
#[derive(Debug)]
pub(crate) struct TooLarge {
    pub(crate) bytes: usize,
}

#[derive(Debug)]
pub(crate) struct Outbox {
    dialect: Dialect,
    message_bytes: usize,
    lines: Vec<u8>,
    /// How often the writer took `lines`: what was put in an earlier batch may be written.
    batch: u64,
    /// How many messages are in this batch, and how many were in the last.
    n_messages: usize,
    n_last: usize,
    seed: Seed,
}

#[derive(Debug, Default)]
struct Seed {
    /// Messages without an answer: events, subscriptions, replies to calls.
    one_way: VecDeque<Vec<u8>>,
    /// Messages with an answer.
    requests: VecDeque<(u64, Vec<u8>)>,
    /// The request whose answer is next.
    outstanding: Option<u64>,
    queued_bytes: usize,
    /// How many messages without an answer were queued, and how many of them taken and written.
    n_queued: u64,
    n_taken: u64,
    n_written: u64,
}

impl Outbox {
    pub(crate) fn new() -> Self {
        Self {
            dialect: Dialect::Lines,
            message_bytes: usize::MAX,
            lines: Vec::new(),
            batch: 0,
            n_messages: 0,
            n_last: 0,
            seed: Seed::default(),
        }
    }

    /// Forgets everything: a new connection begins, or none.
    pub(crate) fn reset(&mut self, dialect: Dialect, message_bytes: usize) {
        self.dialect = dialect;
        self.message_bytes = message_bytes;
        empty(&mut self.lines);
        self.batch += 1;
        (self.n_messages, self.n_last) = (0, 0);
        self.seed = Seed::default();
    }

    /// Empties another one, where messages then wait to be [appended](Self::append) to this one.
    pub(crate) fn prepare(&self, other: &mut Self) {
        other.reset(self.dialect, self.message_bytes);
    }

    /// Moves the messages of a [prepared](Self::prepare) one, none of which has an answer, to the
    /// end of this one.
    pub(crate) fn append(&mut self, other: &mut Self) {
        if self.lines.is_empty() {
            mem::swap(&mut self.lines, &mut other.lines);
        } else {
            self.lines.extend_from_slice(&other.lines);
            other.lines.clear();
        }
        self.n_messages += mem::take(&mut other.n_messages);
        self.seed.n_queued += mem::take(&mut other.seed.n_queued);
        self.seed.one_way.append(&mut other.seed.one_way);
        self.seed.queued_bytes += mem::take(&mut other.seed.queued_bytes);
    }

    /// Whether the writer does well to wait for more: messages tend to come in company, and there
    /// are few yet.
    pub(crate) const fn is_patient(&self) -> bool {
        self.n_messages < BATCH_MESSAGES && 2 < self.n_messages + self.n_last
    }

    pub(crate) fn is_full(&self) -> bool {
        MAX_QUEUED_BYTES <= self.queued_bytes()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queued_bytes() == 0
    }

    fn queued_bytes(&self) -> usize {
        self.lines.len() + self.seed.queued_bytes
    }

    /// Adds a message; `request` is its id if it has an answer.
    pub(crate) fn push(
        &mut self,
        message: &Message<'_>,
        request: Option<u64>,
    ) -> Result<Queued, TooLarge> {
        let start = self.lines.len();
        match self.dialect {
            Dialect::Lines => {
                message.encode(&mut self.lines, Dialect::Lines);
                let bytes = self.lines.len() - start - 1;
                if self.message_bytes < bytes {
                    self.lines.truncate(start);
                    return Err(TooLarge { bytes });
                }
                self.n_messages += 1;
            }
            Dialect::Seed => {
                let mut encoded = Vec::new();
                message.encode(&mut encoded, Dialect::Seed);
                if self.message_bytes < encoded.len() {
                    return Err(TooLarge {
                        bytes: encoded.len(),
                    });
                }
                self.seed.queued_bytes += encoded.len();
                match request {
                    Some(id) => self.seed.requests.push_back((id, encoded)),
                    None => {
                        self.seed.n_queued += 1;
                        self.seed.one_way.push_back(encoded);
                    }
                }
            }
        }
        Ok(Queued {
            batch: self.batch,
            start,
        })
    }

    /// Moves what may be written now to `buffer`, which is empty; whether there was anything.
    /// What was taken before is written.
    pub(crate) fn take(&mut self, buffer: &mut Vec<u8>) -> bool {
        self.seed.n_written = self.seed.n_taken;
        match self.dialect {
            Dialect::Lines if self.lines.is_empty() => return false,
            Dialect::Lines => {
                empty(buffer);
                mem::swap(&mut self.lines, buffer);
                self.batch += 1;
                self.n_last = mem::take(&mut self.n_messages);
            }
            Dialect::Seed => {
                let Some(message) = self.seed.take() else {
                    return false;
                };
                self.seed.queued_bytes -= message.len();
                *buffer = message;
            }
        }
        true
    }

    /// In the seed dialect: an answer came; to which request.
    pub(crate) const fn answered(&mut self) -> Option<u64> {
        self.seed.outstanding.take()
    }

    /// In the seed dialect: whether a request has been written whose answer has not come.
    pub(crate) const fn is_answer_due(&self) -> bool {
        self.seed.outstanding.is_some()
    }

    /// In the seed dialect: how many messages without an answer were queued, and written.
    pub(crate) const fn one_way(&self) -> (u64, u64) {
        (self.seed.n_queued, self.seed.n_written)
    }

    /// Takes a request back that was not taken to be written.
    pub(crate) fn withdraw(&mut self, id: u64, queued: Queued) {
        match self.dialect {
            Dialect::Lines if queued.batch == self.batch => {
                // Blanks between messages mean nothing, and all others stay where they are.
                let line = &mut self.lines[queued.start..];
                let line = line.iter_mut().take_while(|byte| **byte != b'\n');
                line.for_each(|byte| *byte = b' ');
            }
            Dialect::Lines => {}
            Dialect::Seed => {
                let at = self.seed.position(id);
                if let Some((_, message)) = at.and_then(|at| self.seed.requests.remove(at)) {
                    self.seed.queued_bytes -= message.len();
                }
            }
        }
    }

    /// Whether any byte of a request may have been written.
    pub(crate) fn was_taken(&self, id: u64, queued: Queued) -> bool {
        match self.dialect {
            Dialect::Lines => queued.batch < self.batch,
            Dialect::Seed => self.seed.position(id).is_none(),
        }
    }
}

/// Empties a buffer; a large one is given back.
fn empty(buffer: &mut Vec<u8>) {
    buffer.clear();
    if KEPT_BYTES < buffer.capacity() {
        *buffer = Vec::new();
    }
}

impl Seed {
    fn take(&mut self) -> Option<Vec<u8>> {
        if let Some(message) = self.one_way.pop_front() {
            self.n_taken += 1;
            return Some(message);
        }
        if self.outstanding.is_some() {
            return None;
        }
        let (id, message) = self.requests.pop_front()?;
        self.outstanding = Some(id);
        Some(message)
    }

    fn position(&self, id: u64) -> Option<usize> {
        self.requests.iter().position(|(queued, _)| *queued == id)
    }
}

#[cfg(test)]
mod tests {
    use ipc_wire::{Payload, Text, Wait};

    use super::*;

    fn listen(name: &str) -> Message<'_> {
        Message::Listen(ipc_wire::Listen {
            event: Text::from_literal(name.as_bytes()),
            matching: None,
            id: None,
        })
    }

    fn wait() -> Message<'static> {
        Message::Wait(Wait {
            objects: Payload::from_json(b"[]"),
            timeout_ms: None,
            missing: None,
            id: None,
        })
    }

    fn take(outbox: &mut Outbox) -> Option<String> {
        let mut buffer = Vec::new();
        outbox
            .take(&mut buffer)
            .then(|| String::from_utf8(buffer).unwrap())
    }

    #[test]
    fn the_lines_dialect_writes_everything_at_once() {
        let mut outbox = Outbox::new();
        outbox.push(&listen("\"a\""), None).unwrap();
        let queued = outbox.push(&wait(), Some(1)).unwrap();
        assert!(!outbox.was_taken(1, queued));
        assert_eq!(
            take(&mut outbox).unwrap(),
            "{\"event_name\":\"a\"}\n{\"list\":[]}\n"
        );
        assert!(outbox.was_taken(1, queued));
        assert_eq!(take(&mut outbox), None);
    }

    #[test]
    fn a_request_that_is_withdrawn_leaves_a_blank_line_and_the_others_alone() {
        let mut outbox = Outbox::new();
        let old = outbox.push(&wait(), Some(1)).unwrap();
        take(&mut outbox).unwrap();
        outbox.push(&listen("1"), None).unwrap();
        let queued = outbox.push(&wait(), Some(2)).unwrap();
        outbox.push(&listen("3"), None).unwrap();
        outbox.withdraw(1, old);
        outbox.withdraw(2, queued);
        assert_eq!(
            take(&mut outbox).unwrap(),
            "{\"event_name\":1}\n           \n{\"event_name\":3}\n"
        );
    }

    #[test]
    fn what_waited_elsewhere_follows_what_was_there_before() {
        for dialect in [Dialect::Lines, Dialect::Seed] {
            let (mut outbox, mut other) = (Outbox::new(), Outbox::new());
            outbox.reset(dialect, usize::MAX);
            outbox.prepare(&mut other);
            other.push(&listen("1"), None).unwrap();
            outbox.append(&mut other);
            outbox.push(&listen("2"), None).unwrap();
            other.push(&listen("3"), None).unwrap();
            outbox.append(&mut other);
            assert!(other.is_empty());

            let taken: String = std::iter::from_fn(|| take(&mut outbox)).collect();
            let expected = ["1", "2", "3"].map(|name| format!("{{\"event_name\":{name}}}"));
            assert_eq!(taken.replace('\n', ""), expected.concat());
            assert!(outbox.is_empty());
        }
    }

    #[test]
    fn the_seed_dialect_has_one_request_outstanding() {
        let mut outbox = Outbox::new();
        outbox.reset(Dialect::Seed, usize::MAX);
        let [first, second, _] = [1, 2, 3].map(|id| outbox.push(&wait(), Some(id)).unwrap());
        outbox.push(&listen("\"a\""), None).unwrap();
        assert_eq!(take(&mut outbox).unwrap(), "{\"event_name\":\"a\"}");
        assert_eq!(take(&mut outbox).unwrap(), "{\"list\":[]}");
        assert_eq!(outbox.one_way(), (1, 1));
        assert_eq!(take(&mut outbox), None, "the first is not answered");
        assert!(outbox.was_taken(1, first) && !outbox.was_taken(2, second));
        outbox.withdraw(2, second);
        assert_eq!(outbox.answered(), Some(1));
        assert_eq!(take(&mut outbox).unwrap(), "{\"list\":[]}");
        assert_eq!(outbox.answered(), Some(3));
        assert_eq!(outbox.seed.queued_bytes, 0);
    }

    #[test]
    fn a_message_at_the_limit_is_taken_and_one_past_it_is_not() {
        let mut outbox = Outbox::new();
        let size = "{\"list\":[]}".len();
        outbox.reset(Dialect::Lines, size);
        outbox.push(&wait(), None).unwrap();
        outbox.reset(Dialect::Lines, size - 1);
        let refused = outbox.push(&wait(), None).unwrap_err();
        assert_eq!(refused.bytes, size);
        assert_eq!(take(&mut outbox), None);
    }
}
