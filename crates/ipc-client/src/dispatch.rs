//! What comes from the server, and to whom it belongs: answers to requests, calls to objects,
//! events to subscriptions, notices to the client itself.

use std::sync::Arc;

use ipc_wire::{
    Call, Code, Dialect, Event, IPC_EVENT_PREFIX, Id, Message, Outcome, Payload, Reply, RequestId,
};
use serde::Deserialize;

use crate::{
    DisconnectReason, ObjectError, RawJson,
    connect::{MessageReader, ReadError, read_code},
    pending::{Answer, Ended, Origin},
    shared::Shared,
};

/// The words of a server of the seed system, which has no codes.
const SEED_OBJECT_NOT_FOUND: &[u8] = b"\"Object not found\"";
const SEED_PROVIDER_GONE: &[u8] = b"\"client connection error\"";

/// Reads until the connection ends.
pub(crate) async fn read(
    shared: &Arc<Shared>,
    mut incoming: MessageReader,
    dialect: Dialect,
) -> DisconnectReason {
    let mut dispatcher = Dispatcher {
        shared,
        dialect,
        is_shutting_down: false,
    };
    loop {
        if let Err(error) = incoming.fill().await {
            return dispatcher.explain(error);
        }
        loop {
            let refused = match incoming.decode() {
                Ok(Some(message)) => match dispatcher.dispatch(&message) {
                    Ok(refused) => refused,
                    Err(reason) => return reason,
                },
                Ok(None) => break,
                Err(error) => return dispatcher.explain(error),
            };
            if let Some((id, error)) = refused {
                shared.refuse(id, error).await;
            }
        }
    }
}

struct Dispatcher<'a> {
    shared: &'a Arc<Shared>,
    dialect: Dialect,
    is_shutting_down: bool,
}

/// A call that is answered with an error at once.
type Refused = (Option<RequestId>, ObjectError);

impl Dispatcher<'_> {
    fn dispatch(&mut self, message: &Message<'_>) -> Result<Option<Refused>, DisconnectReason> {
        match message {
            Message::Reply(reply) => self.reply(reply)?,
            Message::Success(success) => {
                let delivered = success.delivered;
                self.answer(success.id, Answer::Success { delivered });
            }
            Message::Wait(wait) => {
                let is_complete = wait.missing.is_none() && !is_empty_array(&wait.objects);
                let missing = wait.missing.as_ref().map(RawJson::from_payload);
                let answer = Answer::Objects {
                    is_complete,
                    missing,
                };
                self.answer(wait.id, answer);
            }
            Message::Call(call) => return Ok(self.call(call)),
            Message::Event(event) => self.event(event),
            // Nothing that a server sends today; later ones may.
            _ => {}
        }
        Ok(None)
    }

    fn reply(&self, reply: &Reply<'_>) -> Result<(), DisconnectReason> {
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
                if self.dialect == Dialect::Lines && reply.id.is_none() {
                    return Err(refused(&error, origin));
                }
                Answer::Error { error, origin }
            }
        };
        self.answer(reply.id, answer);
        Ok(())
    }

    /// Hands an answer to the request that it belongs to, if somebody still waits for it.
    fn answer(&self, id: Option<Id<'_>>, answer: Answer) {
        let is_seed = self.dialect == Dialect::Seed;
        let waker = self.shared.with_core(|core| {
            let id = match id {
                _ if is_seed => core.next_answered()?,
                id => id?.as_u64()?,
            };
            core.pending.end(id, Ended::Answered(answer))
        });
        if is_seed {
            self.shared.answered.notify_waiters();
        }
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn call(&self, call: &Call<'_>) -> Option<Refused> {
        self.shared.admit(call)
    }

    fn event(&mut self, event: &Event<'_>) {
        // A name with half of a surrogate pair is one that nobody can listen to.
        let Some(name) = event.event.decode() else {
            return;
        };
        if name.starts_with(IPC_EVENT_PREFIX) && self.notice(&name, &event.result) {
            return;
        }
        self.shared.with_core(|core| {
            let wakers = &mut core.effects.wakers;
            core.subscriptions.deliver(&name, &event.result, wakers);
        });
    }

    /// Acts on what the server says to this connection alone; whether it was that.
    fn notice(&mut self, name: &str, result: &Payload<'_>) -> bool {
        #[derive(Deserialize)]
        struct Cancel {
            id: RawJson,
        }
        #[derive(Deserialize)]
        struct Lost {
            event: String,
            count: u64,
        }
        match name {
            "ipc.cancel" => {
                let id = result.parse::<Cancel>().ok();
                let id = id.and_then(|cancel| RequestId::from_json(cancel.id.as_str().as_bytes()));
                if let Some(id) = id {
                    self.shared.cancel(&id);
                }
            }
            "ipc.lost" => {
                if let Ok(Lost { event, count }) = result.parse() {
                    self.shared.with_core(|core| {
                        let wakers = &mut core.effects.wakers;
                        core.subscriptions.deliver_lost(&event, count, wakers);
                    });
                }
            }
            "ipc.shutdown" => self.is_shutting_down = true,
            _ => return false,
        }
        true
    }

    fn explain(&self, error: ReadError) -> DisconnectReason {
        match error {
            ReadError::Ended | ReadError::Io(_) if self.is_shutting_down => {
                DisconnectReason::ServerShutdown
            }
            ReadError::Ended => DisconnectReason::ClosedByServer,
            ReadError::Io(error) => DisconnectReason::Io(Arc::new(error)),
            ReadError::Fault(fault) => DisconnectReason::Fault(fault),
        }
    }
}

fn refused(error: &RawJson, origin: Origin) -> DisconnectReason {
    let code = match origin {
        Origin::Provider => None,
        Origin::Server(code) => code,
    };
    DisconnectReason::Refused {
        code,
        message: error.to_message(),
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
