//! Giving up what is queued for a session that does not read it, but not within a message.

use super::{Queue, Segment};
use crate::buffers::{Buffers, Pool};

impl Queue {
    /// Forgets everything; how many bytes that were. After a message that was begun, nothing can
    /// follow.
    pub(crate) fn clear(&mut self, buffers: &mut Buffers) -> usize {
        let n_bytes = self.queued_bytes;
        let is_cut = self.is_cut || self.is_within();
        if let Some(piece) = self.common {
            buffers.broadcasts.release(piece);
        }
        *self = Self::default();
        self.is_cut = is_cut;
        n_bytes
    }

    /// Forgets everything but the rest of a message that was begun; how many bytes that were.
    pub(crate) fn clear_behind_begun(&mut self, buffers: &mut Buffers) -> usize {
        if !self.is_within() {
            return self.clear(buffers);
        }
        let queued_bytes = self.queued_bytes;
        let rest_bytes = self.begun_bytes();
        self.truncate(rest_bytes, &mut buffers.pool);
        queued_bytes - rest_bytes
    }

    /// Whether a message can follow what is queued.
    pub(crate) const fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Whether what is written ends within a message.
    fn is_within(&self) -> bool {
        let front = match self.segments.front() {
            Some(Segment::Alone(_)) => return 0 < self.n_written,
            Some(segment) => segment.bytes(),
            None => &self.open,
        };
        // In the line dialect only the end of a message is a line feed.
        match self.n_written.checked_sub(1) {
            Some(last) => front.get(last) != Some(&b'\n'),
            None => self.is_within,
        }
    }

    /// How much is queued of the message that was begun.
    fn begun_bytes(&self) -> usize {
        if let Some(Segment::Alone(message)) = self.segments.front() {
            return message.len() - self.n_written;
        }
        let mut n_bytes = 0;
        let segments = self.segments.iter().map(Segment::bytes);
        for bytes in segments.chain([&*self.open]) {
            let written = self.n_written.saturating_sub(n_bytes);
            let unwritten = bytes.get(written..).unwrap_or_default();
            if let Some(end) = unwritten.iter().position(|&byte| byte == b'\n') {
                n_bytes += written + end + 1;
                break;
            }
            n_bytes += bytes.len();
        }
        n_bytes - self.n_written
    }

    /// Keeps the first `n_bytes` of what is queued.
    fn truncate(&mut self, n_bytes: usize, pool: &mut Pool) {
        self.queued_bytes = n_bytes;
        let mut kept = self.n_written + n_bytes;
        for segment in &mut self.segments {
            let len = segment.bytes().len().min(kept);
            match segment {
                Segment::Batch(bytes) | Segment::Alone(bytes) => bytes.truncate(len),
                Segment::Shared(bytes) => bytes.truncate(len),
            }
            kept -= len;
        }
        self.segments.retain(|segment| !segment.bytes().is_empty());
        self.open.truncate(kept);
        if self.open.is_empty() {
            pool.give(std::mem::take(&mut self.open));
        }
    }
}
