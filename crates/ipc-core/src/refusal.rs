//! Requests that the broker declines.

use std::{borrow::Cow, fmt};

use ipc_wire::{Code, Dialect, Message, Outcome, Payload, Reply, Text};

use crate::sessions::json;

/// The most bytes of a text that says why: room for the longest name, escaped, and for a person's
/// patience. Peers may send methods and parameters of 16 MiB.
const MAX_TEXT_BYTES: usize = 2048;

/// Why a request was declined, with a code for programs and a line for people.
///
/// A refusal is expected and answered; the connection lives on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    /// The stable code.
    pub code: Code,
    /// One line that says what is wrong.
    pub text: Cow<'static, str>,
}

impl Refusal {
    /// What the seed server said when nobody had registered the object.
    pub(crate) const OBJECT_NOT_FOUND: Self = Self::fixed(Code::ObjectNotFound, "Object not found");
    /// What the seed server said when the provider could not be reached.
    pub(crate) const PROVIDER_GONE: Self =
        Self::fixed(Code::ProviderGone, "client connection error");
    pub(crate) const TIMEOUT: Self = Self::fixed(
        Code::Timeout,
        "the call's time passed before the provider answered; the outcome is unknown",
    );
    pub(crate) const CANCELLED: Self = Self::fixed(Code::Cancelled, "the caller cancelled it");
    pub(crate) const SHUTTING_DOWN: Self =
        Self::fixed(Code::ShuttingDown, "the server is stopping");
    pub(crate) const DUPLICATE_ID: Self = Self::fixed(
        Code::DuplicateId,
        "a request with this id is still in flight on this connection",
    );
    pub(crate) const PROVIDER_BUSY: Self = Self::fixed(
        Code::Busy,
        "the provider's queue is full; the call was not sent",
    );

    pub(crate) const IN_PARTS: Self = Self::fixed(
        Code::Unsupported,
        "the provider answers in several parts, which a call cannot take yet",
    );

    pub(crate) const SLOW_CONSUMER: Self = Self::fixed(
        Code::SlowConsumer,
        "this connection did not read what it was sent; the rest of it was given up",
    );

    const fn fixed(code: Code, text: &'static str) -> Self {
        Self {
            code,
            text: Cow::Borrowed(text),
        }
    }

    /// Cuts a text that is too long, for it may repeat what a peer sent.
    pub(crate) fn new(code: Code, text: impl Into<Cow<'static, str>>) -> Self {
        let mut text = text.into();
        if MAX_TEXT_BYTES < text.len() {
            let mut ends = (0..=MAX_TEXT_BYTES).rev();
            let start = ends.find_map(|end| text.get(..end));
            text = format!("{}…", start.unwrap_or_default()).into();
        }
        Self { code, text }
    }

    /// The refusal as a message on a line, for a peer that never becomes a session.
    #[must_use]
    pub fn to_line(&self) -> Vec<u8> {
        let (error, code) = (json(&self.text), json(self.code.as_str()));
        let mut line = Vec::new();
        unasked(&error, &code).encode(&mut line, Dialect::Lines);
        line
    }

    pub(crate) fn invalid_option(why: impl fmt::Display) -> Self {
        Self::new(Code::InvalidOption, why.to_string())
    }

    pub(crate) fn invalid_name(why: impl fmt::Display) -> Self {
        Self::new(Code::InvalidName, why.to_string())
    }
}

/// An error that answers no request, of its text and its code in JSON.
pub(crate) const fn unasked<'a>(error: &'a [u8], code: &'a [u8]) -> Message<'a> {
    Message::Reply(Reply {
        outcome: Outcome::Error {
            error: Payload::from_json(error),
            code: Some(Text::from_literal(code)),
        },
        more: false,
        id: None,
    })
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.text, self.code)
    }
}
