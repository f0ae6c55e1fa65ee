//! The socket of a connection, TCP or Unix.

use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;

use ipc_core::Peer;
use mio::{Interest, Registry, Token, event::Source};

/// A connected socket that does not block.
#[derive(Debug)]
pub(crate) enum Stream {
    Tcp(mio::net::TcpStream),
    #[cfg(unix)]
    Unix(mio::net::UnixStream),
}

macro_rules! each {
    ($stream:expr, $socket:ident => $body:expr) => {
        match $stream {
            Stream::Tcp($socket) => $body,
            #[cfg(unix)]
            Stream::Unix($socket) => $body,
        }
    };
}

impl Stream {
    pub(crate) fn shutdown_write(&self) -> io::Result<()> {
        each!(self, socket => socket.shutdown(Shutdown::Write))
    }

    /// Makes what is written arrive in the pieces in which it is written, as far as the system
    /// can: see `connection::SEED_PIECE_BYTES`.
    pub(crate) fn keep_pieces_apart(&self) -> io::Result<()> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Tcp(socket) => socket2::SockRef::from(socket).set_tcp_notsent_lowat(1),
            // A Unix socket keeps what one write has taken together.
            _ => Ok(()),
        }
    }

    /// Whether everything that was written is on its way, for a stream whose pieces are kept apart:
    /// what is not would be joined with the next piece, and cut where a segment ends. When it is
    /// not, the system tells as a new event when it is.
    pub(crate) fn has_sent_all(&self) -> io::Result<bool> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Tcp(socket) => {
                use rustix::event::{PollFd, PollFlags, Timespec, poll};
                let mut sockets = [PollFd::new(socket, PollFlags::OUT)];
                let at_once = Timespec::default();
                rustix::io::retry_on_intr(|| poll(&mut sockets, Some(&at_once)))?;
                Ok(!sockets[0].revents().is_empty())
            }
            _ => Ok(true),
        }
    }

    /// What the system tells about the other end.
    pub(crate) fn peer(&self) -> Peer {
        match self {
            Self::Tcp(socket) => {
                let address = socket.peer_addr().map(|address| format!("tcp://{address}"));
                Peer {
                    address: address.unwrap_or_else(|_| "tcp".to_owned()),
                    ..Peer::default()
                }
            }
            #[cfg(unix)]
            Self::Unix(socket) => unix_peer(socket),
        }
    }
}

#[cfg(target_os = "linux")]
fn unix_peer(socket: &mio::net::UnixStream) -> Peer {
    let Ok(credentials) = rustix::net::sockopt::socket_peercred(socket) else {
        return Peer {
            address: "unix".to_owned(),
            ..Peer::default()
        };
    };
    Peer {
        address: "unix".to_owned(),
        pid: u32::try_from(credentials.pid.as_raw_nonzero().get()).ok(),
        uid: Some(credentials.uid.as_raw()),
    }
}

#[cfg(all(unix, not(target_os = "linux")))]
fn unix_peer(_socket: &mio::net::UnixStream) -> Peer {
    Peer {
        address: "unix".to_owned(),
        ..Peer::default()
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        each!(self, socket => socket.read(buffer))
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        each!(self, socket => socket.write(bytes))
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        each!(self, socket => socket.write_vectored(pieces))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Source for Stream {
    fn register(
        &mut self,
        registry: &Registry,
        token: Token,
        interest: Interest,
    ) -> io::Result<()> {
        each!(self, socket => socket.register(registry, token, interest))
    }

    fn reregister(
        &mut self,
        registry: &Registry,
        token: Token,
        interest: Interest,
    ) -> io::Result<()> {
        each!(self, socket => socket.reregister(registry, token, interest))
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        each!(self, socket => socket.deregister(registry))
    }
}
