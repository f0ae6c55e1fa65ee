//! Requests in the form in which they wait to be sent, perhaps more than once.
//!
//! Values are written as JSON by the caller, outside of every lock; what is left to do when a
//! request is sent is to put it between the words of the envelope.

use std::{sync::Arc, time::Duration};

use ipc_wire::{
    Call, Dialect, Event, IPC_OBJECT, Id, Listen, Message, Name, Payload, Register, Text, Wait,
};
use serde::Serialize;

use crate::{CallError, Mode, RawJson, subscriptions::Topic};

/// A request that waits to be sent.
#[derive(Debug)]
pub(crate) enum Outgoing {
    Call(CallMessage),
    /// A call to the server itself that one of the seed system does not know.
    Ask(CallMessage),
    /// What shows that all that was sent before has arrived: a call to the server itself. Towards
    /// a server of the seed system nothing is sent.
    Flush(CallMessage),
    Event(EventMessage),
    Listen(ListenMessage),
    Register(Arc<RegisterMessage>),
    Wait {
        list: RawJson,
        /// How long the server may hold the answer.
        hold: Duration,
    },
}

impl Outgoing {
    /// The request as it travels.
    pub(crate) fn message<'a>(
        &'a self,
        id: Option<Id<'a>>,
        timeout_ms: Option<u64>,
    ) -> Message<'a> {
        match self {
            Self::Call(call) | Self::Ask(call) | Self::Flush(call) => {
                Message::Call(call.message(id, timeout_ms))
            }
            Self::Event(event) => Message::Event(Event {
                event: Text::from_literal(&event.name),
                result: Payload::from_pretty_json(&event.result),
                retain: false,
                id,
            }),
            Self::Listen(listen) => Message::Listen(Listen {
                event: Text::from_literal(&listen.name),
                matching: listen
                    .is_pattern
                    .then(|| Text::from_literal(b"\"pattern\"")),
                id,
            }),
            Self::Register(register) => Message::Register(Register {
                object: Text::from_literal(&register.object),
                mode: register.mode.as_deref().map(Text::from_literal),
                interface: register.interface.as_ref().map(RawJson::payload),
                id,
            }),
            Self::Wait { list, .. } => Message::Wait(Wait {
                objects: list.payload(),
                timeout_ms,
                missing: None,
                id,
            }),
        }
    }

    /// Whether the server says anything to it at all.
    pub(crate) const fn is_answered(&self, dialect: Dialect) -> bool {
        match (self, dialect) {
            (Self::Event(event), Dialect::Lines) => event.is_confirmed,
            (Self::Event(_) | Self::Listen(_), Dialect::Seed) => false,
            (
                Self::Call(_)
                | Self::Ask(_)
                | Self::Flush(_)
                | Self::Listen(_)
                | Self::Register(_)
                | Self::Wait { .. },
                _,
            ) => true,
        }
    }

    /// Whether a server of the seed system understands it.
    pub(crate) fn is_known_to_seed(&self) -> bool {
        match self {
            Self::Ask(_) => false,
            Self::Listen(listen) => !listen.is_pattern,
            Self::Register(register) => register.mode.is_none(),
            Self::Call(_) | Self::Flush(_) | Self::Event(_) | Self::Wait { .. } => true,
        }
    }

    pub(crate) const fn is_flush(&self) -> bool {
        matches!(self, Self::Flush(_))
    }

    /// Whether the server goes on working for it when its answer is not wanted any more.
    pub(crate) const fn is_cancellable(&self) -> bool {
        matches!(self, Self::Call(_) | Self::Ask(_) | Self::Wait { .. })
    }

    /// How long the server is asked to hold the answer, where that is not the request's timeout.
    pub(crate) const fn hold(&self) -> Option<Duration> {
        match self {
            Self::Wait { hold, .. } => Some(*hold),
            Self::Call(_)
            | Self::Ask(_)
            | Self::Flush(_)
            | Self::Event(_)
            | Self::Listen(_)
            | Self::Register(_) => None,
        }
    }

    /// For the errors of calls: what was called.
    pub(crate) fn object_and_method(&self) -> (String, String) {
        match self {
            Self::Call(call) | Self::Ask(call) => {
                (decode_literal(call.object()), decode_literal(call.method()))
            }
            Self::Flush(_)
            | Self::Event(_)
            | Self::Listen(_)
            | Self::Register(_)
            | Self::Wait { .. } => (String::new(), String::new()),
        }
    }
}

/// A call, as far as it can be written before it is sent. An argument is at least one byte.
#[derive(Debug)]
pub(crate) struct CallMessage {
    /// The literals of the object and of the method, the argument and the headers, one after the
    /// other in one allocation.
    body: Vec<u8>,
    method_at: usize,
    param_at: usize,
    headers_at: usize,
}

/// What most names and arguments fit in.
const BODY_BYTES: usize = 128;

impl CallMessage {
    /// Takes the literal of the object's name; `write_param` appends the argument, if
    /// there is one.
    pub(crate) fn new(
        object: &[u8],
        method: &str,
        write_param: impl FnOnce(&mut Vec<u8>) -> Result<(), serde_json::Error>,
    ) -> Result<Self, Box<CallError>> {
        let mut body = Vec::with_capacity(BODY_BYTES);
        body.extend_from_slice(object);
        let method_at = body.len();
        push_literal(&mut body, method);
        let param_at = body.len();
        write_param(&mut body).map_err(|error| Box::new(CallError::Encode(error)))?;
        Ok(Self {
            headers_at: body.len(),
            body,
            method_at,
            param_at,
        })
    }

    pub(crate) fn set_headers(
        &mut self,
        headers: &(impl Serialize + ?Sized),
    ) -> Result<(), serde_json::Error> {
        self.body.truncate(self.headers_at);
        serde_json::to_writer(&mut self.body, headers)?;
        if self.headers().first() != Some(&b'{') {
            return Err(serde::ser::Error::custom("headers are a JSON object"));
        }
        Ok(())
    }

    fn object(&self) -> &[u8] {
        &self.body[..self.method_at]
    }

    fn method(&self) -> &[u8] {
        &self.body[self.method_at..self.param_at]
    }

    fn param(&self) -> &[u8] {
        &self.body[self.param_at..self.headers_at]
    }

    fn headers(&self) -> &[u8] {
        &self.body[self.headers_at..]
    }

    fn message<'a>(&'a self, id: Option<Id<'a>>, timeout_ms: Option<u64>) -> Call<'a> {
        let has_param = !self.param().is_empty();
        // A server of the seed system gets neither id nor anything else that it does not know.
        let has_headers = id.is_some() && !self.headers().is_empty();
        Call {
            object: Text::from_literal(self.object()),
            method: Text::from_literal(self.method()),
            param: has_param.then(|| Payload::from_pretty_json(self.param())),
            timeout_ms,
            headers: has_headers.then(|| Payload::from_pretty_json(self.headers())),
            stream: false,
            id,
        }
    }
}

/// An event: the literal of its name, and its value.
#[derive(Debug)]
pub(crate) struct EventMessage {
    name: Vec<u8>,
    result: Vec<u8>,
    pub(crate) is_confirmed: bool,
}

impl EventMessage {
    pub(crate) fn new<T: Serialize + ?Sized>(
        name: &Name,
        value: &T,
    ) -> Result<Self, serde_json::Error> {
        Ok(Self {
            name: literal(name.as_str()),
            result: serde_json::to_vec(value)?,
            is_confirmed: true,
        })
    }
}

/// A subscription.
#[derive(Debug)]
pub(crate) struct ListenMessage {
    name: Vec<u8>,
    is_pattern: bool,
}

impl ListenMessage {
    pub(crate) fn new(topic: &Topic) -> Self {
        Self {
            name: literal(topic.as_str()),
            is_pattern: matches!(topic, Topic::Pattern(_)),
        }
    }
}

/// A registration.
#[derive(Debug)]
pub(crate) struct RegisterMessage {
    object: Vec<u8>,
    /// Absent for the default mode, which needs no word.
    mode: Option<Vec<u8>>,
    interface: Option<RawJson>,
}

impl RegisterMessage {
    pub(crate) fn new(object: &str, mode: Mode, interface: Option<RawJson>) -> Self {
        Self {
            object: literal(object),
            mode: (mode != Mode::default()).then(|| literal(mode.as_str())),
            interface,
        }
    }
}

/// What the server itself can be asked.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ServerMethod {
    Ping,
    Objects,
    Describe,
    Clients,
    Stats,
    Unregister,
    Unlisten,
    Cancel,
}

impl ServerMethod {
    const fn name(self) -> &'static str {
        match self {
            Self::Ping => "ping",
            Self::Objects => "objects",
            Self::Describe => "describe",
            Self::Clients => "clients",
            Self::Stats => "stats",
            Self::Unregister => "unregister",
            Self::Unlisten => "unlisten",
            Self::Cancel => "cancel",
        }
    }

    /// Asks about an object.
    pub(crate) fn call(self, object: &str) -> Outgoing {
        self.call_with(&format!(r#"{{"object":{}}}"#, RawJson::text(object)))
    }

    pub(crate) fn call_without_param(self) -> Outgoing {
        self.call_with("")
    }

    /// Gives up listening.
    pub(crate) fn unlisten(topic: &Topic) -> Outgoing {
        let event = RawJson::text(topic.as_str());
        Self::Unlisten.call_with(&match topic {
            Topic::Literal(_) => format!(r#"{{"event":{event}}}"#),
            Topic::Pattern(_) => format!(r#"{{"event":{event},"match":"pattern"}}"#),
        })
    }

    /// Gives up on the answer to a request.
    pub(crate) fn cancel(id: u64) -> Outgoing {
        Self::Cancel.call_with(&format!(r#"{{"id":{id}}}"#))
    }

    /// Asks for nothing but an answer, to show that what was sent before has arrived.
    pub(crate) fn flush() -> Outgoing {
        Outgoing::Flush(Self::Ping.message(""))
    }

    /// Asks with an argument that is JSON, or none when it is empty.
    pub(crate) fn call_with(self, param: &str) -> Outgoing {
        let call = self.message(param);
        match self {
            // Whatever a server of the seed system answers to it, it lives.
            Self::Ping => Outgoing::Call(call),
            _ => Outgoing::Ask(call),
        }
    }

    fn message(self, param: &str) -> CallMessage {
        let mut body = literal(IPC_OBJECT);
        let method_at = body.len();
        push_literal(&mut body, self.name());
        let param_at = body.len();
        body.extend_from_slice(param.as_bytes());
        CallMessage {
            headers_at: body.len(),
            body,
            method_at,
            param_at,
        }
    }
}

/// A text as a JSON string, quotes included.
pub(crate) fn literal(text: &str) -> Vec<u8> {
    let mut literal = Vec::with_capacity(text.len() + 2);
    push_literal(&mut literal, text);
    literal
}

/// Appends a text as a JSON string.
fn push_literal(out: &mut Vec<u8>, text: &str) {
    let is_plain = |byte: &u8| !matches!(byte, b'"' | b'\\' | 0..0x20);
    if text.as_bytes().iter().all(is_plain) {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        out.extend_from_slice(serde_json::Value::from(text).to_string().as_bytes());
    }
}

/// What a JSON string says.
pub(crate) fn decode_literal(literal: &[u8]) -> String {
    let text = Text::from_literal(literal).decode();
    text.unwrap_or_default().into_owned()
}
