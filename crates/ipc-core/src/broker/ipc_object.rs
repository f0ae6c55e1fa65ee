//! The object `ipc`: how a peer talks to the server itself.

use std::time::Instant;

use ipc_wire::{Call, Code, Dialect, Name, Outcome, PROTOCOL, Payload};
use serde_json::json as value;

use super::{
    Broker,
    param::{Param, needed_id, needed_name, needed_text, text, whole},
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
            "hello" => self.hello(caller, to, &Param::read(call)?)?,
            "ping" => json(&value!({ "pong": true })),
            "objects" => self.list_objects(&Param::read(call)?)?,
            "describe" => {
                let object = needed_name("object", Param::read(call)?.object)?;
                return self.describe(caller, to, &object);
            }
            "clients" => self.list_clients(&Param::read(call)?)?,
            "stats" => self.show_stats(now),
            "unregister" => {
                let object = needed_name("object", Param::read(call)?.object)?;
                self.release(caller, &object, "unregistered")?;
                json(&value!({ "object": object }))
            }
            "unlisten" => self.unlisten(caller, &Param::read(call)?)?,
            "cancel" => {
                let id = needed_id("id", Param::read(call)?.id)?;
                let cancelled = self.cancel(caller, id);
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

    fn hello(
        &mut self,
        id: SessionId,
        to: ReplyTo<'_>,
        hello: &Param<'_>,
    ) -> Result<Vec<u8>, Refusal> {
        let protocol = whole("protocol", hello.protocol)?.unwrap_or(PROTOCOL.into());
        if protocol != u64::from(PROTOCOL) {
            let text = format!("this server speaks protocol {PROTOCOL}, not protocol {protocol}");
            return Err(Refusal::new(Code::Unsupported, text));
        }
        let name = hello
            .name
            .map(|name| needed_name("name", Some(name)))
            .transpose()?;
        let name = name.as_deref().map(Name::new).transpose();
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
                message_bytes: self.limits.message_bytes,
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

    fn unlisten(&mut self, id: SessionId, param: &Param<'_>) -> Result<Vec<u8>, Refusal> {
        let literal = needed_text("event", param.event)?;
        let subscription = read_subscription(&literal, text("match", param.matching)?)?;
        // The subscription has proved it.
        let event = literal.decode().unwrap_or_default();
        if !self.unsubscribe(id, &subscription) {
            let text = format!("this connection does not listen to {event:?}");
            return Err(Refusal::new(Code::NotOwner, text));
        }
        Ok(json(&value!({ "event": event })))
    }
}
