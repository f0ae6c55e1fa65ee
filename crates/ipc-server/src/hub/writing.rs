//! From the broker's outboxes to the sockets.

use std::time::Instant;

use ipc_core::{Input, SessionId};
use mio::{Interest, Token};

use super::{Hub, connection, not_watched, watch};
use crate::connection::Written;

/// What is written to one connection in one turn, so that a large message shares the turn.
const WRITE_BYTES_PER_TURN: usize = 256 * 1024;

/// How many connections are written to before the clock is read again: a write takes some
/// microseconds, and seed clients get a millisecond each.
const WRITES_AT_ONE_TIME: u32 = 64;

impl Hub {
    /// Writes each outbox that has got something. What the writing brings about is written too.
    pub(super) fn write_dirty(&mut self, mut now: Instant) {
        let mut again = Vec::new();
        let mut n_written = 0_u32;
        while let Some(session) = self.dirty.pop() {
            n_written += 1;
            if n_written.is_multiple_of(WRITES_AT_ONE_TIME) {
                now = Instant::now();
            }
            if let Some(connection) = connection(&mut self.connections, session) {
                connection.is_dirty = false;
                if self.write(session, now) {
                    again.push(session);
                }
                self.apply(now);
            }
        }
        again
            .into_iter()
            .for_each(|session| self.mark_dirty(session));
    }

    /// Writes what the socket takes; whether it may take more in the next turn.
    fn write(&mut self, session: SessionId, now: Instant) -> bool {
        let mut n_bytes = 0;
        loop {
            let Some(connection) = connection(&mut self.connections, session) else {
                return false;
            };
            let Some(outbox) = self.broker.outbox(session) else {
                return false;
            };
            if outbox.is_empty() {
                self.finish_closing(session, now);
                return false;
            }
            if !connection.is_writable || connection.is_write_closed {
                return false;
            }
            if WRITE_BYTES_PER_TURN <= n_bytes {
                return true;
            }
            let resumed_at = self.peer_time.resumed_at();
            let written = match connection.write(outbox, now, resumed_at) {
                Ok(Written::Some(n_written)) => {
                    if let Some(patience) = &mut connection.closing {
                        patience.note_progress();
                    }
                    n_written
                }
                Ok(Written::Blocked) => {
                    let token = Token(self.first_connection + session.slot());
                    let interest = Interest::READABLE | Interest::WRITABLE;
                    if let Err(error) = watch(self.poll.registry(), connection, token, interest) {
                        not_watched(&mut self.incidents, session, &error);
                    }
                    self.broker.handle(Input::Written(session, 0), now);
                    return false;
                }
                Ok(Written::Paced(until)) => {
                    self.paced.push_back((until, session));
                    return false;
                }
                Err(_) => {
                    self.fail_to_write(session, now);
                    return false;
                }
            };
            n_bytes += written;
            self.broker.handle(Input::Written(session, written), now);
        }
    }
}
