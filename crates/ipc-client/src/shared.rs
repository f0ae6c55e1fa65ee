//! What the handles of a client and its connection's task share: the lock around
//! [`Core`], and the signals that go with it.
//!
//! Every access has one shape: lock, change the core, unlock, carry out what the core noted.

use std::{
    mem,
    sync::{Arc, Mutex, PoisonError},
    task::{Poll, Waker},
};

use ipc_wire::{Address, Code, Message, RequestId};
use tokio::{
    sync::{Notify, watch},
    task::JoinSet,
    time::Instant,
};

use crate::{
    ConnectionState, DisconnectReason, ObjectError, RegistrationState, RequestError, Response,
    builder::Config,
    core::{Core, Greeting, Link, Submitted, Timing},
    feed::Feed,
    incoming::{Admitted, Job, JobKey, ObjectEntry, Spawn, reply},
    outgoing::{Outgoing, RegisterMessage, literal},
    pending::Ended,
    subscriptions::Topic,
};

#[derive(Debug)]
pub(crate) struct Shared {
    address: Address,
    config: Config,
    core: Mutex<Core>,
    /// The tasks that answer calls. A lock of its own, because starting a task may drop it, and
    /// with it whatever the application keeps in there.
    tasks: Mutex<JoinSet<()>>,
    /// There is something to write.
    pub(crate) write: Notify,
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
    pub(crate) fn new(address: Address, config: Config, greeting: Greeting) -> Self {
        Self {
            address,
            core: Mutex::new(Core::new(greeting, config.concurrent_calls)),
            config,
            tasks: Mutex::default(),
            write: Notify::new(),
            deadline: Notify::new(),
            answered: Notify::new(),
            unblocked: Arc::default(),
            states: watch::Sender::new(ConnectionState::Connected),
            closing: watch::Sender::new(false),
        }
    }

    pub(crate) const fn address(&self) -> &Address {
        &self.address
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
        let write = mem::take(&mut core.effects.write);
        let deadline = mem::take(&mut core.effects.deadline);
        let unblock = mem::take(&mut core.effects.unblock);
        let wakers = mem::take(&mut core.effects.wakers);
        let dropped = mem::take(&mut core.effects.dropped);
        drop(core);
        drop(dropped);
        if write {
            self.write.notify_one();
        }
        if deadline {
            self.deadline.notify_one();
        }
        if unblock {
            self.unblocked.notify_waiters();
        }
        wakers.into_iter().for_each(Waker::wake);
        result
    }

    /// Sends a request, unless it has to wait for a connection or for room.
    pub(crate) fn submit(
        &self,
        outgoing: &Outgoing,
        timing: Timing,
        waker: &Waker,
    ) -> Result<Submitted, RequestError> {
        self.with_core(|core| match core.link {
            Link::Up if !core.outbox.is_full() => core.submit(outgoing, timing, Some(waker)),
            // Made under the lock, so no change can slip by before it is waited for.
            Link::Up | Link::Down => {
                let change = Arc::clone(&self.unblocked).notified_owned();
                Ok(Submitted::Blocked(change))
            }
            Link::Closing | Link::Closed => Err(RequestError::Closed),
        })
    }

    /// How a request ended, once it has.
    pub(crate) fn poll_ended(&self, id: u64, waker: &Waker) -> Poll<Ended> {
        self.with_core(|core| core.pending.take(id, waker))
            .map_or(Poll::Pending, Poll::Ready)
    }

    /// Gives up the answer to a request.
    pub(crate) fn abandon(&self, id: u64, is_cancellable: bool) {
        self.with_core(|core| core.abandon(id, is_cancellable));
    }

    /// Adds an object before the server is asked for its name.
    pub(crate) fn add_object(
        &self,
        object: Arc<str>,
        provider: Arc<dyn Spawn>,
        message: RegisterMessage,
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
                serial,
                is_confirmed: false,
                provider,
                message: Arc::new(message),
                states,
            };
            core.objects.insert(object, entry);
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

    /// Starts a call, in a task of its own.
    pub(crate) fn start(self: &Arc<Self>, job: Job) {
        let key = job.key;
        let provider = Arc::clone(&job.provider);
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        // Tasks that ended are cleared away here, so there are never more than have run at once.
        while tasks.try_join_next().is_some() {}
        let task = provider.spawn(job, Arc::clone(self), &mut tasks);
        drop(tasks);
        let is_wanted = self.with_core(|core| {
            core.epoch == key.epoch && core.incoming.started(&key.id, task.clone())
        });
        if !is_wanted {
            task.abort();
        }
    }

    /// Answers a call, when there is room, and starts the next one that waits.
    pub(crate) async fn finish(
        self: &Arc<Self>,
        key: JobKey,
        outcome: &Result<Response, ObjectError>,
    ) {
        loop {
            let change = self.with_core(|core| {
                if core.epoch != key.epoch || !core.incoming.is_running(&key.id) {
                    return Ok(None);
                }
                if core.outbox.is_full() {
                    return Err(Arc::clone(&self.unblocked).notified_owned());
                }
                push_reply(core, outcome, key.reply_id);
                Ok(core.incoming.finish(&key.id))
            });
            match change {
                Err(change) => change.await,
                Ok(next) => {
                    if let Some(next) = next {
                        self.start(next);
                    }
                    return;
                }
            }
        }
    }

    /// Answers a call that is not admitted, when there is room.
    pub(crate) async fn refuse(&self, id: Option<RequestId>, error: ObjectError) {
        let outcome = Err(error);
        loop {
            let change = self.with_core(|core| {
                if core.outbox.is_full() && core.link == Link::Up {
                    return Some(Arc::clone(&self.unblocked).notified_owned());
                }
                push_reply(core, &outcome, id);
                None
            });
            match change {
                Some(change) => change.await,
                None => return,
            }
        }
    }

    /// Decides about a call that came, and starts it if it may run.
    pub(crate) fn admit(
        self: &Arc<Self>,
        call: &ipc_wire::Call<'_>,
    ) -> Option<(Option<RequestId>, ObjectError)> {
        let admitted = self.with_core(|core| {
            let Core {
                incoming,
                objects,
                epoch,
                ..
            } = core;
            incoming.admit(call, objects, *epoch)
        });
        match admitted {
            Admitted::Start(job) => self.start(job),
            Admitted::Waits => {}
            Admitted::Refused(id, error) => return Some((id, error)),
        }
        None
    }

    /// Aborts a call that the caller gave up.
    pub(crate) fn cancel(self: &Arc<Self>, id: &RequestId) {
        let cancelled = self.with_core(|core| core.incoming.cancel(id));
        if let Some(task) = cancelled.task {
            task.abort();
        }
        if let Some(next) = cancelled.next {
            self.start(next);
        }
        drop(cancelled.waited);
    }

    pub(crate) fn expire(&self) {
        let now = Instant::now();
        self.with_core(|core| core.expire(now));
    }

    /// A connection stands.
    pub(crate) fn begin(&self, greeting: Greeting) {
        self.with_core(|core| core.begin(greeting));
        self.states.send_replace(ConnectionState::Connected);
    }

    /// The connection is lost.
    pub(crate) fn lose(&self) {
        self.with_core(Core::lose);
        self.abort_tasks();
    }

    /// Says why there is no connection.
    pub(crate) fn set_disconnected(&self, reason: DisconnectReason) {
        self.states
            .send_replace(ConnectionState::Disconnected { reason });
    }

    /// There will be no connection any more.
    pub(crate) fn end(&self, reason: Option<DisconnectReason>) {
        self.with_core(Core::close);
        self.abort_tasks();
        self.states.send_if_modified(|state| {
            let is_new = !matches!(state, ConnectionState::Closed { .. });
            if is_new {
                *state = ConnectionState::Closed { reason };
            }
            is_new
        });
    }

    /// Asks the connection's task to write what is queued and to end.
    pub(crate) fn begin_close(&self) {
        self.with_core(|core| {
            if core.link == Link::Up {
                core.link = Link::Closing;
            }
            core.effects.unblock = true;
        });
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

    fn abort_tasks(&self) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        let mut ended = mem::take(&mut *tasks);
        drop(tasks);
        ended.abort_all();
    }
}

fn push_reply(core: &mut Core, outcome: &Result<Response, ObjectError>, id: Option<RequestId>) {
    let code = outcome.as_ref().err().and_then(|error| error.code);
    let code = code.map(|code| literal(code.as_str()));
    let message = Message::Reply(reply(
        outcome,
        code.as_deref(),
        id.as_ref().map(RequestId::as_id),
    ));
    if let Err(too_large) = core.push(&message, None) {
        let text = format!("the response has {} bytes, too many", too_large.bytes);
        let outcome = Err(ObjectError::text(text));
        // An error of a few words; a server that takes less than that cannot be answered.
        drop(core.push(
            &Message::Reply(reply(&outcome, None, id.as_ref().map(RequestId::as_id))),
            None,
        ));
    }
}

/// Sees to it that nobody waits for a task that is gone, even if its runtime was shut down.
pub(crate) struct EndGuard(pub(crate) Arc<Shared>);

impl Drop for EndGuard {
    fn drop(&mut self) {
        self.0.end(None);
    }
}
