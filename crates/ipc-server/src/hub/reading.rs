//! From sockets to the broker: chunks, and the messages in them.

use std::{
    io::{self, Read},
    time::Instant,
};

use ipc_core::{CloseReason, Input, SessionId};
use ipc_wire::{Decoder, Fault};

use super::{Hub, connection, peer_time::MAX_ROUNDS};
use crate::incidents::Incident;

/// What is read from one connection in one turn: a thousand small messages, or a quarter of a
/// millisecond of looking through large ones.
pub(super) const CHUNK_BYTES: usize = 256 * 1024;

/// What is read before the clock is read again: some hundred microseconds' worth.
const BYTES_AT_ONE_TIME: usize = 64 * 1024;

impl Hub {
    /// Reads one chunk from each connection that was ready when the turn began; what time it is
    /// then.
    pub(super) fn read_ready(&mut self, mut now: Instant) -> Instant {
        let mut n_read = 0;
        for _ in 0..self.ready.len() {
            let Some(session) = self.ready.pop_front() else {
                break;
            };
            if BYTES_AT_ONE_TIME <= n_read {
                now = Instant::now();
                n_read = 0;
            }
            let Some(connection) = connection(&mut self.connections, session) else {
                continue;
            };
            connection.is_ready = false;
            if connection.has_ended {
                if connection.is_write_closed {
                    self.drop_connection(session, CloseReason::Left, now);
                }
                continue;
            }
            match connection.stream.read(&mut self.scratch) {
                Ok(0) => self.end_of_stream(session, now),
                Ok(n_bytes) => {
                    n_read += n_bytes;
                    self.receive(session, n_bytes, now);
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => self.note_drained(session, now),
                    io::ErrorKind::Interrupted => self.read_on(session, now),
                    _ => self.drop_connection(session, CloseReason::Failed, now),
                },
            }
        }
        if n_read < BYTES_AT_ONE_TIME {
            now
        } else {
            Instant::now()
        }
    }

    /// The socket holds nothing more.
    fn note_drained(&mut self, session: SessionId, now: Instant) {
        let Some(connection) = connection(&mut self.connections, session) else {
            return;
        };
        connection.n_full_chunks = 0;
        if connection.is_write_closed {
            self.drop_connection(session, CloseReason::Failed, now);
        }
    }

    /// Reads on in the next turn, before time passes on peers, unless this one always has more.
    fn read_on(&mut self, session: SessionId, now: Instant) {
        let Some(connection) = connection(&mut self.connections, session) else {
            return;
        };
        if connection.n_full_chunks < MAX_ROUNDS {
            connection.n_full_chunks += 1;
            self.is_behind = true;
        } else if connection.is_write_closed {
            return self.drop_connection(session, CloseReason::Failed, now);
        }
        self.mark_ready(session);
    }

    /// Hands every message of a chunk to the broker.
    fn receive(&mut self, session: SessionId, n_bytes: usize, now: Instant) {
        let Some(connection) = connection(&mut self.connections, session) else {
            return;
        };
        connection.note_heard();
        if connection.closing.is_none() {
            let buffered_bytes = connection.buffered_bytes();
            let kept = connection.decoder.take();
            let mut decoder = kept.or_else(|| self.decoder.take()).unwrap_or_else(|| {
                // Another connection keeps it.
                Box::new(Decoder::new(self.decode_limits))
            });
            let mut chunk = &self.scratch[..n_bytes];
            loop {
                match decoder.decode(&mut chunk) {
                    Ok(Some(ref message)) => {
                        tracing::trace!(client = session.client(), "message");
                        self.broker.handle(Input::Received(session, message), now);
                    }
                    Ok(None) => break,
                    Err(fault) => {
                        tracing::debug!(client = session.client(), %fault, "broken stream");
                        self.broker.handle(Input::Broken(session, &fault), now);
                        break;
                    }
                }
            }
            connection.ends_lines |= decoder.take_ended_line();
            if decoder.is_idle() {
                self.decoder = Some(decoder);
            } else {
                connection.decoder = Some(decoder);
            }
            self.receive_bytes += connection.buffered_bytes();
            self.receive_bytes -= buffered_bytes;
        }
        // A chunk that is not full has emptied the socket; on Linux, whatever comes afterwards is
        // told as a new event. Elsewhere, and at the end of the stream, only a read can tell.
        let is_drained = n_bytes < CHUNK_BYTES && cfg!(target_os = "linux");
        if !is_drained || connection.is_read_closed || connection.is_write_closed {
            self.read_on(session, now);
        } else {
            connection.n_full_chunks = 0;
        }
        if self.unfinished_limit < self.receive_bytes {
            self.make_receive_room(now);
        }
        self.apply(now);
    }

    /// Closes the connection whose unfinished message takes the most memory.
    fn make_receive_room(&mut self, now: Instant) {
        let open = self
            .connections
            .iter()
            .flatten()
            .filter(|connection| connection.closing.is_none());
        if let Some(largest) = open.max_by_key(|connection| connection.buffered_bytes()) {
            let session = largest.id;
            self.incidents.note(Incident::NoMemory, now, |what| {
                tracing::warn!(client = session.client(), "{what}");
            });
            self.broker
                .handle(Input::Broken(session, &Fault::NoMemory), now);
        }
    }

    fn end_of_stream(&mut self, session: SessionId, now: Instant) {
        let Some(connection) = connection(&mut self.connections, session) else {
            return;
        };
        connection.has_ended = true;
        let decoder = connection.decoder.as_ref();
        let finished = decoder.map_or(Ok(()), |decoder| decoder.finish());
        if connection.is_write_closed {
            return self.drop_connection(session, CloseReason::Left, now);
        }
        if connection.closing.is_some() {
            // It is dropped as soon as its outbox is written.
            return self.mark_dirty(session);
        }
        match finished {
            Ok(()) => self.broker.handle(Input::Finished(session), now),
            Err(fault) => self.broker.handle(Input::Broken(session, &fault), now),
        }
        self.apply(now);
    }
}
