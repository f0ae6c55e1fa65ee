//! The event loop: one thread owns the broker and every socket.
//!
//! A turn reads one chunk from each connection that has something, handles every message in it,
//! and then writes each outbox that has got something once; only then time passes on peers (see
//! `peer_time.rs`). Nothing in a turn waits, and what one connection may do in a turn is bounded,
//! so a peer that is slow or greedy delays nobody. Only this module knows that there is one loop.

mod accepting;
mod closing;
mod peer_time;
mod reading;
mod refused;
mod writing;

use std::{
    collections::VecDeque,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use ipc_core::{Broker, Output, SessionId};
use ipc_wire::{DecodeLimits, Decoder};
use mio::{Events, Interest, Poll, Registry, Token};

use self::{
    accepting::FILE_CHECK_INTERVAL,
    closing::LINGER,
    peer_time::{MAX_ROUNDS, PeerTime},
    reading::CHUNK_BYTES,
    refused::RefusedConnections,
};
use crate::{
    SERVER_NAME,
    connection::Connection,
    incidents::{Incident, Incidents},
    listener::Listener,
    polling::Polling,
    server::Settings,
};

/// The token of the waker by which other threads reach the loop.
pub(crate) const WAKE: Token = Token(0);

/// The token of the first listener; those of the refused connections follow the listeners', and
/// those of the connections follow these.
const FIRST_LISTENER: usize = 1;

/// Events taken from the system in one turn.
const EVENTS_PER_TURN: usize = 1024;

#[derive(Debug)]
pub(crate) struct Hub {
    poll: Poll,
    listeners: Vec<Listener>,
    /// When to look whether the files of Unix sockets are there, if there are any.
    checks_files_at: Option<Instant>,
    refused: RefusedConnections,
    first_connection: usize,
    /// By the session's slot.
    connections: Vec<Option<Connection>>,
    broker: Broker,
    decode_limits: DecodeLimits,
    unfinished_limit: usize,
    /// For whichever connection receives, unless it keeps one of its own.
    decoder: Option<Box<Decoder>>,
    scratch: Box<[u8]>,
    /// Connections that may have something to read.
    ready: VecDeque<SessionId>,
    /// Connections that have something to write.
    dirty: Vec<SessionId>,
    /// Connections whose next message has to wait, by when; all wait equally long.
    paced: VecDeque<(Instant, SessionId)>,
    /// Connections that are being closed, by when they are looked at again; all equally often.
    lingering: VecDeque<(Instant, SessionId)>,
    receive_bytes: usize,
    peer_time: PeerTime,
    /// There is more to read than this turn has read; it comes before time passes on peers.
    is_behind: bool,
    polling: Polling,
    incidents: Incidents,
    is_stopping: Arc<AtomicBool>,
    drops_at: Option<Instant>,
}

impl Hub {
    pub(crate) fn new(
        poll: Poll,
        mut listeners: Vec<Listener>,
        settings: Settings,
        is_stopping: Arc<AtomicBool>,
    ) -> io::Result<Self> {
        let Settings { limits, busy_poll } = settings;
        let now = Instant::now();
        for (n, listener) in listeners.iter_mut().enumerate() {
            listener.register(poll.registry(), Token(FIRST_LISTENER + n))?;
        }
        let has_files = listeners.iter().any(Listener::has_file);
        let first_refused = FIRST_LISTENER + listeners.len();
        let refused = RefusedConnections::new(first_refused, limits.message_bytes);
        Ok(Self {
            poll,
            listeners,
            checks_files_at: has_files.then(|| now + FILE_CHECK_INTERVAL),
            first_connection: refused.end_token(),
            refused,
            connections: Vec::new(),
            decode_limits: limits.decode(),
            unfinished_limit: limits.unfinished_bytes,
            broker: Broker::new(limits, SERVER_NAME, now),
            decoder: None,
            scratch: vec![0; CHUNK_BYTES].into(),
            ready: VecDeque::new(),
            dirty: Vec::new(),
            paced: VecDeque::new(),
            lingering: VecDeque::new(),
            receive_bytes: 0,
            peer_time: PeerTime::new(now),
            is_behind: false,
            polling: Polling::new(busy_poll, now),
            incidents: Incidents::default(),
            is_stopping,
            drops_at: None,
        })
    }

    /// Turns until the server is stopped.
    pub(crate) fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS_PER_TURN);
        let mut now = Instant::now();
        // The time since it was bound is no gap.
        self.peer_time = PeerTime::new(now);
        loop {
            let is_looking = self.polling.is_worthwhile(now);
            let asked_at = if is_looking { now } else { Instant::now() };
            let timeout = if is_looking {
                Some(Duration::ZERO)
            } else {
                self.timeout(asked_at)
            };
            match self.poll.poll(&mut events, timeout) {
                // As if nothing were ready. A process that was stopped comes here.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                polled => polled?,
            }
            now = Instant::now();
            if let Some(gap) = self.peer_time.begin_round(asked_at, timeout, now) {
                self.incidents.note(Incident::StoodStill, now, |what| {
                    tracing::warn!(?gap, "{what}");
                });
            }
            let has_work = !events.is_empty() || !self.ready.is_empty() || self.refused.has_ready();
            if !events.is_empty() {
                self.polling.note_event(now);
                self.note_events(&events);
            }
            let peer_now = self.turn(now);
            if self.is_stopping.load(Ordering::Acquire) && self.stop(now, peer_now) {
                return Ok(());
            }
            if has_work {
                now = Instant::now();
                self.polling.begin_wait(now);
            }
        }
    }

    /// Reads and writes what is possible, and then lets time pass on peers. Returns the time for
    /// them.
    fn turn(&mut self, now: Instant) -> Instant {
        self.resume_waiting(now);
        let now = self.read_ready(now);
        self.refused.read(&mut self.scratch);
        self.accept(now);
        self.write_dirty(now);
        let max_rounds = MAX_ROUNDS + self.n_polls_for_all();
        let peer_now = self.peer_time.end_round(!self.is_behind, max_rounds);
        self.is_behind = false;
        self.pass_time(peer_now, now);
        if !self.dirty.is_empty() {
            self.write_dirty(now);
        }
        peer_now
    }

    /// How many polls tell of every connection that is ready: the system takes them in turn.
    fn n_polls_for_all(&self) -> u32 {
        u32::try_from(self.connections.len() / EVENTS_PER_TURN).unwrap_or(u32::MAX / 2)
    }

    /// How long the loop may sleep; `None` until something happens.
    fn timeout(&mut self, now: Instant) -> Option<Duration> {
        let has_work = !self.ready.is_empty() || !self.dirty.is_empty() || self.refused.has_ready();
        if has_work || self.listeners.iter().any(Listener::may_accept) {
            return Some(Duration::ZERO);
        }
        let lingering = self.lingering.front().map(|&(until, _)| until);
        let deadlines = [
            self.broker.poll_timeout(),
            lingering,
            self.refused.next_deadline(),
            self.drops_at,
        ];
        let deadline = deadlines.into_iter().flatten().min();
        let deadline = deadline.map(|deadline| self.peer_time.earliest(deadline));
        let paced = self.paced.front().map(|&(until, _)| until);
        let resting = self
            .listeners
            .iter()
            .filter_map(|listener| listener.rests_until)
            .min();
        let waiting = [
            deadline,
            paced,
            resting,
            self.incidents.timeout(),
            self.checks_files_at,
        ];
        let next = waiting.into_iter().flatten().min()?;
        Some(next.saturating_duration_since(now))
    }

    fn note_events(&mut self, events: &Events) {
        let mut n_events = 0;
        for event in events {
            n_events += 1;
            let token = event.token().0;
            if token < FIRST_LISTENER {
                continue;
            }
            if let Some(listener) = self.listeners.get_mut(token - FIRST_LISTENER) {
                listener.is_ready = true;
                continue;
            }
            if token < self.first_connection {
                self.refused.note_ready(token);
                continue;
            }
            let slot = token - self.first_connection;
            let Some(Some(connection)) = self.connections.get_mut(slot) else {
                continue;
            };
            connection.is_read_closed |= event.is_read_closed();
            connection.is_write_closed |= event.is_write_closed() || event.is_error();
            if event.is_writable() {
                connection.is_writable = true;
                let interest = Interest::READABLE;
                if let Err(error) = watch(self.poll.registry(), connection, event.token(), interest)
                {
                    not_watched(&mut self.incidents, connection.id, &error);
                }
                if !connection.is_dirty {
                    connection.is_dirty = true;
                    self.dirty.push(connection.id);
                }
            }
            let is_readable = event.is_readable() || event.is_read_closed() || event.is_error();
            if is_readable && !connection.is_ready {
                connection.is_ready = true;
                self.ready.push_back(connection.id);
            }
        }
        self.is_behind |= n_events == EVENTS_PER_TURN;
    }

    /// Resumes what only had to wait for a moment. No deadline of a peer is kept here.
    fn resume_waiting(&mut self, now: Instant) {
        self.incidents.pass_time(now);
        while let Some(&(until, session)) = self.paced.front()
            && until <= now
        {
            self.paced.pop_front();
            self.mark_dirty(session);
        }
        self.check_files(now);
        for listener in &mut self.listeners {
            if listener.rests_until.is_some_and(|until| until <= now) {
                listener.rests_until = None;
                listener.is_ready = true;
            }
        }
    }

    /// Keeps the deadlines of peers that have come by the time it is for them.
    fn pass_time(&mut self, peer_now: Instant, now: Instant) {
        self.broker.handle_timeout(peer_now);
        self.apply(now);
        self.pass_linger(peer_now, now);
        self.refused.expire(peer_now);
    }

    /// Does what the broker has decided.
    fn apply(&mut self, now: Instant) {
        while let Some(output) = self.broker.poll_output() {
            match output {
                Output::Write(session) => self.mark_dirty(session),
                Output::Retry(session) => self.try_to_write(session),
                Output::Close(session, reason) => self.close(session, reason, now),
            }
        }
    }

    /// Goes on stopping; whether the server may end.
    fn stop(&mut self, now: Instant, peer_now: Instant) -> bool {
        if self.drops_at.is_none() {
            tracing::info!("stopping");
            self.broker.shut_down(now);
            self.stop_accepting(now);
            self.drops_at = self
                .broker
                .drain_deadline()
                .map(|deadline| deadline + LINGER);
            self.apply(now);
            self.write_dirty(now);
        }
        let is_done = self.broker.is_drained() && self.refused.is_empty();
        is_done || self.drops_at.is_some_and(|drops_at| drops_at <= peer_now)
    }

    fn mark_dirty(&mut self, session: SessionId) {
        if let Some(connection) = connection(&mut self.connections, session)
            && !connection.is_dirty
        {
            connection.is_dirty = true;
            self.dirty.push(session);
        }
    }

    fn mark_ready(&mut self, session: SessionId) {
        if let Some(connection) = connection(&mut self.connections, session)
            && !connection.is_ready
        {
            connection.is_ready = true;
            self.ready.push_back(session);
        }
    }
}

/// Changes what is to be told of a connection. Only a system without memory refuses; the connection
/// is closed when it makes no progress.
fn watch(
    registry: &Registry,
    connection: &mut Connection,
    token: Token,
    interest: Interest,
) -> io::Result<()> {
    registry.reregister(&mut connection.stream, token, interest)
}

fn not_watched(incidents: &mut Incidents, session: SessionId, error: &io::Error) {
    incidents.note(Incident::NotWatched, Instant::now(), |what| {
        tracing::warn!(client = session.client(), %error, "{what}");
    });
}

/// The connection of a session, unless another has taken its place.
fn connection(
    connections: &mut [Option<Connection>],
    session: SessionId,
) -> Option<&mut Connection> {
    let connection = connections.get_mut(session.slot())?.as_mut()?;
    (connection.id == session).then_some(connection)
}
