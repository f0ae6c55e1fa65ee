//! Where the server is when nobody says so: the environment, then the default socket, then TCP.
//!
//! Called once by [`Builder::connect`](crate::Builder::connect) and by the command-line tool. A
//! socket in the shared temporary directory is only believed when its directory is our own.

use std::env;
#[cfg(unix)]
use std::path::Path;

use ipc_wire::{Address, DEFAULT_TCP_PORT, InvalidAddress};

use crate::AddressError;

/// Holds `tcp://HOST:PORT` or `unix:PATH`.
const ADDRESS_VARIABLE: &str = "IPC_ADDRESS";

/// Holds `HOST:PORT`, as in the seed system.
const SEED_VARIABLE: &str = "ENV_SERVER_ADDRESS";

/// Where the server is when nothing else is said.
///
/// The first that applies: the environment variable `IPC_ADDRESS` (`tcp://HOST:PORT` or
/// `unix:PATH`), the seed system's `ENV_SERVER_ADDRESS` (`HOST:PORT`), the default Unix socket if
/// it exists (in `XDG_RUNTIME_DIR`, or else in a directory of the user's own below the temporary
/// directory), `tcp://127.0.0.1:1986`.
///
/// # Errors
///
/// [`AddressError::Invalid`] when a variable holds something else, [`AddressError::Untrusted`]
/// when the default socket exists where somebody else could have put it.
pub fn default_address() -> Result<Address, AddressError> {
    if let Some(address) = from_variable(ADDRESS_VARIABLE, str::parse)? {
        return Ok(address);
    }
    if let Some(address) = from_variable(SEED_VARIABLE, Address::from_host_port)? {
        return Ok(address);
    }
    #[cfg(unix)]
    if let Some(address) = existing_socket()? {
        return Ok(address);
    }
    Ok(Address::Tcp {
        host: "127.0.0.1".to_owned(),
        port: DEFAULT_TCP_PORT,
    })
}

/// An empty variable counts as none.
fn from_variable(
    variable: &'static str,
    parse: impl Fn(&str) -> Result<Address, InvalidAddress>,
) -> Result<Option<Address>, AddressError> {
    let Some(value) = env::var_os(variable).filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    parse(&value.to_string_lossy())
        .map(Some)
        .map_err(|source| AddressError::Invalid { variable, source })
}

#[cfg(unix)]
fn existing_socket() -> Result<Option<Address>, AddressError> {
    let Some(uid) = user_id() else {
        return Ok(None);
    };
    let runtime_dir = env::var_os("XDG_RUNTIME_DIR").map(std::path::PathBuf::from);
    let temp_dir = env::temp_dir();
    let socket = ipc_wire::default_socket(runtime_dir.as_deref(), &temp_dir, uid);
    if !socket.exists() {
        return Ok(None);
    }
    if socket.starts_with(&temp_dir)
        && let Some(directory) = socket.parent()
        && !belongs_to(directory, uid)
    {
        return Err(AddressError::Untrusted {
            directory: directory.to_owned(),
        });
    }
    Ok(Some(Address::Unix(socket)))
}

/// Whether only this user can have put something into the directory. A symbolic link to such a
/// directory does not count, for its owner can turn it elsewhere.
#[cfg(unix)]
fn belongs_to(directory: &Path, uid: u32) -> bool {
    use std::os::unix::fs::MetadataExt;

    const OTHERS_MAY_WRITE: u32 = 0o022;
    std::fs::symlink_metadata(directory).is_ok_and(|metadata| {
        metadata.is_dir() && metadata.uid() == uid && metadata.mode() & OTHERS_MAY_WRITE == 0
    })
}

/// The user this process runs as: the owner of `/proc/self`, or of the home directory where
/// there is no `/proc`.
#[cfg(unix)]
fn user_id() -> Option<u32> {
    use std::os::unix::fs::MetadataExt;

    let of_process = std::fs::metadata("/proc/self");
    let metadata = of_process.or_else(|_| std::fs::metadata(env::home_dir().unwrap_or_default()));
    metadata.ok().map(|metadata| metadata.uid())
}

#[cfg(all(test, unix))]
mod tests {
    use std::{
        fs,
        os::unix::fs::{PermissionsExt, symlink},
    };

    use super::*;

    #[test]
    fn a_directory_is_trusted_when_only_its_owner_can_write_to_it() {
        let uid = user_id().unwrap();
        let parent = env::temp_dir().join(format!("ipc-client-address-{}", std::process::id()));
        let own = parent.join("own");
        fs::create_dir_all(&own).unwrap();

        fs::set_permissions(&own, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(belongs_to(&own, uid));
        assert!(!belongs_to(&own, uid.wrapping_add(1)), "somebody else's");
        fs::set_permissions(&own, fs::Permissions::from_mode(0o777)).unwrap();
        assert!(!belongs_to(&own, uid), "everybody may write");
        fs::set_permissions(&own, fs::Permissions::from_mode(0o700)).unwrap();
        symlink(&own, parent.join("link")).unwrap();
        assert!(!belongs_to(&parent.join("link"), uid), "a link");
        assert!(!belongs_to(&parent.join("absent"), uid));

        fs::remove_dir_all(&parent).unwrap();
    }
}
