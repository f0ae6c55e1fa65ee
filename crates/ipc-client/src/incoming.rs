//! Calls to the objects of this client: which object, how many at once, in which order.
//!
//! Every call has a task of its own. A finished call starts the next one that waits, so the
//! connection's task is not needed for that. In the seed dialect one call runs at a time, for
//! replies carry no id and are told apart by their order.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use ipc_wire::{Call, Code, Dialect, Id, RequestId};
use tokio::{
    sync::watch,
    task::{AbortHandle, JoinSet},
    time::Instant,
};

use crate::{
    ObjectError, Provider, RawJson, RegistrationState, Request, Response,
    outgoing::RegisterMessage, shared::Shared,
};

/// How many calls wait while as many as allowed run: what the server lets one caller have in
/// flight.
const MAX_WAITING_CALLS: usize = 4096;

/// How much their arguments may take together: one message of the largest size, or many small
/// ones.
const MAX_WAITING_BYTES: usize = 16 * 1024 * 1024;

/// The objects that this client provides.
#[derive(Debug, Default)]
pub(crate) struct Objects {
    entries: HashMap<Arc<str>, ObjectEntry>,
}

pub(crate) struct ObjectEntry {
    /// Where it stands among all that is restored after a reconnect, and which registration of
    /// the name it belongs to.
    pub(crate) serial: u64,
    /// The server has confirmed it; until then its own request takes care of it.
    pub(crate) is_confirmed: bool,
    pub(crate) provider: Arc<dyn Spawn>,
    pub(crate) message: Arc<RegisterMessage>,
    pub(crate) states: watch::Sender<RegistrationState>,
}

impl fmt::Debug for ObjectEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectEntry")
            .field("serial", &self.serial)
            .field("is_confirmed", &self.is_confirmed)
            .finish_non_exhaustive()
    }
}

impl Objects {
    pub(crate) fn contains(&self, object: &str) -> bool {
        self.entries.contains_key(object)
    }

    pub(crate) fn insert(&mut self, object: Arc<str>, entry: ObjectEntry) {
        self.entries.insert(object, entry);
    }

    /// The entry of a name, if it still is that registration's.
    pub(crate) fn get_mut(&mut self, object: &str, serial: u64) -> Option<&mut ObjectEntry> {
        let entry = self.entries.get_mut(object)?;
        (entry.serial == serial).then_some(entry)
    }

    pub(crate) fn remove(&mut self, object: &str, serial: u64) -> Option<ObjectEntry> {
        self.get_mut(object, serial)?;
        self.entries.remove(object)
    }

    pub(crate) fn set_states(&self, state: &RegistrationState) {
        for entry in self.entries.values() {
            entry.states.send_replace(state.clone());
        }
    }

    /// What has to be registered after a reconnect.
    pub(crate) fn confirmed(&self) -> impl Iterator<Item = (u64, Arc<str>, Arc<RegisterMessage>)> {
        self.entries
            .iter()
            .filter(|(_, entry)| entry.is_confirmed)
            .map(|(object, entry)| (entry.serial, Arc::clone(object), Arc::clone(&entry.message)))
    }
}

/// A provider of any type, started in a task.
pub(crate) trait Spawn: Send + Sync {
    fn spawn(
        self: Arc<Self>,
        job: Job,
        shared: Arc<Shared>,
        tasks: &mut JoinSet<()>,
    ) -> AbortHandle;
}

impl<P: Provider> Spawn for P {
    fn spawn(
        self: Arc<Self>,
        job: Job,
        shared: Arc<Shared>,
        tasks: &mut JoinSet<()>,
    ) -> AbortHandle {
        tasks.spawn(async move {
            let Job { request, key, .. } = job;
            let method = request.method.clone();
            let answering = async { self.call(request).await };
            let outcome = catch_panic(answering).await.unwrap_or_else(|| {
                Err(ObjectError::text(format!(
                    "the handler of '{method}' panicked"
                )))
            });
            shared.finish(key, &outcome).await;
        })
    }
}

/// Runs a future; `None` if it panicked.
async fn catch_panic<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|cx| {
        // A future that panicked is never polled again, so nobody sees it half done.
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            Ok(poll) => poll.map(Some),
            Err(_panic) => Poll::Ready(None),
        }
    })
    .await
}

/// A call to one of our objects.
pub(crate) struct Job {
    pub(crate) key: JobKey,
    pub(crate) request: Request,
    pub(crate) provider: Arc<dyn Spawn>,
}

/// Which call it is, and what its reply has to carry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JobKey {
    /// The server's id, or our own number where it gave none.
    pub(crate) id: RequestId,
    /// What the reply carries.
    pub(crate) reply_id: Option<RequestId>,
    /// The connection that it came on.
    pub(crate) epoch: u64,
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Job").field(&self.key).finish()
    }
}

/// What becomes of a call that came.
pub(crate) enum Admitted {
    /// It is to be started now.
    Start(Job),
    /// It waits for its turn.
    Waits,
    /// It is answered with an error, which carries this id.
    Refused(Option<RequestId>, ObjectError),
}

/// The calls that run and those that wait.
#[derive(Debug)]
pub(crate) struct Incoming {
    max_running: usize,
    allowed: usize,
    /// The task of each call that runs, once it is known.
    running: HashMap<RequestId, Option<AbortHandle>>,
    waiting: VecDeque<Job>,
    waiting_bytes: usize,
    n_unnumbered: u64,
}

impl Incoming {
    pub(crate) fn new(max_running: usize) -> Self {
        Self {
            max_running,
            allowed: max_running,
            running: HashMap::new(),
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            n_unnumbered: 0,
        }
    }

    /// Forgets the calls of a connection that ended; returns those that did not start.
    pub(crate) fn reset(&mut self, dialect: Dialect) -> VecDeque<Job> {
        self.running.clear();
        self.waiting_bytes = 0;
        self.allowed = match dialect {
            Dialect::Lines => self.max_running,
            Dialect::Seed => 1,
        };
        std::mem::take(&mut self.waiting)
    }

    /// Decides about a call that came.
    pub(crate) fn admit(&mut self, call: &Call<'_>, objects: &Objects, epoch: u64) -> Admitted {
        let object = call.object.decode().unwrap_or_default();
        let Some((object, entry)) = objects.entries.get_key_value(&*object) else {
            let error = ObjectError::with_code(Code::ObjectNotFound, "Object not found");
            return Admitted::Refused(call.id.map(RequestId::from), error);
        };
        let reply_id = call.id.map(RequestId::from);
        let id = reply_id.unwrap_or_else(|| {
            self.n_unnumbered += 1;
            RequestId::from(self.n_unnumbered)
        });
        let key = JobKey {
            id,
            reply_id,
            epoch,
        };
        let job = Job {
            key,
            request: read_request(call, Arc::clone(object)),
            provider: Arc::clone(&entry.provider),
        };
        if self.running.len() < self.allowed {
            self.running.insert(id, None);
            return Admitted::Start(job);
        }
        let bytes = self.waiting_bytes + job.size();
        if MAX_WAITING_CALLS <= self.waiting.len() || MAX_WAITING_BYTES < bytes {
            let error = ObjectError::with_code(Code::Busy, "the provider has too many calls");
            return Admitted::Refused(reply_id, error);
        }
        self.waiting_bytes = bytes;
        self.waiting.push_back(job);
        Admitted::Waits
    }

    pub(crate) fn is_running(&self, id: &RequestId) -> bool {
        self.running.contains_key(id)
    }

    /// Notes the task of a call; whether the call has not ended meanwhile.
    pub(crate) fn started(&mut self, id: &RequestId, task: AbortHandle) -> bool {
        match self.running.get_mut(id) {
            Some(known) => {
                *known = Some(task);
                true
            }
            None => false,
        }
    }

    /// Takes a call out that is answered; returns the next one to start.
    pub(crate) fn finish(&mut self, id: &RequestId) -> Option<Job> {
        self.running.remove(id);
        self.next()
    }

    /// Takes a call out that the caller gave up: its task is to be aborted, the next one to be
    /// started, and what waited is to be dropped outside of the lock.
    pub(crate) fn cancel(&mut self, id: &RequestId) -> Cancelled {
        if let Some(task) = self.running.remove(id) {
            return Cancelled {
                task,
                next: self.next(),
                waited: None,
            };
        }
        let at = self.waiting.iter().position(|job| job.key.id == *id);
        let waited = at.and_then(|at| self.waiting.remove(at));
        self.waiting_bytes -= waited.as_ref().map_or(0, Job::size);
        Cancelled {
            task: None,
            next: None,
            waited,
        }
    }

    fn next(&mut self) -> Option<Job> {
        if self.allowed <= self.running.len() {
            return None;
        }
        let job = self.waiting.pop_front()?;
        self.waiting_bytes -= job.size();
        self.running.insert(job.key.id, None);
        Some(job)
    }
}

/// What a cancelled call leaves behind.
#[derive(Debug)]
pub(crate) struct Cancelled {
    pub(crate) task: Option<AbortHandle>,
    pub(crate) next: Option<Job>,
    pub(crate) waited: Option<Job>,
}

impl Job {
    fn size(&self) -> usize {
        let param = self.request.param.as_ref().map_or(0, RawJson::len);
        let headers = self.request.headers.as_ref().map_or(0, RawJson::len);
        param + headers + self.request.method.len()
    }
}

fn read_request(call: &Call<'_>, object: Arc<str>) -> Request {
    let timeout = call.timeout_ms.map(Duration::from_millis);
    Request {
        object,
        method: call.method.decode().unwrap_or_default().into(),
        param: call.param.as_ref().map(RawJson::from_payload),
        headers: call.headers.as_ref().map(RawJson::from_payload),
        deadline: timeout.and_then(|timeout| Instant::now().checked_add(timeout)),
    }
}

/// The outcome of a call as it travels.
pub(crate) fn reply<'a>(
    outcome: &'a Result<Response, ObjectError>,
    code: Option<&'a [u8]>,
    id: Option<Id<'a>>,
) -> ipc_wire::Reply<'a> {
    let outcome = match outcome {
        Ok(response) => ipc_wire::Outcome::Response(response.0.payload()),
        Err(error) => ipc_wire::Outcome::Error {
            error: error.json.payload(),
            code: code.map(ipc_wire::Text::from_literal),
        },
    };
    ipc_wire::Reply {
        outcome,
        more: false,
        id,
    }
}
