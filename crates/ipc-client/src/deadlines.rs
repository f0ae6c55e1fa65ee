//! The thread that sees to it that nobody waits beyond a deadline.
//!
//! A client's task ends what has waited too long, while somebody drives its runtime. Nobody has
//! to: a runtime for one thread stands still outside of its `block_on`. So a thread looks at the
//! earliest deadline of each client as well: one for the whole process, started with the first
//! deadline, asleep until the next. A deadline that came nearer is the only thing that it has to
//! be told, which with calls of equal timeouts happens once in such a time and not with each call.

use std::{
    collections::{BTreeSet, HashMap},
    panic::{AssertUnwindSafe, catch_unwind},
    process,
    sync::{Condvar, LazyLock, Mutex, MutexGuard, PoisonError, Weak},
    thread,
    time::Instant,
};

use crate::shared::Shared;

static DEADLINES: LazyLock<Deadlines> = LazyLock::new(Deadlines::default);

#[derive(Default)]
struct Deadlines {
    clients: Mutex<Clients>,
    /// There is a time that comes before all others.
    sooner: Condvar,
}

/// The clients that are to be looked at, at most once each.
#[derive(Default)]
struct Clients {
    times: BTreeSet<(Instant, Key)>,
    by_key: HashMap<Key, (Instant, Weak<Shared>)>,
    /// The process in which the thread was started: a fork of it has none.
    process: Option<u32>,
}

/// The client's address: while a weak reference to it is kept, no other client is there.
type Key = usize;

fn key(client: &Weak<Shared>) -> Key {
    client.as_ptr().addr()
}

/// Has the client looked at when this time has come, or before.
pub(crate) fn watch(client: &Weak<Shared>, at: tokio::time::Instant) {
    let mut clients = DEADLINES.lock();
    let is_soonest = clients.note(client, at.into_std());
    if clients.process != Some(process::id()) {
        let started = thread::Builder::new()
            .name("ipc-client-deadlines".to_owned())
            .spawn(|| DEADLINES.look_after());
        // Without a thread, deadlines are kept by the client's own task, and the next may start.
        clients.process = started.is_ok().then(process::id);
    } else if is_soonest {
        DEADLINES.sooner.notify_one();
    }
}

/// The client is gone. Its place is not kept until its last deadline, which may be far away.
pub(crate) fn forget(client: &Weak<Shared>) {
    DEADLINES.lock().forget(client);
}

/// Whether the client is to be looked at.
#[cfg(test)]
pub(crate) fn is_watched(client: &Weak<Shared>) -> bool {
    DEADLINES.lock().by_key.contains_key(&key(client))
}

impl Deadlines {
    fn look_after(&self) {
        let mut clients = self.lock();
        loop {
            let now = Instant::now();
            let next = clients.times.first().copied();
            clients = match next {
                Some((at, key)) if at <= now => {
                    let client = clients.take(at, key);
                    drop(clients);
                    // Wakers are the application's and may panic; the other clients need this
                    // thread all the same.
                    drop(catch_unwind(AssertUnwindSafe(|| {
                        if let Some(client) = client.and_then(|client| client.upgrade()) {
                            client.expire();
                        }
                    })));
                    self.lock()
                }
                Some((at, _)) => {
                    let slept = self.sooner.wait_timeout(clients, at - now);
                    slept.unwrap_or_else(PoisonError::into_inner).0
                }
                None => {
                    let slept = self.sooner.wait(clients);
                    slept.unwrap_or_else(PoisonError::into_inner)
                }
            };
        }
    }

    fn lock(&self) -> MutexGuard<'_, Clients> {
        // Nothing panics while it holds the lock.
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clients {
    /// Notes a client, unless it is looked at before anyway; whether it is the first of all.
    fn note(&mut self, client: &Weak<Shared>, at: Instant) -> bool {
        let key = key(client);
        let known = self.by_key.get(&key).map(|(known, _)| *known);
        if known.is_some_and(|known| known <= at) {
            return false;
        }
        if let Some(known) = known {
            self.times.remove(&(known, key));
        }
        self.by_key.insert(key, (at, Weak::clone(client)));
        self.times.insert((at, key));
        self.times.first() == Some(&(at, key))
    }

    fn forget(&mut self, client: &Weak<Shared>) {
        let key = key(client);
        if let Some((at, _)) = self.by_key.remove(&key) {
            self.times.remove(&(at, key));
        }
    }

    fn take(&mut self, at: Instant, key: Key) -> Option<Weak<Shared>> {
        self.times.remove(&(at, key));
        let (_, client) = self.by_key.remove(&key)?;
        Some(client)
    }
}
