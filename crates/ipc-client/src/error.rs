//! What can go wrong, by what was asked for: connecting, a request to the server, a call to an
//! object, waiting for objects.
//!
//! Nobody matches on texts: every difference that a program can act on is a variant or a code. The
//! text of an error is one line that ends with its cause, for most programs print no more than that.

use std::{fmt, io, path::PathBuf, sync::Arc, time::Duration};

use ipc_wire::{Address, Code, Fault, InvalidAddress, InvalidName, InvalidPattern};

use crate::RawJson;

/// The address of the server could not be told.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// An environment variable holds something else than an address.
    #[error("{variable}: {source}")]
    Invalid {
        /// The variable.
        variable: &'static str,
        /// What is wrong with its value.
        source: InvalidAddress,
    },
    /// There is no connecting to such an address.
    #[error(transparent)]
    Unusable(InvalidAddress),
    /// The default socket lies in a directory that somebody else can write to, so whoever
    /// listens on it may be an impostor.
    #[error("'{}' does not belong to this user alone; set IPC_ADDRESS", directory.display())]
    Untrusted {
        /// The directory of the socket.
        directory: PathBuf,
    },
}

/// No connection to the server came about.
///
/// Where a server was reached, its answer or its silence is the error, although other
/// [default addresses](crate::default_addresses) are left.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// It is not known where the server is.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The system refused: nobody listens there, or it may not be reached.
    #[error("cannot connect to {address}: {source}")]
    Io {
        /// Where to.
        address: Address,
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// No server listens at any of the [default addresses](crate::default_addresses).
    #[error("no server is running; tried {}", Tried(attempts))]
    NoServer {
        /// Why not, for each address in the order in which they were tried.
        attempts: Vec<Self>,
    },
    /// The server did not come while it was
    /// [waited for](crate::Builder::wait_for_server).
    #[error("no server within {after:?}: {source}")]
    NotInTime {
        /// How long it was waited for.
        after: Duration,
        /// Why the last attempt failed.
        source: Box<Self>,
    },
    /// The server did not answer in time.
    #[error("{address} did not answer within {after:?}")]
    Timeout {
        /// Where to.
        address: Address,
        /// How long it had.
        after: Duration,
    },
    /// The server ended the connection instead of answering.
    #[error("{address} closed the connection instead of answering")]
    ClosedByServer {
        /// Where to.
        address: Address,
    },
    /// The server refused this client, for example because it is full (the code `busy`).
    #[error("refused by the server: {message}")]
    Refused {
        /// The server's code, where this version knows it.
        code: Option<Code>,
        /// The server's words.
        message: String,
    },
    /// What answers is not such a server.
    #[error("{address} does not speak the protocol: {source}")]
    Protocol {
        /// Where to.
        address: Address,
        /// What is wrong with its answer.
        source: Fault,
    },
    /// What answers sent a proper message, but no answer to the greeting.
    #[error("{address} answered the greeting with something else")]
    UnexpectedAnswer {
        /// Where to.
        address: Address,
    },
    /// This system has no Unix sockets.
    #[error("this system has no unix sockets: {address}")]
    NoUnixSockets {
        /// Where to.
        address: Address,
    },
    /// The system gave a [blocking client](crate::blocking) no thread or nothing to wait with.
    #[error("the system has no thread for a connection: {source}")]
    NoResources {
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// A [blocking client](crate::blocking) within async code.
    #[error(transparent)]
    InsideRuntime(#[from] InsideRuntime),
}

impl ConnectError {
    /// Whether it may be another way in a while, without anybody doing anything about it but
    /// starting the server.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Io { source, .. } => !matches!(
                source.kind(),
                io::ErrorKind::PermissionDenied
                    | io::ErrorKind::InvalidInput
                    | io::ErrorKind::InvalidFilename
                    | io::ErrorKind::NotADirectory
            ),
            Self::NoServer { attempts } => attempts.iter().any(Self::may_pass),
            Self::Timeout { .. } | Self::ClosedByServer { .. } => true,
            Self::Refused { code, .. } => {
                matches!(code, Some(Code::Busy | Code::ShuttingDown))
            }
            Self::Address(_)
            | Self::NotInTime { .. }
            | Self::Protocol { .. }
            | Self::UnexpectedAnswer { .. }
            | Self::NoUnixSockets { .. }
            | Self::NoResources { .. }
            | Self::InsideRuntime(_) => false,
        }
    }
}

/// What was tried, on one line.
struct Tried<'a>(&'a [ConnectError]);

impl fmt::Display for Tried<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, attempt) in self.0.iter().enumerate() {
            if 0 < n {
                f.write_str(", ")?;
            }
            match attempt {
                ConnectError::Io { address, source } => write!(f, "{address}: {source}")?,
                other => other.fmt(f)?,
            }
        }
        Ok(())
    }
}

/// Why a connection ended.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// The server closed it.
    #[error("the server closed the connection")]
    ClosedByServer,
    /// The server closed it within a message, without a word. That is how a server leaves a client
    /// that does not read what it is sent, and how a server that is killed leaves.
    #[error(
        "the server closed the connection within a message, perhaps because it was not read fast \
         enough"
    )]
    ClosedWithinMessage,
    /// The server said that it stops, and closed it.
    #[error("the server is shutting down")]
    ServerShutdown,
    /// The server said why it closed it.
    #[error("the server ended the connection: {message}")]
    Refused {
        /// The server's code, where this version knows it.
        code: Option<Code>,
        /// The server's words.
        message: String,
    },
    /// Reading or writing failed.
    #[error("the connection failed: {0}")]
    Io(#[source] Arc<io::Error>),
    /// The server sent something that is not a message.
    #[error("the server broke the protocol: {0}")]
    Fault(#[source] Fault),
    /// Connecting again failed.
    #[error("connecting again failed: {0}")]
    Connect(#[source] ConnectError),
    /// The client's task has ended before its time: the runtime in which the client was made was
    /// shut down or dropped, or the task panicked.
    #[error("the client's task has ended, with the runtime it was made in or by a panic")]
    TaskEnded,
}

/// A request to the server itself was not fulfilled: emitting, listening, registering, asking.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The name is none; nothing was sent.
    #[error(transparent)]
    InvalidName(#[from] InvalidName),
    /// The pattern is none; nothing was sent.
    #[error(transparent)]
    InvalidPattern(#[from] InvalidPattern),
    /// The value cannot be written as JSON; nothing was sent.
    #[error("the value cannot be written as JSON: {0}")]
    Encode(#[source] serde_json::Error),
    /// The message is larger than the server or this client allows; nothing was sent.
    #[error("the message has {bytes} bytes, and {limit_bytes} may be sent")]
    TooLarge {
        /// The size of the message.
        bytes: usize,
        /// The limit: the server's, or the client's own
        /// ([`message_bytes`](crate::Builder::message_bytes)).
        limit_bytes: usize,
    },
    /// The time passed while there was no connection, its queue was full, or the client's runtime
    /// stood still; nothing was sent.
    #[error("not sent: the server could not be written to in time")]
    NotSent,
    /// The client is closed, by its owner or for the reason that its
    /// [state](crate::ConnectionState::Closed) tells; nothing was sent.
    #[error("not sent: the client is closed, or the runtime it was made in has ended")]
    Closed,
    /// The server speaks the seed dialect, which has no words for this; nothing was sent.
    #[error("the server is too old for this request")]
    Unsupported,
    /// The server declined.
    #[error("refused by the server: {message}")]
    Refused {
        /// The server's code, where it gave one that this version knows.
        code: Option<Code>,
        /// The server's words.
        message: String,
    },
    /// No answer came in time; the outcome is unknown.
    #[error("no answer in time; the outcome is unknown")]
    Timeout,
    /// The connection was lost before the answer came; the outcome is unknown. Why it was lost is
    /// in the [state](crate::Client::states) of the client.
    #[error("the connection was lost before the answer; the outcome is unknown")]
    Disconnected,
    /// The connection was lost before the server was known to have taken everything that was sent
    /// without confirmation. Told once, by [flushing](crate::Client::flush) or
    /// [closing](crate::Client::close).
    #[error("the connection was lost, and perhaps events that were sent without confirmation")]
    Unconfirmed,
    /// The answer is not of the expected form.
    #[error("the answer is not of the expected form: {0}")]
    Decode(#[source] serde_json::Error),
    /// A [blocking client](crate::blocking) within async code; nothing was sent.
    #[error(transparent)]
    InsideRuntime(#[from] InsideRuntime),
}

impl RequestError {
    /// The protocol's code for it, where there is one.
    #[must_use]
    pub fn code(&self) -> Option<Code> {
        match self {
            Self::InvalidName(_) | Self::InvalidPattern(_) => Some(Code::InvalidName),
            Self::TooLarge { .. } => Some(Code::TooLarge),
            Self::Unsupported => Some(Code::Unsupported),
            Self::Refused { code, .. } => *code,
            Self::Timeout => Some(Code::Timeout),
            Self::Encode(_)
            | Self::NotSent
            | Self::Closed
            | Self::Disconnected
            | Self::Unconfirmed
            | Self::Decode(_)
            | Self::InsideRuntime(_) => None,
        }
    }

    /// Whether the server may have done what was asked, although no answer says so.
    #[must_use]
    pub const fn is_outcome_unknown(&self) -> bool {
        matches!(self, Self::Timeout | Self::Disconnected | Self::Unconfirmed)
    }
}

/// A call to an object did not return.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The object's name is none; nothing was sent.
    #[error(transparent)]
    InvalidName(#[from] InvalidName),
    /// The argument cannot be written as JSON; nothing was sent.
    #[error("the argument cannot be written as JSON: {0}")]
    Encode(#[source] serde_json::Error),
    /// The call is larger than the server or this client allows; nothing was sent.
    #[error("the call has {bytes} bytes, and {limit_bytes} may be sent")]
    TooLarge {
        /// The size of the message.
        bytes: usize,
        /// The limit: the server's, or the client's own
        /// ([`message_bytes`](crate::Builder::message_bytes)).
        limit_bytes: usize,
    },
    /// The time passed while there was no connection, its queue was full, or the client's runtime
    /// stood still; nothing was sent.
    #[error("not sent: the server could not be written to in time")]
    NotSent,
    /// The client is closed, by its owner or for the reason that its
    /// [state](crate::ConnectionState::Closed) tells; nothing was sent.
    #[error("not sent: the client is closed, or the runtime it was made in has ended")]
    Closed,
    /// Nobody provides the object.
    #[error("object '{object}' is not registered")]
    ObjectNotFound {
        /// The object's name.
        object: String,
    },
    /// The object has no such method.
    #[error("object '{object}' has no method '{method}'")]
    MethodNotFound {
        /// The object's name.
        object: String,
        /// The method's name.
        method: String,
    },
    /// The provider answered with an error of its own.
    #[error("the provider answered with an error: {}", .0.as_str())]
    Remote(RawJson),
    /// The call was cancelled.
    #[error("the call was cancelled")]
    Cancelled,
    /// The server declined for another reason.
    #[error("refused by the server: {message}")]
    Refused {
        /// The server's code, where this version knows it.
        code: Option<Code>,
        /// The server's words.
        message: String,
    },
    /// The call's time passed; the outcome is unknown.
    #[error("the call's time passed; the outcome is unknown")]
    Timeout,
    /// The provider left before answering; the outcome is unknown.
    #[error("the provider left before answering; the outcome is unknown")]
    ProviderGone,
    /// The connection was lost before the answer came; the outcome is unknown. Why it was lost is
    /// in the [state](crate::Client::states) of the client.
    #[error("the connection was lost before the answer; the outcome is unknown")]
    Disconnected,
    /// The response is not of the expected type.
    #[error("the response is not of the expected type: {0}")]
    Decode(#[source] serde_json::Error),
    /// A [blocking client](crate::blocking) within async code; nothing was sent.
    #[error(transparent)]
    InsideRuntime(#[from] InsideRuntime),
}

impl CallError {
    /// The protocol's code for it, where there is one.
    #[must_use]
    pub fn code(&self) -> Option<Code> {
        match self {
            Self::InvalidName(_) => Some(Code::InvalidName),
            Self::TooLarge { .. } => Some(Code::TooLarge),
            Self::ObjectNotFound { .. } => Some(Code::ObjectNotFound),
            Self::MethodNotFound { .. } => Some(Code::MethodNotFound),
            Self::Cancelled => Some(Code::Cancelled),
            Self::Refused { code, .. } => *code,
            Self::Timeout => Some(Code::Timeout),
            Self::ProviderGone => Some(Code::ProviderGone),
            Self::Encode(_)
            | Self::NotSent
            | Self::Closed
            | Self::Remote(_)
            | Self::Disconnected
            | Self::Decode(_)
            | Self::InsideRuntime(_) => None,
        }
    }

    /// Whether the provider may have done what was asked, although no answer says so. Such a
    /// call must only be repeated if doing it twice does no harm.
    #[must_use]
    pub const fn is_outcome_unknown(&self) -> bool {
        matches!(
            self,
            Self::Timeout | Self::ProviderGone | Self::Disconnected
        )
    }

    /// The provider's own error, where it answered with one.
    #[must_use]
    pub const fn remote(&self) -> Option<&RawJson> {
        match self {
            Self::Remote(error) => Some(error),
            _ => None,
        }
    }
}

/// The objects that were waited for are not all there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WaitError {
    /// The time passed, and these objects were still not registered.
    #[error("not registered in time: {}", .0.join(", "))]
    Missing(Vec<String>),
    /// The server could not be asked.
    #[error(transparent)]
    Request(#[from] RequestError),
}

impl From<InsideRuntime> for WaitError {
    fn from(error: InsideRuntime) -> Self {
        Self::Request(error.into())
    }
}

/// A request of a [blocking client](crate::blocking) within async code, whose thread it would
/// hold up; nothing was done.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a blocking request within an async runtime; the async client is for there")]
pub struct InsideRuntime;
