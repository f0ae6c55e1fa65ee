//! The raw relay: what anything in the middle costs at least. It forwards bytes without looking
//! at them. Each connection of a caller is paired with one of a provider, in the order in which
//! they come; what a publisher sends is copied to every listener.
//!
//! It runs in a process of its own (`ipc-bench relay`), as the brokers do.

use std::io::{self, Read, Write};

use anyhow::Context;
use mio::{Events, Interest, Poll, Token};

use crate::{
    role::Role,
    stream::{Listener, Stream},
};

/// What each connection is sent first, so that its client knows that it is taken up.
pub(crate) const READY: u8 = b'!';

const SCRATCH_BYTES: usize = 64 * 1024;

/// A connection for which more than this is queued is closed: its client does not read.
const MAX_QUEUED_BYTES: usize = 256 * 1024 * 1024;

/// Connections have the tokens behind those of the listeners.
const N_ROLES: usize = Role::ALL.len();

/// Relays until the process is ended. Prints the addresses, in the order of [`Role::ALL`].
pub(crate) fn run(listeners: Vec<Listener>) -> anyhow::Result<()> {
    let mut relay = Relay {
        poll: Poll::new()?,
        listeners,
        connections: Vec::new(),
        unpaired: [None, None].map(|_: Option<()>| std::collections::VecDeque::new()),
        subscribers: Vec::new(),
    };
    for (i, listener) in relay.listeners.iter_mut().enumerate() {
        let registry = relay.poll.registry();
        registry.register(listener, Token(i), Interest::READABLE)?;
    }
    let mut events = Events::with_capacity(1024);
    let mut scratch = vec![0; SCRATCH_BYTES];
    loop {
        match relay.poll.poll(&mut events, None) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            polled => polled.context("the relay cannot poll")?,
        }
        for event in &events {
            let Token(token) = event.token();
            if let Some(connection) = token.checked_sub(N_ROLES) {
                if event.is_writable() {
                    relay.flush(connection);
                }
                if event.is_readable() {
                    relay.forward(connection, &mut scratch);
                }
            } else {
                relay.accept(token)?;
            }
        }
    }
}

struct Relay {
    poll: Poll,
    /// One for each role.
    listeners: Vec<Listener>,
    connections: Vec<Option<Connection>>,
    /// Callers without a provider, and providers without a caller.
    unpaired: [std::collections::VecDeque<usize>; 2],
    subscribers: Vec<usize>,
}

struct Connection {
    stream: Stream,
    role: Role,
    pair: Option<usize>,
    queued: Vec<u8>,
}

impl Relay {
    fn accept(&mut self, listener: usize) -> anyhow::Result<()> {
        let role = Role::ALL[listener];
        loop {
            let mut stream = match self.listeners[listener].accept() {
                Ok(stream) => stream,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error).context("the relay cannot accept"),
            };
            // A client that is gone already is noticed when it is read.
            stream.write_all(&[READY]).ok();
            let free = self.connections.iter().position(Option::is_none);
            let number = free.unwrap_or(self.connections.len());
            if free.is_none() {
                self.connections.push(None);
            }
            self.connections[number] = Some(Connection {
                stream,
                role,
                pair: None,
                queued: Vec::new(),
            });
            match role {
                Role::Caller => self.pair(number, 0)?,
                Role::Provider => self.pair(number, 1)?,
                Role::Publisher => self.register(number)?,
                Role::Listener => {
                    self.subscribers.push(number);
                    self.register(number)?;
                }
            }
        }
    }

    /// Pairs the connection with the first of the other side that has no other end yet.
    fn pair(&mut self, number: usize, side: usize) -> anyhow::Result<()> {
        let Some(other) = self.unpaired[1 - side].pop_front() else {
            self.unpaired[side].push_back(number);
            return Ok(());
        };
        for (one, another) in [(number, other), (other, number)] {
            if let Some(connection) = &mut self.connections[one] {
                connection.pair = Some(another);
            }
            self.register(one)?;
        }
        Ok(())
    }

    fn register(&mut self, number: usize) -> anyhow::Result<()> {
        let token = Token(N_ROLES + number);
        if let Some(connection) = &mut self.connections[number] {
            let interest = Interest::READABLE | Interest::WRITABLE;
            let registry = self.poll.registry();
            registry.register(&mut connection.stream, token, interest)?;
        }
        Ok(())
    }

    fn forward(&mut self, number: usize, scratch: &mut [u8]) {
        loop {
            let Some(connection) = &mut self.connections[number] else {
                return;
            };
            let (role, pair) = (connection.role, connection.pair);
            match connection.stream.read(scratch) {
                Ok(0) => return self.close(number),
                Ok(n_read) => {
                    let bytes = &scratch[..n_read];
                    if let Some(pair) = pair {
                        self.send(pair, bytes);
                    } else if role == Role::Publisher {
                        for i in (0..self.subscribers.len()).rev() {
                            self.send(self.subscribers[i], bytes);
                        }
                    }
                    if n_read < scratch.len() {
                        return;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_gone) => return self.close(number),
            }
        }
    }

    /// Writes what the socket takes and queues the rest.
    fn send(&mut self, number: usize, bytes: &[u8]) {
        let Some(connection) = &mut self.connections[number] else {
            return;
        };
        let n_written = if connection.queued.is_empty() {
            match connection.stream.write(bytes) {
                Ok(n_written) => n_written,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
                Err(_gone) => return self.close(number),
            }
        } else {
            0
        };
        connection.queued.extend_from_slice(&bytes[n_written..]);
        if MAX_QUEUED_BYTES < connection.queued.len() {
            self.close(number);
        }
    }

    fn flush(&mut self, number: usize) {
        let Some(connection) = &mut self.connections[number] else {
            return;
        };
        let mut n_flushed = 0;
        while n_flushed < connection.queued.len() {
            match connection.stream.write(&connection.queued[n_flushed..]) {
                Ok(n_written) => n_flushed += n_written,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_gone) => return self.close(number),
            }
        }
        if n_flushed == connection.queued.len() {
            // A burst that is over leaves no memory behind.
            connection.queued = Vec::new();
        } else {
            connection.queued.drain(..n_flushed);
        }
    }

    /// Forgets the connection and the one that it is paired with.
    fn close(&mut self, number: usize) {
        let Some(connection) = self.connections[number].take() else {
            return;
        };
        self.subscribers.retain(|subscriber| *subscriber != number);
        if let Some(pair) = connection.pair {
            self.close(pair);
        }
    }
}
