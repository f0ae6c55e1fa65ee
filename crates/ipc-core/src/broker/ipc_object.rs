//! The object `ipc`: how a peer talks to the server itself.

use std::{fmt, time::Instant};

use ipc_wire::{Call, Code, Dialect, Id, Name, Outcome, PROTOCOL, Payload, Text};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Number, json as value, value::RawValue};

use super::{
    Broker,
    publishing::read_subscription,
    reports::{Greeting, GreetingLimits, ObjectReport, StatsReport},
};
use crate::{
    io::SessionId,
    refusal::Refusal,
    session::ReplyTo,
    sessions::{Answer, json},
};

/// What `describe` says of the object `ipc`: every method and event below.
const INTERFACE: &str = include_str!("ipc_interface.json");

#[derive(Debug, Deserialize)]
struct Hello {
    #[serde(default)]
    protocol: Option<Whole>,
    #[serde(default)]
    name: Option<String>,
}

/// A whole number from 0, however it is written: `100`, `100.0` or `1e2`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "Number")]
pub(super) struct Whole(pub(super) u64);

impl TryFrom<Number> for Whole {
    type Error = String;

    fn try_from(number: Number) -> Result<Self, Self::Error> {
        // Text of the shortest form has no point and no exponent where a fraction is whole.
        let whole = |fraction: f64| format!("{fraction}").parse().ok();
        let value = number.as_u64().or_else(|| whole(number.as_f64()?));
        value
            .map(Self)
            .ok_or_else(|| format!("{number} is not a whole number from 0"))
    }
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
        to: ReplyTo<'_>,
        call: &Call<'_>,
        now: Instant,
    ) -> Result<(), Refusal> {
        let method = call.method.decode().unwrap_or_default();
        let response = match &*method {
            "hello" => self.hello(caller, to, read_param(call)?)?,
            "ping" => json(&value!({ "pong": true })),
            "objects" => self.list_objects(&read_param(call)?),
            "describe" => {
                let ObjectParam { object } = read_param(call)?;
                Name::check(&object).map_err(Refusal::invalid_name)?;
                return self.describe(caller, to, &object);
            }
            "clients" => self.list_clients(&read_param(call)?)?,
            "stats" => self.show_stats(now),
            "unregister" => {
                let ObjectParam { object } = read_param(call)?;
                Name::check(&object).map_err(Refusal::invalid_name)?;
                self.release(caller, &object, "unregistered")?;
                json(&value!({ "object": object }))
            }
            "unlisten" => self.unlisten(caller, &read_param(call)?)?,
            "cancel" => {
                let CancelParam { id } = read_param(call)?;
                let id = Id::from_json(id.get().as_bytes());
                let cancelled = id.is_some_and(|id| self.cancel(caller, id));
                json(&value!({ "cancelled": cancelled }))
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
        let outcome = Outcome::Response(Payload::from_json(&response));
        self.sessions.answer(caller, to, Answer::Outcome(outcome));
        Ok(())
    }

    fn hello(&mut self, id: SessionId, to: ReplyTo<'_>, hello: Hello) -> Result<Vec<u8>, Refusal> {
        if let Some(Whole(protocol)) = hello.protocol
            && protocol != u64::from(PROTOCOL)
        {
            let text = format!("this server speaks protocol {PROTOCOL}, not protocol {protocol}");
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
        Ok(json(&Greeting {
            protocol: PROTOCOL,
            server: &self.server,
            client: id.client(),
            limits: GreetingLimits {
                message_bytes: self.message_bytes,
                names: self.limits.names,
                subscriptions: self.limits.subscriptions,
                requests: self.limits.requests,
                outbox_bytes: self.limits.outbox_bytes,
            },
        }))
    }

    /// The interface is spliced in as its provider wrote it.
    fn describe(&mut self, caller: SessionId, to: ReplyTo<'_>, name: &str) -> Result<(), Refusal> {
        let one_line: String = INTERFACE.lines().map(str::trim_start).collect();
        let (description, interface) = match self.registry.get(name) {
            Some(object) => (self.report_object(name, object), object.interface()),
            None if name == ipc_wire::IPC_OBJECT => (
                ObjectReport::of_server(&self.server),
                Some(one_line.as_bytes()),
            ),
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

    fn show_stats(&self, now: Instant) -> Vec<u8> {
        json(&StatsReport {
            server: &self.server,
            uptime_s: now.saturating_duration_since(self.started).as_secs(),
            connections: self.sessions.len(),
            objects: self.registry.len(),
            subscriptions: self.subscriptions.len(),
            stats: self.stats(),
        })
    }

    fn unlisten(&mut self, id: SessionId, param: &EventParam) -> Result<Vec<u8>, Refusal> {
        let event = json(&param.event);
        let matching = param.matching.as_ref().map(json);
        let matching = matching.as_deref().map(Text::from_literal);
        let subscription = read_subscription(&Text::from_literal(&event), matching)?;
        if !self.unsubscribe(id, &subscription) {
            let text = format!("this connection does not listen to {:?}", param.event);
            return Err(Refusal::new(Code::NotOwner, text));
        }
        Ok(json(&value!({ "event": param.event })))
    }
}

fn read_param<T: DeserializeOwned>(call: &Call<'_>) -> Result<T, Refusal> {
    // Many a serializer writes what is absent as null.
    let param = call.param.filter(|param| param.json() != b"null");
    let param = param.unwrap_or(Payload::from_json(b"{}"));
    let refuse = |why: &dyn fmt::Display| {
        let method = call.method.decode().unwrap_or_default();
        let text = format!("the parameter of {method:?} is wrong: {why}");
        Refusal::new(Code::Unsupported, text)
    };
    // Serde would take an array for a struct, value by value.
    if !param.json().starts_with(b"{") {
        return Err(refuse(&"it must be an object"));
    }
    param.parse().map_err(|error| refuse(&error))
}
