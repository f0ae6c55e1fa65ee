//! From a scanned message to the message: which kind it is, and where its parts stand.
//!
//! Each kind has a function of its own, which returns what the decoder hands out. What the kinds
//! had in common on the way would have to be moved once more.

use bytes::Bytes;

use super::{
    Call, Event, Invalid, Listen, Message, Outcome, Payload, Register, Reply, Success, Text, Wait,
    WrongValue,
};
use crate::{
    envelope::{Envelope, Field},
    fault::Fault,
    id::{ID_TYPE, Id},
    number::{WHOLE_NUMBER, parse_u64, parse_whole},
};

const NULL: &[u8] = b"null";

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

    /// The message whose reading ended with `fault`, where it is understood all the same and can be
    /// declined: a request with a wrong value, or a message whose keys of a kind are all null. A
    /// reply cannot be declined.
    #[cold]
    pub(crate) fn to_decline(bytes: &'a [u8], envelope: &Envelope, fault: &Fault) -> Option<Self> {
        let fields = Fields {
            bytes,
            envelope,
            owner: None,
        };
        let id = fields.id().ok().flatten();
        match *fault {
            Fault::WrongType { key, expected } if fields.kind() != Ok(Some(Kind::Reply)) => {
                let value = WrongValue {
                    key,
                    json: fields.value(Field::from_key(key.as_bytes())?)?,
                    expected,
                };
                Some(Message::Invalid(Invalid { value, id }))
            }
            Fault::MissingKey { present, .. } => {
                let present = fields.value(Field::from_key(present.as_bytes())?);
                (present == Some(NULL)).then_some(Message::Unknown { id })
            }
            _ => None,
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
            // Somebody waits for this answer, whatever stands beside it.
            more: self.flag(Field::More).unwrap_or(false),
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
            missing: self
                .payload(Field::Missing)
                .filter(|names| !names.is_null()),
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

    /// Two keys of different kinds are a fault, and so are `response` beside `error`. One that is
    /// null counts as absent; only where nothing else tells the kind, the null is the answer.
    fn other_kind(&self) -> Result<Option<Kind>, Fault> {
        let mut found: Option<(Field, Kind)> = None;
        for (key, kind) in KIND_KEYS {
            if self.value(key).is_none_or(|value| value == NULL) {
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
        let null_answer = self.envelope.has(Field::Response) || self.envelope.has(Field::Error);
        let other = null_answer.then_some(Kind::Reply);
        Ok(found.map(|(_, kind)| kind).or(other))
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

    #[inline(always)]
    fn text(&self, field: Field) -> Result<Option<Text<'a>>, Fault> {
        match self.value(field) {
            None => Ok(None),
            Some(json) if json.starts_with(b"\"") => Ok(Some(Text(json))),
            Some(json) if is_null(json) => Ok(None),
            Some(_) => Err(wrong_type(field, "a string")),
        }
    }

    #[inline(always)]
    fn needed_text(&self, field: Field, beside: Field) -> Result<Text<'a>, Fault> {
        match self.text(field)? {
            Some(text) => Ok(text),
            None => Err(missing(field, beside)),
        }
    }

    #[inline]
    fn object(&self, field: Field) -> Result<Option<Payload<'a>>, Fault> {
        match self.payload(field) {
            Some(value) if !value.json.starts_with(b"{") => match is_null(value.json) {
                true => Ok(None),
                false => Err(wrong_type(field, "an object, which may be left out")),
            },
            value => Ok(value),
        }
    }

    fn array(&self, field: Field) -> Result<Payload<'a>, Fault> {
        match self.payload(field) {
            Some(value) if value.json.starts_with(b"[") => Ok(value),
            _ => Err(wrong_type(field, "an array of names of objects")),
        }
    }

    #[inline(always)]
    fn number(&self, field: Field) -> Result<Option<u64>, Fault> {
        let Some(json) = self.value(field) else {
            return Ok(None);
        };
        match parse_u64(json) {
            None if is_null(json) => Ok(None),
            None => match parse_whole(json) {
                None => Err(wrong_type(field, WHOLE_NUMBER)),
                number => Ok(number),
            },
            number => Ok(number),
        }
    }

    #[inline(always)]
    fn flag(&self, field: Field) -> Result<bool, Fault> {
        match self.value(field) {
            None | Some(b"false") => Ok(false),
            Some(b"true") => Ok(true),
            Some(json) if is_null(json) => Ok(false),
            Some(_) => Err(wrong_type(field, "true or false")),
        }
    }

    #[inline]
    fn id(&self) -> Result<Option<Id<'a>>, Fault> {
        let Some(json) = self.value(Field::Id) else {
            return Ok(None);
        };
        match Id::from_json(json) {
            None if is_null(json) => Ok(None),
            None => Err(wrong_type(Field::Id, ID_TYPE)),
            id => Ok(id),
        }
    }

    fn outcome(&self) -> Result<Outcome<'a>, Fault> {
        if let Some(response) = self.payload(Field::Response)
            && self.value(Field::Error).is_none_or(|error| error == NULL)
        {
            return Ok(Outcome::Response(response));
        }
        Ok(Outcome::Error {
            error: self.needed(Field::Error, Field::Response)?,
            // As with `more`: a provider's codes are its own, and the caller waits.
            code: self.text(Field::Code).unwrap_or(None),
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

/// Whether a value that is not of its key's type is null, and so absent.
#[cold]
fn is_null(json: &[u8]) -> bool {
    json == NULL
}

#[cold]
fn wrong_type(field: Field, expected: &'static str) -> Fault {
    Fault::WrongType {
        key: field.key(),
        expected,
    }
}
