//! What the futures of a client wait for: answers that are outstanding, a connection, a time.
//!
//! A slot is filled by the connection's task and emptied by the future of the request. It holds
//! the waker and then the answer in place, so that a request costs no channel of its own. Kept by
//! [`Core`](crate::core::Core), which also keeps the one invariant: a slot that waits is either
//! answered, expired, abandoned by its owner, or ended with the connection. No future of a
//! request waits for anything else, so none depends on the runtime that it is polled in.

use std::{
    collections::{HashMap, hash_map::Entry},
    hash::{BuildHasherDefault, Hasher},
    task::Waker,
    time::Duration,
};

use ipc_wire::Code;
use tokio::time::Instant;

use crate::{RawJson, RequestError, outbox::Queued};

/// What the server or a provider answered.
///
/// It is moved several times on its way to who waits for it, so what is larger than a response or
/// smaller than a word is in a box: with such a part beside the tag it would be moved by the byte,
/// and the processor waits for bytes that it has to put together.
#[derive(Debug)]
pub(crate) enum Answer {
    Response(RawJson),
    Error(Box<Failure>),
    Success {
        delivered: Option<u64>,
    },
    /// All objects are there.
    Complete,
    /// Some are missing; which, where the server says.
    Missing(Option<RawJson>),
}

/// An error that came as the answer.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: RawJson,
    pub(crate) origin: Origin,
}

/// Whose error it is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Origin {
    /// The provider's own.
    Provider,
    /// The server's, with a code where this version knows it.
    Server(Option<Code>),
}

impl Answer {
    pub(crate) fn into_success(self) -> Result<(), RequestError> {
        self.into_delivered().map(drop)
    }

    pub(crate) fn into_delivered(self) -> Result<u64, RequestError> {
        match self {
            Self::Success { delivered } => Ok(delivered.unwrap_or(0)),
            other => Err(other.into_refusal()),
        }
    }

    pub(crate) fn into_response(self) -> Result<RawJson, RequestError> {
        match self {
            Self::Response(response) => Ok(response),
            other => Err(other.into_refusal()),
        }
    }

    /// An answer that is an error, or of a kind that does not belong to the request.
    pub(crate) fn into_refusal(self) -> RequestError {
        let (code, message) = match self {
            Self::Error(failure) => {
                let code = match failure.origin {
                    Origin::Provider => None,
                    Origin::Server(code) => code,
                };
                (code, failure.error.to_message())
            }
            Self::Response(_) | Self::Success { .. } | Self::Complete | Self::Missing(_) => {
                let message = "the server answered the request with something else";
                (None, message.to_owned())
            }
        };
        RequestError::Refused { code, message }
    }
}

/// How a request ended.
#[derive(Debug)]
pub(crate) enum Ended {
    Answered(Answer),
    /// Its time passed.
    TimedOut,
    /// The connection was lost after it may have been written.
    Lost,
    /// Its time passed before any of it was written, and it will not be.
    NotSent,
    /// The connection was lost before any of it was written, or there is room for it now.
    Unwritten,
}

/// What somebody waits for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Awaited {
    /// The answer to a request that was queued, and perhaps written.
    Answer(Queued),
    /// A connection, or room in its queue.
    Room,
    /// In the seed dialect: that so many messages without an answer are written.
    Written(u64),
    /// Nothing but a time.
    Time,
}

#[derive(Debug, Default)]
pub(crate) struct Pending {
    slots: HashMap<u64, Slot, BuildHasherDefault<IdHasher>>,
    last_id: u64,
    /// No slot that waits has an earlier deadline. It may be too early: then a look is in vain.
    earliest: Option<Instant>,
}

#[derive(Debug)]
struct Slot {
    awaited: Awaited,
    deadline: Option<Instant>,
    /// The deadline was put off.
    is_late: bool,
    state: SlotState,
}

#[derive(Debug)]
enum SlotState {
    Waiting(Option<Waker>),
    Done(Ended),
}

impl Pending {
    /// An id that was never used before.
    pub(crate) const fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Notes who waits; returns the deadline if it is now the earliest.
    #[inline]
    pub(crate) fn insert(
        &mut self,
        id: u64,
        awaited: Awaited,
        deadline: Option<Instant>,
        waker: Option<Waker>,
    ) -> Option<Instant> {
        let state = SlotState::Waiting(waker);
        let slot = Slot {
            awaited,
            deadline,
            is_late: false,
            state,
        };
        self.slots.insert(id, slot);
        let deadline = deadline?;
        let is_earliest = self.earliest.is_none_or(|earliest| deadline < earliest);
        is_earliest.then(|| *self.earliest.insert(deadline))
    }

    /// Ends the request with this id. What is returned is to be woken; an id that nobody waits
    /// for is ignored.
    pub(crate) fn end(&mut self, id: u64, ended: Ended) -> Option<Waker> {
        let slot = self.slots.get_mut(&id)?;
        let SlotState::Waiting(waker) = &mut slot.state else {
            return None;
        };
        let waker = waker.take();
        slot.state = SlotState::Done(ended);
        waker
    }

    /// How the request ended, once it has; otherwise remembers whom to wake. `replaced` gets whom
    /// it remembered before, to be dropped outside of the lock.
    pub(crate) fn take(
        &mut self,
        id: u64,
        waker: &Waker,
        replaced: &mut Option<Waker>,
    ) -> Option<Ended> {
        // A future that asks owns its slot, so it is never absent.
        let Entry::Occupied(mut slot) = self.slots.entry(id) else {
            return Some(Ended::Lost);
        };
        if let SlotState::Waiting(known) = &mut slot.get_mut().state {
            if !known.as_ref().is_some_and(|known| known.will_wake(waker)) {
                *replaced = known.replace(waker.clone());
            }
            return None;
        }
        match slot.remove().state {
            SlotState::Done(ended) => Some(ended),
            SlotState::Waiting(_) => None,
        }
    }

    /// Forgets a request; returns what it still waited for, and who is not to be woken any more.
    pub(crate) fn remove(&mut self, id: u64) -> Option<(Awaited, Option<Waker>)> {
        let slot = self.slots.remove(&id)?;
        match slot.state {
            SlotState::Waiting(waker) => Some((slot.awaited, waker)),
            SlotState::Done(_) => None,
        }
    }

    pub(crate) const fn earliest(&self) -> Option<Instant> {
        self.earliest
    }

    /// Those whose time has passed. They are to be [ended](Self::end) or [put
    /// off](Self::put_off).
    pub(crate) fn expired(&mut self, now: Instant) -> Vec<(u64, Awaited)> {
        let mut expired = Vec::new();
        self.earliest = None;
        for (id, slot) in &self.slots {
            let (SlotState::Waiting(_), Some(deadline)) = (&slot.state, slot.deadline) else {
                continue;
            };
            if deadline <= now {
                expired.push((*id, slot.awaited));
            } else if self.earliest.is_none_or(|earliest| deadline < earliest) {
                self.earliest = Some(deadline);
            }
        }
        expired
    }

    /// Gives a request more time, once; whether it got it.
    pub(crate) fn put_off(&mut self, id: u64, by: Duration) -> bool {
        let Some(slot) = self.slots.get_mut(&id).filter(|slot| !slot.is_late) else {
            return false;
        };
        slot.is_late = true;
        slot.deadline = slot.deadline.and_then(|deadline| deadline.checked_add(by));
        self.earliest = earlier(self.earliest, slot.deadline);
        true
    }

    /// Ends what waits for the server, because the connection ended.
    pub(crate) fn end_all(
        &mut self,
        was_written: impl Fn(u64, Queued) -> bool,
        wakers: &mut Vec<Waker>,
    ) {
        self.earliest = None;
        for (id, slot) in &mut self.slots {
            let ended = match slot.awaited {
                Awaited::Answer(queued) if was_written(*id, queued) => Ended::Lost,
                Awaited::Answer(_) | Awaited::Room => Ended::Unwritten,
                Awaited::Written(_) => Ended::Lost,
                Awaited::Time => {
                    self.earliest = earlier(self.earliest, slot.deadline);
                    continue;
                }
            };
            slot.finish(ended, wakers);
        }
    }

    /// Lets those who wait for a connection or for room try again.
    pub(crate) fn end_blocked(&mut self, wakers: &mut Vec<Waker>) {
        for slot in self.slots.values_mut() {
            if matches!(slot.awaited, Awaited::Room) {
                slot.finish(Ended::Unwritten, wakers);
            }
        }
    }

    /// In the seed dialect: so many messages without an answer are written.
    pub(crate) fn end_flushed(&mut self, n_written: u64, wakers: &mut Vec<Waker>) {
        for slot in self.slots.values_mut() {
            if matches!(slot.awaited, Awaited::Written(n_wanted) if n_wanted <= n_written) {
                let delivered = None;
                slot.finish(Ended::Answered(Answer::Success { delivered }), wakers);
            }
        }
    }
}

impl Slot {
    fn finish(&mut self, ended: Ended, wakers: &mut Vec<Waker>) {
        if let SlotState::Waiting(waker) = &mut self.state {
            wakers.extend(waker.take());
            self.state = SlotState::Done(ended);
        }
    }
}

fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// Spreads ids, which this side chooses and counts up: a multiplication is enough.
#[derive(Debug, Default)]
pub(crate) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        // 2^64 divided by the golden ratio.
        self.0 = (self.0 ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}
