//! The load: one thread that plays every caller, provider, publisher and listener of a work, over
//! sockets that do not block. It reads large chunks and writes each connection once a turn, so
//! that it is light beside any broker.

mod connection;
mod plan;

use std::{
    io::{self, Read},
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use mio::{Events, Interest, Poll, Token};

use crate::{
    dialect::{Call, Dialect, Frame},
    link::Link,
    role::Role,
    stream::Stream,
};

use connection::Connection;
pub use plan::{Budget, Tally};
pub(crate) use plan::{Calls, Emits};

/// One read, and one write. A connection that has more to read comes again after the others.
const PIECE_BYTES: usize = 256 * 1024;

/// How long nothing may arrive while something is owed.
const STALL: Duration = Duration::from_secs(10);

/// The most latencies that are kept of one run.
const MAX_LATENCIES: usize = 4_000_000;

/// The connections of one work to one broker.
pub(crate) struct Load<'a> {
    dialect: &'a dyn Dialect,
    poll: Poll,
    connections: Vec<Connection>,
    callers: Vec<usize>,
    publishers: Vec<usize>,
    calls: Option<Calls>,
    emits: Option<Emits>,
    ready: Vec<usize>,
    dirty: Vec<usize>,
    delivered_bytes: u64,
    emitted_at: Instant,
    is_over: bool,
    piece_bytes: usize,
    /// Whether the broker may close connections.
    may_end: bool,
    tally: Tally,
}

impl<'a> Load<'a> {
    pub(crate) fn new(dialect: &'a dyn Dialect) -> anyhow::Result<Self> {
        Ok(Self {
            dialect,
            poll: Poll::new()?,
            connections: Vec::new(),
            callers: Vec::new(),
            publishers: Vec::new(),
            calls: None,
            emits: None,
            ready: Vec::new(),
            dirty: Vec::new(),
            delivered_bytes: 0,
            emitted_at: Instant::now(),
            is_over: false,
            piece_bytes: PIECE_BYTES,
            may_end: false,
            tally: Tally::default(),
        })
    }

    /// Takes over a connection that is set up.
    pub(crate) fn add(&mut self, role: Role, link: Link) -> anyhow::Result<()> {
        let number = self.connections.len();
        let (socket, partial) = link.into_parts();
        if role == Role::Listener && !partial.is_empty() {
            bail!("a listener was sent something before the first event");
        }
        let mut stream = Stream::new(socket)?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        let registry = self.poll.registry();
        registry.register(&mut stream, Token(number), interest)?;
        let caller = self.callers.len();
        match role {
            Role::Caller => self.callers.push(number),
            Role::Publisher => self.publishers.push(number),
            Role::Provider | Role::Listener => {}
        }
        let connection = Connection::new(stream, role, caller, partial);
        self.connections.push(connection);
        Ok(())
    }

    pub(crate) fn set_calls(&mut self, calls: Calls) {
        self.calls = Some(calls);
    }

    pub(crate) fn set_emits(&mut self, emits: Emits) {
        self.emits = Some(emits);
    }

    /// Reads and writes at most so many bytes in one system call.
    pub(crate) fn set_piece(&mut self, n_bytes: usize) {
        self.piece_bytes = n_bytes;
    }

    /// Sends within the budget, then waits for everything that is owed.
    pub(crate) fn run(&mut self, budget: Budget) -> anyhow::Result<Tally> {
        let start = Instant::now();
        self.tally = Tally::default();
        self.delivered_bytes = 0;
        self.is_over = false;
        self.start_calls();
        self.emit();
        self.flush()?;
        let mut events = Events::with_capacity(1024);
        let mut scratch = vec![0; self.piece_bytes];
        let mut last_progress = start;
        while !self.is_settled() {
            let n_arrived = self.turn(&mut events, &mut scratch)?;
            let now = Instant::now();
            if 0 < n_arrived {
                last_progress = now;
            } else if STALL < now - last_progress {
                bail!("nothing arrives any more: {}", self.owed());
            }
            let n_messages = self.tally.n_called.max(self.tally.n_emitted);
            self.is_over |= budget.time <= now - start || budget.messages <= n_messages;
        }
        self.tally.elapsed = start.elapsed();
        Ok(std::mem::take(&mut self.tally))
    }

    /// Answers calls until told to stop; for works whose callers are elsewhere, and may take
    /// their provider's connection with them.
    pub(crate) fn serve(&mut self, is_over: impl Fn() -> bool) -> anyhow::Result<()> {
        self.may_end = true;
        let mut events = Events::with_capacity(1024);
        let mut scratch = vec![0; self.piece_bytes];
        while !is_over() {
            self.turn(&mut events, &mut scratch)?;
        }
        Ok(())
    }

    fn start_calls(&mut self) {
        let Some(calls) = self.calls.take() else {
            return;
        };
        for i in 0..self.callers.len() {
            for id in 0..calls.in_flight {
                self.call(&calls, self.callers[i], id, Instant::now());
            }
        }
        self.calls = Some(calls);
    }

    fn call(&mut self, calls: &Calls, number: usize, id: u32, now: Instant) {
        let object = in_turn(self.tally.n_called, calls.objects.len());
        let connection = &mut self.connections[number];
        let call = Call {
            caller: connection.caller,
            id,
            object: &calls.objects[object],
            payload: &calls.payload,
        };
        self.dialect.call(call, &mut connection.outbox);
        let id = id as usize;
        if connection.sent.len() <= id {
            connection.sent.resize(id + 1, now);
        }
        connection.sent[id] = now;
        self.tally.n_called += 1;
        mark(connection, number, &mut self.dirty);
    }

    /// Fills the window of events when half of it is delivered.
    fn emit(&mut self) {
        let Some(emits) = &self.emits else {
            return;
        };
        let delivered = self.delivered_bytes / emits.delivered_bytes;
        let n_owed = (self.tally.n_emitted * emits.n_receivers).saturating_sub(delivered);
        let n_open = n_owed.div_ceil(emits.n_receivers);
        if self.is_over || emits.window / 2 < n_open {
            return;
        }
        for _ in n_open..emits.window {
            let name = &emits.names[in_turn(self.tally.n_emitted, emits.names.len())];
            let publisher = in_turn(self.tally.n_emitted, self.publishers.len());
            let number = self.publishers[publisher];
            let connection = &mut self.connections[number];
            self.dialect
                .event(name, &emits.payload, &mut connection.outbox);
            self.tally.n_emitted += 1;
            mark(connection, number, &mut self.dirty);
        }
        self.emitted_at = Instant::now();
    }

    fn is_settled(&self) -> bool {
        self.is_over && self.tally.n_called == self.tally.n_answered && self.is_delivered()
    }

    fn is_delivered(&self) -> bool {
        self.emits.as_ref().is_none_or(|emits| {
            self.delivered_bytes == self.tally.n_emitted * emits.n_receivers * emits.delivered_bytes
        })
    }

    fn owed(&self) -> String {
        let owed_calls = self.tally.n_called - self.tally.n_answered;
        let events = self.emits.as_ref().map_or_else(String::new, |emits| {
            let owed = self.tally.n_emitted * emits.n_receivers * emits.delivered_bytes;
            let arrived = self.delivered_bytes;
            format!(", {arrived} bytes of {owed} of events arrived")
        });
        format!("{owed_calls} answers are owed{events}")
    }

    /// One turn: waits, reads a chunk of each connection that has something, writes.
    fn turn(&mut self, events: &mut Events, scratch: &mut [u8]) -> anyhow::Result<usize> {
        let patience = if self.ready.is_empty() {
            Duration::from_millis(20)
        } else {
            Duration::ZERO
        };
        match self.poll.poll(events, Some(patience)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(0),
            polled => polled.context("cannot poll")?,
        }
        for event in events.iter() {
            let Token(number) = event.token();
            let connection = &mut self.connections[number];
            if event.is_writable() && connection.n_flushed < connection.outbox.len() {
                mark(connection, number, &mut self.dirty);
            }
            if event.is_readable() && !connection.is_ready {
                connection.is_ready = true;
                self.ready.push(number);
            }
        }
        let mut n_arrived = 0;
        for number in std::mem::take(&mut self.ready) {
            n_arrived += self.read(number, scratch)?;
        }
        self.emit();
        self.flush()?;
        Ok(n_arrived)
    }

    fn read(&mut self, number: usize, scratch: &mut [u8]) -> anyhow::Result<usize> {
        let connection = &mut self.connections[number];
        let n_read = match connection.stream.read(scratch) {
            Ok(0) if self.may_end => {
                connection.is_ready = false;
                return Ok(0);
            }
            Ok(0) => bail!(
                "the broker closed the connection of a {:?}",
                connection.role
            ),
            Ok(n_read) => n_read,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(error) => return Err(error).context("cannot read from the broker"),
        };
        connection.is_ready = n_read == scratch.len();
        if connection.is_ready {
            self.ready.push(number);
        }
        match connection.role {
            Role::Listener => {
                let n_other = connection.interjected(self.dialect, &scratch[..n_read]);
                self.delivered_bytes += (n_read - n_other) as u64;
                self.note_delivered();
            }
            // What a publisher is told beside its events (Redis counts receivers) is not needed.
            Role::Publisher => {}
            Role::Caller | Role::Provider => self.receive(number, &scratch[..n_read])?,
        }
        Ok(n_read)
    }

    fn note_delivered(&mut self) {
        let Some(emits) = &self.emits else {
            return;
        };
        self.tally.n_delivered = self.delivered_bytes / emits.delivered_bytes;
        let is_new = (self.tally.latencies.len() as u64) < self.tally.n_emitted;
        if emits.window == 1 && self.calls.is_none() && is_new && self.is_delivered() {
            self.tally.latencies.push(nanoseconds(self.emitted_at));
        }
    }

    /// Handles every message of a chunk, and keeps what is left of one.
    fn receive(&mut self, number: usize, chunk: &[u8]) -> anyhow::Result<()> {
        let connection = &mut self.connections[number];
        let mut partial = std::mem::take(&mut connection.partial);
        let mut searched = connection.searched;
        let is_joined = !partial.is_empty();
        if is_joined {
            partial.extend_from_slice(chunk);
        }
        let input = if is_joined { &partial[..] } else { chunk };
        let (now, mut at) = (Instant::now(), 0);
        let calls = self.calls.take();
        while let Some((n_bytes, frame)) = self.dialect.next(&input[at..], &mut searched)? {
            self.handle(
                number,
                &input[at..at + n_bytes],
                frame,
                (calls.as_ref(), now),
            )?;
            at += n_bytes;
            searched = 0;
        }
        self.calls = calls;
        let connection = &mut self.connections[number];
        connection.searched = searched;
        if is_joined {
            partial.drain(..at);
        } else {
            partial.extend_from_slice(&chunk[at..]);
        }
        connection.partial = partial;
        Ok(())
    }

    fn handle(
        &mut self,
        number: usize,
        message: &[u8],
        frame: Frame,
        (calls, now): (Option<&Calls>, Instant),
    ) -> anyhow::Result<()> {
        let connection = &mut self.connections[number];
        match frame {
            Frame::Call => {
                self.dialect.answer(message, &mut connection.outbox)?;
                mark(connection, number, &mut self.dirty);
            }
            Frame::Reply(id) => {
                let sent = connection.sent.get(id as usize);
                let sent = *sent.context("an answer to a call that was not made")?;
                self.tally.n_answered += 1;
                if self.tally.latencies.len() < MAX_LATENCIES {
                    self.tally.latencies.push(between(sent, now));
                }
                if let Some(calls) = calls
                    && !self.is_over
                {
                    self.call(calls, number, id, now);
                }
            }
            Frame::Event | Frame::Other => {}
        }
        Ok(())
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        for number in std::mem::take(&mut self.dirty) {
            let connection = &mut self.connections[number];
            connection.is_dirty = false;
            let flushed = connection.flush(self.piece_bytes);
            flushed.context("cannot write to the broker")?;
        }
        Ok(())
    }
}

/// Which of so many comes next, after `n_before` turns.
fn in_turn(n_before: u64, n: usize) -> usize {
    usize::try_from(n_before % n as u64).unwrap_or_default()
}

fn mark(connection: &mut Connection, number: usize, dirty: &mut Vec<usize>) {
    if !connection.is_dirty {
        connection.is_dirty = true;
        dirty.push(number);
    }
}

fn nanoseconds(since: Instant) -> u32 {
    between(since, Instant::now())
}

fn between(start: Instant, end: Instant) -> u32 {
    u32::try_from((end - start).as_nanos()).unwrap_or(u32::MAX)
}
