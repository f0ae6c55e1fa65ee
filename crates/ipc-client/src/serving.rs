//! Answering the calls to the objects of this client.
//!
//! One task of the client takes the calls that came, a few at a time, and begins each in place: a
//! handler that has its answer at once costs no task, and the answers of a turn are queued with
//! one lock. A handler that has to wait goes on in a task of its own, and so do all calls of an
//! object whose handlers compute for long, so that neither holds up the others.
//!
//! It is a task beside those that read and write: whatever a handler does, timeouts are kept and
//! other messages are dispatched where the runtime has another thread.

use std::{
    collections::VecDeque,
    future::{Future, poll_fn},
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

use tokio::{
    sync::futures::OwnedNotified,
    task::{AbortHandle, JoinSet},
};

use crate::{
    ObjectError, Provider, Request, Response,
    incoming::{CallId, Job},
    shared::Shared,
};

/// A handler that computes for longer without waiting has a task of its own the next time, on
/// another thread where there is one: what a task costs is little beside that.
const LONG: Duration = Duration::from_micros(50);

/// How a call to an object of ours ended.
pub(crate) type Outcome = Result<Response, ObjectError>;

/// What the serving task has taken and done since it last held the lock.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    /// The connection that the calls came on.
    pub(crate) epoch: u64,
    pub(crate) jobs: Vec<Job>,
    pub(crate) outcomes: VecDeque<(CallId, Outcome)>,
    pub(crate) started: Vec<(CallId, AbortHandle)>,
    /// The calls of the last turn took long on average.
    is_long: bool,
}

/// What the serving task does next.
pub(crate) enum Next {
    /// It begins the calls of its turn.
    Serve,
    /// It waits for calls.
    Idle,
    /// It waits for room in the outbox.
    Full(OwnedNotified),
    /// It ends.
    Closed,
}

/// Answers calls until the client is closed.
pub(crate) async fn serve(shared: Arc<Shared>) {
    let mut turn = Turn::default();
    // Those that run are aborted with this task.
    let mut tasks = JoinSet::new();
    let mut is_first = true;
    loop {
        match shared.next_turn(&mut turn) {
            Next::Serve => {
                if !mem::take(&mut is_first) {
                    give_way().await;
                }
                // Tasks that ended are cleared away here, so there are never more than have run
                // at once.
                while tasks.try_join_next().is_some() {}
                poll_fn(|cx| {
                    turn.run(&shared, &mut tasks, cx);
                    Poll::Ready(())
                })
                .await;
            }
            Next::Idle => {
                shared.serve.notified().await;
                is_first = true;
            }
            Next::Full(change) => change.await,
            Next::Closed => return,
        }
    }
}

/// Lets every task that is ready run first.
pub(crate) async fn give_way() {
    let mut has_waited = false;
    poll_fn(|cx| {
        if mem::replace(&mut has_waited, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

impl Turn {
    /// Begins each call that was taken.
    fn run(&mut self, shared: &Arc<Shared>, tasks: &mut JoinSet<()>, cx: &mut Context<'_>) {
        let n_jobs = self.jobs.len();
        let begun = Instant::now();
        for Job {
            id,
            request,
            service,
        } in self.jobs.drain(..)
        {
            let looked = self.is_long.then(Instant::now);
            match Arc::clone(&service).begin(request, cx) {
                Begun::Done(outcome) => self.outcomes.push_back((id, outcome)),
                Begun::Runs(running) => {
                    let answering = answer(Arc::clone(shared), self.epoch, id.clone(), running);
                    self.started.push((id, tasks.spawn(answering)));
                }
            }
            if looked.is_some_and(|begun| LONG < begun.elapsed()) {
                service.note_long();
            }
        }
        // Who it was shows in the next turn; on the whole, a look at the clock is saved with
        // every call.
        self.is_long = u32::try_from(n_jobs).is_ok_and(|n_jobs| LONG * n_jobs < begun.elapsed());
    }
}

/// Answers a call that was not answered in place.
async fn answer(shared: Arc<Shared>, epoch: u64, id: CallId, running: Running) {
    let outcome = running.await;
    shared.finish(epoch, id, &outcome).await;
}

/// A provider of any type.
pub(crate) trait Serve: Send + Sync {
    /// Begins a call.
    fn begin(self: Arc<Self>, request: Request, cx: &mut Context<'_>) -> Begun;

    /// Remembers that a handler computed for long before it waited or answered.
    fn note_long(&self);
}

/// What became of a call that was begun.
pub(crate) enum Begun {
    Done(Outcome),
    Runs(Running),
}

/// A handler that goes on in a task of its own.
type Running = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// Makes a provider one of those of any type.
pub(crate) fn service<P: Provider>(provider: P) -> Arc<dyn Serve> {
    let provider = Arc::new(provider);
    let call = move |request| {
        let provider = Arc::clone(&provider);
        async move { provider.call(request).await }
    };
    Arc::new(Service {
        call,
        spare: Mutex::new(None),
        is_slow: AtomicBool::new(false),
    })
}

struct Service<C, F> {
    call: C,
    /// Where the last handler lay that was done at once: the next one needs no new place.
    spare: Mutex<Option<Place<F>>>,
    is_slow: AtomicBool,
}

/// Where the future of a handler lies.
type Place<F> = Pin<Box<Option<F>>>;

impl<C, F> Service<C, F> {
    fn spare(&self) -> MutexGuard<'_, Option<Place<F>>> {
        // Nothing panics while it holds the lock.
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C, F> Serve for Service<C, F>
where
    C: Fn(Request) -> F + Send + Sync + 'static,
    F: Future<Output = Outcome> + Send + 'static,
{
    fn begin(self: Arc<Self>, request: Request, cx: &mut Context<'_>) -> Begun {
        let spare = self.spare().take();
        let mut handler = Handler {
            method: Arc::clone(&request.method),
            request: Some(request),
            place: spare.unwrap_or_else(|| Box::pin(None)),
            service: self,
        };
        if handler.service.is_slow.load(Ordering::Relaxed) {
            return Begun::Runs(Box::pin(handler));
        }
        match handler.poll_caught(cx) {
            Poll::Ready(outcome) => {
                *handler.service.spare() = Some(handler.place);
                Begun::Done(outcome)
            }
            Poll::Pending => Begun::Runs(Box::pin(handler)),
        }
    }

    fn note_long(&self) {
        // A handler in a task of its own tells when that is over.
        self.is_slow.store(true, Ordering::Relaxed);
    }
}

/// One call's handler.
struct Handler<C, F> {
    service: Arc<Service<C, F>>,
    method: Arc<str>,
    /// What it is called with, until it is polled first.
    request: Option<Request>,
    place: Place<F>,
}

impl<C, F> Handler<C, F>
where
    C: Fn(Request) -> F,
    F: Future<Output = Outcome>,
{
    /// Polls the handler; one that panics is answered with an error.
    fn poll_caught(&mut self, cx: &mut Context<'_>) -> Poll<Outcome> {
        let Self {
            service,
            request,
            place,
            ..
        } = self;
        // A future that panicked is never polled again, so nobody sees it half done.
        let polled = catch_unwind(AssertUnwindSafe(|| {
            if let Some(request) = request.take() {
                place.set(Some((service.call)(request)));
            }
            let Some(future) = place.as_mut().as_pin_mut() else {
                return Poll::Pending;
            };
            let polled = future.poll(cx);
            if polled.is_ready() {
                place.set(None);
            }
            polled
        }));
        polled.unwrap_or_else(|_panic| {
            let method = &self.method;
            let error = ObjectError::text(format!("the handler of '{method}' panicked"));
            // What it holds may panic as well when it is dropped.
            let place = mem::replace(&mut self.place, Box::pin(None));
            drop(catch_unwind(AssertUnwindSafe(|| drop(place))));
            Poll::Ready(Err(error))
        })
    }
}

impl<C, F> Future for Handler<C, F>
where
    C: Fn(Request) -> F,
    F: Future<Output = Outcome>,
{
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        let begun = self.request.is_some().then(Instant::now);
        let polled = self.poll_caught(cx);
        if begun.is_some_and(|begun| begun.elapsed() <= LONG) {
            self.service.is_slow.store(false, Ordering::Relaxed);
        }
        polled
    }
}
