//! From listening sockets to connections.

use std::time::{Duration, Instant};

use ipc_core::{CloseReason, Input, Refusal};
use ipc_wire::Code;
use mio::{Interest, Token};

use super::{FIRST_LISTENER, Hub, not_watched};
use crate::{connection::Connection, incidents::Incident, listener::BACKLOG, stream::Stream};

/// Connections accepted from one listener in one turn.
const ACCEPTS_PER_TURN: usize = 64;

/// How often to look whether the files of Unix sockets are there: soon enough for whoever waits for
/// one that was removed, and nothing that an idle server would be noticed by.
pub(super) const FILE_CHECK_INTERVAL: Duration = Duration::from_secs(2);

impl Hub {
    /// Accepts from each listener, so many that it shares the turn.
    pub(super) fn accept(&mut self, now: Instant) {
        for n in 0..self.listeners.len() {
            self.accept_from(n, ACCEPTS_PER_TURN, now);
        }
    }

    fn accept_from(&mut self, n: usize, n_accepts: usize, now: Instant) {
        for _ in 0..n_accepts {
            let listener = &mut self.listeners[n];
            if !listener.may_accept() {
                return;
            }
            if let Some(stream) = listener.accept(&mut self.incidents, now) {
                // What it has sent already is told by the next poll.
                self.is_behind = true;
                self.welcome(stream, now);
            }
        }
    }

    /// Makes a connection of a socket, or tells it why not.
    fn welcome(&mut self, mut stream: Stream, now: Instant) {
        let peer = stream.peer();
        let session = match self.broker.open(peer.clone()) {
            Ok(session) => session,
            Err(refusal) => {
                self.incidents
                    .note(Incident::ConnectionRefused, now, |what| {
                        tracing::warn!(address = ?peer.address, %refusal, "{what}");
                    });
                let registry = self.poll.registry();
                return self.refused.add(stream, &refusal, registry, now);
            }
        };
        let slot = session.slot();
        let token = Token(self.first_connection + slot);
        // Whether it is writable only matters after it was not.
        let registered = self
            .poll
            .registry()
            .register(&mut stream, token, Interest::READABLE);
        if let Err(error) = registered {
            not_watched(&mut self.incidents, session, &error);
            self.broker
                .handle(Input::Closed(session, CloseReason::Failed), now);
            let refusal = Refusal {
                code: Code::Busy,
                text: "the system cannot watch another connection".into(),
            };
            return self
                .refused
                .add(stream, &refusal, self.poll.registry(), now);
        }
        tracing::debug!(client = session.client(), address = ?peer.address, "connected");
        if self.connections.len() <= slot {
            self.connections.resize_with(slot + 1, || None);
        }
        self.connections[slot] = Some(Connection::new(session, stream));
    }

    /// Stops accepting. Those who have connected and were not accepted are told why.
    pub(super) fn stop_accepting(&mut self, now: Instant) {
        for n in 0..self.listeners.len() {
            self.listeners[n].is_ready = true;
            self.accept_from(n, BACKLOG.into(), now);
        }
        self.listeners.clear();
        self.checks_files_at = None;
    }

    /// Makes the files of Unix sockets again that somebody has removed, when it is time to look.
    pub(super) fn check_files(&mut self, now: Instant) {
        if self.checks_files_at.is_none_or(|checks_at| now < checks_at) {
            return;
        }
        for (n, listener) in self.listeners.iter_mut().enumerate() {
            listener.restore_file(self.poll.registry(), Token(FIRST_LISTENER + n));
        }
        self.checks_files_at = Some(now + FILE_CHECK_INTERVAL);
    }
}
