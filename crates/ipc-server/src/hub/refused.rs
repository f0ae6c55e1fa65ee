//! Connections that were refused, until their peers have read why.
//!
//! A peer may have sent its first message already, or be about to. Closing the socket over unread
//! bytes would take back the reason that was just written (TCP), or make the peer's write fail
//! before it reads (both). So a refused connection stays for a moment: its reason is written, its
//! writing side shut down, and what it sends is thrown away.

use std::{
    collections::VecDeque,
    io::{self, Read, Write},
    time::{Duration, Instant},
};

use ipc_core::Refusal;
use mio::{Interest, Registry, Token};
use slab::Slab;

use crate::stream::Stream;

/// How long a refused connection may take to read its reason and leave.
const PATIENCE: Duration = Duration::from_secs(1);

/// Refused connections at a time; beyond it the one that has been here the longest is closed. As
/// many processes as a large program starts at once.
const MAX_REFUSED: usize = 256;

/// What is read from one refused connection in one turn, and from how many: all together read what
/// one ordinary connection may.
const CHUNK_BYTES: usize = 16 * 1024;
const READS_PER_TURN: usize = super::CHUNK_BYTES / CHUNK_BYTES;

#[derive(Debug)]
struct Refused {
    stream: Stream,
    closes_at: Instant,
    n_bytes: usize,
    is_ready: bool,
}

#[derive(Debug)]
pub(super) struct RefusedConnections {
    first_token: usize,
    /// What each may send: its first message, however long.
    limit_bytes: usize,
    connections: Slab<Refused>,
    /// Places in `connections`, the oldest first; all stay equally long.
    order: VecDeque<usize>,
    /// Those that may have something to read.
    ready: VecDeque<usize>,
}

impl RefusedConnections {
    pub(super) const fn new(first_token: usize, limit_bytes: usize) -> Self {
        Self {
            first_token,
            limit_bytes,
            connections: Slab::new(),
            order: VecDeque::new(),
            ready: VecDeque::new(),
        }
    }

    /// The first token that is none of theirs.
    pub(super) const fn end_token(&self) -> usize {
        self.first_token + MAX_REFUSED
    }

    pub(super) fn is_empty(&self) -> bool {
        self.connections.is_empty()
    }

    /// Whether there may be something to read.
    pub(super) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// When [`RefusedConnections::expire`] has something to do.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let oldest = self.connections.get(*self.order.front()?)?;
        Some(oldest.closes_at)
    }

    /// Tells a peer why it is refused, and keeps its connection for a moment.
    pub(super) fn add(
        &mut self,
        mut stream: Stream,
        refusal: &Refusal,
        registry: &Registry,
        now: Instant,
    ) {
        // A new socket takes a line at once, unless its peer has gone.
        let told = stream.write_all(&refusal.to_line());
        if told.and_then(|()| stream.shutdown_write()).is_err() {
            return;
        }
        if self.connections.len() == MAX_REFUSED
            && let Some(&oldest) = self.order.front()
        {
            self.close(oldest);
        }
        let entry = self.connections.vacant_entry();
        let place = entry.key();
        let token = Token(self.first_token + place);
        if registry
            .register(&mut stream, token, Interest::READABLE)
            .is_ok()
        {
            entry.insert(Refused {
                stream,
                closes_at: now + PATIENCE,
                n_bytes: 0,
                is_ready: false,
            });
            self.order.push_back(place);
        }
    }

    /// The system told that something happened to the connection with this token.
    pub(super) fn note_ready(&mut self, token: usize) {
        if let Some(place) = token.checked_sub(self.first_token)
            && let Some(refused) = self.connections.get_mut(place)
            && !refused.is_ready
        {
            refused.is_ready = true;
            self.ready.push_back(place);
        }
    }

    /// Throws away what has come, some of it in each turn.
    pub(super) fn read(&mut self, scratch: &mut [u8]) {
        for _ in 0..READS_PER_TURN.min(self.ready.len()) {
            let Some(place) = self.ready.pop_front() else {
                return;
            };
            let Some(refused) = self.connections.get_mut(place) else {
                continue;
            };
            refused.is_ready = false;
            let goes_on = match refused.stream.read(&mut scratch[..CHUNK_BYTES]) {
                Ok(n_bytes) => {
                    refused.n_bytes += n_bytes;
                    0 < n_bytes && refused.n_bytes <= self.limit_bytes
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(error) => error.kind() == io::ErrorKind::Interrupted,
            };
            if goes_on {
                refused.is_ready = true;
                self.ready.push_back(place);
            } else {
                self.close(place);
            }
        }
    }

    /// Closes the connections whose time has passed; after what they sent is read, for the time may
    /// have passed while the server did not run.
    pub(super) fn expire(&mut self, now: Instant) {
        while self.next_deadline().is_some_and(|deadline| deadline <= now)
            && let Some(&oldest) = self.order.front()
        {
            self.close(oldest);
        }
    }

    fn close(&mut self, place: usize) {
        self.connections.try_remove(place);
        self.order.retain(|&other| other != place);
        self.ready.retain(|&other| other != place);
    }
}
