//! Calls: from the caller to a provider, and the answer back. Every call gets one answer.

use std::time::{Duration, Instant};

use ipc_wire::{
    Call, Code, Dialect, Fault, Forwarded, IPC_OBJECT, Id, Message, Name, Outcome, Reply, Text,
};

use super::{Broker, Timer};
use crate::{
    calls::{CallId, End, MAX_CALLS, OpenCall},
    in_flight::Request,
    io::SessionId,
    limits::MAX_TIMEOUT,
    outbox::Full,
    refusal::Refusal,
    session::ReplyTo,
    sessions::Answer,
};

/// The one code that a provider may use: it says the same whoever says it.
const PROVIDERS_CODE: Code = Code::MethodNotFound;

impl Broker {
    pub(super) fn call(&mut self, caller: SessionId, call: &Call<'_>, now: Instant) {
        self.request(caller, call.id, |broker, to| {
            let decoded;
            let object = match call.object.plain() {
                Some(plain) => plain,
                None => {
                    let invalid = || Refusal::invalid_name("the object's name is not Unicode");
                    decoded = call.object.decode().ok_or_else(invalid)?;
                    decoded.as_bytes()
                }
            };
            if object == IPC_OBJECT.as_bytes() {
                return broker.call_ipc(caller, to, call, now);
            }
            broker.forward(caller, to, object, call, now)
        });
    }

    fn forward(
        &mut self,
        caller: SessionId,
        to: ReplyTo<'_>,
        object: &[u8],
        call: &Call<'_>,
        now: Instant,
    ) -> Result<(), Refusal> {
        if self.drain_deadline.is_some() {
            return Err(Refusal::SHUTTING_DOWN);
        }
        if call.stream {
            return Err(Refusal::new(
                Code::Unsupported,
                "this server does not stream responses",
            ));
        }
        let Some(providers) = self.registry.providers(object) else {
            let name = call.object.decode().unwrap_or_default();
            Name::check(&name).map_err(Refusal::invalid_name)?;
            return Err(Refusal::OBJECT_NOT_FOUND);
        };
        self.check_requests(caller)?;
        let deadline = deadline(call.timeout_ms, now);
        for n in 0..providers.len {
            let Some(provider) = self.registry.provider(providers, n) else {
                break;
            };
            let open = OpenCall {
                caller,
                reply_to: to.keep(),
                provider,
                deadline,
            };
            if self.send_call(open, call).is_ok() {
                return Ok(());
            }
        }
        Err(Refusal::PROVIDER_BUSY)
    }

    /// Whether a session may have one more request in flight.
    pub(super) fn check_requests(&self, session: SessionId) -> Result<(), Refusal> {
        let n_requests = self
            .sessions
            .get(session)
            .map_or(0, |session| session.n_requests());
        if self.limits.requests <= n_requests || MAX_CALLS <= self.calls.len() {
            let text = format!("{n_requests} requests of this connection are in flight already");
            return Err(Refusal::new(Code::Busy, text));
        }
        Ok(())
    }

    /// Opens a call and sends it to its provider; nothing is left of it when that is full.
    fn send_call(&mut self, open: OpenCall, call: &Call<'_>) -> Result<(), Full> {
        let OpenCall {
            caller,
            provider,
            deadline,
            ..
        } = open;
        let id = self.calls.open(open);
        let sent = match self.sessions.get(provider).map(|provider| provider.dialect) {
            Some(Dialect::Lines) => {
                let id = id.number();
                self.sessions.send(provider, &Forwarded { call, id })
            }
            Some(Dialect::Seed) => {
                let call = Call {
                    id: None,
                    timeout_ms: None,
                    ..*call
                };
                self.sessions
                    .queue_for_seed(provider, id, &Message::Call(call))
            }
            None => Err(Full),
        };
        if let Err(full) = sent {
            self.calls.remove(id);
            return Err(full);
        }
        self.stats.calls_accepted += 1;
        if let Some(deadline) = deadline {
            self.deadlines.push(deadline, Timer::Call(id));
        }
        if let Some(session) = self.sessions.get_mut(caller) {
            self.calls.link(End::Caller, &mut session.calls_out, id);
            if let Some(request) = call.id {
                session.in_flight.insert(request, Request::Call(id));
            }
        }
        if let Some(session) = self.sessions.get_mut(provider) {
            self.calls.link(End::Provider, &mut session.calls_in, id);
        }
        Ok(())
    }

    /// An answer of a provider: to the call that it names, or in the seed dialect to the one that
    /// it was sent. Only the session that a call was sent to can answer it.
    pub(super) fn reply(&mut self, provider: SessionId, reply: &Reply<'_>) {
        let Some(session) = self.sessions.get_mut(provider) else {
            return;
        };
        let is_seed = session.dialect == Dialect::Seed;
        let id = match (is_seed, reply.id) {
            // The last answer to the same call is still to come.
            (true, _) if reply.more => session.seed_provider.serving,
            (true, _) => session.seed_provider.serving.take(),
            (false, Some(id)) => id.as_u64().map(CallId::from_number),
            // It may belong to any call: ending the connection is what answers all of them.
            (false, None) => return self.break_off(provider, &without_id(reply)),
        };
        match id.and_then(|id| Some((id, self.calls.get(id)?))) {
            Some((id, call)) if call.provider == provider => {
                if reply.more {
                    return self.abandon_call(id, Some(&Refusal::IN_PARTS));
                }
                let to = call.reply_to.as_ref();
                let answer = Answer::Outcome(passed_on(reply.outcome));
                self.sessions.answer(call.caller, to, answer);
                self.close_call(id);
            }
            _ => self.stats.replies_dropped += 1,
        }
        if is_seed && !reply.more {
            self.sessions.serve_next(provider);
        }
    }

    /// Takes a call out of every table; its answer is given by whoever closes it.
    pub(super) fn close_call(&mut self, id: CallId) {
        let Some(call) = self.calls.get(id) else {
            return;
        };
        let (provider, has_deadline) = (call.provider, call.deadline.is_some());
        if let Some(session) = self.sessions.get_mut(call.caller) {
            if let ReplyTo::Id(request) = call.reply_to.as_ref() {
                session.in_flight.remove(request, Request::Call(id));
            }
            self.calls.unlink(End::Caller, &mut session.calls_out, id);
        }
        if let Some(session) = self.sessions.get_mut(provider) {
            self.calls.unlink(End::Provider, &mut session.calls_in, id);
        }
        self.calls.remove(id);
        self.stats.calls_answered += 1;
        if has_deadline {
            self.cancel_deadline();
        }
    }

    /// Ends a call without its provider, which is told to stop working on it.
    pub(super) fn abandon_call(&mut self, id: CallId, why: Option<&Refusal>) {
        let Some(&call) = self.calls.get(id) else {
            return;
        };
        self.close_call(id);
        match self
            .sessions
            .get(call.provider)
            .map(|provider| provider.dialect)
        {
            Some(Dialect::Lines) => {
                let result = serde_json::json!({ "id": id.number() });
                self.notify(call.provider, "ipc.cancel", &result);
            }
            // What it has been sent it will answer; that answer is consumed when it comes.
            Some(Dialect::Seed) => {
                self.sessions.unqueue_for_seed(call.provider, id);
            }
            None => {}
        }
        if let Some(refusal) = why {
            self.refuse(call.caller, call.reply_to.as_ref(), refusal);
        }
    }

    pub(super) fn time_out_call(&mut self, id: CallId) {
        if self.calls.get(id).is_some() {
            self.stats.calls_timed_out += 1;
            self.abandon_call(id, Some(&Refusal::TIMEOUT));
        }
    }

    /// Cancels a request of the caller's own; whether it was in flight.
    pub(super) fn cancel(&mut self, caller: SessionId, request: Id<'_>) -> bool {
        match self.in_flight(caller, request) {
            Some(Request::Call(call)) => {
                self.stats.calls_cancelled += 1;
                self.abandon_call(call, Some(&Refusal::CANCELLED));
                true
            }
            Some(Request::Wait(wait)) => {
                if let Some(wait) = self.close_wait(wait) {
                    self.refuse(wait.session, wait.reply_to.as_ref(), &Refusal::CANCELLED);
                }
                true
            }
            None => false,
        }
    }
}

/// A provider's outcome as its caller is told it: only one code is a provider's to give.
fn passed_on(outcome: Outcome<'_>) -> Outcome<'_> {
    match outcome {
        Outcome::Error { error, code } => {
            let code = code.filter(is_providers_code);
            Outcome::Error { error, code }
        }
        response @ Outcome::Response(_) => response,
    }
}

#[cold]
fn is_providers_code(code: &Text<'_>) -> bool {
    code.decode().as_deref() == Some(PROVIDERS_CODE.as_str())
}

/// When a request's time passes, if it ever does.
pub(super) fn deadline(timeout_ms: Option<u64>, now: Instant) -> Option<Instant> {
    let timeout = timeout_ms
        .map(Duration::from_millis)
        .filter(|&timeout| timeout < MAX_TIMEOUT)?;
    now.checked_add(timeout)
}

fn without_id(reply: &Reply<'_>) -> Fault {
    let present = match reply.outcome {
        Outcome::Response(_) => "response",
        Outcome::Error { .. } => "error",
    };
    Fault::MissingKey {
        present,
        absent: "id",
    }
}
