//! What comes from the server, and to whom it belongs: answers to requests, calls to objects,
//! events to subscriptions, notices to the client itself.

use std::{mem, sync::Arc, task::Waker};

use ipc_wire::{
    Code, Dialect, Event, IPC_EVENT_PREFIX, Id, Message, Outcome, Payload, Reply, Whole,
};
use serde::Deserialize;
use tokio::time::Instant;

use crate::{
    DisconnectReason, ObjectError, RawJson,
    core::Core,
    incoming::CallId,
    pending::{Answer, Ended, Failure, Origin},
    reader::{MessageReader, ReadError, read_code},
    serving::give_way,
    shared::Shared,
};

/// The words of a server of the seed system, which has no codes.
const SEED_OBJECT_NOT_FOUND: &[u8] = b"\"Object not found\"";
const SEED_PROVIDER_GONE: &[u8] = b"\"client connection error\"";

/// How many messages are dispatched under one lock, which others wait for meanwhile.
const LOCKED_MESSAGES: usize = 16;

/// Reads until the connection ends.
pub(crate) async fn read(
    shared: Arc<Shared>,
    mut incoming: MessageReader,
    dialect: Dialect,
) -> DisconnectReason {
    let mut dispatcher = Dispatcher {
        dialect,
        is_shutting_down: false,
        last_words: None,
        has_answered: false,
        wakers: Vec::new(),
    };
    loop {
        if let Err(error) = incoming.fill().await {
            return dispatcher.explain(error);
        }
        loop {
            match dispatcher.dispatch_some(&shared, &mut incoming) {
                Step::More => {}
                Step::Done => break,
                Step::Refused(refused) => {
                    let (id, error) = *refused;
                    shared.refuse(&id, error).await;
                }
                Step::Lost(reason) => return *reason,
            }
        }
        // Whoever has got something acts on it before more is read.
        give_way().await;
    }
}

struct Dispatcher {
    dialect: Dialect,
    is_shutting_down: bool,
    /// An error that the last message was, if it belongs to no request.
    last_words: Option<Box<DisconnectReason>>,
    /// An answer to a request was among the last messages.
    has_answered: bool,
    /// Who is to be woken; kept, so that it grows only once.
    wakers: Vec<Waker>,
}

/// How far dispatching came; small, for it is said of each message.
enum Step {
    /// There may be more messages.
    More,
    /// No whole message is left.
    Done,
    /// A call is answered with an error at once.
    Refused(Box<(CallId, ObjectError)>),
    Lost(Box<DisconnectReason>),
}

impl Dispatcher {
    /// Dispatches some messages of what was read, all under one lock.
    fn dispatch_some(&mut self, shared: &Shared, incoming: &mut MessageReader) -> Step {
        let step = shared.with_core(|core| {
            mem::swap(&mut core.effects.wakers, &mut self.wakers);
            let mut now = None;
            let mut step = Step::More;
            for _ in 0..LOCKED_MESSAGES {
                step = match incoming.decode() {
                    Ok(Some(message)) => self.dispatch(core, &message, &mut now),
                    Ok(None) => Step::Done,
                    Err(fault) => Step::Lost(Box::new(DisconnectReason::Fault(fault))),
                };
                if !matches!(step, Step::More) {
                    break;
                }
            }
            mem::swap(&mut core.effects.wakers, &mut self.wakers);
            step
        });
        if mem::take(&mut self.has_answered) && self.dialect == Dialect::Seed {
            shared.answered.notify_waiters();
        }
        self.wakers.drain(..).for_each(Waker::wake);
        step
    }

    fn dispatch(
        &mut self,
        core: &mut Core,
        message: &Message<'_>,
        now: &mut Option<Instant>,
    ) -> Step {
        if self.last_words.is_some() {
            self.last_words = None;
        }
        match message {
            Message::Reply(reply) => {
                if let Err(reason) = self.reply(core, reply) {
                    return Step::Lost(Box::new(reason));
                }
            }
            Message::Success(success) => {
                let delivered = success.delivered;
                self.answer(core, success.id, Answer::Success { delivered });
            }
            Message::Wait(wait) => {
                let answer = match &wait.missing {
                    None if !is_empty_array(&wait.objects) => Answer::Complete,
                    missing => Answer::Missing(missing.as_ref().map(RawJson::from_payload)),
                };
                self.answer(core, wait.id, answer);
            }
            Message::Call(call) => {
                if let Err(refused) = core.admit(call, now) {
                    return Step::Refused(Box::new(refused));
                }
            }
            Message::Event(event) => self.event(core, event),
            // Nothing that it asks for can be done, and nobody would hear of a refusal.
            Message::Invalid(invalid) => {
                let reason = DisconnectReason::Fault(invalid.to_fault());
                return Step::Lost(Box::new(reason));
            }
            // Nothing that a server sends today; later ones may.
            _ => {}
        }
        Step::More
    }

    fn reply(&mut self, core: &mut Core, reply: &Reply<'_>) -> Result<(), DisconnectReason> {
        // Several responses were never asked for, so only the last one is the answer.
        if reply.more {
            return Ok(());
        }
        let answer = match reply.outcome {
            Outcome::Response(response) => Answer::Response(RawJson::from_payload(&response)),
            Outcome::Error { error, code } => {
                let origin = match code {
                    Some(code) => Origin::Server(read_code(&code)),
                    None if self.dialect == Dialect::Seed => seed_origin(&error),
                    None => Origin::Provider,
                };
                let error = RawJson::from_payload(&error);
                if self.belongs_to_none(core, reply) {
                    return self.refused(core, &error, origin);
                }
                Answer::Error(Box::new(Failure { error, origin }))
            }
        };
        self.answer(core, reply.id, answer);
        Ok(())
    }

    /// Whether a reply cannot be the answer to a request.
    fn belongs_to_none(&self, core: &Core, reply: &Reply<'_>) -> bool {
        match self.dialect {
            Dialect::Lines => reply.id.is_none(),
            // What such a server says without being asked has a code only if it is none.
            Dialect::Seed => {
                let has_code = matches!(reply.outcome, Outcome::Error { code: Some(_), .. });
                has_code && !core.outbox.is_answer_due()
            }
        }
    }

    /// Takes an error that belongs to no request: the server's last words, or what it says to an
    /// event that wants no answer. If there may be such an event, what comes next shows it.
    fn refused(
        &mut self,
        core: &mut Core,
        error: &RawJson,
        origin: Origin,
    ) -> Result<(), DisconnectReason> {
        let code = match origin {
            Origin::Provider => None,
            Origin::Server(code) => code,
        };
        let message = error.to_message();
        let reason = DisconnectReason::Refused {
            code,
            message: message.clone(),
        };
        if !core.unconfirmed.are_open() {
            return Err(reason);
        }
        core.unconfirmed.refuse(code, message);
        self.last_words = Some(Box::new(reason));
        Ok(())
    }

    /// Hands an answer to the request that it belongs to, if somebody still waits for it.
    fn answer(&mut self, core: &mut Core, id: Option<Id<'_>>, answer: Answer) {
        self.has_answered = true;
        let id = match self.dialect {
            Dialect::Seed => core.next_answered(),
            Dialect::Lines => id.and_then(|id| id.as_u64()),
        };
        if let (Some(id), Dialect::Lines) = (id, self.dialect) {
            core.unconfirmed.prove(id);
        }
        let waker = id.and_then(|id| core.pending.end(id, Ended::Answered(answer)));
        core.effects.wakers.extend(waker);
    }

    fn event(&mut self, core: &mut Core, event: &Event<'_>) {
        // A name with half of a surrogate pair is one that nobody can listen to.
        let Some(name) = event.event.decode() else {
            return;
        };
        if name.starts_with(IPC_EVENT_PREFIX) && self.notice(core, &name, &event.result) {
            return;
        }
        let wakers = &mut core.effects.wakers;
        core.subscriptions.deliver(&name, &event.result, wakers);
    }

    /// Acts on what the server says to this connection alone; whether it was that.
    fn notice(&mut self, core: &mut Core, name: &str, result: &Payload<'_>) -> bool {
        #[derive(Deserialize)]
        struct Cancel {
            id: RawJson,
        }
        #[derive(Deserialize)]
        struct Lost {
            event: String,
            count: Whole,
        }
        match name {
            "ipc.cancel" => {
                let id = result.parse::<Cancel>().ok();
                if let Some(Cancel { id }) = id
                    && let Some(id) = Id::from_json(id.as_str().as_bytes())
                {
                    core.cancel(id.into());
                }
            }
            "ipc.lost" => {
                if let Ok(Lost { event, count }) = result.parse() {
                    let wakers = &mut core.effects.wakers;
                    core.subscriptions.deliver_lost(&event, count.0, wakers);
                }
            }
            "ipc.shutdown" => self.is_shutting_down = true,
            _ => return false,
        }
        true
    }

    fn explain(self, error: ReadError) -> DisconnectReason {
        match (error, self.last_words) {
            (ReadError::Fault(fault), _) => DisconnectReason::Fault(fault),
            (_, Some(reason)) => *reason,
            (_, None) if self.is_shutting_down => DisconnectReason::ServerShutdown,
            (ReadError::Ended, None) => DisconnectReason::ClosedByServer,
            (ReadError::Cut, None) => DisconnectReason::ClosedWithinMessage,
            (ReadError::Io(error), None) => DisconnectReason::Io(Arc::new(error)),
        }
    }
}

fn seed_origin(error: &Payload<'_>) -> Origin {
    match error.json() {
        SEED_OBJECT_NOT_FOUND => Origin::Server(Some(Code::ObjectNotFound)),
        SEED_PROVIDER_GONE => Origin::Server(Some(Code::ProviderGone)),
        _ => Origin::Provider,
    }
}

fn is_empty_array(json: &Payload<'_>) -> bool {
    let inner = &json.json()[1..json.json().len() - 1];
    inner.iter().all(u8::is_ascii_whitespace)
}
