//! The two ends of a connection that is none: what the shell keeps of it, and the peer's side.

use ipc_core::{CloseReason, SessionId};
use ipc_wire::{DecodeLimits, Decoder};
use serde_json::value::RawValue;

/// A connection and its peer.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) session: SessionId,
    /// What the peer sends.
    pub(crate) decoder: Decoder,
    /// How many bytes the peer's socket still takes.
    pub(crate) room: usize,
    /// The peer reads all that is left for it when the server closes the connection.
    pub(crate) reads_when_closed: bool,
    pub(crate) closed: Option<CloseReason>,
    /// The peer has sent its last byte, or one that is none of a message.
    pub(crate) is_silent: bool,
    /// What it received, as it was written.
    writes: Vec<String>,
    partial: Vec<u8>,
    messages: Vec<String>,
    check: Decoder,
    n_checked: usize,
    n_messages: usize,
}

impl End {
    pub(crate) fn new(session: SessionId) -> Self {
        Self {
            session,
            decoder: Decoder::new(DecodeLimits::default()),
            room: usize::MAX,
            reads_when_closed: false,
            closed: None,
            is_silent: false,
            writes: Vec::new(),
            partial: Vec::new(),
            messages: Vec::new(),
            check: Decoder::new(DecodeLimits::default()),
            n_checked: 0,
            n_messages: 0,
        }
    }

    /// The socket takes what it has room for; how much that is.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> usize {
        let n_bytes = bytes.len().min(self.room);
        if self.room != usize::MAX {
            self.room -= n_bytes;
        }
        let bytes = &bytes[..n_bytes];
        if bytes.is_empty() {
            return 0;
        }
        self.writes
            .push(String::from_utf8_lossy(bytes).into_owned());
        self.check(bytes);
        self.partial.extend_from_slice(bytes);
        self.split();
        n_bytes
    }

    /// The peer's own decoder must agree that these are messages.
    fn check(&mut self, mut bytes: &[u8]) {
        while self.check.decode(&mut bytes).unwrap().is_some() {
            self.n_checked += 1;
        }
    }

    fn split(&mut self) {
        let mut values = serde_json::Deserializer::from_slice(&self.partial).into_iter();
        let mut n_used = 0;
        while let Some(Ok(value)) = values.next() {
            let value: &RawValue = value;
            self.messages.push(value.get().to_owned());
            self.n_messages += 1;
            n_used = values.byte_offset();
        }
        self.partial.drain(..n_used);
        assert_eq!(self.n_checked, self.n_messages, "two decoders, two answers");
    }

    pub(crate) fn take_messages(&mut self) -> Vec<String> {
        std::mem::take(&mut self.messages)
    }

    pub(crate) fn take_writes(&mut self) -> Vec<String> {
        self.messages.clear();
        std::mem::take(&mut self.writes)
    }
}
