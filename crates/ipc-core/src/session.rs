//! A connected peer's state.

use std::{
    collections::{BTreeSet, VecDeque},
    time::Instant,
};

use ipc_wire::{Dialect, Id, Name, RequestId};

use crate::{
    calls::{CallId, CallList},
    in_flight::InFlight,
    io::{Peer, SessionId},
    outbox::Queue,
    subscriptions::Subscription,
    waits::WaitId,
};

/// How a request's answer finds its way back.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ReplyTo<'a> {
    /// By the id that the requester gave.
    Id(Id<'a>),
    /// By its turn: the requester gave none, so its answers come in the order it asked.
    Turn(u64),
}

/// The same for a request that is answered later.
#[derive(Clone, Copy, Debug)]
pub(crate) enum KeptReplyTo {
    Id(RequestId),
    Turn(u64),
}

impl ReplyTo<'_> {
    #[inline]
    pub(crate) fn keep(self) -> KeptReplyTo {
        match self {
            Self::Id(id) => KeptReplyTo::Id(id.into()),
            Self::Turn(turn) => KeptReplyTo::Turn(turn),
        }
    }
}

impl KeptReplyTo {
    #[inline]
    pub(crate) fn as_ref(&self) -> ReplyTo<'_> {
        match self {
            Self::Id(id) => ReplyTo::Id(id.as_id()),
            Self::Turn(turn) => ReplyTo::Turn(*turn),
        }
    }
}

/// What a provider in the seed dialect is doing: it takes one call at a time.
#[derive(Debug, Default)]
pub(crate) struct SeedProvider {
    /// The call that it was sent and has not answered; the call may have ended meanwhile.
    pub(crate) serving: Option<CallId>,
    /// Calls that wait for it to be free, encoded.
    pub(crate) queue: VecDeque<(CallId, Vec<u8>)>,
    /// The bytes of the queue.
    pub(crate) queued_bytes: usize,
}

/// How a socket takes what is queued.
#[derive(Debug, Default)]
pub(crate) struct Stall {
    /// When it last took something or was tried again, while something is queued.
    pub(crate) since: Option<Instant>,
    /// The next try is on the list of deadlines.
    pub(crate) is_timed: bool,
    /// The shell was told to try again, and has not said how that went.
    pub(crate) is_tried: bool,
    /// Failed tries since it last took something.
    pub(crate) n_tries: u32,
}

impl Stall {
    /// Notes that the socket took bytes, or would not; whether the time until the next try begins.
    #[inline]
    pub(crate) const fn note(&mut self, n_bytes: usize, is_empty: bool, now: Instant) -> bool {
        if is_empty {
            if self.since.is_some() {
                (self.since, self.is_tried, self.n_tries) = (None, false, 0);
            }
            return false;
        }
        if n_bytes == 0 && self.since.is_some() && !self.is_tried {
            return false;
        }
        self.n_tries = if n_bytes == 0 && self.is_tried {
            self.n_tries + 1
        } else {
            0
        };
        self.is_tried = false;
        self.since = Some(now);
        true
    }
}

#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) id: SessionId,
    pub(crate) peer: Peer,
    pub(crate) name: Option<Name>,
    pub(crate) dialect: Dialect,
    /// Listeners of `ipc.client.connected` know of it.
    pub(crate) is_announced: bool,
    /// The peer sends nothing more.
    pub(crate) is_finished: bool,
    /// The session has ended; only its outbox is left.
    pub(crate) is_closing: bool,
    pub(crate) outbox: Queue,
    pub(crate) is_dirty: bool,
    /// The fan-out that reached this session last, so that it gets one copy.
    pub(crate) last_fan_out: u64,
    /// Whether the socket takes what is queued.
    pub(crate) stall: Stall,
    /// Answers by turn: `None` is not answered yet. The front is the turn `first_turn`.
    pub(crate) turns: VecDeque<Option<Vec<u8>>>,
    pub(crate) first_turn: u64,
    /// Bytes of answers that are held until it is their turn.
    pub(crate) held_bytes: usize,
    pub(crate) in_flight: InFlight,
    pub(crate) waits: Vec<WaitId>,
    pub(crate) calls_out: CallList,
    pub(crate) calls_in: CallList,
    /// What it provides or stands by for.
    pub(crate) objects: BTreeSet<Name>,
    pub(crate) subscriptions: Vec<Subscription>,
    pub(crate) seed_provider: SeedProvider,
    /// Events that it missed and has not been told of.
    pub(crate) lost: Vec<(Name, u64)>,
    pub(crate) n_lost: u64,
}

impl Session {
    pub(crate) fn new(id: SessionId, peer: Peer) -> Self {
        Self {
            id,
            peer,
            name: None,
            dialect: Dialect::Seed,
            is_announced: false,
            is_finished: false,
            is_closing: false,
            outbox: Queue::default(),
            is_dirty: false,
            last_fan_out: 0,
            stall: Stall::default(),
            turns: VecDeque::new(),
            first_turn: 0,
            held_bytes: 0,
            in_flight: InFlight::default(),
            waits: Vec::new(),
            calls_out: CallList::default(),
            calls_in: CallList::default(),
            objects: BTreeSet::new(),
            subscriptions: Vec::new(),
            seed_provider: SeedProvider::default(),
            lost: Vec::new(),
            n_lost: 0,
        }
    }

    /// Whether requests without an id wait for their answers.
    pub(crate) fn n_turns(&self) -> usize {
        self.turns.len()
    }

    /// Requests without an id that are not answered yet.
    pub(crate) fn n_unanswered_turns(&self) -> usize {
        self.turns.iter().filter(|turn| turn.is_none()).count()
    }

    /// Whether memory is spent on answers that hold nothing, which no limit counts.
    pub(crate) fn has_empty_turns(&self) -> bool {
        self.turns.iter().flatten().any(Vec::is_empty)
    }

    /// Calls and waits that are not answered yet.
    pub(crate) fn n_requests(&self) -> usize {
        self.calls_out.len() + self.waits.len()
    }

    /// Whether an answer is owed or waits to be written.
    pub(crate) fn is_owed(&self) -> bool {
        0 < self.n_requests() || !self.turns.is_empty() || !self.outbox.is_empty()
    }

    /// Whether it owes somebody an answer, or the server the end of one.
    pub(crate) fn is_serving(&self) -> bool {
        0 < self.calls_in.len() || self.seed_provider.serving.is_some()
    }

    /// Whether so many more bytes may be held for it: an empty queue takes any.
    pub(crate) const fn fits(&self, n_bytes: usize, limit: usize) -> bool {
        let queued_bytes = self.queued_bytes();
        queued_bytes == 0 || queued_bytes + n_bytes <= limit
    }

    /// Bytes that the server holds for this session.
    pub(crate) const fn queued_bytes(&self) -> usize {
        self.outbox.queued_bytes() + self.seed_provider.queued_bytes + self.held_bytes
    }

    pub(crate) fn take_turn(&mut self) -> u64 {
        self.turns.push_back(None);
        self.first_turn + self.turns.len() as u64 - 1
    }

    pub(crate) fn turn_mut(&mut self, turn: u64) -> Option<&mut Option<Vec<u8>>> {
        let place = usize::try_from(turn.checked_sub(self.first_turn)?).ok()?;
        self.turns.get_mut(place)
    }
}
