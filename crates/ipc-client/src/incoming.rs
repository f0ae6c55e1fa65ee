//! Calls to the objects of this client: how many at once, in which order, and who gave up.
//!
//! A call that came waits here until the [serving](crate::serving) task takes it. Most are
//! answered at once; those that are not run in tasks of their own and are noted here until they
//! end. In the seed dialect one call runs at a time, for replies carry no id and are told apart
//! by their order.

use std::{
    collections::{HashMap, VecDeque},
    fmt, mem,
    sync::Arc,
    time::Duration,
};

use ipc_wire::{Call, Code, Dialect, Id};
use tokio::{task::AbortHandle, time::Instant};

use crate::{
    ObjectError, RawJson, Request,
    objects::Objects,
    outbox::BATCH_MESSAGES,
    serving::{Serve, Turn},
};

/// How many calls wait while as many as allowed run: what the server lets one caller have in
/// flight.
const MAX_WAITING_CALLS: usize = 4096;

/// How much their arguments may take together: one message of the largest size, or many small
/// ones.
const MAX_WAITING_BYTES: usize = 16 * 1024 * 1024;

/// A call to one of our objects.
pub(crate) struct Job {
    pub(crate) id: CallId,
    pub(crate) request: Request,
    pub(crate) service: Arc<dyn Serve>,
}

impl Job {
    fn size(&self) -> usize {
        let param = self.request.param.as_ref().map_or(0, RawJson::len);
        let headers = self.request.headers.as_deref().map_or(0, RawJson::len);
        param + headers + self.request.method().len()
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Job").field(&self.id).finish()
    }
}

/// Which call it is, among those of its connection.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) enum CallId {
    /// The server's number, as every server of today gives.
    Number(u64),
    /// The JSON text of an id of another kind.
    Json(Arc<[u8]>),
    /// Our own number for a call without an id: its reply carries none either.
    Unnumbered(u64),
}

impl CallId {
    /// The id that the reply carries.
    pub(crate) fn for_reply(&self) -> Option<Id<'_>> {
        match self {
            Self::Number(number) => Some(Id::Number(*number)),
            Self::Json(json) => Some(Id::Json(json)),
            Self::Unnumbered(_) => None,
        }
    }
}

impl From<Id<'_>> for CallId {
    fn from(id: Id<'_>) -> Self {
        // As it was written: so the reply carries it.
        match id {
            Id::Number(number) => Self::Number(number),
            Id::Json(json) => Self::Json(json.into()),
        }
    }
}

/// Calls that ended before they were answered. What they hold belongs to the application, whose
/// end may come back here: it is dropped and aborted outside of the lock.
#[derive(Debug, Default)]
pub(crate) struct Ended {
    pub(crate) jobs: Vec<Job>,
    pub(crate) tasks: Vec<AbortHandle>,
}

impl Ended {
    pub(crate) const fn is_empty(&self) -> bool {
        self.jobs.is_empty() && self.tasks.is_empty()
    }

    pub(crate) fn abort(self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

/// The calls that wait and those that run.
#[derive(Debug)]
pub(crate) struct Incoming {
    max_running: usize,
    allowed: usize,
    /// Counts the connections, so that a call of an old one is recognised.
    epoch: u64,
    waiting: VecDeque<Job>,
    waiting_bytes: usize,
    /// The calls that did not end at once, and their tasks.
    running: HashMap<CallId, AbortHandle>,
    /// How many calls the serving task has taken and said nothing about yet.
    n_taken: usize,
    /// Which of them are over already: the callers gave them up, or their tasks were quick.
    over: Vec<CallId>,
    n_unnumbered: u64,
}

impl Incoming {
    pub(crate) fn new(max_running: usize) -> Self {
        Self {
            max_running,
            allowed: max_running,
            epoch: 0,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            running: HashMap::new(),
            n_taken: 0,
            over: Vec::new(),
            n_unnumbered: 0,
        }
    }

    /// Forgets the calls of a connection that ended; those that run are to be aborted, those
    /// that did not start to be dropped.
    pub(crate) fn reset(&mut self, dialect: Dialect, ended: &mut Ended) {
        self.epoch += 1;
        ended
            .tasks
            .extend(self.running.drain().map(|(_, task)| task));
        self.n_taken = 0;
        self.over.clear();
        self.waiting_bytes = 0;
        self.allowed = match dialect {
            Dialect::Lines => self.max_running,
            Dialect::Seed => 1,
        };
        ended.jobs.extend(self.waiting.drain(..));
    }

    /// Lets a call that came wait for the serving task.
    ///
    /// # Errors
    ///
    /// The error that it is to be answered with instead.
    pub(crate) fn admit(
        &mut self,
        call: &Call<'_>,
        objects: &mut Objects,
        now: &mut Option<Instant>,
    ) -> Result<(), (CallId, ObjectError)> {
        let id = call.id.map_or_else(|| self.unnumbered(), CallId::from);
        let Some(entry) = objects.called(&call.object) else {
            let error = ObjectError::with_code(Code::ObjectNotFound, "Object not found");
            return Err((id, error));
        };
        let timeout = call.timeout_ms.map(Duration::from_millis);
        let job = Job {
            id,
            request: Request {
                called: entry.called(&call.method),
                param: call.param.as_ref().map(RawJson::from_payload),
                headers: call
                    .headers
                    .map(|headers| Box::new(RawJson::from_payload(&headers))),
                deadline: timeout
                    .and_then(|timeout| now.get_or_insert_with(Instant::now).checked_add(timeout)),
            },
            service: Arc::clone(&entry.service),
        };
        let bytes = self.waiting_bytes + job.size();
        let n_waiting = self.waiting.len();
        let has_to_wait = self.n_startable() <= n_waiting;
        let is_full = MAX_WAITING_CALLS <= n_waiting.saturating_sub(self.n_startable());
        if has_to_wait && (is_full || MAX_WAITING_BYTES < bytes) {
            let error = ObjectError::with_code(Code::Busy, "the provider has too many calls");
            return Err((job.id, error));
        }
        self.waiting_bytes = bytes;
        self.waiting.push_back(job);
        Ok(())
    }

    /// Whether the serving task has something to do.
    pub(crate) fn is_ready(&self) -> bool {
        0 < self.n_startable() && !self.waiting.is_empty()
    }

    /// Gives the serving task calls that may start: as many as have answers that are worth a
    /// write.
    pub(crate) fn take(&mut self, turn: &mut Turn) {
        let n_jobs = self
            .n_startable()
            .min(self.waiting.len())
            .min(BATCH_MESSAGES);
        turn.epoch = self.epoch;
        if n_jobs == self.waiting.len() {
            mem::swap(&mut turn.jobs, &mut self.waiting);
        } else {
            turn.jobs.extend(self.waiting.drain(..n_jobs));
        }
        self.waiting_bytes -= turn.jobs.iter().map(Job::size).sum::<usize>();
        self.n_taken = n_jobs;
    }

    /// Notes which calls of the last turn run on, in which tasks; forgets the turn.
    pub(crate) fn note_started(&mut self, turn: &mut Turn, ended: &mut Ended) {
        let is_current = self.is_current(turn.epoch);
        for (id, task) in turn.started.drain(..) {
            if is_current && !self.over.contains(&id) {
                self.running.insert(id, task);
            } else {
                ended.tasks.push(task);
            }
        }
        if is_current {
            self.n_taken = 0;
            self.over.clear();
        }
    }

    /// Whether this is the connection of this moment.
    pub(crate) const fn is_current(&self, epoch: u64) -> bool {
        self.epoch == epoch
    }

    /// Whether a call that runs in a task of its own is still to be answered.
    pub(crate) fn is_running(&self, epoch: u64, id: &CallId) -> bool {
        let is_unnoted = 0 < self.n_taken && !self.over.contains(id);
        self.is_current(epoch) && (is_unnoted || self.running.contains_key(id))
    }

    /// Forgets a call that ran in a task of its own and is answered.
    pub(crate) fn finish(&mut self, id: CallId) {
        if self.running.remove(&id).is_none() {
            self.over.push(id);
        }
    }

    /// Forgets a call that the caller gave up.
    pub(crate) fn cancel(&mut self, id: CallId, ended: &mut Ended) {
        if let Some(task) = self.running.remove(&id) {
            ended.tasks.push(task);
        } else if let Some(at) = self.waiting.iter().position(|job| job.id == id) {
            let waited = self.waiting.remove(at);
            self.waiting_bytes -= waited.as_ref().map_or(0, Job::size);
            ended.jobs.extend(waited);
        } else if self.over.len() < self.n_taken {
            self.over.push(id);
        }
    }

    fn n_startable(&self) -> usize {
        self.allowed
            .saturating_sub(self.running.len() + self.n_taken)
    }

    const fn unnumbered(&mut self) -> CallId {
        self.n_unnumbered += 1;
        CallId::Unnumbered(self.n_unnumbered)
    }
}
