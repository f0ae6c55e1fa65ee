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

/// The process and the user at the other end, as far as the system can name them. It knows no
/// process for a peer of another PID namespace, and calls the user of another user namespace by
/// the number of those that it cannot name (65534), which they all share.
#[cfg(unix)]
fn unix_peer(socket: &mio::net::UnixStream) -> Peer {
    let (pid, uid) = credentials(socket).unwrap_or_else(|error| {
        tracing::debug!(%error, "the system does not tell who connected");
        (None, None)
    });
    Peer {
        address: "unix".to_owned(),
        pid,
        uid,
    }
}

#[cfg(target_os = "linux")]
fn credentials(socket: &mio::net::UnixStream) -> nix::Result<(Option<u32>, Option<u32>)> {
    use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};

    let credentials = getsockopt(socket, PeerCredentials)?;
    let pid = u32::try_from(credentials.pid()).ok();
    Ok((pid.filter(|&pid| pid != 0), Some(credentials.uid())))
}

#[cfg(any(
    target_vendor = "apple",
    target_os = "dragonfly",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd",
))]
fn credentials(socket: &mio::net::UnixStream) -> nix::Result<(Option<u32>, Option<u32>)> {
    let (uid, _) = nix::unistd::getpeereid(socket)?;
    Ok((None, Some(uid.as_raw())))
}

#[cfg(all(
    unix,
    not(any(
        target_os = "linux",
        target_vendor = "apple",
        target_os = "dragonfly",
        target_os = "freebsd",
        target_os = "netbsd",
        target_os = "openbsd",
    ))
))]
fn credentials(_socket: &mio::net::UnixStream) -> nix::Result<(Option<u32>, Option<u32>)> {
    Ok((None, None))
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
