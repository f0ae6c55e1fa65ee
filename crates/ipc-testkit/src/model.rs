//! What a broker should do, in code that is too simple to be wrong: lists that are searched from
//! the front, one JSON value for each message, no bounds in bytes.

mod leaving;
mod listing;
mod naming;
mod publishing;

use serde_json::{Value, json};

pub(crate) use self::{listing::Listed, publishing::hears};

/// A connection, by the order in which it was opened.
pub(crate) type Place = usize;

/// Where an answer goes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum To {
    Id(Value),
    Turn(u64),
}

#[derive(Debug, Default)]
pub(crate) struct Session {
    pub(crate) slot: usize,
    pub(crate) client: u64,
    pub(crate) name: Option<String>,
    pub(crate) lines: bool,
    pub(crate) announced: bool,
    pub(crate) finished: bool,
    pub(crate) ended: bool,
    /// Events and whether each is a pattern.
    pub(crate) subscriptions: Vec<(String, bool)>,
    pub(crate) objects: Vec<String>,
    turns: Vec<(u64, Option<Value>)>,
    next_turn: u64,
    /// What a provider in the seed dialect was sent and has not answered.
    serving: Option<u64>,
    queue: Vec<(u64, Value)>,
    /// All that it is to receive, from the beginning.
    pub(crate) out: Vec<Value>,
}

#[derive(Clone, Debug)]
pub(crate) struct OpenCall {
    pub(crate) n: u64,
    pub(crate) caller: Place,
    to: To,
    pub(crate) provider: Place,
    deadline: Option<u64>,
}

#[derive(Clone, Debug)]
pub(crate) struct OpenWait {
    serial: u64,
    pub(crate) place: Place,
    to: To,
    objects: Vec<String>,
    deadline: Option<u64>,
    tells_missing: bool,
}

#[derive(Debug)]
struct Object {
    name: String,
    mode: &'static str,
    providers: Vec<Place>,
    standby: Vec<(Place, &'static str)>,
    next: usize,
}

/// The quotas that the model knows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quotas {
    pub(crate) names: usize,
    pub(crate) subscriptions: usize,
    pub(crate) requests: usize,
    pub(crate) entry_items: usize,
}

/// What the model counts; named as in [`ipc_core::Stats`].
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Counts {
    pub(crate) refusals: u64,
    pub(crate) calls_accepted: u64,
    pub(crate) calls_answered: u64,
    pub(crate) calls_timed_out: u64,
    pub(crate) calls_cancelled: u64,
    pub(crate) replies_dropped: u64,
    pub(crate) events: u64,
    pub(crate) events_matched: u64,
}

#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) now: u64,
    pub(crate) sessions: Vec<Session>,
    pub(crate) calls: Vec<OpenCall>,
    pub(crate) waits: Vec<OpenWait>,
    objects: Vec<Object>,
    n_waits: u64,
    quotas: Quotas,
    pub(crate) counts: Counts,
    drain_deadline: Option<u64>,
}

/// A call as the model sees it.
#[derive(Clone, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) n: u64,
    pub(crate) object: &'a str,
    pub(crate) timeout_ms: Option<u64>,
}

impl Model {
    pub(crate) fn new(quotas: Quotas) -> Self {
        Self {
            now: 0,
            sessions: Vec::new(),
            calls: Vec::new(),
            waits: Vec::new(),
            objects: Vec::new(),
            n_waits: 0,
            quotas,
            counts: Counts::default(),
            drain_deadline: None,
        }
    }

    pub(crate) fn open(&mut self, slot: usize, client: u64) {
        self.sessions.push(Session {
            slot,
            client,
            ..Session::default()
        });
    }

    /// Handles a request: `None` from `handle` when it has answered, or will.
    pub(crate) fn request(
        &mut self,
        place: Place,
        id: Option<Value>,
        handle: impl FnOnce(&mut Self, &To) -> Option<&'static str>,
    ) {
        let is_duplicate = id.as_ref().is_some_and(|id| self.is_in_flight(place, id));
        let to = match id {
            Some(id) => To::Id(id),
            None => {
                let session = &mut self.sessions[place];
                session.next_turn += 1;
                session.turns.push((session.next_turn, None));
                To::Turn(session.next_turn)
            }
        };
        let code = if is_duplicate {
            Some("duplicate_id")
        } else {
            handle(self, &to)
        };
        if let Some(code) = code {
            self.refuse(place, &to, code);
        }
        self.announce(place);
    }

    pub(crate) fn is_in_flight(&self, place: Place, id: &Value) -> bool {
        let to = To::Id(id.clone());
        self.calls
            .iter()
            .any(|call| call.caller == place && call.to == to)
            || self
                .waits
                .iter()
                .any(|wait| wait.place == place && wait.to == to)
    }

    pub(crate) fn n_requests(&self, place: Place) -> usize {
        let calls = self.calls.iter().filter(|call| call.caller == place);
        calls.count() + self.waits.iter().filter(|wait| wait.place == place).count()
    }

    fn send(&mut self, place: Place, message: Value) {
        if !self.sessions[place].ended {
            self.sessions[place].out.push(message);
        }
    }

    fn answer(&mut self, place: Place, to: &To, mut body: Value) {
        match to {
            To::Id(id) => {
                body["id"] = id.clone();
                self.send(place, body);
            }
            To::Turn(turn) => {
                let turns = &mut self.sessions[place].turns;
                for (waiting, answer) in turns.iter_mut() {
                    if waiting == turn {
                        *answer = Some(body.clone());
                    }
                }
                while let Some((_, Some(answer))) = self.sessions[place].turns.first().cloned() {
                    self.sessions[place].turns.remove(0);
                    self.send(place, answer);
                }
            }
        }
    }

    fn refuse(&mut self, place: Place, to: &To, code: &str) {
        self.counts.refusals += 1;
        self.answer(place, to, json!({ "code": code }));
    }

    fn acknowledge(&mut self, place: Place, to: &To, body: Value) {
        match to {
            To::Id(_) => self.answer(place, to, body),
            To::Turn(turn) => self.sessions[place]
                .turns
                .retain(|(waiting, _)| waiting != turn),
        }
    }

    pub(crate) fn call(&mut self, caller: Place, id: Option<Value>, asked: &Asked<'_>) {
        self.request(caller, id, |model, to| {
            if model.drain_deadline.is_some() {
                return Some("shutting_down");
            }
            let Some(object) = model
                .objects
                .iter_mut()
                .find(|object| object.name == asked.object)
            else {
                return Some("object_not_found");
            };
            let n_providers = object.providers.len();
            let provider = object.providers[object.next % n_providers];
            object.next = (object.next % n_providers + 1) % n_providers;
            if model.quotas.requests <= model.n_requests(caller) {
                return Some("busy");
            }
            model.calls.push(OpenCall {
                n: asked.n,
                caller,
                to: to.clone(),
                provider,
                deadline: asked.timeout_ms.map(|timeout_ms| model.now + timeout_ms),
            });
            model.counts.calls_accepted += 1;
            model.forward(provider, asked);
            None
        });
    }

    fn forward(&mut self, provider: Place, asked: &Asked<'_>) {
        let mut message = json!({ "object": asked.object, "method": "m", "param": asked.n });
        let session = &mut self.sessions[provider];
        if session.lines {
            message["id"] = json!(asked.n);
            if let Some(timeout_ms) = asked.timeout_ms {
                message["timeout_ms"] = json!(timeout_ms);
            }
            self.send(provider, message);
        } else if session.serving.is_some() {
            session.queue.push((asked.n, message));
        } else {
            session.serving = Some(asked.n);
            self.send(provider, message);
        }
    }

    /// A provider answers the call `n`; in the seed dialect, whichever it is serving.
    pub(crate) fn reply(&mut self, provider: Place, n: Option<u64>, response: &Value) {
        let lines = self.sessions[provider].lines;
        let n = if lines {
            n
        } else {
            self.sessions[provider].serving.take()
        };
        let open = self
            .calls
            .iter()
            .find(|call| Some(call.n) == n && call.provider == provider)
            .cloned();
        match open {
            Some(call) => {
                self.close_call(call.n);
                self.answer(call.caller, &call.to, json!({ "response": response }));
            }
            None => self.counts.replies_dropped += 1,
        }
        let session = &mut self.sessions[provider];
        if !lines && !session.queue.is_empty() {
            let (n, message) = session.queue.remove(0);
            session.serving = Some(n);
            self.send(provider, message);
        }
        self.announce(provider);
    }

    fn close_call(&mut self, n: u64) {
        self.calls.retain(|call| call.n != n);
        self.counts.calls_answered += 1;
    }

    fn abandon_call(&mut self, call: &OpenCall, code: Option<&str>) {
        self.close_call(call.n);
        let provider = &mut self.sessions[call.provider];
        if provider.lines {
            self.notice(call.provider, "ipc.cancel", json!({ "id": call.n }));
        } else {
            provider.queue.retain(|&(n, _)| n != call.n);
        }
        if let Some(code) = code {
            self.refuse(call.caller, &call.to, code);
        }
    }

    pub(crate) fn cancel(&mut self, caller: Place, id: Option<Value>, target: &Value) {
        self.request(caller, id, |model, to| {
            let target = To::Id(target.clone());
            let mut calls = model.calls.iter();
            let call = calls.find(|call| call.caller == caller && call.to == target);
            let call = call.cloned();
            let mut waits = model.waits.iter();
            let wait = waits.find(|wait| wait.place == caller && wait.to == target);
            let wait = wait.cloned();
            if let Some(call) = &call {
                model.counts.calls_cancelled += 1;
                model.abandon_call(call, Some("cancelled"));
            }
            if let Some(wait) = &wait {
                model.close_wait(wait.serial);
                model.refuse(caller, &target, "cancelled");
            }
            let cancelled = call.is_some() || wait.is_some();
            model.answer(
                caller,
                to,
                json!({ "response": { "cancelled": cancelled } }),
            );
            None
        });
    }

    pub(crate) fn hello(&mut self, place: Place, name: &str) {
        self.request(place, Some(json!("hello")), |model, to| {
            let mut calls = model.calls.iter();
            let is_asked = calls.any(|call| call.provider == place);
            let is_busy = is_asked || 0 < model.n_requests(place);
            let session = &mut model.sessions[place];
            let owes_answer = session.serving.is_some() || !session.turns.is_empty();
            if session.lines || is_busy || owes_answer || !session.objects.is_empty() {
                return Some("denied");
            }
            session.lines = true;
            session.name = Some(name.to_owned());
            let client = session.client;
            model.answer(place, to, json!({ "response": { "client": client } }));
            None
        });
    }
}
