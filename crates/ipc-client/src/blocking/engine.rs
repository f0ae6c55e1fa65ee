//! Who drives a blocking client's connection: the thread that waits for something, and a keeper
//! thread while none does.
//!
//! Whoever waits runs the reading, writing and serving of the connection in its own thread, so a
//! call and its response never change threads. The keeper would be in the way: it steps aside
//! when somebody begins to wait, and comes back when nobody has for a while.

use std::{
    cell::Cell,
    future::{Future, IntoFuture},
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use tokio::{
    runtime::{Handle, Runtime},
    sync::Notify,
};

use crate::{ConnectionState, InsideRuntime, shared::Shared};

/// How long nobody has to have waited for anything before the keeper comes back. Long enough not
/// to meet a program that makes call after call, short enough for what comes unasked.
const QUIET: Duration = Duration::from_millis(5);

/// How often the tasks of the connection get to write what was queued last before somebody stops
/// waiting. What is left then waits for the keeper.
const LAST_TURNS: usize = 3;

thread_local! {
    /// The thread runs a handler of a blocking client, which may block it.
    static IN_HANDLER: Cell<bool> = const { Cell::new(false) };
}

/// Runs a handler that may block and may use the client.
pub(crate) fn run_handler<T>(handler: impl FnOnce() -> T) -> T {
    IN_HANDLER.set(true);
    // A panic ends the handler's task, and the thread's next handler sets it again.
    let result = handler();
    IN_HANDLER.set(false);
    result
}

/// The runtime of a blocking client.
#[derive(Debug)]
pub(crate) struct Engine {
    /// Taken out only when dropped.
    runtime: Option<Runtime>,
    turns: Mutex<Turns>,
    /// Nobody waits any more, or the engine ends.
    changed: Condvar,
    /// The keeper shall step aside, or end.
    aside: Notify,
}

#[derive(Debug, Default)]
struct Turns {
    /// How many threads wait for something now.
    n_waiting: usize,
    /// How often threads have begun to wait.
    n_begun: u64,
    keeper: Keeper,
    is_ending: bool,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Keeper {
    /// It drives the connection.
    #[default]
    Drives,
    /// It looks again in a while.
    Looks,
    /// It wants to be told when nobody waits any more.
    Sleeps,
}

/// Whether this thread must not be blocked.
pub(crate) fn check_thread() -> Result<(), InsideRuntime> {
    if IN_HANDLER.get() || Handle::try_current().is_err() {
        Ok(())
    } else {
        Err(InsideRuntime)
    }
}

impl Engine {
    pub(crate) fn new() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .thread_name("ipc-client-handler")
            .build()?;
        Ok(Self {
            runtime: Some(runtime),
            turns: Mutex::default(),
            changed: Condvar::new(),
            aside: Notify::new(),
        })
    }

    /// Starts the thread that drives the connection while nobody else does.
    pub(crate) fn start_keeper(self: &Arc<Self>, shared: Arc<Shared>) -> io::Result<()> {
        let engine = Arc::clone(self);
        let keeper = thread::Builder::new().name("ipc-client".to_owned());
        // It ends by itself, when the last handle is gone and all is written.
        drop(keeper.spawn(move || engine.keep(&shared))?);
        Ok(())
    }

    /// Connects, before there is a keeper.
    pub(crate) fn run<F: Future>(&self, future: F) -> F::Output {
        self.runtime().block_on(future)
    }

    /// Waits in this thread, and drives the connection meanwhile.
    pub(crate) fn wait<R: IntoFuture>(
        &self,
        shared: &Shared,
        request: R,
    ) -> Result<R::Output, InsideRuntime> {
        check_thread()?;
        let _waiting = self.begin();
        Ok(self.runtime().block_on(async {
            let output = request.await;
            for _ in 0..LAST_TURNS {
                if shared.with_core(|core| core.is_writer_idle) {
                    break;
                }
                tokio::task::yield_now().await;
            }
            output
        }))
    }

    /// Lets the keeper write what is queued, and end.
    pub(crate) fn end(&self) {
        self.lock().is_ending = true;
        self.changed.notify_one();
        self.aside.notify_one();
    }

    fn begin(&self) -> Waiting<'_> {
        let mut turns = self.lock();
        turns.n_waiting += 1;
        turns.n_begun += 1;
        if turns.keeper == Keeper::Drives {
            self.aside.notify_one();
        }
        Waiting(self)
    }

    fn keep(&self, shared: &Shared) {
        let mut states = shared.subscribe_states();
        let mut is_ending = false;
        while !is_ending {
            self.runtime().block_on(self.aside.notified());
            is_ending = self.stay_aside();
        }
        let is_closed = |state: &ConnectionState| matches!(state, ConnectionState::Closed { .. });
        // An error is as good: then it is gone altogether.
        drop(self.runtime().block_on(states.wait_for(is_closed)));
    }

    /// Stays aside while there are those who wait; whether the engine ends.
    fn stay_aside(&self) -> bool {
        let mut turns = self.lock();
        let mut n_seen = None;
        while !turns.is_ending {
            if turns.n_waiting == 0 && n_seen == Some(turns.n_begun) {
                break;
            }
            if n_seen == Some(turns.n_begun) {
                // Somebody waits for long. After that it looks again, for those who wait for one
                // event after the other begin anew at once.
                n_seen = None;
                turns.keeper = Keeper::Sleeps;
                let changed = self.changed.wait(turns);
                turns = changed.unwrap_or_else(PoisonError::into_inner);
            } else {
                n_seen = Some(turns.n_begun);
                turns.keeper = Keeper::Looks;
                let changed = self.changed.wait_timeout(turns, QUIET);
                turns = changed.unwrap_or_else(PoisonError::into_inner).0;
            }
        }
        turns.keeper = Keeper::Drives;
        turns.is_ending
    }

    fn runtime(&self) -> &Runtime {
        // Only `drop` takes it out.
        self.runtime.as_ref().expect("the engine is not dropped")
    }

    fn lock(&self) -> MutexGuard<'_, Turns> {
        // Nothing panics while it holds the lock.
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // A handler that still runs is not waited for.
            runtime.shutdown_background();
        }
    }
}

/// A thread that waits.
struct Waiting<'a>(&'a Engine);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut turns = self.0.lock();
        turns.n_waiting -= 1;
        if turns.n_waiting == 0 && turns.keeper == Keeper::Sleeps {
            self.0.changed.notify_one();
        }
    }
}
