//! What goes into the broker and what comes out of it.

use std::fmt;

use ipc_wire::{Fault, Message};

/// A connected peer, for as long as it is connected; never given to another.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SessionId {
    pub(crate) slot: usize,
    pub(crate) client: u64,
}

impl SessionId {
    /// The session's place in a table: small, and used again after the session is closed.
    #[must_use]
    pub const fn slot(self) -> usize {
        self.slot
    }

    /// The number by which people and peers know the session; never used again.
    #[must_use]
    pub const fn client(self) -> u64 {
        self.client
    }
}

/// What the system tells about the other end of a connection.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Peer {
    /// Where it connected from, as text.
    pub address: String,
    /// Its process, where the system tells.
    pub pid: Option<u32>,
    /// Its user, where the system tells.
    pub uid: Option<u32>,
}

/// What happened to a session.
#[derive(Debug)]
#[non_exhaustive]
pub enum Input<'a> {
    /// A message arrived.
    Received(SessionId, &'a Message<'a>),
    /// Bytes arrived that are no message; nothing that follows them may be looked at.
    Broken(SessionId, &'a Fault),
    /// The socket took bytes from the front of the outbox; none when it would not, which is when
    /// the time to make progress begins.
    Written(SessionId, usize),
    /// The peer will send nothing more, but may still read.
    Finished(SessionId),
    /// The socket is gone; the id is not used again.
    Closed(SessionId, CloseReason),
}

/// What the shell has to do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Output {
    /// The session's outbox has bytes to write.
    Write(SessionId),
    /// The session's socket has taken nothing for a while: write once more, whatever the system
    /// says about it, and report [`Input::Written`], with 0 bytes when it still takes nothing.
    Retry(SessionId),
    /// Write what the outbox still holds, close the socket and report [`Input::Closed`]. Nothing
    /// that the session sends is looked at any more.
    Close(SessionId, CloseReason),
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum CloseReason {
    /// The peer closed the connection.
    Left,
    /// Reading or writing failed.
    Failed,
    /// The peer broke the protocol.
    Fault,
    /// The peer did not read what it was sent.
    SlowConsumer,
    /// The server is stopping.
    Shutdown,
}

impl CloseReason {
    /// The reason as `ipc.client.disconnected` tells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Failed => "failed",
            Self::Fault => "fault",
            Self::SlowConsumer => "slow_consumer",
            Self::Shutdown => "shutdown",
        }
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
