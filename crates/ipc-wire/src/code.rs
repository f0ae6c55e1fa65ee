//! The stable codes of the server's errors (section 6 of the protocol).

use std::{fmt, str::FromStr};

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal,)*) => {
        /// Why the server declined a request or ended a connection.
        ///
        /// The text of an error may change; its code does not.
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        #[non_exhaustive]
        pub enum Code {
            $($(#[$doc])* $variant,)*
        }

        impl Code {
            /// Every code, in the order of the protocol document.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The code as it travels.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }
        }
    };
}

codes! {
    /// The bytes are not a message; the connection is closed.
    Malformed = "malformed",
    /// The message is larger than the server takes; the connection is closed.
    TooLarge = "too_large",
    /// The message nests deeper than the server takes; the connection is closed.
    TooDeep = "too_deep",
    /// A request with this id is still in flight on the same connection.
    DuplicateId = "duplicate_id",
    /// An option, or a parameter of the object `ipc`, has a value that it cannot have.
    InvalidOption = "invalid_option",
    /// The name is empty, too long, has control characters, is no text, or is not a valid pattern.
    InvalidName = "invalid_name",
    /// Another connection holds the object's name.
    NameTaken = "name_taken",
    /// The connection does not hold what it wants to give back.
    NotOwner = "not_owner",
    /// No provider has registered the object.
    ObjectNotFound = "object_not_found",
    /// The object has no such method; the one code that providers use too.
    MethodNotFound = "method_not_found",
    /// The provider left before answering; the outcome is unknown.
    ProviderGone = "provider_gone",
    /// The call's time passed; the outcome is unknown.
    Timeout = "timeout",
    /// The caller cancelled the request.
    Cancelled = "cancelled",
    /// A queue is full; nothing was sent.
    Busy = "busy",
    /// The server wants to know who is there before it does anything.
    AuthRequired = "auth_required",
    /// The token was refused.
    AuthFailed = "auth_failed",
    /// Not allowed, or a limit of this connection is reached.
    Denied = "denied",
    /// The connection did not read what it was sent and is closed.
    SlowConsumer = "slow_consumer",
    /// The server is stopping and takes no new requests.
    ShuttingDown = "shutting_down",
    /// The server does not know this request, option or version.
    Unsupported = "unsupported",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text is not a code that this version knows.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("unknown error code")]
pub struct UnknownCode;

impl FromStr for Code {
    type Err = UnknownCode;

    fn from_str(text: &str) -> Result<Self, UnknownCode> {
        Self::ALL
            .iter()
            .copied()
            .find(|code| code.as_str() == text)
            .ok_or(UnknownCode)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_survives_the_way_to_text_and_back() {
        for &code in Code::ALL {
            assert_eq!(code.as_str().parse(), Ok(code));
        }
        assert_eq!("nonsense".parse::<Code>(), Err(UnknownCode));
    }
}
