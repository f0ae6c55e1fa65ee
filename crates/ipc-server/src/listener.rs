//! The sockets that clients connect to: where they are, and how they are made.

use std::{
    io,
    net::{SocketAddr, ToSocketAddrs},
    time::{Duration, Instant},
};

use ipc_wire::{Address, DEFAULT_TCP_PORT};
use mio::{Interest, Registry, Token, event::Source};
use socket2::{Domain, Socket, TcpKeepalive, Type};

use crate::{
    incidents::{Incident, Incidents},
    stream::Stream,
};

/// Connections that may wait to be accepted: enough for a thousand clients that reconnect at once.
pub(crate) const BACKLOG: u16 = 1024;

/// How long accepting rests when the process is out of file descriptors; doubled up to the longest.
const FIRST_BACKOFF: Duration = Duration::from_millis(10);
const LONGEST_BACKOFF: Duration = Duration::from_secs(1);

/// When the system asks whether a silent peer is still there. A peer that is half closed, and one
/// on another machine, can be gone without a word.
const KEEPALIVE: TcpKeepalive = TcpKeepalive::new()
    .with_time(Duration::from_secs(60))
    .with_interval(Duration::from_secs(10));

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
    /// The path of a Unix socket is taken by something else.
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

fn explain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => "another process is listening there".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::NotFound => "no such directory".to_owned(),
        _ => error.to_string(),
    }
}

/// Where a server listens when nothing is said: TCP port 1986 on the loopback address, and the
/// user's own Unix socket.
#[must_use]
pub fn default_addresses() -> Vec<Address> {
    let tcp = Address::Tcp {
        host: "127.0.0.1".to_owned(),
        port: DEFAULT_TCP_PORT,
    };
    #[cfg(unix)]
    {
        vec![tcp, Address::Unix(unix::default_path())]
    }
    #[cfg(not(unix))]
    {
        vec![tcp]
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
    Unix {
        socket: mio::net::UnixListener,
        /// Removes the path when the socket is closed.
        _file: unix::SocketFile,
    },
}

impl Listener {
    /// Binds every socket that an address names: a host may have several.
    pub(crate) fn bind(address: &Address) -> Result<Vec<Self>, BindError> {
        match address {
            Address::Tcp { host, port } => {
                let fail = |error| BindError::Io {
                    address: address.clone(),
                    error,
                };
                let found = (host.as_str(), *port).to_socket_addrs().map_err(fail)?;
                let mut found: Vec<_> = found.collect();
                found.dedup();
                if *port == 0 {
                    // Each would get a port of its own.
                    found.truncate(1);
                }
                found
                    .into_iter()
                    .map(|socket| bind_tcp(socket).map_err(fail))
                    .collect()
            }
            #[cfg(unix)]
            Address::Unix(path) => {
                let (socket, file) = unix::bind(address, path)?;
                let socket = ListeningSocket::Unix {
                    socket,
                    _file: file,
                };
                Ok(vec![Self::new(socket, address.clone())])
            }
            _ => Err(BindError::Unsupported {
                address: address.clone(),
            }),
        }
    }

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

    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        match &mut self.socket {
            ListeningSocket::Tcp(socket) => socket.register(registry, token, Interest::READABLE),
            #[cfg(unix)]
            ListeningSocket::Unix { socket, .. } => {
                socket.register(registry, token, Interest::READABLE)
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
            let accepted = match &self.socket {
                ListeningSocket::Tcp(socket) => socket.accept().and_then(|(stream, _)| {
                    stream.set_nodelay(true)?;
                    Ok(Stream::Tcp(stream))
                }),
                #[cfg(unix)]
                ListeningSocket::Unix { socket, .. } => {
                    socket.accept().map(|(stream, _)| Stream::Unix(stream))
                }
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

fn bind_tcp(address: SocketAddr) -> io::Result<Listener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    // On Windows this would let two servers share a port.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Accepted connections inherit it.
    socket.set_tcp_keepalive(&KEEPALIVE)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG.into())?;
    let socket = mio::net::TcpListener::from_std(socket.into());
    let local = socket.local_addr()?;
    let address = Address::Tcp {
        host: local.ip().to_string(),
        port: local.port(),
    };
    Ok(Listener::new(ListeningSocket::Tcp(socket), address))
}

#[cfg(unix)]
mod unix {
    //! Unix sockets, whose path in the file system needs care.

    use std::{
        fs::{self, DirBuilder},
        io,
        os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt},
        path::{Path, PathBuf},
    };

    use ipc_wire::{Address, default_socket};
    use socket2::{Domain, SockAddr, Socket, Type};

    use super::{BACKLOG, BindError};

    /// The path of a socket that this process made; it is removed when the socket is closed.
    #[derive(Debug)]
    pub(super) struct SocketFile {
        path: PathBuf,
        /// Device and inode, so that a successor's file is never removed.
        identity: (u64, u64),
    }

    impl Drop for SocketFile {
        fn drop(&mut self) {
            let found = fs::symlink_metadata(&self.path);
            if found.is_ok_and(|found| identity(&found) == self.identity) {
                // A file that stays is found stale by the next server.
                fs::remove_file(&self.path).ok();
            }
        }
    }

    fn identity(metadata: &fs::Metadata) -> (u64, u64) {
        (metadata.dev(), metadata.ino())
    }

    pub(crate) fn default_path() -> PathBuf {
        let runtime_dir = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        let uid = rustix::process::geteuid().as_raw();
        default_socket(runtime_dir.as_deref(), &std::env::temp_dir(), uid)
    }

    pub(super) fn bind(
        address: &Address,
        path: &Path,
    ) -> Result<(mio::net::UnixListener, SocketFile), BindError> {
        let io_error = |error| BindError::Io {
            address: address.clone(),
            error,
        };
        let problem = |problem: String| BindError::Path {
            address: address.clone(),
            problem,
        };
        if path == private_path() {
            make_private_directory(path)
                .map_err(io_error)?
                .map_err(problem)?;
        }
        clear_path(path).map_err(io_error)?.map_err(problem)?;
        let socket = listen(path).map_err(io_error)?;
        let identity = fs::symlink_metadata(path).map(|found| identity(&found));
        let file = SocketFile {
            path: path.to_owned(),
            identity: identity.map_err(io_error)?,
        };
        Ok((socket, file))
    }

    /// The default path when the system gives no directory for such things.
    fn private_path() -> PathBuf {
        default_socket(
            None,
            &std::env::temp_dir(),
            rustix::process::geteuid().as_raw(),
        )
    }

    /// Makes the directory of the default socket, which nobody else may enter, or checks that it
    /// is as if just made.
    fn make_private_directory(path: &Path) -> io::Result<Result<(), String>> {
        let directory = path.parent().unwrap_or(Path::new("/"));
        match DirBuilder::new().mode(0o700).create(directory) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => return made.map(Ok),
        }
        let found = fs::symlink_metadata(directory)?;
        let is_ours = found.is_dir() && found.uid() == rustix::process::geteuid().as_raw();
        if !is_ours || found.mode() & 0o077 != 0 {
            let problem = "is not a directory of this user's own with mode 0700";
            return Ok(Err(format!("{} {problem}", directory.display())));
        }
        Ok(Ok(()))
    }

    /// Removes the socket of a server that is gone; leaves anything else where it is.
    fn clear_path(path: &Path) -> io::Result<Result<(), String>> {
        let found = match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Ok(())),
            found => found?,
        };
        if !found.file_type().is_socket() {
            return Ok(Err(
                "there is a file that is no socket; remove it or choose another path".to_owned(),
            ));
        }
        if found.uid() != rustix::process::geteuid().as_raw() {
            return Ok(Err("there is a socket of another user".to_owned()));
        }
        let probe = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        probe.set_nonblocking(true)?;
        match probe.connect(&SockAddr::unix(path)?) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                tracing::info!(path = ?path, "replacing a stale socket");
                fs::remove_file(path)?;
                Ok(Ok(()))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Ok(())),
            Ok(()) | Err(_) => Ok(Err("another process is listening there".to_owned())),
        }
    }

    fn listen(path: &Path) -> io::Result<mio::net::UnixListener> {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        // On Linux the file is made with the mode that the socket has, so that there is no moment
        // in which others may connect.
        #[cfg(target_os = "linux")]
        rustix::fs::fchmod(&socket, rustix::fs::Mode::from_raw_mode(0o600))?;
        let address = SockAddr::unix(path).map_err(|_too_long| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                "the path is too long for a socket",
            )
        })?;
        socket.bind(&address)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
        socket.listen(BACKLOG.into())?;
        Ok(mio::net::UnixListener::from_std(
            std::os::unix::net::UnixListener::from(socket),
        ))
    }

    #[cfg(test)]
    mod tests {
        use ipc_wire::SOCKET_NAME;

        use super::*;

        #[test]
        fn the_default_socket_lies_in_a_directory_of_the_users_own() {
            assert_eq!(private_path().file_name(), Some(SOCKET_NAME.as_ref()));
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("own").join(SOCKET_NAME);
            make_private_directory(&path).unwrap().unwrap();
            make_private_directory(&path).unwrap().unwrap();
            let mode = fs::metadata(path.parent().unwrap()).unwrap().mode();
            assert_eq!(mode & 0o777, 0o700);
            let open = fs::Permissions::from_mode(0o755);
            fs::set_permissions(path.parent().unwrap(), open).unwrap();
            make_private_directory(&path).unwrap().unwrap_err();
        }
    }
}
