//! The state of a client, all of it behind one lock, and the rules that keep it whole.
//!
//! Nothing here waits or calls an application. What has to happen outside of the lock is noted in
//! [`Effects`], which [`Shared`](crate::shared::Shared) carries out after unlocking. Only those who
//! watch the state of a registration are woken under the lock, so that states keep their order.

use std::{sync::Arc, task::Waker, time::Duration};

use ipc_wire::{Dialect, Id, Message};
use tokio::{sync::watch, time::Instant};

use crate::{
    RegistrationState, RequestError,
    feed::Feed,
    greeting::Greeting,
    incoming::{self, Incoming},
    objects::Objects,
    outbox::{Outbox, Queued, TooLarge},
    outgoing::{Outgoing, ServerMethod},
    pending::{Awaited, Ended, Pending},
    subscriptions::{Subscriptions, Topic},
    unconfirmed::Unconfirmed,
};

/// How much later than the server this side notices that the time of a request that was written
/// has passed. The server's answer says more, so it gets the time to travel; but a server that
/// hangs must not hang us.
const SERVER_GRACE: Duration = Duration::from_secs(1);

/// Whether requests can be sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Link {
    Up,
    /// Not now; it is being connected again.
    Down,
    /// What is queued is still written, but nothing is added.
    Closing,
    Closed,
}

/// What has to happen after the lock is released.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    /// There is something to write.
    pub(crate) write: bool,
    /// Those who wait for a connection or for room shall look again.
    pub(crate) unblock: bool,
    /// The earliest deadline came nearer, to this.
    pub(crate) deadline: Option<Instant>,
    /// There are calls to be answered, or there will be none any more.
    pub(crate) serve: bool,
    pub(crate) wakers: Vec<Waker>,
    pub(crate) ended: incoming::Ended,
}

impl Effects {
    pub(crate) const fn is_empty(&self) -> bool {
        let is_signal = self.write | self.unblock | self.serve | self.deadline.is_some();
        !is_signal && self.wakers.is_empty() && self.ended.is_empty()
    }
}

/// When a request was made and until when it may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    pub(crate) now: Instant,
    pub(crate) deadline: Option<Instant>,
}

/// What became of a request that was to be sent; small, and so is the error beside it.
pub(crate) enum Submitted {
    /// It is queued under this id.
    Sent(u64),
    /// It is queued, and there will be no answer.
    Unanswered,
    /// It waits under this id for a connection or for room, and is then to be submitted again.
    Blocked(u64),
}

#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) link: Link,
    pub(crate) greeting: Greeting,
    /// Counts the connections, so that what belongs to an old one is recognised.
    pub(crate) epoch: u64,
    pub(crate) outbox: Outbox,
    pub(crate) is_writer_idle: bool,
    /// The serving task waits to be told that there is something for it.
    pub(crate) is_serving_idle: bool,
    pub(crate) pending: Pending,
    pub(crate) unconfirmed: Unconfirmed,
    pub(crate) subscriptions: Subscriptions,
    pub(crate) objects: Objects,
    pub(crate) incoming: Incoming,
    /// Counts registrations and subscriptions, in whose order they are restored.
    last_order: u64,
    pub(crate) effects: Effects,
}

impl Core {
    pub(crate) fn new(greeting: Greeting, concurrent_calls: usize) -> Self {
        Self {
            link: Link::Down,
            greeting,
            epoch: 0,
            outbox: Outbox::new(),
            is_writer_idle: false,
            is_serving_idle: false,
            pending: Pending::default(),
            unconfirmed: Unconfirmed::default(),
            subscriptions: Subscriptions::default(),
            objects: Objects::default(),
            incoming: Incoming::new(concurrent_calls),
            last_order: 0,
            effects: Effects::default(),
        }
    }

    /// A new connection stands.
    pub(crate) fn begin(&mut self, greeting: Greeting) {
        let is_first = self.epoch == 0;
        self.epoch += 1;
        self.link = Link::Up;
        self.outbox.reset(greeting.dialect, greeting.message_bytes);
        self.incoming
            .reset(greeting.dialect, &mut self.effects.ended);
        self.greeting = greeting;
        self.is_writer_idle = false;
        self.unblock();
        if !is_first {
            for feed in self.subscriptions.confirmed_feeds() {
                let lagged = crate::Lagged::Disconnected;
                self.effects.wakers.extend(feed.push_lagged(lagged));
            }
        }
    }

    /// The connection is lost; all that was under way on it ends.
    pub(crate) fn lose(&mut self) {
        if self.link == Link::Closed {
            return;
        }
        self.link = Link::Down;
        let Self {
            pending,
            outbox,
            effects,
            ..
        } = self;
        let was_written = |id, queued| outbox.was_taken(id, queued);
        pending.end_all(was_written, &mut effects.wakers);
        self.unconfirmed.lose();
        self.outbox.reset(self.greeting.dialect, usize::MAX);
        self.incoming
            .reset(self.greeting.dialect, &mut self.effects.ended);
        self.objects.set_states(&RegistrationState::Disconnected);
        self.unblock();
    }

    /// Nothing is added any more; what is queued is still written.
    pub(crate) fn begin_close(&mut self, with_proof: bool) {
        if self.link == Link::Up {
            if with_proof && self.unconfirmed.are_open() && self.greeting.dialect == Dialect::Lines
            {
                // Its answer proves that the server has taken all that was sent before.
                self.tell(&ServerMethod::Ping.call_without_param());
            }
            self.link = Link::Closing;
        }
        self.unblock();
    }

    /// Whether something that was sent is not written yet, or nobody knows whether it is.
    pub(crate) const fn has_unwritten(&self) -> bool {
        matches!(self.link, Link::Up | Link::Closing)
            && (!self.is_writer_idle || self.unconfirmed.are_open())
    }

    /// Lets those who wait for a connection or for room look again.
    pub(crate) fn unblock(&mut self) {
        self.pending.end_blocked(&mut self.effects.wakers);
        self.effects.unblock = true;
    }

    /// There will be no connection any more.
    pub(crate) fn close(&mut self) {
        self.lose();
        self.link = Link::Closed;
        self.objects.set_states(&RegistrationState::Ended);
        self.subscriptions.end(&mut self.effects.wakers);
        self.effects.serve = true;
    }

    /// Queues a request and notes who waits for its answer.
    pub(crate) fn submit(
        &mut self,
        outgoing: &Outgoing,
        timing: Timing,
        waker: Option<&Waker>,
    ) -> Result<Submitted, Box<RequestError>> {
        let dialect = self.greeting.dialect;
        if dialect == Dialect::Seed && !outgoing.is_known_to_seed() {
            return Err(Box::new(RequestError::Unsupported));
        }
        if !outgoing.is_answered(dialect) {
            self.push(&outgoing.message(None, None), None)
                .map_err(|error| self.refuse_size(&error))?;
            self.unconfirmed.note_sent(match dialect {
                Dialect::Lines => self.pending.next_id(),
                Dialect::Seed => self.outbox.one_way().0,
            });
            return Ok(Submitted::Unanswered);
        }
        if dialect == Dialect::Seed && outgoing.is_flush() {
            let (n_queued, n_written) = self.outbox.one_way();
            if n_queued == n_written {
                return Ok(Submitted::Unanswered);
            }
            let id = self.wait_for(Awaited::Written(n_queued), timing.deadline, waker);
            return Ok(Submitted::Sent(id));
        }
        let id = self.pending.next_id();
        let message = match dialect {
            Dialect::Lines => {
                let left = timing.deadline.map(|deadline| deadline - timing.now);
                let timeout = outgoing.hold().or(left);
                outgoing.message(Some(Id::Number(id)), timeout.map(whole_ms))
            }
            Dialect::Seed => outgoing.message(None, None),
        };
        let queued = self
            .push(&message, Some(id))
            .map_err(|error| self.refuse_size(&error))?;
        let held_until = outgoing.hold().map(|hold| timing.now + hold);
        let deadline = timing.deadline.or(held_until);
        self.note(id, Awaited::Answer(queued), deadline, waker);
        Ok(Submitted::Sent(id))
    }

    /// Notes under a new id that somebody waits.
    pub(crate) fn wait_for(
        &mut self,
        awaited: Awaited,
        deadline: Option<Instant>,
        waker: Option<&Waker>,
    ) -> u64 {
        let id = self.pending.next_id();
        self.note(id, awaited, deadline, waker);
        id
    }

    /// Inlined, for it is on the way of every call.
    #[inline]
    fn note(
        &mut self,
        id: u64,
        awaited: Awaited,
        deadline: Option<Instant>,
        waker: Option<&Waker>,
    ) {
        if let Some(earliest) = self.pending.insert(id, awaited, deadline, waker.cloned()) {
            self.effects.deadline = Some(earliest);
        }
    }

    /// Queues a message; `request` is its id if it has an answer.
    pub(crate) fn push(
        &mut self,
        message: &Message<'_>,
        request: Option<u64>,
    ) -> Result<Queued, TooLarge> {
        let queued = self.outbox.push(message, request)?;
        self.wake_writer();
        Ok(queued)
    }

    /// What is to be written next, in `buffer`, which is empty; whether there is anything.
    pub(crate) fn take_outbox(&mut self, buffer: &mut Vec<u8>) -> bool {
        let was_full = self.outbox.is_full();
        let has_some = self.outbox.take(buffer);
        if was_full && has_some {
            self.unblock();
        }
        if self.greeting.dialect == Dialect::Seed {
            let (_, n_written) = self.outbox.one_way();
            self.unconfirmed.prove(n_written);
            self.pending
                .end_flushed(n_written, &mut self.effects.wakers);
        }
        has_some
    }

    /// What somebody waited for is not wanted any more. The waker that is returned is to be dropped
    /// outside of the lock.
    pub(crate) fn abandon(&mut self, id: u64, is_cancellable: bool) -> Option<Waker> {
        let (awaited, waker) = self.pending.remove(id)?;
        if let Awaited::Answer(queued) = awaited
            && self.link == Link::Up
        {
            match self.greeting.dialect {
                Dialect::Lines if is_cancellable => self.tell(&ServerMethod::cancel(id)),
                Dialect::Lines => {}
                Dialect::Seed => self.outbox.withdraw(id, queued),
            }
        }
        waker
    }

    /// Ends what has waited until now; returns when to look again.
    pub(crate) fn expire(&mut self, now: Instant) -> Option<Instant> {
        for (id, awaited) in self.pending.expired(now) {
            let ended = match awaited {
                Awaited::Answer(queued) if !self.outbox.was_taken(id, queued) => {
                    self.outbox.withdraw(id, queued);
                    Ended::NotSent
                }
                Awaited::Answer(_) => {
                    let is_told = self.greeting.dialect == Dialect::Lines;
                    if is_told && self.pending.put_off(id, SERVER_GRACE) {
                        continue;
                    }
                    Ended::TimedOut
                }
                Awaited::Room => Ended::NotSent,
                Awaited::Written(_) | Awaited::Time => Ended::TimedOut,
            };
            let waker = self.pending.end(id, ended);
            self.effects.wakers.extend(waker);
        }
        self.pending.earliest()
    }

    /// In the seed dialect: which request an answer without id belongs to.
    pub(crate) fn next_answered(&mut self) -> Option<u64> {
        let id = self.outbox.answered();
        self.wake_writer();
        id
    }

    pub(crate) fn add_feed(&mut self, topic: &Topic, feed: Arc<Feed>) {
        if self.link == Link::Closed {
            feed.end();
        }
        let order = self.next_order();
        self.subscriptions.add(topic, feed, order);
    }

    pub(crate) fn remove_feed(&mut self, topic: &Topic, feed: &Arc<Feed>) {
        let was_last = self.subscriptions.remove(topic, feed);
        if was_last && self.link == Link::Up && self.greeting.dialect == Dialect::Lines {
            self.tell(&ServerMethod::unlisten(topic));
        }
    }

    pub(crate) fn next_order(&mut self) -> u64 {
        self.last_order += 1;
        self.last_order
    }

    /// Tells the server that a name is given back.
    pub(crate) fn tell_unregistered(&mut self, object: &str) {
        if self.link == Link::Up && self.greeting.dialect == Dialect::Lines {
            self.tell(&ServerMethod::Unregister.call(object));
        }
    }

    pub(crate) fn state_sender(&self) -> watch::Sender<RegistrationState> {
        let state = match self.link {
            Link::Up | Link::Down => RegistrationState::Disconnected,
            Link::Closing | Link::Closed => RegistrationState::Ended,
        };
        watch::Sender::new(state)
    }

    /// Says something to the server whose answer does not matter.
    fn tell(&mut self, outgoing: &Outgoing) {
        let id = self.pending.next_id();
        let message = outgoing.message(Some(Id::Number(id)), None);
        // Such a message is a few hundred bytes; a server that takes less is told nothing.
        drop(self.push(&message, None));
    }

    pub(crate) fn wake_writer(&mut self) {
        if self.is_writer_idle {
            self.is_writer_idle = false;
            self.effects.write = true;
        }
    }

    fn refuse_size(&self, error: &TooLarge) -> Box<RequestError> {
        Box::new(RequestError::TooLarge {
            bytes: error.bytes,
            limit_bytes: self.greeting.message_bytes,
        })
    }
}

/// Rounded up, so that the server never sees less time than there is.
fn whole_ms(duration: Duration) -> u64 {
    let ms = duration.as_nanos().div_ceil(1_000_000);
    u64::try_from(ms).unwrap_or(u64::MAX)
}
