//! One connection of a load, and what is under way on it.

use std::{
    io::{self, Write},
    time::Instant,
};

use crate::{dialect::Dialect, role::Role, stream::Stream};

pub(super) struct Connection {
    pub(super) stream: Stream,
    pub(super) role: Role,
    /// The position among the callers.
    pub(super) caller: usize,
    pub(super) partial: Vec<u8>,
    pub(super) searched: usize,
    pub(super) outbox: Vec<u8>,
    pub(super) n_flushed: usize,
    /// When the call of each number was sent.
    pub(super) sent: Vec<Instant>,
    pub(super) is_ready: bool,
    pub(super) is_dirty: bool,
    /// Whether the broker has said what it says once between events.
    is_interjected: bool,
}

impl Connection {
    pub(super) fn new(stream: Stream, role: Role, caller: usize, partial: Vec<u8>) -> Self {
        Self {
            stream,
            role,
            caller,
            partial,
            searched: 0,
            outbox: Vec::new(),
            n_flushed: 0,
            sent: Vec::new(),
            is_ready: false,
            is_dirty: false,
            is_interjected: false,
        }
    }

    /// Writes what the socket takes, in pieces of at most so many bytes.
    pub(super) fn flush(&mut self, piece_bytes: usize) -> io::Result<()> {
        while self.n_flushed < self.outbox.len() {
            let rest = &self.outbox[self.n_flushed..];
            match self.stream.write(&rest[..rest.len().min(piece_bytes)]) {
                Ok(n_written) => self.n_flushed += n_written,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        self.outbox.clear();
        self.n_flushed = 0;
        Ok(())
    }

    /// How many bytes of a chunk of events are not events.
    pub(super) fn interjected(&mut self, dialect: &dyn Dialect, chunk: &[u8]) -> usize {
        let Some(words) = dialect.interjection().filter(|_| !self.is_interjected) else {
            return 0;
        };
        // They may begin in the chunk before, whose end is kept.
        let n_kept = words.len() - 1;
        self.partial
            .extend_from_slice(&chunk[..n_kept.min(chunk.len())]);
        let is_here = [&self.partial[..], chunk]
            .iter()
            .any(|bytes| memchr::memmem::find(bytes, words).is_some());
        self.partial.clear();
        if is_here {
            self.is_interjected = true;
            return words.len();
        }
        let tail = chunk.len().saturating_sub(n_kept);
        self.partial.extend_from_slice(&chunk[tail..]);
        0
    }
}
