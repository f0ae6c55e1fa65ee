//! How each broker is spoken to: the least that a client has to write and read, so that what is
//! measured is the broker and not its client.

pub(crate) mod dbus;
pub(crate) mod ipc_broker;
pub(crate) mod line;
pub(crate) mod mqtt;
pub(crate) mod nats;
pub(crate) mod redis;
pub(crate) mod relay;

use crate::link::Link;

/// What a received message is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Frame {
    /// A call, to be answered by [`Dialect::answer`].
    Call,
    /// The answer to the call of this number.
    Reply(u32),
    /// An event.
    Event,
    /// Something to pass over.
    Other,
}

/// A call that is to be written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call<'a> {
    /// Which of the callers it is.
    pub(crate) caller: usize,
    /// Its number, not in flight on the caller's connection.
    pub(crate) id: u32,
    /// Whom it is for.
    pub(crate) object: &'a str,
    /// What it carries.
    pub(crate) payload: &'a [u8],
}

/// The wire protocol of one broker.
pub(crate) trait Dialect: Send + Sync {
    /// Makes a new connection ready for anything.
    fn greet(&self, link: &mut Link) -> anyhow::Result<()>;

    /// Makes the connection the provider of these objects.
    fn provide(&self, link: &mut Link, objects: &[String]) -> anyhow::Result<()>;

    /// Makes the connection ready to call.
    fn prepare_caller(&self, link: &mut Link, caller: usize) -> anyhow::Result<()>;

    /// Subscribes the connection to these events, or to these patterns.
    fn listen(&self, link: &mut Link, names: &[String], patterns: bool) -> anyhow::Result<()>;

    /// Writes a call.
    fn call(&self, call: Call<'_>, out: &mut Vec<u8>);

    /// Writes the answer to a received call: its own payload.
    fn answer(&self, call: &[u8], out: &mut Vec<u8>) -> anyhow::Result<()>;

    /// Writes an event.
    fn event(&self, name: &str, payload: &[u8], out: &mut Vec<u8>);

    /// The length and kind of the first message of the input, if all of it is there. `searched`
    /// is 0 for a new message; what is kept there comes back when more has arrived.
    ///
    /// # Errors
    ///
    /// The broker declined something, or the bytes are not of the protocol.
    fn next(&self, input: &[u8], searched: &mut usize) -> anyhow::Result<Option<(usize, Frame)>>;

    /// What the broker says once to each listener between two events.
    fn interjection(&self) -> Option<&'static [u8]> {
        None
    }
}
