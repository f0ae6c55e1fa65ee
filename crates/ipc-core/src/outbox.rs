//! What is queued for one session: bytes, bounded, in the units its dialect asks for.

use std::{collections::VecDeque, io::IoSlice};

use bytes::Bytes;
use ipc_wire::{Dialect, LARGE_BYTES, Message, Payload, Sink};

/// Where a batch of small messages ends and a new one begins: large enough for one write to carry
/// hundreds of messages, small enough to be given back soon.
const BATCH_BYTES: usize = 64 * 1024;

/// The memory of the buffers that are kept for the next batches: enough for thousands of sessions
/// that are sent a little at a time. What is beyond goes back to the allocator.
const POOL_BYTES: usize = 4 * 1024 * 1024;

/// Empty buffers that outboxes take from and give back to, so that an idle session holds none.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    buffers: Vec<Vec<u8>>,
    n_bytes: usize,
}

impl Pool {
    fn take(&mut self) -> Vec<u8> {
        let buffer = self.buffers.pop().unwrap_or_default();
        self.n_bytes -= buffer.capacity();
        buffer
    }

    fn give(&mut self, mut buffer: Vec<u8>) {
        let is_kept = self.n_bytes + buffer.capacity() <= POOL_BYTES;
        if 0 < buffer.capacity() && is_kept {
            self.n_bytes += buffer.capacity();
            buffer.clear();
            self.buffers.push(buffer);
        }
    }
}

/// The queue of one session, first to be written first.
#[derive(Debug, Default)]
pub struct Outbox {
    /// What is not added to any more.
    segments: VecDeque<Segment>,
    /// Messages and parts of them that come after the segments; more are added here.
    open: Vec<u8>,
    /// Bytes at the front that are written.
    n_written: usize,
    queued_bytes: usize,
}

#[derive(Debug)]
enum Segment {
    /// Whole messages and parts of them, one after the other.
    Batch(Vec<u8>),
    /// A large payload, or an event that many receive.
    Shared(Bytes),
    /// One message that must not share a write with another.
    Alone(Vec<u8>),
}

impl Segment {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Batch(bytes) | Self::Alone(bytes) => bytes,
            Self::Shared(bytes) => bytes,
        }
    }
}

/// A message that was encoded once and goes to many.
#[derive(Debug)]
pub(crate) enum Encoded {
    /// It is copied into each outbox.
    Small(Vec<u8>),
    /// It is shared by all outboxes.
    Large(Bytes),
}

impl Encoded {
    pub(crate) fn new(message: &Message<'_>, dialect: Dialect, mut buffer: Vec<u8>) -> Self {
        buffer.clear();
        message.encode(&mut buffer, dialect);
        if buffer.len() < LARGE_BYTES {
            Self::Small(buffer)
        } else {
            Self::Large(buffer.into())
        }
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::Small(bytes) => bytes,
            Self::Large(bytes) => bytes,
        }
    }
}

/// The message did not fit; nothing of it was queued.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Full;

impl Outbox {
    /// Bytes that wait to be written.
    #[must_use]
    pub const fn queued_bytes(&self) -> usize {
        self.queued_bytes
    }

    /// Whether nothing waits.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.queued_bytes == 0
    }

    /// What is to be written next: at most `N` pieces, in order.
    ///
    /// A message of the seed dialect comes by itself, never together with another.
    pub fn pieces<'a, const N: usize>(&'a self, pieces: &mut [IoSlice<'a>; N]) -> usize {
        let mut n_pieces = 0;
        let open = (!self.open.is_empty()).then_some((&*self.open, false));
        let segments = self.segments.iter().map(|segment| {
            let is_alone = matches!(segment, Segment::Alone(_));
            (segment.bytes(), is_alone)
        });
        for (piece, (bytes, is_alone)) in pieces.iter_mut().zip(segments.chain(open)) {
            if is_alone && 0 < n_pieces {
                break;
            }
            let skipped = if n_pieces == 0 { self.n_written } else { 0 };
            *piece = IoSlice::new(bytes.get(skipped..).unwrap_or_default());
            n_pieces += 1;
            if is_alone {
                break;
            }
        }
        n_pieces
    }

    /// The rest of the message of the seed dialect that comes next, and whether nothing of it is
    /// written yet.
    #[must_use]
    pub fn next_alone(&self) -> Option<(&[u8], bool)> {
        match self.segments.front()? {
            Segment::Alone(bytes) => Some((bytes.get(self.n_written..)?, self.n_written == 0)),
            Segment::Batch(_) | Segment::Shared(_) => None,
        }
    }

    /// Queues a message, unless more than `limit` bytes would be queued: an empty queue takes any.
    pub(crate) fn push(
        &mut self,
        message: &Message<'_>,
        dialect: Dialect,
        limit: usize,
        pool: &mut Pool,
    ) -> Result<usize, Full> {
        if dialect == Dialect::Seed {
            let mut bytes = Vec::new();
            message.encode(&mut bytes, dialect);
            return self.push_alone(bytes, limit);
        }
        self.open_batch(pool);
        let (n_segments, open_len) = (self.segments.len(), self.open.len());
        let mut writer = Writer {
            segments: &mut self.segments,
            open: &mut self.open,
            pool,
            n_bytes: 0,
            start: open_len,
        };
        message.write(&mut writer, dialect);
        writer.text(b"\n");
        let n_bytes = writer.n_bytes + writer.open.len() - writer.start;
        if self.fits(n_bytes, limit) {
            self.queued_bytes += n_bytes;
            return Ok(n_bytes);
        }
        self.take_back(n_segments, open_len, pool);
        Err(Full)
    }

    /// Makes sure that the open batch has a buffer and takes more.
    #[inline]
    fn open_batch(&mut self, pool: &mut Pool) {
        if BATCH_BYTES <= self.open.len() {
            self.close_batch();
        }
        if self.open.capacity() == 0 {
            self.open = pool.take();
        }
    }

    /// Puts the open batch, if it holds anything, behind the segments.
    fn close_batch(&mut self) {
        if !self.open.is_empty() {
            let batch = std::mem::take(&mut self.open);
            self.segments.push_back(Segment::Batch(batch));
        }
    }

    /// Takes back what was written since there were so many segments and so many bytes in the open
    /// batch.
    #[cold]
    fn take_back(&mut self, n_segments: usize, open_len: usize, pool: &mut Pool) {
        while n_segments < self.segments.len() {
            if let Some(Segment::Batch(batch)) = self.segments.pop_back() {
                pool.give(std::mem::replace(&mut self.open, batch));
            }
        }
        self.open.truncate(open_len);
        if self.open.is_empty() {
            pool.give(std::mem::take(&mut self.open));
        }
    }

    /// Queues bytes that were encoded before and go to many.
    pub(crate) fn push_encoded(
        &mut self,
        encoded: &Encoded,
        dialect: Dialect,
        limit: usize,
        pool: &mut Pool,
    ) -> Result<usize, Full> {
        if dialect == Dialect::Seed {
            return self.push_alone(encoded.bytes().to_vec(), limit);
        }
        let n_bytes = encoded.bytes().len();
        if !self.fits(n_bytes, limit) {
            return Err(Full);
        }
        match encoded {
            Encoded::Small(bytes) => {
                self.open_batch(pool);
                self.open.extend_from_slice(bytes);
            }
            Encoded::Large(bytes) => {
                self.close_batch();
                self.segments.push_back(Segment::Shared(bytes.clone()));
            }
        }
        self.queued_bytes += n_bytes;
        Ok(n_bytes)
    }

    /// Queues one message that must not share a write with another.
    pub(crate) fn push_alone(&mut self, bytes: Vec<u8>, limit: usize) -> Result<usize, Full> {
        if !self.fits(bytes.len(), limit) {
            return Err(Full);
        }
        let n_bytes = bytes.len();
        self.close_batch();
        self.segments.push_back(Segment::Alone(bytes));
        self.queued_bytes += n_bytes;
        Ok(n_bytes)
    }

    /// Forgets the first `n_bytes`, which the socket has taken.
    pub(crate) fn advance(&mut self, n_bytes: usize, pool: &mut Pool) {
        debug_assert!(
            n_bytes <= self.queued_bytes,
            "only what is queued can be written"
        );
        self.queued_bytes -= n_bytes.min(self.queued_bytes);
        self.n_written += n_bytes;
        while let Some(first) = self.segments.front() {
            let len = first.bytes().len();
            if self.n_written < len {
                break;
            }
            self.n_written -= len;
            if let Some(Segment::Batch(buffer)) = self.segments.pop_front() {
                pool.give(buffer);
            }
        }
        if self.segments.is_empty() {
            self.segments.shrink_to(4);
            if self.open.len() <= self.n_written {
                self.n_written = 0;
                pool.give(std::mem::take(&mut self.open));
            }
        }
    }

    /// Forgets everything; how many bytes that were.
    pub(crate) fn clear(&mut self) -> usize {
        let n_bytes = self.queued_bytes;
        *self = Self::default();
        n_bytes
    }

    const fn fits(&self, n_bytes: usize, limit: usize) -> bool {
        self.queued_bytes == 0 || self.queued_bytes + n_bytes <= limit
    }
}

/// Writes a message into batches, and its large payloads as they are.
struct Writer<'o> {
    segments: &'o mut VecDeque<Segment>,
    /// The batch that is being written; it comes after the segments.
    open: &'o mut Vec<u8>,
    pool: &'o mut Pool,
    /// Bytes of the message in the segments.
    n_bytes: usize,
    /// Where the message begins in the batch.
    start: usize,
}

impl Sink for Writer<'_> {
    #[inline]
    fn text(&mut self, text: &[u8]) {
        self.open.extend_from_slice(text);
    }

    #[inline]
    fn payload(&mut self, payload: &Payload<'_>) {
        if payload.json().len() < LARGE_BYTES {
            return self.text(payload.json());
        }
        let Some(bytes) = payload.shared() else {
            return self.text(payload.json());
        };
        let batch = std::mem::replace(self.open, self.pool.take());
        self.n_bytes += batch.len() - self.start + bytes.len();
        self.start = 0;
        self.segments.push_back(Segment::Batch(batch));
        self.segments.push_back(Segment::Shared(bytes));
    }
}
