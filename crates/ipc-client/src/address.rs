//! Where the server is when nobody says so: the environment, then the default sockets, then TCP.
//!
//! A [`Target`] is made once, by [`Builder::connect`](crate::Builder::connect); which of its
//! addresses answers is found out at every attempt to connect. A socket is only believed when its
//! directory is our own.

use std::env;
#[cfg(unix)]
use std::path::{Path, PathBuf};

use ipc_wire::{Address, DEFAULT_TCP_PORT, InvalidAddress};

use crate::AddressError;

/// Holds an address.
const ADDRESS_VARIABLE: &str = "IPC_ADDRESS";

/// Holds `HOST:PORT`, as in the seed system.
const SEED_VARIABLE: &str = "ENV_SERVER_ADDRESS";

/// The addresses at which a server is looked for when nothing else is said, in their order.
///
/// What the environment variable `IPC_ADDRESS` holds, or else the seed system's
/// `ENV_SERVER_ADDRESS`, is the only one. Without them: the socket `ipc.sock` in
/// `XDG_RUNTIME_DIR`, the one in a directory of the user's own below the temporary directory,
/// `tcp://127.0.0.1:1986`. The first at which a server listens is taken, at every connection anew;
/// a socket whose server is gone, or that somebody else could have put there, is passed over.
///
/// # Errors
///
/// [`AddressError::Invalid`] when a variable holds something else than an address.
pub fn default_addresses() -> Result<Vec<Address>, AddressError> {
    let target = Target::from_environment()?;
    let candidates = target.candidates.into_iter();
    Ok(candidates.map(|candidate| candidate.address).collect())
}

/// Where a client looks for its server.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// At least one.
    candidates: Vec<Candidate>,
}

/// An address that is tried.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub(crate) address: Address,
    /// Whose the directory of a socket has to be that nobody has named.
    #[cfg(unix)]
    owned: Option<Owned>,
}

/// The directory of a default socket.
#[cfg(unix)]
#[derive(Clone, Debug)]
struct Owned {
    directory: PathBuf,
    /// The user whose it has to be.
    uid: u32,
    /// The environment says that it is the user's; otherwise its place is known to everybody.
    is_told: bool,
}

impl Target {
    /// The one address that was given.
    pub(crate) fn given(address: Address) -> Self {
        Self {
            candidates: vec![Candidate::new(address)],
        }
    }

    pub(crate) fn from_environment() -> Result<Self, AddressError> {
        if let Some(address) = from_variable(ADDRESS_VARIABLE, str::parse)? {
            return Ok(Self::given(address));
        }
        if let Some(address) = from_variable(SEED_VARIABLE, Address::from_host_port)? {
            return Ok(Self::given(address));
        }
        let tcp = Address::Tcp {
            host: "127.0.0.1".to_owned(),
            port: DEFAULT_TCP_PORT,
        };
        #[cfg(unix)]
        {
            let runtime_dir = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
            Ok(Self::of_user(
                runtime_dir.as_deref(),
                &temp_dir(),
                user_id(),
                tcp,
            ))
        }
        #[cfg(not(unix))]
        {
            Ok(Self::given(tcp))
        }
    }

    /// The default sockets of a user, and after them an address for everybody.
    #[cfg(unix)]
    pub(crate) fn of_user(
        runtime_dir: Option<&Path>,
        temp_dir: &Path,
        uid: Option<u32>,
        last: Address,
    ) -> Self {
        let mut candidates: Vec<Candidate> = Vec::new();
        // Without knowing who we are, no directory can be known as ours.
        let directories = uid.map(|uid| [runtime_dir, None].map(|directory| (directory, uid)));
        for (directory, uid) in directories.into_iter().flatten() {
            let socket = ipc_wire::default_socket(directory, temp_dir, uid);
            let owned = socket.parent().map(|parent| Owned {
                directory: parent.to_owned(),
                uid,
                is_told: directory.is_some_and(Path::is_absolute),
            });
            let address = Address::Unix(socket);
            if candidates.iter().all(|known| known.address != address) {
                candidates.push(Candidate { address, owned });
            }
        }
        candidates.push(Candidate::new(last));
        Self { candidates }
    }

    pub(crate) fn candidates(&self) -> &[Candidate] {
        &self.candidates
    }

    pub(crate) fn address(&self, place: usize) -> &Address {
        // There is at least one, and every place is that of one of them.
        &self.candidates[place.min(self.candidates.len() - 1)].address
    }
}

impl Candidate {
    const fn new(address: Address) -> Self {
        Self {
            address,
            #[cfg(unix)]
            owned: None,
        }
    }

    /// Checks that it can and may be connected to.
    pub(crate) fn check(&self) -> Result<(), AddressError> {
        self.address
            .check_for_client()
            .map_err(AddressError::Unusable)?;
        #[cfg(unix)]
        if let Some(owned) = &self.owned
            && owned.directory.exists()
            && !owned.is_trusted()
        {
            return Err(AddressError::Untrusted {
                directory: owned.directory.clone(),
            });
        }
        Ok(())
    }
}

/// An empty variable counts as none.
fn from_variable(
    variable: &'static str,
    parse: impl Fn(&str) -> Result<Address, InvalidAddress>,
) -> Result<Option<Address>, AddressError> {
    let value = env::var_os(variable).unwrap_or_default();
    let value = value.to_string_lossy();
    if value.trim().is_empty() {
        return Ok(None);
    }
    parse(&value)
        .map(Some)
        .map_err(|source| AddressError::Invalid { variable, source })
}

#[cfg(unix)]
impl Owned {
    /// Whether others cannot have put something into the directory, by the rules of servers. In
    /// the temporary directory a link to such a directory does not count, for its owner can turn
    /// it elsewhere.
    fn is_trusted(&self) -> bool {
        use std::{fs, os::unix::fs::MetadataExt};

        const OTHERS_MAY_WRITE: u32 = 0o022;
        const EVERYBODY_MAY_WRITE: u32 = 0o002;
        let (found, forbidden) = if self.is_told {
            (fs::metadata(&self.directory), EVERYBODY_MAY_WRITE)
        } else {
            (fs::symlink_metadata(&self.directory), OTHERS_MAY_WRITE)
        };
        found.is_ok_and(|found| {
            found.is_dir() && found.uid() == self.uid && found.mode() & forbidden == 0
        })
    }
}

/// The temporary directory, as servers find it: where `TMPDIR` names nothing, the usual one.
#[cfg(unix)]
fn temp_dir() -> PathBuf {
    let temp_dir = env::temp_dir();
    if temp_dir.is_absolute() && temp_dir.is_dir() {
        temp_dir
    } else {
        PathBuf::from("/tmp")
    }
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

    fn is_trusted(directory: &Path, uid: u32) -> [bool; 2] {
        [true, false].map(|is_told| {
            let directory = directory.to_owned();
            let owned = Owned {
                directory,
                uid,
                is_told,
            };
            owned.is_trusted()
        })
    }

    #[test]
    fn a_directory_is_trusted_when_others_cannot_write_to_it() {
        let uid = user_id().unwrap();
        let parent = env::temp_dir().join(format!("ipc-client-address-{}", std::process::id()));
        let own = parent.join("own");
        fs::create_dir_all(&own).unwrap();
        symlink(&own, parent.join("link")).unwrap();

        // As the runtime directory, and as one in the temporary directory.
        for (mode, trusted) in [
            (0o755, [true, true]),
            (0o775, [true, false]),
            (0o777, [false, false]),
            (0o700, [true, true]),
        ] {
            fs::set_permissions(&own, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(is_trusted(&own, uid), trusted, "{mode:o}");
        }
        let somebody_else = uid.wrapping_add(1);
        assert_eq!(is_trusted(&own, somebody_else), [false, false]);
        assert_eq!(is_trusted(&parent.join("link"), uid), [true, false]);
        assert_eq!(is_trusted(&parent.join("absent"), uid), [false, false]);

        fs::remove_dir_all(&parent).unwrap();
    }
}
