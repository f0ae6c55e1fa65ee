//! The sockets that clients connect to: where they are, how they are made, and how they accept.

mod defaults;
#[cfg(unix)]
mod lock;
mod tcp;
#[cfg(unix)]
mod unix;

use std::{
    io,
    net::IpAddr,
    time::{Duration, Instant},
};

use ipc_wire::Address;
use mio::{Interest, Registry, Token, event::Source};

pub(crate) use self::defaults::bind_defaults;
pub use self::defaults::default_addresses;
use crate::{
    incidents::{Incident, Incidents},
    stream::Stream,
};

/// Connections that may wait to be accepted: enough for a thousand clients that reconnect at once.
pub(crate) const BACKLOG: u16 = 1024;

/// How long accepting rests when the process is out of file descriptors; doubled up to the longest.
const FIRST_BACKOFF: Duration = Duration::from_millis(10);
const LONGEST_BACKOFF: Duration = Duration::from_secs(1);

/// Why an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// The system refuses; most often another process is there already.
    #[error("cannot listen on {address}: {}", explain(error))]
    Io {
        /// The address.
        address: Address,
        /// What the system says.
        error: io::Error,
    },
    /// The machine has none of the addresses that the host stands for.
    #[error("cannot listen on {address}: {}", explain_missing(address, missing))]
    NoSuchAddress {
        /// The address.
        address: Address,
        /// What its host stands for.
        missing: Vec<IpAddr>,
    },
    /// The path of a Unix socket, or of its lock file, is taken by something else.
    #[error("cannot listen on {address}: {problem}")]
    Path {
        /// The address.
        address: Address,
        /// What is there.
        problem: String,
    },
    /// The system gives no event queue.
    #[error("cannot make an event queue: {0}")]
    EventQueue(io::Error),
    /// The system has no such sockets.
    #[error("cannot listen on {address}: this system has no Unix sockets")]
    Unsupported {
        /// The address.
        address: Address,
    },
}

impl BindError {
    /// Whether another process listens there already.
    fn is_taken(&self) -> bool {
        matches!(self, Self::Io { error, .. } if error.kind() == io::ErrorKind::AddrInUse)
    }
}

fn explain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => "another process is listening there".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::NotFound => "no such directory".to_owned(),
        _ => error.to_string(),
    }
}

fn explain_missing(address: &Address, missing: &[IpAddr]) -> String {
    match address {
        Address::Tcp { host, .. } if host.parse::<IpAddr>().is_err() => {
            let addresses: Vec<_> = missing.iter().map(ToString::to_string).collect();
            format!("this machine does not have {}", addresses.join(", "))
        }
        _ => "this machine does not have that address".to_owned(),
    }
}

/// A socket that accepts.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: ListeningSocket,
    /// The address as clients can use it, with the port that the system chose.
    pub(crate) address: Address,
    /// There may be connections to accept.
    pub(crate) is_ready: bool,
    /// Accepting rests until then.
    pub(crate) rests_until: Option<Instant>,
    backoff: Duration,
    /// Since when connections that could not be accepted wait.
    failing_since: Option<Instant>,
}

#[derive(Debug)]
enum ListeningSocket {
    Tcp(mio::net::TcpListener),
    #[cfg(unix)]
    Unix(unix::PathListener),
}

/// Binds every socket that the addresses name, each once: a host may have several, and several
/// addresses may name the same.
pub(crate) fn bind(addresses: &[Address]) -> Result<Vec<Listener>, BindError> {
    let resolved: Result<Vec<_>, _> = addresses.iter().map(tcp::resolve).collect();
    let sockets = tcp::without_repeats(resolved?);
    let mut listeners: Vec<Listener> = Vec::new();
    for (address, sockets) in addresses.iter().zip(sockets) {
        match address {
            Address::Tcp { .. } => listeners.extend(tcp::bind(address, &sockets)?),
            #[cfg(unix)]
            Address::Unix(path) => {
                if !listeners.iter().any(|listener| listener.is_at(path)) {
                    listeners.push(Listener::at_path(path)?);
                }
            }
            _ => {
                let address = address.clone();
                return Err(BindError::Unsupported { address });
            }
        }
    }
    Ok(listeners)
}

impl Listener {
    const fn new(socket: ListeningSocket, address: Address) -> Self {
        let backoff = FIRST_BACKOFF;
        Self {
            socket,
            address,
            is_ready: true,
            rests_until: None,
            backoff,
            failing_since: None,
        }
    }

    #[cfg(unix)]
    fn at_path(path: &std::path::Path) -> Result<Self, BindError> {
        let socket = unix::PathListener::bind(path)?;
        let address = Address::Unix(path.to_owned());
        Ok(Self::new(ListeningSocket::Unix(socket), address))
    }

    /// Whether this is the socket at a path, however that is written.
    #[cfg(unix)]
    fn is_at(&self, path: &std::path::Path) -> bool {
        matches!(&self.socket, ListeningSocket::Unix(socket) if socket.is_at(path))
    }

    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        match &mut self.socket {
            ListeningSocket::Tcp(socket) => socket.register(registry, token, Interest::READABLE),
            #[cfg(unix)]
            ListeningSocket::Unix(socket) => socket.register(registry, token),
        }
    }

    /// Whether the socket has a file, which somebody could remove.
    pub(crate) const fn has_file(&self) -> bool {
        match self.socket {
            ListeningSocket::Tcp(_) => false,
            #[cfg(unix)]
            ListeningSocket::Unix(_) => true,
        }
    }

    /// Makes the socket's file again if it was removed.
    pub(crate) fn restore_file(&mut self, registry: &Registry, token: Token) {
        match &mut self.socket {
            ListeningSocket::Tcp(_) => {}
            #[cfg(unix)]
            ListeningSocket::Unix(socket) => {
                if socket.restore_file(registry, token) {
                    self.is_ready = true;
                }
            }
        }
    }

    /// Returns whether a connection may wait and accepting does not rest.
    pub(crate) const fn may_accept(&self) -> bool {
        self.is_ready && self.rests_until.is_none()
    }

    /// Accepts one connection, if one waits. After an error that will last, accepting rests.
    pub(crate) fn accept(&mut self, incidents: &mut Incidents, now: Instant) -> Option<Stream> {
        loop {
            let accepted = match &mut self.socket {
                ListeningSocket::Tcp(socket) => socket.accept().and_then(|(stream, _)| {
                    stream.set_nodelay(true)?;
                    Ok(Stream::Tcp(stream))
                }),
                #[cfg(unix)]
                ListeningSocket::Unix(socket) => socket.accept().map(Stream::Unix),
            };
            match accepted {
                Ok(stream) => {
                    self.backoff = FIRST_BACKOFF;
                    return Some(stream);
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => {
                        self.is_ready = false;
                        self.end_failing(incidents, now);
                    }
                    io::ErrorKind::Interrupted
                    | io::ErrorKind::ConnectionAborted
                    | io::ErrorKind::ConnectionReset
                    | io::ErrorKind::InvalidInput => continue,
                    _ => self.rest(&error, incidents, now),
                },
            }
            return None;
        }
    }

    /// Lets accepting rest; logs it when it begins to fail.
    fn rest(&mut self, error: &io::Error, incidents: &mut Incidents, now: Instant) {
        let address = &self.address;
        if self.failing_since.is_none() {
            self.failing_since = Some(now);
            incidents.note(Incident::AcceptingRests, now, |what| {
                tracing::warn!(%error, %address, "{what}");
            });
        }
        tracing::debug!(%error, %address, rest = ?self.backoff, "cannot accept");
        self.is_ready = false;
        self.rests_until = Some(now + self.backoff);
        self.backoff = (self.backoff * 2).min(LONGEST_BACKOFF);
    }

    /// Logs that accepting works again, once nobody waits any more.
    fn end_failing(&mut self, incidents: &mut Incidents, now: Instant) {
        if let Some(since) = self.failing_since.take() {
            let (address, after) = (&self.address, now.saturating_duration_since(since));
            incidents.note(Incident::AcceptingAgain, now, |what| {
                tracing::warn!(%address, ?after, "{what}");
            });
        }
    }
}
