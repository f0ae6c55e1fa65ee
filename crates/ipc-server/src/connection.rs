//! One byte stream: what the hub keeps beside a session.

use std::{
    io::{self, IoSlice, Write},
    time::{Duration, Instant},
};

use ipc_core::{Outbox, SessionId};
use ipc_wire::{Decoder, SEED_READ_BYTES};

use crate::stream::Stream;

/// What is written of a long message of the seed dialect at a time.
///
/// A seed client reads 4096 bytes at a time and takes a shorter read for the end of the message.
/// So a long message must arrive in pieces that are multiples of that, whatever it meets on its
/// way. A piece this small is one segment on the loopback interface, which is never cut, and the
/// next is only written when all of it has left, so that the two cannot be joined.
pub(crate) const SEED_PIECE_BYTES: usize = 4 * SEED_READ_BYTES;

/// How long the next message waits for a seed client to read the one before, when it gives no
/// sign of life meanwhile: it would take two that arrive together for one.
pub(crate) const SEED_GAP: Duration = Duration::from_millis(1);

/// Buffers that are handed to the system in one write.
const PIECES_PER_WRITE: usize = 64;

/// How many checks a closing connection outlasts whose peer did not read before: it may have been
/// stopped, and should find a whole message and the reason when it goes on.
const MAX_IDLE_CHECKS_IF_SLOW: u8 = 10;

/// How many checks any closing connection outlasts: whoever reads that slowly takes up a place that
/// others could have.
const MAX_CHECKS: u8 = 60;

/// A socket, what has arrived of a message, and how far both have come.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) id: SessionId,
    pub(crate) stream: Stream,
    /// Holds an unfinished message. A connection without one takes the hub's when something
    /// arrives, so that an idle one has none.
    pub(crate) decoder: Option<Box<Decoder>>,
    /// A message was followed by white space: the peer is no seed client.
    pub(crate) ends_lines: bool,
    /// There may be bytes to read; the connection is in the hub's list of such.
    pub(crate) is_ready: bool,
    /// The socket takes bytes.
    pub(crate) is_writable: bool,
    /// The connection is in the hub's list of those with bytes to write.
    pub(crate) is_dirty: bool,
    /// The system told that the peer has closed its side: a read will say so.
    pub(crate) is_read_closed: bool,
    /// Nothing reaches the peer any more: the system told so, or refused a write.
    pub(crate) is_write_closed: bool,
    /// The end of the stream was read.
    pub(crate) has_ended: bool,
    /// The session has ended: what its outbox holds is still written, and what it sends is thrown
    /// away, until this is over.
    pub(crate) closing: Option<Patience>,
    /// Turns in a row that have not emptied the socket, up to the limit of those that count.
    pub(crate) n_full_chunks: u32,
    is_shut_down: bool,
    /// When a message of the seed dialect was last written, unless the peer sent something since.
    unheard_since: Option<Instant>,
    keeps_pieces_apart: bool,
}

/// How long a connection that is being closed is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// Checks left at which the socket may have taken nothing.
    n_idle_checks: u8,
    /// Checks left.
    n_checks: u8,
}

impl Patience {
    /// Begins to close a connection, which `is_slow` if its peer did not read.
    pub(crate) const fn new(is_slow: bool) -> Self {
        Self {
            n_idle_checks: if is_slow { MAX_IDLE_CHECKS_IF_SLOW } else { 1 },
            n_checks: MAX_CHECKS,
        }
    }

    /// The socket took something: the connection is kept until the second check from now at least.
    pub(crate) fn note_progress(&mut self) {
        self.n_idle_checks = self.n_idle_checks.max(2);
    }

    /// Counts a check; returns whether it was the last.
    pub(crate) fn is_over(&mut self) -> bool {
        self.n_idle_checks = self.n_idle_checks.saturating_sub(1);
        self.n_checks = self.n_checks.saturating_sub(1);
        self.n_idle_checks == 0 || self.n_checks == 0
    }
}

/// How far a write came.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Written {
    /// The socket took bytes, and may take more.
    Some(usize),
    /// The socket takes nothing now.
    Blocked,
    /// The next message has to wait until then.
    Paced(Instant),
}

impl Connection {
    pub(crate) fn new(id: SessionId, stream: Stream) -> Self {
        Self {
            id,
            stream,
            decoder: None,
            ends_lines: false,
            is_ready: false,
            is_writable: true,
            is_dirty: false,
            is_read_closed: false,
            is_write_closed: false,
            has_ended: false,
            closing: None,
            n_full_chunks: 0,
            is_shut_down: false,
            unheard_since: None,
            keeps_pieces_apart: false,
        }
    }

    /// The peer sent something, so it has read what was written before, if it is a seed client.
    pub(crate) const fn note_heard(&mut self) {
        self.unheard_since = None;
    }

    /// The memory that an unfinished message holds.
    pub(crate) fn buffered_bytes(&self) -> usize {
        self.decoder
            .as_ref()
            .map_or(0, |decoder| decoder.buffered_bytes())
    }

    /// Writes once from an outbox that is not empty. The time that a seed client has to read
    /// begins when the server `resumed_at`, for the whole machine may have stood still.
    pub(crate) fn write(
        &mut self,
        outbox: Outbox<'_>,
        now: Instant,
        resumed_at: Instant,
    ) -> io::Result<Written> {
        let written = match outbox.next_alone() {
            Some((message, is_begin)) => {
                // Who is no seed client reads a stream.
                if is_begin
                    && !self.ends_lines
                    && let Some(since) = self.unheard_since
                    && let until = since.max(resumed_at) + SEED_GAP
                    && now < until
                {
                    return Ok(Written::Paced(until));
                }
                if SEED_PIECE_BYTES < message.len() && !self.keeps_pieces_apart {
                    self.stream.keep_pieces_apart()?;
                    self.keeps_pieces_apart = true;
                }
                if self.keeps_pieces_apart && !self.stream.has_sent_all()? {
                    self.is_writable = false;
                    return Ok(Written::Blocked);
                }
                self.unheard_since = Some(now);
                self.stream
                    .write(&message[..message.len().min(SEED_PIECE_BYTES)])
            }
            None => {
                let mut pieces = [IoSlice::new(&[]); PIECES_PER_WRITE];
                let n_pieces = outbox.pieces(&mut pieces);
                self.stream.write_vectored(&pieces[..n_pieces])
            }
        };
        match written {
            Ok(n_bytes) => Ok(Written::Some(n_bytes)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.is_writable = false;
                Ok(Written::Blocked)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(Written::Some(0)),
            Err(error) => Err(error),
        }
    }

    /// Tells the peer that nothing more comes.
    pub(crate) fn shut_down(&mut self) {
        if !self.is_shut_down {
            self.is_shut_down = true;
            // A socket that cannot be shut down is gone, which the next read tells.
            self.stream.shutdown_write().ok();
        }
    }
}
