//! Events: from a publisher, or the server, to whoever listens at that moment.

use ipc_wire::{
    Code, Dialect, Event, LARGE_BYTES, Listen, Message, Name, Pattern, Payload, Text, WrongValue,
};
use serde::Serialize;

use super::{
    Broker,
    naming::{read_name, refuse_reserved},
    reports::{ClientEvent, Lost},
};
use crate::{
    broadcast::{Encoded, Piece},
    io::SessionId,
    outbox::Full,
    refusal::Refusal,
    sessions::{Sessions, json},
    subscriptions::{MAX_PATTERN_TOKENS, Subscription},
};

impl Broker {
    pub(super) fn listen(&mut self, session: SessionId, listen: &Listen<'_>) {
        self.request(session, listen.id, |broker, to| {
            let subscription = read_subscription(&listen.event, listen.matching)?;
            broker.subscribe(session, subscription)?;
            broker.acknowledge(session, to, None);
            Ok(())
        });
    }

    fn subscribe(&mut self, session: SessionId, subscription: Subscription) -> Result<(), Refusal> {
        let limit = self.limits.subscriptions;
        let Some(state) = self.sessions.get_mut(session) else {
            return Ok(());
        };
        if state.subscriptions.contains(&subscription) {
            return Ok(());
        }
        if limit <= state.subscriptions.len() {
            let text = format!("this connection listens to {limit} events and patterns already");
            return Err(Refusal::new(Code::Denied, text));
        }
        self.subscriptions.insert(&subscription, session);
        state.subscriptions.push(subscription);
        Ok(())
    }

    /// Ends a subscription; whether there was one.
    pub(super) fn unsubscribe(&mut self, session: SessionId, subscription: &Subscription) -> bool {
        let Some(state) = self.sessions.get_mut(session) else {
            return false;
        };
        let n_before = state.subscriptions.len();
        state.subscriptions.retain(|known| known != subscription);
        if state.subscriptions.len() == n_before {
            return false;
        }
        self.subscriptions.remove(subscription, session);
        true
    }

    pub(super) fn event(&mut self, session: SessionId, event: &Event<'_>) {
        self.request(session, event.id, |broker, to| {
            let name = read_name(&event.event)?;
            Name::check(&name).map_err(Refusal::invalid_name)?;
            refuse_reserved(&name)?;
            if event.retain {
                return Err(Refusal::new(
                    Code::Unsupported,
                    "this server does not retain events",
                ));
            }
            let delivered = broker.publish(&name, event.event, event.result);
            broker.acknowledge(session, to, Some(delivered));
            Ok(())
        });
    }

    /// Sends an event to everyone who listens, once each; to how many.
    fn publish(&mut self, name: &str, literal: Text<'_>, result: Payload<'_>) -> u64 {
        self.stats.events += 1;
        let mut listeners = std::mem::take(&mut self.listeners);
        listeners.clear();
        self.subscriptions
            .listeners(name, |session| listeners.push(session));
        let event = Event {
            event: literal,
            result,
            retain: false,
            id: None,
        };
        let message = Message::Event(event);
        let mut copies = Copies::new(&message, event.result, listeners.len());
        self.n_fan_outs += 1;
        let mut n_delivered = 0;
        for &listener in &listeners {
            if let Some(piece) = copies.common()
                && self
                    .sessions
                    .continue_common(listener, self.n_fan_outs, piece)
            {
                self.stats.events_matched += 1;
                self.stats.events_queued += 1;
                n_delivered += 1;
                continue;
            }
            let Some(session) = self.sessions.get_mut(listener) else {
                continue;
            };
            if session.last_fan_out == self.n_fan_outs {
                continue;
            }
            session.last_fan_out = self.n_fan_outs;
            let (dialect, has_lost) = (session.dialect, !session.lost.is_empty());
            self.stats.events_matched += 1;
            // What it missed is told before what comes after.
            let told = if has_lost {
                self.tell_lost_before(listener, event_bytes(&event))
            } else {
                Ok(())
            };
            let encoded = copies.encoded(dialect, &mut self.sessions);
            let delivered = told.and_then(|()| match encoded {
                Some(encoded) => self.sessions.send_encoded(listener, encoded),
                None => self.sessions.send(listener, &message),
            });
            if delivered.is_ok() {
                self.stats.events_queued += 1;
                n_delivered += 1;
            } else {
                self.stats.events_dropped += 1;
                self.note_lost(listener, name);
            }
        }
        copies.release(&mut self.sessions);
        self.listeners = listeners;
        n_delivered
    }

    fn note_lost(&mut self, listener: SessionId, name: &str) {
        let limit = self.limits.lost_names;
        let Some(session) = self.sessions.get_mut(listener) else {
            return;
        };
        session.n_lost += 1;
        if session.dialect == Dialect::Seed {
            return;
        }
        let n_names = session.lost.len();
        let mut count = |name| {
            let known = session
                .lost
                .iter_mut()
                .find(|(known, _)| known.as_str() == name);
            known.map(|(_, count)| *count += 1)
        };
        if count(name).is_some() {
            return;
        }
        let name = if n_names < limit { name } else { ">" };
        if count(name).is_none() {
            session
                .lost
                .extend(Name::new(name).ok().map(|name| (name, 1)));
        }
    }

    /// Tells a listener what it missed, as far as its queue takes it.
    pub(super) fn tell_lost(&mut self, listener: SessionId) -> Result<(), Full> {
        while let Some(session) = self.sessions.get_mut(listener)
            && let Some((name, count)) = session.lost.first()
        {
            let result = json(&Lost {
                event: name.as_str(),
                count: *count,
            });
            self.sessions
                .send(listener, &event(b"\"ipc.lost\"", &result))?;
            if let Some(session) = self.sessions.get_mut(listener) {
                session.lost.remove(0);
            }
        }
        Ok(())
    }

    /// Tells a listener what it missed, if there is room for an event of so many bytes. Otherwise
    /// each event that is lost would cost it a notice, until there was no room for an answer.
    fn tell_lost_before(&mut self, listener: SessionId, event_bytes: usize) -> Result<(), Full> {
        if !self.sessions.has_room(listener, event_bytes) {
            return Err(Full);
        }
        self.tell_lost(listener)
    }

    /// Sends an event of the server's own to everyone who listens.
    pub(super) fn announce_event(&mut self, name: &str, result: &impl Serialize) {
        let (literal, result) = (json(name), json(result));
        self.publish(
            name,
            Text::from_literal(&literal),
            Payload::from_json(&result),
        );
    }

    /// Sends a notice to one session. Notices are hints: one that does not fit is not sent, and in
    /// the seed dialect there are none.
    pub(super) fn notify(&mut self, session: SessionId, name: &str, result: &impl Serialize) {
        if self
            .sessions
            .get(session)
            .is_none_or(|session| session.dialect == Dialect::Seed)
        {
            return;
        }
        let (literal, result) = (json(name), json(result));
        if let Err(Full) = self.sessions.send(session, &event(&literal, &result)) {
            // Whoever does not read will not act on a notice either.
        }
    }

    /// Tells listeners of a new client: after its first message, for by then it has said its name.
    pub(super) fn announce(&mut self, session: SessionId) {
        let Some(state) = self
            .sessions
            .get_mut(session)
            .filter(|state| !state.is_announced)
        else {
            return;
        };
        state.is_announced = true;
        let name = state.name.clone();
        let result = ClientEvent::new(session, name.as_ref(), None);
        self.announce_event("ipc.client.connected", &result);
    }
}

/// What is to be heard, and how it is matched.
pub(super) fn read_subscription(
    event: &Text<'_>,
    matching: Option<Text<'_>>,
) -> Result<Subscription, Refusal> {
    let name = read_name(event)?;
    let Some(matching) = matching else {
        return Ok(Subscription::Name(
            Name::new(&name).map_err(Refusal::invalid_name)?,
        ));
    };
    if matching.decode().as_deref() != Some("pattern") {
        return Err(Refusal::invalid_option(WrongValue {
            key: "match",
            json: matching.literal(),
            expected: "\"pattern\", or absent",
        }));
    }
    let pattern = Pattern::new(&name).map_err(Refusal::invalid_name)?;
    if MAX_PATTERN_TOKENS < pattern.tokens().count() {
        let why = format!("a pattern has at most {MAX_PATTERN_TOKENS} tokens");
        return Err(Refusal::invalid_name(why));
    }
    Ok(Subscription::Pattern(pattern))
}

/// What an event has at least in a queue.
fn event_bytes(event: &Event<'_>) -> usize {
    event.event.literal().len() + event.result.json().len()
}

fn event<'a>(literal: &'a [u8], result: &'a [u8]) -> Message<'a> {
    Message::Event(Event {
        event: Text::from_literal(literal),
        result: Payload::from_json(result),
        retain: false,
        id: None,
    })
}

/// An event on its way to many: encoded once in each dialect that is needed.
struct Copies<'m> {
    message: &'m Message<'m>,
    is_encoded_once: bool,
    lines: Option<Encoded>,
    seed: Option<Encoded>,
}

impl<'m> Copies<'m> {
    fn new(message: &'m Message<'m>, result: Payload<'_>, n_listeners: usize) -> Self {
        // A large payload that can be shared as it is needs no encoding, and one copy is cheapest
        // made in its place.
        let is_shared = LARGE_BYTES <= result.json().len() && result.shared().is_some();
        let is_encoded_once = 1 < n_listeners && !is_shared;
        Self {
            message,
            is_encoded_once,
            lines: None,
            seed: None,
        }
    }

    fn encoded(&mut self, dialect: Dialect, sessions: &mut Sessions) -> Option<&Encoded> {
        if !self.is_encoded_once {
            return None;
        }
        let copy = match dialect {
            Dialect::Lines => &mut self.lines,
            Dialect::Seed => &mut self.seed,
        };
        Some(copy.get_or_insert_with(|| sessions.encode(self.message, dialect)))
    }

    fn common(&self) -> Option<Piece> {
        match self.lines {
            Some(Encoded::Common(piece)) => Some(piece),
            _ => None,
        }
    }

    fn release(self, sessions: &mut Sessions) {
        for encoded in self.lines.into_iter().chain(self.seed) {
            sessions.release(encoded);
        }
    }
}
