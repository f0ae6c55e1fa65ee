//! The five messages: one struct per verb, one enum over them.
//!
//! The kind of a message is told by its keys, once, in `reading`. Names and payloads are slices of
//! what the sender wrote; nothing is built into a tree.

mod reading;

use std::{borrow::Cow, fmt};

use bytes::Bytes;
use serde::de::DeserializeOwned;

use crate::{Code, Fault, id::Id};

/// A JSON string as it was written, quotes and escapes included.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Text<'a>(&'a [u8]);

impl<'a> Text<'a> {
    /// Takes the JSON text of a string, quotes included; it must be valid.
    #[must_use]
    pub const fn from_literal(literal: &'a [u8]) -> Self {
        Self(literal)
    }

    /// The JSON text, quotes included.
    #[must_use]
    pub const fn literal(&self) -> &'a [u8] {
        self.0
    }

    /// What the string says; `None` when it holds half of a surrogate pair, which JSON's grammar
    /// allows and Unicode does not.
    #[must_use]
    pub fn decode(&self) -> Option<Cow<'a, str>> {
        match self.plain() {
            Some(plain) => std::str::from_utf8(plain).ok().map(Cow::Borrowed),
            None => serde_json::from_slice(self.0).ok().map(Cow::Owned),
        }
    }

    /// What the string says, in UTF-8, where it is written without escapes.
    #[must_use]
    #[inline]
    pub fn plain(&self) -> Option<&'a [u8]> {
        match self.0 {
            [_, content @ .., _] if !content.contains(&b'\\') => Some(content),
            _ => None,
        }
    }
}

/// Any JSON value, passed on as it was written.
#[derive(Clone, Copy, Debug)]
pub struct Payload<'a> {
    json: &'a [u8],
    owner: Option<&'a Bytes>,
    may_break_lines: bool,
}

impl<'a> Payload<'a> {
    /// Takes one JSON value on one line; it must be valid, as what `serde_json` writes is.
    #[must_use]
    pub const fn from_json(json: &'a [u8]) -> Self {
        Self {
            json,
            owner: None,
            may_break_lines: false,
        }
    }

    /// Takes one valid JSON value, the whole of `owner`, which is then shared instead of copied.
    /// It may have line breaks between its tokens.
    #[must_use]
    pub fn from_shared(owner: &'a Bytes) -> Self {
        Self {
            json: owner,
            owner: Some(owner),
            may_break_lines: true,
        }
    }

    /// Takes one valid JSON value that may have line breaks between its tokens.
    #[must_use]
    pub const fn from_pretty_json(json: &'a [u8]) -> Self {
        Self {
            json,
            owner: None,
            may_break_lines: true,
        }
    }

    /// The JSON text.
    #[must_use]
    pub const fn json(&self) -> &'a [u8] {
        self.json
    }

    /// Whether the text is on one line. Line breaks can only stand between tokens, for JSON's
    /// strings hold none.
    #[must_use]
    pub fn is_one_line(&self) -> bool {
        !self.may_break_lines || memchr::memchr2(b'\n', b'\r', self.json).is_none()
    }

    /// Whether the value is `null`.
    pub(crate) const fn is_null(&self) -> bool {
        matches!(self.json, b"null")
    }

    /// The value in a buffer that can be shared, if it came in one that is not much larger: a
    /// small value must not keep the whole of a large message.
    #[must_use]
    pub fn shared(&self) -> Option<Bytes> {
        self.owner
            .filter(|owner| owner.len() / 2 <= self.json.len())
            .map(|owner| owner.slice_ref(self.json))
    }

    /// Builds a value from the text.
    ///
    /// # Errors
    ///
    /// What `serde_json` says when the text is not of that type.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(self.json)
    }
}

/// One message, of either direction.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Message<'a> {
    /// `reg_object`: the sender provides an object.
    Register(Register<'a>),
    /// `list`: the sender waits for objects, or the server's answer to that.
    Wait(Wait<'a>),
    /// `object` and `method`: a call, by a caller or forwarded to a provider.
    Call(Call<'a>),
    /// `event_name`: the sender subscribes.
    Listen(Listen<'a>),
    /// `event` and `result`: an event, from a publisher or to a listener.
    Event(Event<'a>),
    /// `response` or `error`: the end of a call.
    Reply(Reply<'a>),
    /// `success`: the server did what was asked.
    Success(Success<'a>),
    /// A request of a known kind that cannot be done as it stands, for a value in it is wrong.
    Invalid(Invalid<'a>),
    /// A JSON object with no key of a known kind.
    Unknown {
        /// Its id, if it has one.
        id: Option<Id<'a>>,
    },
}

/// `{"reg_object":…}`
#[derive(Clone, Copy, Debug)]
pub struct Register<'a> {
    /// The object's name.
    pub object: Text<'a>,
    /// How the name is shared: `exclusive`, `replace`, `queue` or `shared`.
    pub mode: Option<Text<'a>>,
    /// A description of the object: a JSON object.
    pub interface: Option<Payload<'a>>,
    /// The request's id.
    pub id: Option<Id<'a>>,
}

/// `{"list":[…]}`
#[derive(Clone, Copy, Debug)]
pub struct Wait<'a> {
    /// The names: a JSON array.
    pub objects: Payload<'a>,
    /// How long the answer may be held, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// In an answer: the names that did not come in time.
    pub missing: Option<Payload<'a>>,
    /// The request's id.
    pub id: Option<Id<'a>>,
}

/// `{"object":…,"method":…}`
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The object's name.
    pub object: Text<'a>,
    /// The method's name.
    pub method: Text<'a>,
    /// The argument; absent stays absent.
    pub param: Option<Payload<'a>>,
    /// How long the caller waits, in milliseconds; to a provider, how long it still does.
    pub timeout_ms: Option<u64>,
    /// What rides along, such as `traceparent`: a JSON object.
    pub headers: Option<Payload<'a>>,
    /// The caller takes several responses.
    pub stream: bool,
    /// The request's id.
    pub id: Option<Id<'a>>,
}

/// `{"event_name":…}`
#[derive(Clone, Copy, Debug)]
pub struct Listen<'a> {
    /// The event's name, or a pattern.
    pub event: Text<'a>,
    /// How the name is matched: absent for literally, or `pattern`.
    pub matching: Option<Text<'a>>,
    /// The request's id.
    pub id: Option<Id<'a>>,
}

/// `{"event":…,"result":…}`
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// The event's name.
    pub event: Text<'a>,
    /// What happened.
    pub result: Payload<'a>,
    /// The publisher asks to keep the value for later listeners.
    pub retain: bool,
    /// The request's id.
    pub id: Option<Id<'a>>,
}

/// `{"response":…}` or `{"error":…}`
#[derive(Clone, Copy, Debug)]
pub struct Reply<'a> {
    /// How the call ended.
    pub outcome: Outcome<'a>,
    /// More responses to the same call follow.
    pub more: bool,
    /// The id of the call.
    pub id: Option<Id<'a>>,
}

/// How a call ended.
#[derive(Clone, Copy, Debug)]
pub enum Outcome<'a> {
    /// With a response.
    Response(Payload<'a>),
    /// With an error.
    Error {
        /// The error: a text from the server, any JSON from a provider.
        error: Payload<'a>,
        /// The server's code for it.
        code: Option<Text<'a>>,
    },
}

/// `{"success":"OK"}`
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Success<'a> {
    /// How many connections the event was sent to.
    pub delivered: Option<u64>,
    /// The request's id.
    pub id: Option<Id<'a>>,
}

/// A request with a wrong value. Only what is needed to decline it is kept of it.
#[derive(Clone, Copy, Debug)]
pub struct Invalid<'a> {
    /// What is wrong.
    pub value: WrongValue<'a>,
    /// The request's id, where that is not what is wrong.
    pub id: Option<Id<'a>>,
}

impl Invalid<'_> {
    /// The code of the refusal: names have their own.
    #[must_use]
    pub fn code(&self) -> Code {
        match self.value.key {
            "object" | "method" | "reg_object" | "event_name" | "event" | "list" => {
                Code::InvalidName
            }
            _ => Code::InvalidOption,
        }
    }

    /// The fault that this is in a message that cannot be declined, as those of a server.
    #[must_use]
    pub const fn to_fault(&self) -> Fault {
        Fault::WrongType {
            key: self.value.key,
            expected: self.value.expected,
        }
    }
}

/// A value that its key cannot have; displayed as one line that names both.
#[derive(Clone, Copy, Debug)]
pub struct WrongValue<'a> {
    /// The key.
    pub key: &'static str,
    /// The JSON text of the value.
    pub json: &'a [u8],
    /// What the value has to be.
    pub expected: &'static str,
}

impl WrongValue<'_> {
    /// A longer text or number is not repeated to whoever sent it.
    const MAX_SHOWN_BYTES: usize = 40;
}

impl fmt::Display for WrongValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" is ", self.key)?;
        match (self.json, self.json.len()) {
            ([b'{', ..], _) => f.write_str("an object")?,
            ([b'[', content @ .., b']'], _) if content.trim_ascii().is_empty() => {
                f.write_str("an empty array")?;
            }
            ([b'[', ..], _) => f.write_str("an array")?,
            (json, ..=Self::MAX_SHOWN_BYTES) => f.write_str(&String::from_utf8_lossy(json))?,
            ([b'"', ..], len) => write!(f, "a string of {len} bytes")?,
            (_, len) => write!(f, "a number of {len} bytes")?,
        }
        write!(f, "; it must be {}", self.expected)
    }
}

impl<'a> Message<'a> {
    /// The length of its largest part: the parameter of a call, the result of an event.
    #[must_use]
    pub fn payload_bytes(&self) -> usize {
        let payload = match self {
            Self::Call(call) => call.param,
            Self::Event(event) => Some(event.result),
            Self::Reply(reply) => match reply.outcome {
                Outcome::Response(response) => Some(response),
                Outcome::Error { error, .. } => Some(error),
            },
            Self::Wait(wait) => Some(wait.objects),
            Self::Register(register) => register.interface,
            Self::Listen(_) | Self::Success(_) | Self::Invalid(_) | Self::Unknown { .. } => None,
        };
        payload.map_or(0, |payload| payload.json().len())
    }
}
