//! What is wrong with bytes that are not a message.

use crate::{Code, WrongEncoding};

/// A peer's bytes broke the protocol: it gets one error answer and its connection is closed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The first byte that is not white space is not `{`.
    #[error("a message is a JSON object and begins with '{{'{}", http_hint(*.looks_like_http))]
    NotAnObject {
        /// The bytes look like an HTTP request.
        looks_like_http: bool,
    },
    /// What should be a message is a text in another encoding than UTF-8, or behind a byte order
    /// mark, which may also stand between two messages where files were put together.
    #[error(transparent)]
    WrongEncoding(#[from] WrongEncoding),
    /// A NUL byte stands before a message, or behind the last one.
    #[error(
        "a NUL byte stands where a message begins; send UTF-8, not UTF-16 or UTF-32, and no NUL \
         behind a message, as C's strings have one"
    )]
    NulByte,
    /// The text is not JSON (RFC 8259), or not UTF-8 (RFC 3629).
    #[error("{problem} at byte {offset} of the message")]
    Syntax {
        /// Where in the message, counted from its `{`.
        offset: usize,
        /// What stands there.
        problem: &'static str,
    },
    /// The stream ended within a message.
    #[error("the connection ended within a message")]
    Truncated,
    /// The message is larger than the limit.
    #[error("a message may have {limit_bytes} bytes at the most")]
    TooLarge {
        /// The limit.
        limit_bytes: usize,
    },
    /// The message nests deeper than the limit.
    #[error("a message may nest {limit} levels at the most")]
    TooDeep {
        /// The limit.
        limit: u32,
    },
    /// The receiver's memory for unfinished messages is full, and this sender holds the most.
    #[error("the memory for unfinished messages is full, and this one takes the most of it")]
    NoMemory,
    /// A key of the envelope stands twice.
    #[error("the key \"{key}\" stands twice")]
    DuplicateKey {
        /// The key.
        key: &'static str,
    },
    /// The keys of two kinds of messages stand in one.
    #[error("the message is of two kinds at once: \"{one}\" and \"{other}\"")]
    TwoKinds {
        /// A key of one kind.
        one: &'static str,
        /// A key of another.
        other: &'static str,
    },
    /// A key that this kind of message needs is absent.
    #[error("a message with \"{present}\" needs \"{absent}\"")]
    MissingKey {
        /// The key that tells the kind.
        present: &'static str,
        /// The key it needs.
        absent: &'static str,
    },
    /// A key of the envelope has a value of the wrong type, in a message that cannot be answered by
    /// a refusal: the `id` of a reply, by which its call is found, or anything from a server.
    #[error("\"{key}\" must be {expected}")]
    WrongType {
        /// The key.
        key: &'static str,
        /// What its value has to be.
        expected: &'static str,
    },
}

impl Fault {
    /// The code of the error answer.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::NotAnObject { .. }
            | Self::WrongEncoding(_)
            | Self::NulByte
            | Self::Syntax { .. }
            | Self::Truncated
            | Self::DuplicateKey { .. }
            | Self::TwoKinds { .. }
            | Self::MissingKey { .. }
            | Self::WrongType { .. } => Code::Malformed,
            Self::TooLarge { .. } => Code::TooLarge,
            Self::TooDeep { .. } => Code::TooDeep,
            Self::NoMemory => Code::Busy,
        }
    }
}

const fn http_hint(looks_like_http: bool) -> &'static str {
    if looks_like_http {
        "; this port does not speak HTTP"
    } else {
        ""
    }
}
