//! The lock beside a Unix socket: whoever holds it owns the path.
//!
//! A path can be bound once, but a socket whose server is gone stays there, and has to be removed
//! before. Between looking and removing, another server could have done the same and be serving
//! already. So a server first locks `PATH.lock`, as compositors of Wayland do, and keeps it locked
//! as long as it listens. The system releases the lock when the process ends, however it ends.

use std::{
    ffi::OsString,
    fs::{self, File, TryLockError},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use rustix::fs::{Mode, OFlags};

/// How often a lock file may vanish between being opened and locked, for servers that end just
/// then remove it.
const MAX_TRIES: usize = 100;

/// Device and inode: whether a file is the one that was made, and not a successor.
pub(super) type Identity = (u64, u64);

pub(super) fn identity(metadata: &fs::Metadata) -> Identity {
    (metadata.dev(), metadata.ino())
}

/// A lock file that this process holds.
#[derive(Debug)]
pub(super) struct PathLock {
    path: PathBuf,
    file: File,
    identity: Identity,
}

/// Why a path cannot be locked.
#[derive(Debug)]
pub(super) enum LockError {
    /// Another server holds the lock.
    Held,
    /// Something is in the way that is no lock file of this user.
    Blocked(String),
    /// The file cannot be opened, as the socket could not be made.
    Io(io::Error),
    /// The file system has no locks.
    Unsupported(io::Error),
}

impl From<io::Error> for LockError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl PathLock {
    /// Locks the path of a socket.
    pub(super) fn acquire(socket: &Path) -> Result<Self, LockError> {
        let mut path = OsString::from(socket);
        path.push(".lock");
        let path = PathBuf::from(path);
        for _ in 0..MAX_TRIES {
            let file = open(&path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(LockError::Held),
                Err(TryLockError::Error(error)) => return Err(LockError::Unsupported(error)),
            }
            let identity = identity(&file.metadata()?);
            let lock = Self {
                path: path.clone(),
                file,
                identity,
            };
            if lock.is_in_place() {
                return Ok(lock);
            }
            // The one who held it removed it meanwhile: this lock keeps nobody out.
        }
        Err(LockError::Held)
    }

    /// Whether the file still is where others look for it.
    pub(super) fn is_in_place(&self) -> bool {
        let found = fs::symlink_metadata(&self.path);
        found.is_ok_and(|found| identity(&found) == self.identity)
    }
}

impl Drop for PathLock {
    fn drop(&mut self) {
        // A file that is not empty is somebody's own, who gave it this name.
        if self.is_in_place() && self.file.metadata().is_ok_and(|found| found.len() == 0) {
            // A file that stays is locked by the next server.
            fs::remove_file(&self.path).ok();
        }
        // Closing would not release it if a child of this process had inherited it.
        self.file.unlock().ok();
    }
}

/// Opens a lock file, or makes it, and follows no link that somebody put there.
fn open(path: &Path) -> Result<File, LockError> {
    let blocked = |what: &str| {
        let path = path.display();
        LockError::Blocked(format!("{path} {what}; remove it or choose another path"))
    };
    // Opening a FIFO must not wait for somebody at its other end.
    let flags =
        OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let opened = rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR);
    let own_uid = rustix::process::geteuid().as_raw();
    let file = match opened {
        Ok(file) => File::from(file),
        Err(error) => {
            return Err(match fs::symlink_metadata(path) {
                Ok(found) if !found.is_file() => blocked("is not a lock file"),
                Ok(found) if found.uid() != own_uid => blocked("belongs to another user"),
                _ => LockError::Io(error.into()),
            });
        }
    };
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(blocked("is not a lock file"));
    }
    if found.uid() != own_uid {
        return Err(blocked("belongs to another user"));
    }
    Ok(file)
}
