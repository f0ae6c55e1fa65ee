//! Where a server listens when nothing is said.
//!
//! TCP on the loopback address, and a Unix socket in the first directory that will do. The client
//! library looks for the socket in the same directories, in the same order. What the machine does
//! not have is left out, and the log says why; what somebody else has taken ends the start, for
//! clients that look for this server would find that one.

use ipc_wire::{Address, DEFAULT_TCP_PORT};

use super::{BindError, Listener, bind};

/// Where a server listens when nothing is said: TCP port 1986 on the loopback address, and the
/// user's own Unix socket.
///
/// The socket is in the directory that `XDG_RUNTIME_DIR` names, if that exists, belongs to this
/// user and is not open to everybody; else in `ipc-UID`, a directory of the user's own below the
/// temporary directory. A server that cannot make it in the first goes on to the second.
#[must_use]
pub fn default_addresses() -> Vec<Address> {
    let tcp = default_tcp();
    #[cfg(unix)]
    {
        let (paths, _) = paths::candidates();
        let socket = paths.into_iter().next().map(Address::Unix);
        std::iter::once(tcp).chain(socket).collect()
    }
    #[cfg(not(unix))]
    {
        vec![tcp]
    }
}

fn default_tcp() -> Address {
    Address::Tcp {
        host: "127.0.0.1".to_owned(),
        port: DEFAULT_TCP_PORT,
    }
}

/// Binds the default addresses, as far as the machine has them.
pub(crate) fn bind_defaults() -> Result<Vec<Listener>, BindError> {
    let tcp = match bind(&[default_tcp()]) {
        Err(error @ BindError::NoSuchAddress { .. }) => Err(error),
        bound => Ok(bound?),
    };
    let socket = bind_socket()?;
    match (tcp, socket) {
        (Ok(mut listeners), socket) => {
            listeners.extend(socket);
            Ok(listeners)
        }
        (Err(error), Some(socket)) => {
            tracing::warn!("{error}; only the Unix socket is served");
            Ok(vec![socket])
        }
        (Err(error), None) => Err(error),
    }
}

/// Binds the default socket in the first directory where it can be.
#[cfg(unix)]
fn bind_socket() -> Result<Option<Listener>, BindError> {
    let (candidates, why_not_runtime_dir) = paths::candidates();
    if let Some(why) = why_not_runtime_dir {
        let socket = candidates
            .first()
            .map_or("nowhere".into(), |path| path.to_string_lossy());
        tracing::info!("{why}, so the Unix socket is {socket}");
    }
    for path in candidates {
        match Listener::at_path(&path) {
            Ok(listener) => return Ok(Some(listener)),
            Err(error) if error.is_taken() => return Err(error),
            Err(error) => tracing::warn!("{error}"),
        }
    }
    tracing::warn!("no default Unix socket can be made; name one with --listen unix:PATH");
    Ok(None)
}

#[cfg(not(unix))]
fn bind_socket() -> Result<Option<Listener>, BindError> {
    Ok(None)
}

#[cfg(unix)]
pub(super) mod paths {
    //! The directories of the default socket.

    use std::{
        env,
        fs::{self, DirBuilder},
        io,
        os::unix::fs::{DirBuilderExt, MetadataExt},
        path::{Path, PathBuf},
    };

    use ipc_wire::{SOCKET_NAME, default_socket};

    /// Where the default socket may be, best first, and why `XDG_RUNTIME_DIR` is not among it.
    pub(super) fn candidates() -> (Vec<PathBuf>, Option<String>) {
        let uid = rustix::process::geteuid().as_raw();
        let value = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        let private = private_path();
        match check_runtime_dir(value.as_deref(), uid) {
            Ok(directory) => (vec![directory.join(SOCKET_NAME), private], None),
            Err(why) => (vec![private], Some(why)),
        }
    }

    /// The value of `XDG_RUNTIME_DIR` if it names a directory for sockets of this user.
    fn check_runtime_dir(value: Option<&Path>, uid: u32) -> Result<&Path, String> {
        const EVERYBODY_MAY_WRITE: u32 = 0o002;
        let Some(directory) = value.filter(|value| !value.as_os_str().is_empty()) else {
            return Err("XDG_RUNTIME_DIR is not set".to_owned());
        };
        let problem = |problem: String| {
            let directory = directory.display();
            Err(format!("XDG_RUNTIME_DIR is {directory}, {problem}"))
        };
        if !directory.is_absolute() {
            return problem("which is not an absolute path".to_owned());
        }
        match fs::metadata(directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                problem("which does not exist".to_owned())
            }
            Err(error) => problem(format!("which cannot be checked ({error})")),
            Ok(found) if !found.is_dir() => problem("which is not a directory".to_owned()),
            Ok(found) if found.uid() != uid => {
                let owner = found.uid();
                problem(format!("which belongs to user {owner}, not to user {uid}"))
            }
            Ok(found) if found.mode() & EVERYBODY_MAY_WRITE != 0 => {
                problem("which everybody can write to".to_owned())
            }
            Ok(_) => Ok(directory),
        }
    }

    /// The default path when the system gives no directory for such things.
    pub(in super::super) fn private_path() -> PathBuf {
        let temp_dir = env::temp_dir();
        // Where `TMPDIR` names nothing, the usual place will do.
        let temp_dir = if temp_dir.is_absolute() && temp_dir.is_dir() {
            temp_dir
        } else {
            PathBuf::from("/tmp")
        };
        default_socket(None, &temp_dir, rustix::process::geteuid().as_raw())
    }

    /// Makes the directory of the default socket, which nobody else may enter, or checks that it
    /// is as if just made.
    pub(in super::super) fn make_private_directory(path: &Path) -> io::Result<Result<(), String>> {
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

    #[cfg(test)]
    mod tests {
        use std::os::unix::fs::PermissionsExt;

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

        #[test]
        fn the_runtime_directory_counts_when_it_is_one_of_the_users_own() {
            let directory = tempfile::tempdir().unwrap();
            let uid = rustix::process::geteuid().as_raw();
            let check = |path: &Path, uid| check_runtime_dir(Some(path), uid).map(Path::to_owned);
            let own = directory.path();
            assert_eq!(check(own, uid), Ok(own.to_owned()));

            let is_refused = |path: &Path, uid, why: &str| {
                let problem = check(path, uid).unwrap_err();
                assert!(problem.contains(why), "{problem}");
            };
            is_refused(own, uid + 1, "belongs to user");
            is_refused(&own.join("absent"), uid, "does not exist");
            is_refused(Path::new("relative"), uid, "not an absolute path");
            is_refused(Path::new(""), uid, "is not set");
            fs::write(own.join("file"), "").unwrap();
            is_refused(&own.join("file"), uid, "is not a directory");
            fs::set_permissions(own, fs::Permissions::from_mode(0o1777)).unwrap();
            is_refused(own, uid, "everybody can write to");
            assert!(check_runtime_dir(None, uid).is_err());
        }
    }
}
