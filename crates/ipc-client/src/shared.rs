//! What the handles of a client and its connection's task share: the lock around
//! [`Core`], and the signals that go with it.
//!
//! Every access has one shape: lock, change the core, unlock, carry out what the core noted.

use std::{
    mem,
    sync::{Arc, Mutex, PoisonError, Weak},
    task::{Poll, Waker},
};

use ipc_wire::{Address, Code};
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};

use crate::{
    ConnectionState, DisconnectReason, ObjectError, RegistrationState, RequestError,
    address::Target,
    builder::Config,
    core::{Core, Effects, Link, Submitted, Timing},
    deadlines,
    feed::Feed,
    greeting::Greeting,
    incoming::CallId,
    objects::ObjectEntry,
    outgoing::{Outgoing, RegisterMessage},
    pending::{Awaited, Ended},
    serving::{Next, Outcome, Serve, Turn},
    subscriptions::Topic,
};

#[derive(Debug)]
pub(crate) struct Shared {
    /// Itself, for the thread that looks after deadlines.
    this: Weak<Self>,
    target: Target,
    config: Config,
    core: Mutex<Core>,
    /// There is something to write.
    pub(crate) write: Notify,
    /// There are calls to be answered.
    pub(crate) serve: Notify,
    /// The earliest deadline came nearer.
    pub(crate) deadline: Notify,
    /// In the seed dialect: an answer came.
    pub(crate) answered: Notify,
    /// There is a connection again, or room in its queue, or there will be neither.
    unblocked: Arc<Notify>,
    states: watch::Sender<ConnectionState>,
    closing: watch::Sender<bool>,
}

impl Shared {
    pub(crate) fn new(target: Target, config: Config, greeting: Greeting) -> Arc<Self> {
        Arc::new_cyclic(|this| Self {
            this: Weak::clone(this),
            target,
            core: Mutex::new(Core::new(greeting, config.concurrent_calls)),
            config,
            write: Notify::new(),
            serve: Notify::new(),
            deadline: Notify::new(),
            answered: Notify::new(),
            unblocked: Arc::default(),
            states: watch::Sender::new(ConnectionState::Connected),
            closing: watch::Sender::new(false),
        })
    }

    pub(crate) const fn target(&self) -> &Target {
        &self.target
    }

    /// Where the server of this connection is, or that of the last one.
    pub(crate) fn address(&self) -> &Address {
        self.target
            .address(self.with_core(|core| core.greeting.place))
    }

    pub(crate) const fn config(&self) -> &Config {
        &self.config
    }

    pub(crate) fn greeting(&self) -> Greeting {
        self.with_core(|core| core.greeting.clone())
    }

    pub(crate) fn subscribe_states(&self) -> watch::Receiver<ConnectionState> {
        self.states.subscribe()
    }

    /// Changes the core under the lock and carries out what follows from it.
    pub(crate) fn with_core<T>(&self, change: impl FnOnce(&mut Core) -> T) -> T {
        // No application code runs under the lock, so a poisoned core would still be whole.
        let mut core = self.core.lock().unwrap_or_else(PoisonError::into_inner);
        let result = change(&mut core);
        if !core.effects.is_empty() {
            let effects = mem::take(&mut core.effects);
            drop(core);
            self.carry_out(effects);
        }
        result
    }

    fn carry_out(&self, effects: Effects) {
        if effects.write {
            self.write.notify_one();
        }
        if effects.serve {
            self.serve.notify_one();
        }
        if let Some(deadline) = effects.deadline {
            self.deadline.notify_one();
            deadlines::watch(&self.this, deadline);
        }
        if effects.unblock {
            self.unblocked.notify_waiters();
        }
        effects.wakers.into_iter().for_each(Waker::wake);
        // Last, for what ends here is the application's and may panic.
        effects.ended.abort();
    }

    /// Sends a request, unless it has to wait for a connection or for room.
    pub(crate) fn submit(
        &self,
        outgoing: &Outgoing,
        timing: Timing,
        waker: &Waker,
    ) -> Result<Submitted, Box<RequestError>> {
        self.with_core(|core| match core.link {
            Link::Up if !core.outbox.is_full() => core.submit(outgoing, timing, Some(waker)),
            Link::Up | Link::Down => {
                let id = core.wait_for(Awaited::Room, timing.deadline, Some(waker));
                Ok(Submitted::Blocked(id))
            }
            Link::Closing | Link::Closed => Err(Box::new(RequestError::Closed)),
        })
    }

    /// Begins to wait for a time.
    pub(crate) fn set_alarm(&self, at: Instant, waker: &Waker) -> u64 {
        self.with_core(|core| core.wait_for(Awaited::Time, Some(at), Some(waker)))
    }

    /// How what is waited for under an id ended, once it has.
    pub(crate) fn poll_ended(&self, id: u64, waker: &Waker) -> Poll<Ended> {
        let mut replaced = None;
        self.with_core(|core| core.pending.take(id, waker, &mut replaced))
            .map_or(Poll::Pending, Poll::Ready)
    }

    /// Gives up what is waited for under an id.
    pub(crate) fn abandon(&self, id: u64, is_cancellable: bool) {
        drop(self.with_core(|core| core.abandon(id, is_cancellable)));
    }

    /// Adds an object before the server is asked for its name.
    pub(crate) fn add_object(
        &self,
        object: Arc<str>,
        service: Arc<dyn Serve>,
        message: Arc<RegisterMessage>,
    ) -> Result<(u64, watch::Receiver<RegistrationState>), RequestError> {
        self.with_core(|core| {
            if core.objects.contains(&object) {
                return Err(RequestError::Refused {
                    code: Some(Code::NameTaken),
                    message: format!("this client already provides '{object}'"),
                });
            }
            let serial = core.next_order();
            let states = core.state_sender();
            let receiver = states.subscribe();
            let entry = ObjectEntry {
                name: object,
                serial,
                is_confirmed: false,
                service,
                message,
                states,
                methods: Vec::new(),
            };
            core.objects.insert(entry);
            Ok((serial, receiver))
        })
    }

    /// The server has confirmed an object.
    pub(crate) fn confirm_object(&self, object: &str, serial: u64) {
        self.with_core(|core| {
            if let Some(entry) = core.objects.get_mut(object, serial) {
                entry.is_confirmed = true;
                entry.states.send_replace(RegistrationState::Active);
            }
        });
    }

    pub(crate) fn remove_object(&self, object: &str, serial: u64) {
        // Dropped outside of the lock, for the provider is the application's.
        let removed = self.with_core(|core| {
            let removed = core.objects.remove(object, serial);
            if removed.is_some() {
                core.tell_unregistered(object);
            }
            removed
        });
        if let Some(entry) = removed {
            entry.states.send_replace(RegistrationState::Ended);
        }
    }

    pub(crate) fn add_feed(&self, topic: &Topic, feed: &Arc<Feed>) {
        self.with_core(|core| core.add_feed(topic, Arc::clone(feed)));
    }

    pub(crate) fn confirm_topic(&self, topic: &Topic) {
        self.with_core(|core| core.subscriptions.confirm(topic));
    }

    pub(crate) fn remove_feed(&self, topic: &Topic, feed: &Arc<Feed>) {
        self.with_core(|core| core.remove_feed(topic, feed));
    }

    /// Ends a turn of the serving task and says what it does next.
    pub(crate) fn next_turn(&self, turn: &mut Turn) -> Next {
        self.with_core(|core| {
            if core.link == Link::Closed {
                Next::Closed
            } else if !core.end_turn(turn) {
                Next::Full(Arc::clone(&self.unblocked).notified_owned())
            } else if core.begin_turn(turn) {
                Next::Serve
            } else {
                Next::Idle
            }
        })
    }

    /// Answers a call that ran in a task of its own, when there is room.
    pub(crate) async fn finish(&self, epoch: u64, id: CallId, outcome: &Outcome) {
        let is_over = |core: &mut Core| !core.incoming.is_running(epoch, &id);
        self.when_room(is_over).await;
        self.with_core(|core| {
            if core.incoming.is_running(epoch, &id) {
                core.finish(id, outcome);
            }
        });
    }

    /// Answers a call that is not admitted, when there is room.
    pub(crate) async fn refuse(&self, id: &CallId, error: ObjectError) {
        self.when_room(|core| core.link != Link::Up).await;
        self.with_core(|core| core.reply(id, &Err(error)));
    }

    /// Waits for room in the outbox, or until it is not needed any more.
    async fn when_room(&self, is_needless: impl Fn(&mut Core) -> bool) {
        loop {
            // Made under the lock, so no change can slip by before it is waited for.
            let change = self.with_core(|core| {
                let is_blocked = core.outbox.is_full() && !is_needless(core);
                is_blocked.then(|| Arc::clone(&self.unblocked).notified_owned())
            });
            match change {
                Some(change) => change.await,
                None => return,
            }
        }
    }

    /// Ends what has waited for long enough.
    pub(crate) fn expire(&self) {
        let now = Instant::now();
        let (earliest, wakers) =
            self.with_core(|core| (core.expire(now), mem::take(&mut core.effects.wakers)));
        // First, for a waker is the application's and may panic.
        if let Some(earliest) = earliest {
            deadlines::watch(&self.this, earliest);
        }
        wakers.into_iter().for_each(Waker::wake);
    }

    /// A connection stands.
    pub(crate) fn begin(&self, greeting: Greeting) {
        self.with_core(|core| core.begin(greeting));
        self.states.send_replace(ConnectionState::Connected);
    }

    /// The connection is lost.
    pub(crate) fn lose(&self) {
        self.with_core(Core::lose);
    }

    /// Says why there is no connection.
    pub(crate) fn set_disconnected(&self, reason: DisconnectReason) {
        self.states
            .send_replace(ConnectionState::Disconnected { reason });
    }

    /// There will be no connection any more.
    pub(crate) fn end(&self, reason: Option<DisconnectReason>) {
        self.with_core(Core::close);
        self.states.send_if_modified(|state| {
            let is_new = !matches!(state, ConnectionState::Closed { .. });
            if is_new {
                *state = ConnectionState::Closed { reason };
            }
            is_new
        });
    }

    /// Asks the connection's task to write what is queued and to end; if somebody wants to know
    /// whether it arrived, `with_proof`.
    pub(crate) fn begin_close(&self, with_proof: bool) {
        self.with_core(|core| core.begin_close(with_proof));
        self.closing.send_replace(true);
        self.write.notify_one();
    }

    pub(crate) fn is_closing(&self) -> bool {
        *self.closing.borrow()
    }

    /// Waits until the owner wants to close.
    pub(crate) async fn closing(&self) {
        // The sender is a field of self, so it cannot be gone.
        drop(self.closing.subscribe().wait_for(|closing| *closing).await);
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        deadlines::forget(&self.this);
    }
}

/// Sees to it that nobody waits for a task that is gone: whatever the task was doing when its
/// runtime ended or it panicked, and even if it never ran.
pub(crate) struct EndGuard(pub(crate) Arc<Shared>);

impl Drop for EndGuard {
    fn drop(&mut self) {
        self.0.end(Some(DisconnectReason::TaskEnded));
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        task::Wake,
        time::Duration,
    };

    use ipc_wire::Dialect;

    use super::*;
    use crate::Client;

    fn shared() -> Arc<Shared> {
        let target = Target::given("unix:/nowhere".parse().unwrap());
        let greeting = Greeting {
            place: 0,
            dialect: Dialect::Lines,
            client: None,
            server: None,
            message_bytes: usize::MAX,
        };
        Shared::new(target, Client::builder().config, greeting)
    }

    /// A waker whose end, as that of a task, may come back to the client.
    struct Ending {
        shared: Arc<Shared>,
        n_ended: Arc<AtomicUsize>,
    }

    impl Wake for Ending {
        fn wake(self: Arc<Self>) {}
    }

    impl Drop for Ending {
        fn drop(&mut self) {
            assert!(self.shared.core.try_lock().is_ok(), "under the lock");
            self.n_ended.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn wakers_end_outside_of_the_lock() {
        let shared = shared();
        let n_ended = Arc::new(AtomicUsize::new(0));
        let waker = || {
            Waker::from(Arc::new(Ending {
                shared: Arc::clone(&shared),
                n_ended: Arc::clone(&n_ended),
            }))
        };
        let at = Instant::now() + Duration::from_secs(60);
        let id = shared.set_alarm(at, &waker());
        assert!(shared.poll_ended(id, &waker()).is_pending());
        assert_eq!(n_ended.load(Ordering::Relaxed), 1, "another took its place");
        shared.abandon(id, false);
        assert_eq!(n_ended.load(Ordering::Relaxed), 2, "nobody waits any more");
    }

    #[test]
    fn a_client_that_is_gone_is_not_looked_after() {
        let shared = shared();
        let at = Instant::now() + Duration::from_secs(3600);
        shared.set_alarm(at, Waker::noop());
        let weak = Weak::clone(&shared.this);
        assert!(deadlines::is_watched(&weak));
        drop(shared);
        assert!(!deadlines::is_watched(&weak));
    }
}
