//! Unix sockets, whose path in the file system needs care.
//!
//! Only the server that holds the lock of a path touches what is there, and only what it made
//! itself, or a stale socket of its user.

use std::{
    fs, io,
    os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use ipc_wire::Address;
use mio::{Interest, Registry, Token, event::Source};
use socket2::{Domain, SockAddr, Socket, Type};

use super::{
    BACKLOG, BindError,
    defaults::paths::{make_private_directory, private_path},
    lock::{Identity, LockError, PathLock, identity},
};

/// A socket that listens at a path. When it is closed, its file is removed, and then the lock is
/// released.
#[derive(Debug)]
pub(super) struct PathListener {
    socket: mio::net::UnixListener,
    /// A socket whose file was removed, until the last of those who reached it is accepted.
    retired: Option<mio::net::UnixListener>,
    file: SocketFile,
    /// What was last said of the file, so that it is said once.
    trouble: Option<String>,
}

/// The path of a socket that this process made.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    identity: Identity,
    /// `None` where the file system has no locks.
    lock: Option<PathLock>,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.is_in_place() {
            // A file that stays is found stale by the next server.
            fs::remove_file(&self.path).ok();
        }
    }
}

impl SocketFile {
    fn is_in_place(&self) -> bool {
        let found = fs::symlink_metadata(&self.path);
        found.is_ok_and(|found| identity(&found) == self.identity)
    }
}

impl PathListener {
    pub(super) fn bind(path: &Path) -> Result<Self, BindError> {
        let io_error = |error| BindError::Io {
            address: Address::Unix(path.to_owned()),
            error,
        };
        let problem = |problem: String| BindError::Path {
            address: Address::Unix(path.to_owned()),
            problem,
        };
        // Before anything is made for it.
        let name = SockAddr::unix(path).map_err(|_too_long| {
            let text = "the path is too long for a socket";
            io_error(io::Error::new(io::ErrorKind::InvalidInput, text))
        })?;
        if path == private_path() {
            make_private_directory(path)
                .map_err(io_error)?
                .map_err(problem)?;
        }
        let lock = match PathLock::acquire(path) {
            Ok(lock) => Some(lock),
            Err(LockError::Held) => return Err(io_error(io::ErrorKind::AddrInUse.into())),
            Err(LockError::Blocked(what)) => return Err(problem(what)),
            Err(LockError::Io(error)) => return Err(io_error(error)),
            Err(LockError::Unsupported(error)) => {
                tracing::warn!(?path, %error, "the file system does not support locks; start only one server on this path");
                None
            }
        };
        clear_path(path, &name)
            .map_err(io_error)?
            .map_err(problem)?;
        let (socket, identity) = listen(path, &name).map_err(io_error)?;
        let path = path.to_owned();
        let file = SocketFile {
            path,
            identity,
            lock,
        };
        Ok(Self {
            socket,
            retired: None,
            file,
            trouble: None,
        })
    }

    /// Whether this is the socket at a path, however that is written.
    pub(super) fn is_at(&self, path: &Path) -> bool {
        let found = fs::symlink_metadata(path);
        found.is_ok_and(|found| identity(&found) == self.file.identity)
    }

    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        self.socket.register(registry, token, Interest::READABLE)
    }

    pub(super) fn accept(&mut self) -> io::Result<mio::net::UnixStream> {
        if let Some(retired) = &self.retired {
            match retired.accept() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.retired = None,
                accepted => return accepted.map(|(stream, _)| stream),
            }
        }
        self.socket.accept().map(|(stream, _)| stream)
    }

    /// Makes the file again if it was removed, whether it was. A file that somebody else put there
    /// is left alone.
    pub(super) fn restore_file(&mut self, registry: &Registry, token: Token) -> bool {
        let is_locked = self.file.lock.as_ref().is_none_or(PathLock::is_in_place);
        if is_locked && self.file.is_in_place() {
            self.trouble = None;
            return false;
        }
        match self.try_to_restore(registry, token) {
            Ok(is_restored) => {
                if is_restored {
                    tracing::warn!(path = ?self.file.path, "the socket was removed; made it again");
                }
                self.trouble = None;
                is_restored
            }
            Err(trouble) => {
                if self.trouble.as_ref() != Some(&trouble) {
                    tracing::warn!(path = ?self.file.path, "{trouble}");
                    self.trouble = Some(trouble);
                }
                false
            }
        }
    }

    /// The lock first, for whoever removed the socket may have removed that too. Returns whether
    /// the socket had to be made again.
    fn try_to_restore(&mut self, registry: &Registry, token: Token) -> Result<bool, String> {
        let say = |error: io::Error| format!("the socket cannot be made again: {error}");
        let path = &self.file.path;
        if path == &private_path() {
            make_private_directory(path).map_err(say)??;
        }
        let is_unlocked = |lock: &PathLock| !lock.is_in_place();
        if self.file.lock.as_ref().is_some_and(is_unlocked) {
            match PathLock::acquire(path) {
                Ok(lock) => self.file.lock = Some(lock),
                // It will find the path taken, and give the lock back.
                Err(LockError::Held) if self.file.is_in_place() => return Ok(false),
                Err(LockError::Held) => {
                    return Err("another server has taken the path".to_owned());
                }
                Err(LockError::Blocked(what)) => return Err(what),
                Err(LockError::Io(error) | LockError::Unsupported(error)) => {
                    return Err(say(error));
                }
            }
        }
        match fs::symlink_metadata(path) {
            Ok(found) if identity(&found) == self.file.identity => return Ok(false),
            Ok(_) => {
                let trouble = "another file has taken the socket's place; it is left alone";
                return Err(trouble.to_owned());
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(say(error)),
        }
        let name = SockAddr::unix(path).map_err(say)?;
        let (mut socket, identity) = listen(path, &name).map_err(say)?;
        self.file.identity = identity;
        let registered = socket.register(registry, token, Interest::READABLE);
        self.retired = Some(std::mem::replace(&mut self.socket, socket));
        registered.map_err(say)?;
        Ok(true)
    }
}

/// Removes the socket of a server that is gone; leaves anything else where it is.
fn clear_path(path: &Path, name: &SockAddr) -> io::Result<Result<(), String>> {
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
    match probe.connect(name) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            tracing::info!(path = ?path, "replacing a stale socket");
            fs::remove_file(path)?;
            Ok(Ok(()))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Ok(())),
        Ok(()) | Err(_) => Err(io::ErrorKind::AddrInUse.into()),
    }
}

fn listen(path: &Path, name: &SockAddr) -> io::Result<(mio::net::UnixListener, Identity)> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    // On Linux the file is made with the mode that the socket has, so that there is no moment
    // in which others may connect.
    #[cfg(target_os = "linux")]
    rustix::fs::fchmod(&socket, rustix::fs::Mode::from_raw_mode(0o600))?;
    socket.bind(name)?;
    let identity = identity(&fs::symlink_metadata(path)?);
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    socket.listen(BACKLOG.into())?;
    let socket = std::os::unix::net::UnixListener::from(socket);
    Ok((mio::net::UnixListener::from_std(socket), identity))
}
