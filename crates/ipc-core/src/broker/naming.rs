//! Objects: who registers them, who gives them back, who waits for them.

use std::{borrow::Cow, time::Instant};

use ipc_wire::{
    Code, Dialect, IPC_OBJECT, MAX_NAME_BYTES, Mode, Name, Payload, Register, Text, UnknownMode,
    Wait, WrongValue, is_reserved,
};

use super::{Broker, Timer, calling::deadline, reports::ObjectEvent};
use crate::{
    in_flight::Request,
    io::SessionId,
    refusal::Refusal,
    registry::{Claim, Claimed, Released},
    session::ReplyTo,
    sessions::{Answer, json},
    waits::{OpenWait, WaitId},
};

/// What one name may take in a list: the longest with all its characters escaped, and some space.
const MAX_LISTED_BYTES: usize = 8 * MAX_NAME_BYTES;

impl Broker {
    pub(super) fn register(&mut self, session: SessionId, register: &Register<'_>) {
        self.request(session, register.id, |broker, to| {
            let (name, claim) = broker.read_claim(session, register)?;
            let claimed = broker.registry.claim(&name, claim);
            let ok = Answer::Success { delivered: None };
            match claimed {
                Claimed::Renewed => broker.sessions.answer(session, to, ok),
                Claimed::StandsBy => {
                    broker.note_object(session, name);
                    broker.sessions.answer(session, to, ok);
                }
                Claimed::Provides { replaced } => {
                    broker.note_object(session, name.clone());
                    broker.sessions.answer(session, to, ok);
                    if let Some(replaced) = replaced {
                        broker.forget_object(replaced, name.as_str());
                        broker.tell_unregistered(&name, replaced, "replaced");
                    }
                    broker.tell_registered(&name, session);
                }
                Claimed::Taken => {
                    let holder = broker.registry.get(name.as_str());
                    let holder = holder.and_then(|object| object.providers.first());
                    let client = holder.map_or(0, |claim| claim.session.client());
                    let text = format!("client {client} provides the object {:?}", name.as_str());
                    return Err(Refusal::new(Code::NameTaken, text));
                }
            }
            Ok(())
        });
    }

    fn read_claim(
        &self,
        session: SessionId,
        register: &Register<'_>,
    ) -> Result<(Name, Claim), Refusal> {
        if self.drain_deadline.is_some() {
            return Err(Refusal::SHUTTING_DOWN);
        }
        let name = Name::new(&read_name(&register.object)?).map_err(Refusal::invalid_name)?;
        refuse_reserved(name.as_str())?;
        let mode = register.mode.map_or(Ok(Mode::default()), read_mode)?;
        if let Some(interface) = register.interface
            && self.limits.interface_bytes < interface.json().len()
        {
            let limit = self.limits.interface_bytes;
            let text = format!("\"interface\" may have {limit} bytes at the most");
            return Err(Refusal::new(Code::Denied, text));
        }
        if let Some(session) = self.sessions.get(session)
            && self.limits.names <= session.objects.len()
            && !session.objects.contains(&name)
        {
            let n_objects = session.objects.len();
            let text = format!("this connection has {n_objects} objects already");
            return Err(Refusal::new(Code::Denied, text));
        }
        let interface = register.interface.map(|interface| interface.json().into());
        Ok((
            name,
            Claim {
                session,
                mode,
                interface,
            },
        ))
    }

    fn note_object(&mut self, session: SessionId, name: Name) {
        if let Some(session) = self.sessions.get_mut(session) {
            session.objects.insert(name);
        }
    }

    fn forget_object(&mut self, session: SessionId, name: &str) {
        if let Some(session) = self.sessions.get_mut(session) {
            session.objects.remove(name);
        }
    }

    /// A session gives an object back, or loses it by leaving.
    pub(super) fn release(
        &mut self,
        session: SessionId,
        name: &str,
        reason: &str,
    ) -> Result<(), Refusal> {
        let released = self.registry.release(name, session);
        if released == Released::NotOwner {
            let text = format!("this connection has not registered the object {name:?}");
            return Err(Refusal::new(Code::NotOwner, text));
        }
        self.forget_object(session, name);
        if let (Released::Provided { successor }, Ok(name)) = (released, Name::new(name)) {
            self.tell_unregistered(&name, session, reason);
            if let Some(successor) = successor {
                self.tell_registered(&name, successor);
            }
        }
        Ok(())
    }

    fn tell_registered(&mut self, name: &Name, session: SessionId) {
        let result = ObjectEvent::new(name.as_str(), session, None);
        self.announce_event("ipc.object.registered", &result);
        for id in self.waits.naming(name.as_str()) {
            let Some(wait) = self
                .waits
                .get(id)
                .filter(|wait| self.are_registered(&wait.objects))
            else {
                continue;
            };
            let list = list(&wait.objects);
            if let Some(wait) = self.close_wait(id) {
                let objects = Payload::from_json(&list);
                let answer = Answer::List {
                    objects,
                    missing: None,
                };
                self.sessions
                    .answer(wait.session, wait.reply_to.as_ref(), answer);
            }
        }
    }

    fn tell_unregistered(&mut self, name: &Name, session: SessionId, reason: &str) {
        let result = ObjectEvent::new(name.as_str(), session, Some(reason));
        self.announce_event("ipc.object.unregistered", &result);
    }

    pub(super) fn wait(&mut self, session: SessionId, wait: &Wait<'_>, now: Instant) {
        self.request(session, wait.id, |broker, to| {
            let objects = broker.read_names(wait.objects)?;
            if broker.are_registered(&objects) {
                let list = list(&objects);
                let objects = Payload::from_json(&list);
                broker.sessions.answer(
                    session,
                    to,
                    Answer::List {
                        objects,
                        missing: None,
                    },
                );
                return Ok(());
            }
            if broker.drain_deadline.is_some() {
                return Err(Refusal::SHUTTING_DOWN);
            }
            let dialect = broker.sessions.get(session).map(|session| session.dialect);
            let held_until = match wait.timeout_ms {
                Some(0) => Some(now),
                Some(timeout_ms) => deadline(Some(timeout_ms), now),
                None if dialect == Some(Dialect::Seed) => Some(now + broker.limits.seed_wait),
                None => Some(now),
            };
            let tells_missing = wait.timeout_ms.is_some();
            if held_until == Some(now) {
                broker.answer_missing(session, to, &objects, tells_missing);
                return Ok(());
            }
            broker.check_requests(session)?;
            broker.open_wait(OpenWait {
                session,
                reply_to: to.keep(),
                objects,
                deadline: held_until,
                tells_missing,
            });
            Ok(())
        });
    }

    fn read_names(&self, list: Payload<'_>) -> Result<Vec<Name>, Refusal> {
        let limit = self.limits.wait_names;
        let too_many = || {
            let text = format!("\"list\" may name {limit} objects at the most");
            Err(Refusal::new(Code::Denied, text))
        };
        // A long message would become many times its size in names.
        if limit.saturating_mul(MAX_LISTED_BYTES) < list.json().len() {
            return too_many();
        }
        let names: Vec<String> = list.parse().map_err(|_not_strings| {
            Refusal::invalid_name(
                "\"list\" must be an array of names of objects, which are strings",
            )
        })?;
        if limit < names.len() {
            return too_many();
        }
        names
            .iter()
            .map(|name| Name::new(name).map_err(Refusal::invalid_name))
            .collect()
    }

    fn are_registered(&self, objects: &[Name]) -> bool {
        objects.iter().all(|name| self.is_registered(name))
    }

    fn is_registered(&self, name: &Name) -> bool {
        self.registry.contains(name) || name.as_str() == IPC_OBJECT
    }

    fn open_wait(&mut self, wait: OpenWait) {
        let OpenWait {
            session,
            reply_to,
            deadline,
            ..
        } = wait;
        let id = self.waits.open(wait);
        if let Some(deadline) = deadline {
            self.deadlines.push(deadline, Timer::Wait(id));
        }
        if let Some(session) = self.sessions.get_mut(session) {
            session.waits.push(id);
            if let ReplyTo::Id(request) = reply_to.as_ref() {
                session.in_flight.insert(request, Request::Wait(id));
            }
        }
    }

    /// Takes a wait out of every table; its answer is the caller's to give.
    pub(super) fn close_wait(&mut self, id: WaitId) -> Option<OpenWait> {
        let wait = self.waits.remove(id)?;
        if let Some(session) = self.sessions.get_mut(wait.session) {
            session.waits.retain(|&other| other != id);
            if let ReplyTo::Id(request) = wait.reply_to.as_ref() {
                session.in_flight.remove(request, Request::Wait(id));
            }
        }
        if wait.deadline.is_some() {
            self.cancel_deadline();
        }
        Some(wait)
    }

    pub(super) fn time_out_wait(&mut self, id: WaitId) {
        if let Some(wait) = self.close_wait(id) {
            self.answer_missing(
                wait.session,
                wait.reply_to.as_ref(),
                &wait.objects,
                wait.tells_missing,
            );
        }
    }

    fn answer_missing(
        &mut self,
        session: SessionId,
        to: ReplyTo<'_>,
        objects: &[Name],
        tells_missing: bool,
    ) {
        let missing = objects.iter().filter(|name| !self.is_registered(name));
        let missing = list(missing);
        let missing = tells_missing.then_some(Payload::from_json(&missing));
        let answer = Answer::List {
            objects: Payload::from_json(b"[]"),
            missing,
        };
        self.sessions.answer(session, to, answer);
    }
}

/// Returns what a name in a message says; whether it is a name is for the caller to check.
pub(super) fn read_name<'a>(name: &Text<'a>) -> Result<Cow<'a, str>, Refusal> {
    name.decode()
        .ok_or_else(|| Refusal::invalid_name("the name is not Unicode"))
}

/// Refuses to let a peer register an object, or publish an event, that is the server's own.
pub(super) fn refuse_reserved(name: &str) -> Result<(), Refusal> {
    if is_reserved(name) {
        let text = "the name \"ipc\" and all names under \"ipc.\" are the server's own";
        return Err(Refusal::new(Code::Denied, text));
    }
    Ok(())
}

fn read_mode(mode: Text<'_>) -> Result<Mode, Refusal> {
    let text = mode.decode().unwrap_or_default();
    text.parse().map_err(|_unknown: UnknownMode| {
        Refusal::invalid_option(WrongValue {
            key: "mode",
            json: mode.literal(),
            expected: "exclusive, replace, queue or shared",
        })
    })
}

/// Names as a JSON array.
fn list<'n>(names: impl IntoIterator<Item = &'n Name>) -> Vec<u8> {
    let names: Vec<_> = names.into_iter().map(Name::as_str).collect();
    json(&names)
}
