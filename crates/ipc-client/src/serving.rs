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
    outbox::Outbox,
    shared::Shared,
};

/// A handler that computes for longer without waiting has a task of its own the next time, on
/// another thread where there is one: what a task costs is little beside that.
const LONG: Duration = Duration::from_micros(50);

/// How a call to an object of ours ended.
pub(crate) type Outcome = Result<Response, ObjectError>;

/// What the serving task has taken and done since it last held the lock.
pub(crate) struct Turn {
    /// The connection that the calls came on.
    pub(crate) epoch: u64,
    pub(crate) jobs: VecDeque<Job>,
    /// What was answered at once.
    pub(crate) answers: Outbox,
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
    let mut turn = Turn::new();
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
    fn new() -> Self {
        Self {
            epoch: 0,
            jobs: VecDeque::new(),
            answers: Outbox::new(),
            started: Vec::new(),
            is_long: false,
        }
    }

    /// Begins each call that was taken.
    fn run(&mut self, shared: &Arc<Shared>, tasks: &mut JoinSet<()>, cx: &mut Context<'_>) {
        let n_jobs = self.jobs.len();
        let begun = Instant::now();
        while let Some(job) = self.jobs.front() {
            if let Some((id, running)) = Arc::clone(&job.service).begin(self, cx) {
                let answering = answer(Arc::clone(shared), self.epoch, id.clone(), running);
                self.started.push((id, tasks.spawn(answering)));
            }
        }
        // Who it was shows in the next turn; on the whole, a look at the clock is saved with
        // every call.
        self.is_long = u32::try_from(n_jobs).is_ok_and(|n_jobs| LONG * n_jobs < begun.elapsed());
    }

    /// The next call, if it is for this provider.
    fn next_for<S: Serve>(&mut self, service: &Arc<S>) -> Option<Job> {
        let next = Arc::as_ptr(&self.jobs.front()?.service).cast::<()>();
        let is_same = next == Arc::as_ptr(service).cast();
        is_same.then(|| self.jobs.pop_front())?
    }
}

/// Answers a call that was not answered in place.
async fn answer(shared: Arc<Shared>, epoch: u64, id: CallId, running: Running) {
    let outcome = running.await;
    shared.finish(epoch, id, &outcome).await;
}

/// A provider of any type.
pub(crate) trait Serve: Send + Sync {
    /// Begins the calls at the front of the turn, up to one for another provider or one that is
    /// not answered at once, which is returned.
    fn begin(self: Arc<Self>, turn: &mut Turn, cx: &mut Context<'_>) -> Option<(CallId, Running)>;
}

/// A handler that goes on in a task of its own.
type Running = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// Makes a provider one of those of any type.
pub(crate) fn service<P: Provider>(provider: P) -> Arc<dyn Serve> {
    let call = async |provider: Arc<P>, request| {
        let outcome = provider.call(request).await;
        (outcome, provider)
    };
    Arc::new(Service {
        provider: Arc::new(provider),
        call,
        spare: Mutex::new(None),
        is_slow: AtomicBool::new(false),
    })
}

struct Service<P, C, F> {
    provider: Arc<P>,
    /// Calls the provider, and gives it back with the outcome.
    call: C,
    /// Where the last handler was that was done at once: the next one needs no new place.
    spare: Mutex<Option<Seat<P, F>>>,
    is_slow: AtomicBool,
}

impl<P, C, F> Service<P, C, F>
where
    C: Fn(Arc<P>, Request) -> F,
{
    fn spare(&self) -> MutexGuard<'_, Option<Seat<P, F>>> {
        // Nothing panics while it holds the lock.
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a call a seat.
    fn seat(&self, spare: Option<Seat<P, F>>, request: Request) -> Seat<P, F> {
        let mut seat = spare.unwrap_or_default();
        seat.method.clear();
        seat.method.push_str(request.method());
        let provider = seat.provider.take();
        let provider = provider.unwrap_or_else(|| Arc::clone(&self.provider));
        seat.handler.set(Some((self.call)(provider, request)));
        seat
    }
}

impl<P, C, F> Serve for Service<P, C, F>
where
    P: Provider,
    C: Fn(Arc<P>, Request) -> F + Send + Sync + 'static,
    F: Future<Output = (Outcome, Arc<P>)> + Send + 'static,
{
    fn begin(self: Arc<Self>, turn: &mut Turn, cx: &mut Context<'_>) -> Option<(CallId, Running)> {
        let mut spare = self.spare().take();
        let mut running: Option<(CallId, Running)> = None;
        while running.is_none()
            && let Some(Job { id, request, .. }) = turn.next_for(&self)
        {
            let looked = turn.is_long.then(Instant::now);
            let mut seat = self.seat(spare.take(), request);
            let is_begun = !self.is_slow.load(Ordering::Relaxed);
            if is_begun && let Poll::Ready(outcome) = seat.poll_caught(cx) {
                turn.answers.reply(&id, &outcome);
                spare = Some(seat);
            } else {
                let service = Arc::clone(&self);
                let handler = Handler {
                    service,
                    seat,
                    is_begun,
                };
                running = Some((id, Box::pin(handler)));
            }
            if looked.is_some_and(|begun| LONG < begun.elapsed()) {
                // A handler in a task of its own tells when that is over.
                self.is_slow.store(true, Ordering::Relaxed);
            }
        }
        *self.spare() = spare;
        running
    }
}

/// What one call's handler needs, one call after another.
struct Seat<P, F> {
    /// Between two calls: handing it on costs less than counting one more reference.
    provider: Option<Arc<P>>,
    handler: Pin<Box<Option<F>>>,
    /// The method that is called.
    method: String,
}

impl<P, F> Default for Seat<P, F> {
    fn default() -> Self {
        Self {
            provider: None,
            handler: Box::pin(None),
            method: String::new(),
        }
    }
}

impl<P, F> Seat<P, F>
where
    F: Future<Output = (Outcome, Arc<P>)>,
{
    /// Polls the handler; one that panics is answered with an error.
    fn poll_caught(&mut self, cx: &mut Context<'_>) -> Poll<Outcome> {
        // A future that panicked is never polled again, so nobody sees it half done.
        let polled = catch_unwind(AssertUnwindSafe(|| {
            let Some(handler) = self.handler.as_mut().as_pin_mut() else {
                return Poll::Pending;
            };
            let polled = handler.poll(cx);
            if polled.is_ready() {
                self.handler.set(None);
            }
            polled
        }));
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready((outcome, provider))) => {
                self.provider = Some(provider);
                Poll::Ready(outcome)
            }
            Err(_panic) => {
                // What it holds may panic as well when it is dropped.
                let handler = mem::replace(&mut self.handler, Box::pin(None));
                drop(catch_unwind(AssertUnwindSafe(|| drop(handler))));
                let method = &self.method;
                let error = ObjectError::text(format!("the handler of '{method}' panicked"));
                Poll::Ready(Err(error))
            }
        }
    }
}

/// A handler that has a task of its own.
struct Handler<P, C, F> {
    service: Arc<Service<P, C, F>>,
    seat: Seat<P, F>,
    /// It was polled before.
    is_begun: bool,
}

impl<P, C, F> Future for Handler<P, C, F>
where
    F: Future<Output = (Outcome, Arc<P>)>,
{
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        let is_first = !mem::replace(&mut self.is_begun, true);
        let begun = is_first.then(Instant::now);
        let polled = self.seat.poll_caught(cx);
        if begun.is_some_and(|begun| begun.elapsed() <= LONG) {
            self.service.is_slow.store(false, Ordering::Relaxed);
        }
        polled
    }
}
