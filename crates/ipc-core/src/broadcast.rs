//! Events that many are sent: encoded once, one behind the other, and written to every listener
//! from the same memory.
//!
//! An outbox points into it until the first attempt to write; what the socket does not take then,
//! the outbox copies. So nobody who is slow keeps this memory from its next use.

use bytes::Bytes;
use ipc_wire::{Dialect, LARGE_BYTES, Message};
use slab::Slab;

use crate::buffers::Buffers;

/// Where a buffer ends and the next begins: as much as a few connections publish in one turn.
const BUFFER_BYTES: usize = 1024 * 1024;

/// Bytes in one of the buffers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Piece {
    buffer: usize,
    start: usize,
    end: usize,
}

impl Piece {
    pub(crate) const fn len(self) -> usize {
        self.end - self.start
    }

    /// Whether the other comes right behind this.
    pub(crate) const fn is_before(self, next: Self) -> bool {
        self.buffer == next.buffer && self.end == next.start
    }

    /// This and the one that comes right behind it.
    pub(crate) const fn with(self, next: Self) -> Self {
        Self {
            end: next.end,
            ..self
        }
    }
}

#[derive(Debug, Default)]
struct Buffer {
    bytes: Vec<u8>,
    n_holders: usize,
}

/// The buffers. One that nobody holds a piece of is the next; of several, one is kept.
#[derive(Debug, Default)]
pub(crate) struct Broadcasts {
    buffers: Slab<Buffer>,
    /// The one that is added to.
    open: Option<usize>,
    /// The memory for the next one.
    spare: Vec<u8>,
}

impl Broadcasts {
    /// Encodes a message, in the line dialect, and holds it.
    fn encode(&mut self, message: &Message<'_>) -> Piece {
        let is_open = |buffer: &Buffer| buffer.bytes.len() < BUFFER_BYTES;
        let open = self
            .open
            .filter(|&key| self.buffers.get(key).is_some_and(is_open));
        let key = open.unwrap_or_else(|| {
            let bytes = std::mem::take(&mut self.spare);
            self.buffers.insert(Buffer {
                bytes,
                n_holders: 0,
            })
        });
        self.open = Some(key);
        let mut piece = Piece {
            buffer: key,
            start: 0,
            end: 0,
        };
        if let Some(buffer) = self.buffers.get_mut(key) {
            buffer.n_holders += 1;
            piece.start = buffer.bytes.len();
            message.encode(&mut buffer.bytes, Dialect::Lines);
            piece.end = buffer.bytes.len();
        }
        piece
    }

    pub(crate) fn bytes(&self, piece: Piece) -> &[u8] {
        let buffer = self.buffers.get(piece.buffer);
        let bytes = buffer.and_then(|buffer| buffer.bytes.get(piece.start..piece.end));
        bytes.unwrap_or_default()
    }

    /// Keeps a piece where it is, once more.
    pub(crate) fn hold(&mut self, piece: Piece) {
        if let Some(buffer) = self.buffers.get_mut(piece.buffer) {
            buffer.n_holders += 1;
        }
    }

    /// Gives a piece back that was held.
    pub(crate) fn release(&mut self, piece: Piece) {
        let Some(buffer) = self.buffers.get_mut(piece.buffer) else {
            return;
        };
        buffer.n_holders -= 1;
        if buffer.n_holders == 0 {
            self.spare = self.buffers.remove(piece.buffer).bytes;
            self.spare.clear();
            self.open = self.open.filter(|&open| open != piece.buffer);
        }
    }

    /// Whether nothing is held.
    pub(crate) fn is_empty(&self) -> bool {
        self.buffers.is_empty()
    }
}

/// A message that was encoded once and goes to many.
#[derive(Debug)]
pub(crate) enum Encoded {
    /// It is copied into each outbox.
    Small(Vec<u8>),
    /// It is shared by all outboxes.
    Large(Bytes),
    /// It is common to all outboxes that are empty, or hold what came right before it; others
    /// copy it.
    Common(Piece),
}

impl Encoded {
    /// Encodes a message that goes to many.
    pub(crate) fn new(message: &Message<'_>, dialect: Dialect, buffers: &mut Buffers) -> Self {
        if dialect == Dialect::Lines && message.payload_bytes() < LARGE_BYTES {
            return Self::Common(buffers.broadcasts.encode(message));
        }
        let mut bytes = buffers.pool.take();
        message.encode(&mut bytes, dialect);
        if bytes.len() < LARGE_BYTES {
            Self::Small(bytes)
        } else {
            Self::Large(bytes.into())
        }
    }

    /// Gives back what no outbox needs any more.
    pub(crate) fn release(self, buffers: &mut Buffers) {
        match self {
            Self::Small(bytes) => buffers.pool.give(bytes),
            Self::Large(_) => {}
            Self::Common(piece) => buffers.broadcasts.release(piece),
        }
    }

    pub(crate) fn bytes<'a>(&'a self, broadcasts: &'a Broadcasts) -> &'a [u8] {
        match self {
            Self::Small(bytes) => bytes,
            Self::Large(bytes) => bytes,
            Self::Common(piece) => broadcasts.bytes(*piece),
        }
    }
}
