//! From a scanned message to the message: which kind it is, and where its parts stand.
//!
//! Each kind has a function of its own, which returns what the decoder hands out. What the kinds
//! had in common on the way would have to be moved once more.

use bytes::Bytes;

use super::{Call, Event, Listen, Message, Outcome, Payload, Register, Reply, Success, Text, Wait};
use crate::{
    envelope::{Envelope, Field},
    fault::Fault,
    id::{Id, parse_u64},
};

impl<'a> Message<'a> {
    /// Tells the kind of a scanned message and takes it apart.
    #[inline]
    pub(crate) fn read(
        bytes: &'a [u8],
        envelope: &Envelope,
        owner: Option<&'a Bytes>,
    ) -> Result<Option<Self>, Fault> {
        let fields = Fields {
            bytes,
            envelope,
            owner,
        };
        match fields.kind()? {
            Some(Kind::Call) => fields.call(),
            Some(Kind::Reply) => fields.reply(),
            Some(Kind::Event) => fields.event(),
            Some(Kind::Register) => fields.register(),
            Some(Kind::Wait) => fields.wait(),
            Some(Kind::Listen) => fields.listen(),
            Some(Kind::Success) => fields.success(),
            None => Ok(Some(Message::Unknown { id: fields.id()? })),
        }
    }
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Kind {
    Call,
    Reply,
    Event,
    Register,
    Wait,
    Listen,
    Success,
}

/// The keys that tell the kind.
const KIND_KEYS: [(Field, Kind); 10] = [
    (Field::Object, Kind::Call),
    (Field::Method, Kind::Call),
    (Field::Response, Kind::Reply),
    (Field::Error, Kind::Reply),
    (Field::Event, Kind::Event),
    (Field::Result, Kind::Event),
    (Field::RegObject, Kind::Register),
    (Field::List, Kind::Wait),
    (Field::EventName, Kind::Listen),
    (Field::Success, Kind::Success),
];

const KIND_BITS: u32 = {
    let mut bits = 0;
    let mut n = 0;
    while n < KIND_KEYS.len() {
        bits |= KIND_KEYS[n].0.bit();
        n += 1;
    }
    bits
};

/// A scanned message and the typed ways to its values.
#[derive(Clone, Copy)]
struct Fields<'a, 'e> {
    bytes: &'a [u8],
    envelope: &'e Envelope,
    owner: Option<&'a Bytes>,
}

impl<'a> Fields<'a, '_> {
    fn call(self) -> Result<Option<Message<'a>>, Fault> {
        Ok(Some(Message::Call(Call {
            id: self.id()?,
            object: self.needed_text(Field::Object, Field::Method)?,
            method: self.needed_text(Field::Method, Field::Object)?,
            param: self.payload(Field::Param),
            timeout_ms: self.number(Field::TimeoutMs)?,
            headers: self.object(Field::Headers)?,
            stream: self.flag(Field::Stream)?,
        })))
    }

    fn reply(self) -> Result<Option<Message<'a>>, Fault> {
        Ok(Some(Message::Reply(Reply {
            id: self.id()?,
            outcome: self.outcome()?,
            more: self.flag(Field::More)?,
        })))
    }

    fn event(self) -> Result<Option<Message<'a>>, Fault> {
        Ok(Some(Message::Event(Event {
            id: self.id()?,
            event: self.needed_text(Field::Event, Field::Result)?,
            result: self.needed(Field::Result, Field::Event)?,
            retain: self.flag(Field::Retain)?,
        })))
    }

    fn register(self) -> Result<Option<Message<'a>>, Fault> {
        Ok(Some(Message::Register(Register {
            id: self.id()?,
            object: self.needed_text(Field::RegObject, Field::RegObject)?,
            mode: self.text(Field::Mode)?,
            interface: self.object(Field::Interface)?,
        })))
    }

    fn wait(self) -> Result<Option<Message<'a>>, Fault> {
        Ok(Some(Message::Wait(Wait {
            id: self.id()?,
            objects: self.array(Field::List)?,
            timeout_ms: self.number(Field::TimeoutMs)?,
            missing: self.payload(Field::Missing),
        })))
    }

    fn listen(self) -> Result<Option<Message<'a>>, Fault> {
        Ok(Some(Message::Listen(Listen {
            id: self.id()?,
            event: self.needed_text(Field::EventName, Field::EventName)?,
            matching: self.text(Field::Match)?,
        })))
    }

    fn success(self) -> Result<Option<Message<'a>>, Fault> {
        Ok(Some(Message::Success(Success {
            id: self.id()?,
            delivered: self.number(Field::Delivered)?,
        })))
    }

    /// Tells the kind by the keys that there are: at once for the most frequent ones.
    #[inline]
    fn kind(&self) -> Result<Option<Kind>, Fault> {
        const CALL: u32 = Field::Object.bit() | Field::Method.bit();
        const EVENT: u32 = Field::Event.bit() | Field::Result.bit();
        const RESPONSE: u32 = Field::Response.bit();
        match self.envelope.among(KIND_BITS) {
            CALL => Ok(Some(Kind::Call)),
            RESPONSE => Ok(Some(Kind::Reply)),
            EVENT => Ok(Some(Kind::Event)),
            _ => self.other_kind(),
        }
    }

    /// Two keys of different kinds are a fault, and so are `response` beside `error`.
    fn other_kind(&self) -> Result<Option<Kind>, Fault> {
        let mut found: Option<(Field, Kind)> = None;
        for (key, kind) in KIND_KEYS {
            if !self.envelope.has(key) {
                continue;
            }
            match found {
                Some((one, known)) if known != kind || kind == Kind::Reply => {
                    return Err(Fault::TwoKinds {
                        one: one.key(),
                        other: key.key(),
                    });
                }
                _ => found = Some((key, kind)),
            }
        }
        Ok(found.map(|(_, kind)| kind))
    }

    #[inline]
    fn value(&self, field: Field) -> Option<&'a [u8]> {
        self.envelope.value(field, self.bytes)
    }

    #[inline]
    fn payload(&self, field: Field) -> Option<Payload<'a>> {
        self.value(field).map(|json| Payload {
            json,
            owner: self.owner,
            may_break_lines: self.envelope.has_line_breaks,
        })
    }

    #[inline]
    fn needed(&self, field: Field, beside: Field) -> Result<Payload<'a>, Fault> {
        match self.payload(field) {
            Some(value) => Ok(value),
            None => Err(missing(field, beside)),
        }
    }

    #[inline]
    fn text(&self, field: Field) -> Result<Option<Text<'a>>, Fault> {
        match self.value(field) {
            None => Ok(None),
            Some(json) if json.starts_with(b"\"") => Ok(Some(Text(json))),
            Some(_) => Err(wrong_type(field, "a string")),
        }
    }

    #[inline]
    fn needed_text(&self, field: Field, beside: Field) -> Result<Text<'a>, Fault> {
        match self.text(field)? {
            Some(text) => Ok(text),
            None => Err(missing(field, beside)),
        }
    }

    #[inline]
    fn object(&self, field: Field) -> Result<Option<Payload<'a>>, Fault> {
        match self.payload(field) {
            Some(value) if !value.json.starts_with(b"{") => Err(wrong_type(field, "an object")),
            value => Ok(value),
        }
    }

    fn array(&self, field: Field) -> Result<Payload<'a>, Fault> {
        match self.payload(field) {
            Some(value) if value.json.starts_with(b"[") => Ok(value),
            _ => Err(wrong_type(field, "an array")),
        }
    }

    #[inline]
    fn number(&self, field: Field) -> Result<Option<u64>, Fault> {
        let Some(json) = self.value(field) else {
            return Ok(None);
        };
        match parse_u64(json) {
            None => Err(wrong_type(field, "a whole number of at least 0")),
            number => Ok(number),
        }
    }

    #[inline]
    fn flag(&self, field: Field) -> Result<bool, Fault> {
        match self.value(field) {
            None | Some(b"false") => Ok(false),
            Some(b"true") => Ok(true),
            Some(_) => Err(wrong_type(field, "true or false")),
        }
    }

    #[inline]
    fn id(&self) -> Result<Option<Id<'a>>, Fault> {
        let Some(json) = self.value(Field::Id) else {
            return Ok(None);
        };
        match Id::from_json(json) {
            None => {
                let expected = "a string or an integer of at most 64 bytes";
                Err(wrong_type(Field::Id, expected))
            }
            id => Ok(id),
        }
    }

    fn outcome(&self) -> Result<Outcome<'a>, Fault> {
        if let Some(response) = self.payload(Field::Response) {
            return Ok(Outcome::Response(response));
        }
        let error = self.needed(Field::Error, Field::Error)?;
        Ok(Outcome::Error {
            error,
            code: self.text(Field::Code)?,
        })
    }
}

#[cold]
fn missing(field: Field, beside: Field) -> Fault {
    Fault::MissingKey {
        present: beside.key(),
        absent: field.key(),
    }
}

#[cold]
fn wrong_type(field: Field, expected: &'static str) -> Fault {
    Fault::WrongType {
        key: field.key(),
        expected,
    }
}
