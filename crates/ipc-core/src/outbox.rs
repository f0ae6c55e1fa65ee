//! What is queued for one session: bytes, bounded, in the units its dialect asks for.

mod giving_up;

use std::{collections::VecDeque, io::IoSlice};

use bytes::Bytes;
use ipc_wire::{Dialect, Encode, LARGE_BYTES, Payload, Sink};

use crate::{
    broadcast::{Broadcasts, Encoded, Piece},
    buffers::{Buffers, Pool},
};

/// Where a batch of small messages ends and a new one begins: large enough for one write to carry
/// hundreds of messages, small enough to be given back soon.
const BATCH_BYTES: usize = 64 * 1024;

/// The queue of one session, first to be written first.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    /// Events that others are sent too. They come first, and stay only until the first attempt to
    /// write.
    common: Option<Piece>,
    /// What is not added to any more.
    segments: VecDeque<Segment>,
    /// Messages and parts of them that come after the segments; more are added here.
    open: Vec<u8>,
    /// Bytes at the front that are written.
    n_written: usize,
    /// What was written before those ends within a message.
    is_within: bool,
    /// A message was begun whose rest was given up: nothing can follow it.
    is_cut: bool,
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

    /// Whether its last byte is the last of a message.
    fn ends_message(&self) -> bool {
        match self {
            Self::Alone(_) => true,
            Self::Batch(_) | Self::Shared(_) => self.bytes().last() == Some(&b'\n'),
        }
    }
}

/// The message did not fit; nothing of it was queued.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Full;

/// What waits to be written to one session.
#[derive(Clone, Copy, Debug)]
pub struct Outbox<'a> {
    queue: &'a Queue,
    broadcasts: &'a Broadcasts,
}

impl<'a> Outbox<'a> {
    pub(crate) const fn new(queue: &'a Queue, buffers: &'a Buffers) -> Self {
        Self {
            queue,
            broadcasts: &buffers.broadcasts,
        }
    }

    /// Bytes that wait to be written.
    #[must_use]
    pub const fn queued_bytes(self) -> usize {
        self.queue.queued_bytes
    }

    /// Whether nothing waits.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.queue.is_empty()
    }

    /// What is to be written next: at most `N` pieces, in order.
    ///
    /// A message of the seed dialect comes by itself, never together with another.
    pub fn pieces<const N: usize>(self, pieces: &mut [IoSlice<'a>; N]) -> usize {
        let queue = self.queue;
        let common = queue.common.map(|piece| self.broadcasts.bytes(piece));
        let open = (!queue.open.is_empty()).then_some(&*queue.open);
        let segments = queue.segments.iter().map(|segment| {
            let is_alone = matches!(segment, Segment::Alone(_));
            (segment.bytes(), is_alone)
        });
        let together = |bytes| (bytes, false);
        let all = common
            .map(together)
            .into_iter()
            .chain(segments)
            .chain(open.map(together));
        let mut n_pieces = 0;
        for (piece, (bytes, is_alone)) in pieces.iter_mut().zip(all) {
            if is_alone && 0 < n_pieces {
                break;
            }
            let skipped = if n_pieces == 0 { queue.n_written } else { 0 };
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
    pub fn next_alone(self) -> Option<(&'a [u8], bool)> {
        let queue = self.queue;
        match (queue.common, queue.segments.front()?) {
            (None, Segment::Alone(bytes)) => {
                Some((bytes.get(queue.n_written..)?, queue.n_written == 0))
            }
            (_, Segment::Batch(_) | Segment::Shared(_) | Segment::Alone(_)) => None,
        }
    }
}

impl Queue {
    pub(crate) const fn queued_bytes(&self) -> usize {
        self.queued_bytes
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.queued_bytes == 0
    }

    /// Queues a message, unless more than `limit` bytes would be queued: an empty queue takes any.
    pub(crate) fn push(
        &mut self,
        message: &impl Encode,
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
        buffers: &mut Buffers,
    ) -> Result<usize, Full> {
        let Buffers { pool, broadcasts } = buffers;
        let bytes = encoded.bytes(broadcasts);
        let n_bytes = bytes.len();
        if dialect == Dialect::Seed {
            return self.push_alone(bytes.to_vec(), limit);
        }
        if !self.fits(n_bytes, limit) {
            return Err(Full);
        }
        match encoded {
            Encoded::Common(piece) if self.is_empty() => {
                self.common = Some(*piece);
                broadcasts.hold(*piece);
            }
            Encoded::Common(piece) if self.continue_common(*piece, limit) => {
                return Ok(n_bytes);
            }
            Encoded::Common(_) | Encoded::Small(_) => {
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

    /// Queues a piece that comes right behind what is common with others, if nothing else is queued
    /// and it fits; whether it did.
    #[inline]
    pub(crate) fn continue_common(&mut self, piece: Piece, limit: usize) -> bool {
        let n_bytes = piece.len();
        let is_all = self.segments.is_empty() && self.open.is_empty();
        match &mut self.common {
            Some(common)
                if common.is_before(piece) && is_all && self.queued_bytes + n_bytes <= limit =>
            {
                *common = common.with(piece);
                self.queued_bytes += n_bytes;
                true
            }
            _ => false,
        }
    }

    /// Whether it holds events that others are sent too.
    pub(crate) const fn is_common(&self) -> bool {
        self.common.is_some()
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

    /// Forgets the first `n_bytes`, which the socket has taken, and takes what it would not.
    pub(crate) fn advance(&mut self, n_bytes: usize, buffers: &mut Buffers) {
        debug_assert!(
            n_bytes <= self.queued_bytes,
            "only what is queued can be written"
        );
        self.queued_bytes -= n_bytes.min(self.queued_bytes);
        self.n_written += n_bytes;
        self.leave_common(buffers);
        let pool = &mut buffers.pool;
        while let Some(first) = self.segments.front() {
            let len = first.bytes().len();
            if self.n_written < len {
                break;
            }
            self.n_written -= len;
            self.is_within = !first.ends_message();
            if let Some(Segment::Batch(buffer)) = self.segments.pop_front() {
                pool.give(buffer);
            }
        }
        if self.segments.is_empty() {
            self.segments.shrink_to(4);
            if self.open.len() <= self.n_written {
                self.is_within = false;
                self.n_written = 0;
                pool.give(std::mem::take(&mut self.open));
            }
        }
    }

    /// Copies what is not written of the events that others are sent too.
    fn leave_common(&mut self, buffers: &mut Buffers) {
        let Some(piece) = self.common.take() else {
            return;
        };
        let Buffers { pool, broadcasts } = buffers;
        let bytes = broadcasts.bytes(piece);
        if let Some(rest @ [_, ..]) = bytes.get(self.n_written..) {
            let last = self.n_written.checked_sub(1);
            self.is_within = last.is_some_and(|last| bytes.get(last) != Some(&b'\n'));
            let mut own = pool.take();
            own.extend_from_slice(rest);
            self.segments.push_front(Segment::Batch(own));
            self.n_written = 0;
        } else {
            self.n_written -= bytes.len();
        }
        broadcasts.release(piece);
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
