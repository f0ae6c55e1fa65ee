//! The state of a client, all of it behind one lock, and the rules that keep it whole.
//!
//! Nothing here waits, wakes or calls an application. What has to happen outside of the lock is
//! noted in [`Effects`], which [`Shared`](crate::shared::Shared) carries out after unlocking.

use std::{pin::Pin, sync::Arc, task::Waker, time::Duration};

use ipc_wire::{Dialect, Id, Message};
use tokio::{
    sync::{futures::OwnedNotified, watch},
    time::Instant,
};

use crate::{
    RegistrationState, RequestError,
    feed::Feed,
    incoming::{self, Incoming},
    objects::Objects,
    outbox::{Outbox, TooLarge},
    outgoing::{Outgoing, ServerMethod},
    pending::{Ended, Pending},
    subscriptions::{Subscriptions, Topic},
};

/// How much later than the server this side notices that a request's time passed. The server's
/// answer says more, so it gets the time to travel; but a server that hangs must not hang us.
const SERVER_GRACE: Duration = Duration::from_secs(1);

/// What is known about the server since the last greeting.
#[derive(Clone, Debug)]
pub(crate) struct Greeting {
    pub(crate) dialect: Dialect,
    /// The number of this connection.
    pub(crate) client: Option<u64>,
    /// The server's name and version.
    pub(crate) server: Option<String>,
    /// The largest message that the server takes.
    pub(crate) message_bytes: Option<usize>,
}

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
    /// The earliest deadline came nearer.
    pub(crate) deadline: bool,
    /// There are calls to be answered, or there will be none any more.
    pub(crate) serve: bool,
    pub(crate) wakers: Vec<Waker>,
    pub(crate) ended: incoming::Ended,
}

impl Effects {
    pub(crate) const fn is_empty(&self) -> bool {
        let is_signal = self.write | self.unblock | self.deadline | self.serve;
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
    /// It has to wait for this and then be submitted again.
    Blocked(Pin<Box<OwnedNotified>>),
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
        let message_bytes = greeting.message_bytes.unwrap_or(usize::MAX);
        self.outbox.reset(greeting.dialect, message_bytes);
        self.incoming
            .reset(greeting.dialect, &mut self.effects.ended);
        self.greeting = greeting;
        self.is_writer_idle = false;
        self.effects.unblock = true;
        if !is_first {
            for feed in self.subscriptions.confirmed_feeds() {
                let lagged = crate::Lagged::Disconnected;
                self.effects.wakers.extend(feed.push_lagged(lagged));
            }
        }
    }

    /// The connection is lost; all that was under way on it ends.
    pub(crate) fn lose(&mut self) {
        self.link = Link::Down;
        let Self {
            pending,
            outbox,
            effects,
            ..
        } = self;
        let was_written = |id, batch| outbox.was_taken(id, batch);
        pending.end_all(was_written, &mut effects.wakers);
        self.outbox.reset(self.greeting.dialect, usize::MAX);
        self.incoming
            .reset(self.greeting.dialect, &mut self.effects.ended);
        self.objects.set_states(&RegistrationState::Disconnected);
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
            return Ok(Submitted::Unanswered);
        }
        let id = self.pending.next_id();
        let batch = self.outbox.batch();
        let message = match dialect {
            Dialect::Lines => {
                let left = timing.deadline.map(|deadline| deadline - timing.now);
                let timeout = outgoing.hold().or(left);
                outgoing.message(Some(Id::Number(id)), timeout.map(whole_ms))
            }
            Dialect::Seed => outgoing.message(None, None),
        };
        self.push(&message, Some(id))
            .map_err(|error| self.refuse_size(&error))?;
        let deadline = self.local_deadline(outgoing, timing);
        let waker = waker.cloned();
        if self.pending.insert(id, batch, deadline, waker) {
            self.effects.deadline = true;
        }
        Ok(Submitted::Sent(id))
    }

    /// Queues a message; `request` is its id if it has an answer.
    pub(crate) fn push(
        &mut self,
        message: &Message<'_>,
        request: Option<u64>,
    ) -> Result<(), TooLarge> {
        self.outbox.push(message, request)?;
        self.wake_writer();
        Ok(())
    }

    /// The answer to a request is not wanted any more.
    pub(crate) fn abandon(&mut self, id: u64, is_cancellable: bool) {
        let was_waiting = self.pending.remove(id);
        if !was_waiting || self.link != Link::Up {
            return;
        }
        match self.greeting.dialect {
            Dialect::Lines if is_cancellable => self.tell(&ServerMethod::cancel(id)),
            Dialect::Lines => {}
            Dialect::Seed => self.outbox.withdraw(id),
        }
    }

    /// Ends the requests whose time has passed.
    pub(crate) fn expire(&mut self, now: Instant) {
        for id in self.pending.expired(now) {
            let is_queued = self.greeting.dialect == Dialect::Seed && !self.outbox.was_taken(id, 0);
            let ended = if is_queued {
                self.outbox.withdraw(id);
                Ended::Unwritten
            } else {
                Ended::TimedOut
            };
            let waker = self.pending.end(id, ended);
            self.effects.wakers.extend(waker);
        }
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

    fn local_deadline(&self, outgoing: &Outgoing, timing: Timing) -> Option<Instant> {
        let held_until = outgoing.hold().map(|hold| timing.now + hold);
        match self.greeting.dialect {
            Dialect::Lines => held_until
                .or(timing.deadline)
                .and_then(|deadline| deadline.checked_add(SERVER_GRACE)),
            Dialect::Seed => timing.deadline.or(held_until),
        }
    }

    fn refuse_size(&self, error: &TooLarge) -> Box<RequestError> {
        Box::new(RequestError::TooLarge {
            bytes: error.bytes,
            limit_bytes: self.greeting.message_bytes.unwrap_or(usize::MAX),
        })
    }
}

/// Rounded up, so that the server never sees less time than there is.
fn whole_ms(duration: Duration) -> u64 {
    let ms = duration.as_nanos().div_ceil(1_000_000);
    u64::try_from(ms).unwrap_or(u64::MAX)
}
