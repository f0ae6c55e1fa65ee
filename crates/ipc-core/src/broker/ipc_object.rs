//! The object `ipc`: how a peer talks to the server itself.

use std::time::Instant;

use ipc_wire::{Call, Code, Dialect, Name, Outcome, PROTOCOL, Payload, RequestId, Text};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json as value, value::RawValue};

use super::{Broker, publishing::read_subscription};
use crate::{
    io::SessionId,
    refusal::Refusal,
    registry::{Claim, Object},
    session::{Answer, ReplyTo, Session, json},
};

/// What `describe` says of the object `ipc`: every method and event below.
const INTERFACE: &str = include_str!("ipc_interface.json");

#[derive(Debug, Deserialize)]
struct Hello {
    #[serde(default = "current_protocol")]
    protocol: u32,
    #[serde(default)]
    name: Option<String>,
}

const fn current_protocol() -> u32 {
    PROTOCOL
}

#[derive(Debug, Deserialize)]
struct ObjectParam {
    object: String,
}

#[derive(Debug, Deserialize)]
struct EventParam {
    event: String,
    #[serde(default, rename = "match")]
    matching: Option<String>,
}

#[derive(Debug, Deserialize)]
struct CancelParam {
    id: Box<RawValue>,
}

impl Broker {
    pub(super) fn call_ipc(
        &mut self,
        caller: SessionId,
        to: ReplyTo,
        call: &Call<'_>,
        now: Instant,
    ) -> Result<(), Refusal> {
        let method = call.method.decode().unwrap_or_default();
        let response = match &*method {
            "hello" => self.hello(caller, to, read_param(call)?)?,
            "ping" => value!({ "pong": true }),
            "objects" => self.objects(),
            "describe" => {
                let ObjectParam { object } = read_param(call)?;
                return self.describe(caller, to, &object);
            }
            "clients" => self.clients(),
            "stats" => self.show_stats(now),
            "unregister" => {
                let ObjectParam { object } = read_param(call)?;
                self.release(caller, &object, "unregistered")?;
                value!({ "object": object })
            }
            "unlisten" => self.unlisten(caller, &read_param(call)?)?,
            "cancel" => {
                let CancelParam { id } = read_param(call)?;
                let id = RequestId::from_json(id.get().as_bytes());
                let cancelled = id.is_some_and(|id| self.cancel(caller, &id));
                value!({ "cancelled": cancelled })
            }
            "monitor" | "kick" => {
                let text = format!("this server does not offer {method:?} yet");
                return Err(Refusal::new(Code::Unsupported, text));
            }
            _ => {
                let text = format!("the object \"ipc\" has no method {method:?}");
                return Err(Refusal::new(Code::MethodNotFound, text));
            }
        };
        self.respond(caller, to, &json(&response));
        Ok(())
    }

    fn respond(&mut self, caller: SessionId, to: ReplyTo, response: &[u8]) {
        let outcome = Outcome::Response(Payload::from_json(response));
        self.sessions.answer(caller, to, Answer::Outcome(outcome));
    }

    fn hello(&mut self, id: SessionId, to: ReplyTo, hello: Hello) -> Result<Value, Refusal> {
        if hello.protocol != PROTOCOL {
            let text = format!(
                "this server speaks protocol {PROTOCOL}, not protocol {}",
                hello.protocol
            );
            return Err(Refusal::new(Code::Unsupported, text));
        }
        let name = hello.name.as_deref().map(Name::new).transpose();
        let name = name.map_err(Refusal::invalid_name)?;
        let n_own_turns = usize::from(matches!(to, ReplyTo::Turn(_)));
        if let Some(session) = self.sessions.get_mut(id) {
            if session.dialect == Dialect::Lines {
                return Err(Refusal::new(
                    Code::Denied,
                    "this connection said hello already",
                ));
            }
            let is_busy = 0 < session.n_requests() || n_own_turns < session.n_turns();
            // A provider that gave its objects back may still owe answers, which carry no id.
            if is_busy || session.is_serving() || !session.objects.is_empty() {
                let text = "say hello before registering objects and while nothing is in flight";
                return Err(Refusal::new(Code::Denied, text));
            }
            session.dialect = Dialect::Lines;
            session.name = name;
        }
        Ok(value!({
            "protocol": PROTOCOL,
            "server": self.server,
            "client": id.client(),
            "limits": {
                "message_bytes": self.message_bytes,
                "names": self.limits.names,
                "subscriptions": self.limits.subscriptions,
                "requests": self.limits.requests,
                "outbox_bytes": self.limits.outbox_bytes,
            },
        }))
    }

    fn objects(&self) -> Value {
        let objects = self.registry.sorted();
        objects
            .iter()
            .map(|(name, object)| self.describe_object(name.as_str(), object))
            .collect()
    }

    fn describe_object(&self, name: &str, object: &Object) -> Value {
        let clients = |claim: &Claim| {
            let session = self.sessions.get(claim.session);
            let name = session
                .and_then(|session| session.name.as_ref())
                .map(Name::as_str);
            value!({ "client": claim.session.client(), "name": name })
        };
        value!({
            "object": name,
            "mode": object.mode().as_str(),
            "providers": object.providers.iter().map(clients).collect::<Value>(),
            "standby": object.standby.iter().map(clients).collect::<Value>(),
        })
    }

    /// The interface is spliced in as its provider wrote it.
    fn describe(&mut self, caller: SessionId, to: ReplyTo, name: &str) -> Result<(), Refusal> {
        let (description, interface) = match self.registry.get(name) {
            Some(object) => (self.describe_object(name, object), object.interface()),
            None if name == ipc_wire::IPC_OBJECT => {
                let providers = value!([{ "client": 0, "name": self.server }]);
                let description = value!({
                    "object": name, "mode": "exclusive", "providers": providers, "standby": [],
                });
                (description, Some(INTERFACE.as_bytes()))
            }
            None => return Err(Refusal::OBJECT_NOT_FOUND),
        };
        let mut response = json(&description);
        response.pop();
        response.extend_from_slice(b",\"interface\":");
        response.extend_from_slice(interface.unwrap_or(b"null").trim_ascii());
        response.push(b'}');
        let outcome = Outcome::Response(Payload::from_pretty_json(&response));
        self.sessions.answer(caller, to, Answer::Outcome(outcome));
        Ok(())
    }

    fn clients(&self) -> Value {
        let describe = |session: &Session| {
            value!({
                "client": session.id.client(),
                "name": session.name.as_ref().map(Name::as_str),
                "dialect": match session.dialect {
                    Dialect::Seed => "seed",
                    Dialect::Lines => "lines",
                },
                "address": session.peer.address,
                "pid": session.peer.pid,
                "uid": session.peer.uid,
                "objects": session.objects.iter().map(Name::as_str).collect::<Value>(),
                "subscriptions": session.subscriptions.len(),
                "calls_out": session.calls_out.len(),
                "calls_in": session.calls_in.len(),
                "queued_bytes": session.queued_bytes(),
                "events_dropped": session.n_lost,
            })
        };
        let mut sessions: Vec<_> = self.sessions.iter().collect();
        sessions.sort_unstable_by_key(|session| session.id.client());
        sessions.into_iter().map(describe).collect()
    }

    fn show_stats(&self, now: Instant) -> Value {
        let uptime = now.saturating_duration_since(self.started);
        let mut shown = value!({
            "server": self.server,
            "uptime_s": uptime.as_secs(),
            "connections": self.sessions.len(),
            "objects": self.registry.len(),
            "subscriptions": self.subscriptions.len(),
        });
        if let (Value::Object(shown), Value::Object(stats)) = (&mut shown, value!(self.stats())) {
            shown.extend(stats);
        }
        shown
    }

    fn unlisten(&mut self, id: SessionId, param: &EventParam) -> Result<Value, Refusal> {
        let event = json(&param.event);
        let matching = param.matching.as_ref().map(json);
        let matching = matching.as_deref().map(Text::from_literal);
        let subscription = read_subscription(&Text::from_literal(&event), matching)?;
        if !self.unsubscribe(id, &subscription) {
            let text = format!("this connection does not listen to {:?}", param.event);
            return Err(Refusal::new(Code::NotOwner, text));
        }
        Ok(value!({ "event": param.event }))
    }
}

fn read_param<T: DeserializeOwned>(call: &Call<'_>) -> Result<T, Refusal> {
    let param = call.param.unwrap_or(Payload::from_json(b"{}"));
    param.parse().map_err(|error| {
        let method = call.method.decode().unwrap_or_default();
        // The parser's text says where in the parameter; it never quotes more than a key.
        let text = format!("the parameter of {method:?} is wrong: {error}");
        Refusal::new(Code::Unsupported, text)
    })
}
