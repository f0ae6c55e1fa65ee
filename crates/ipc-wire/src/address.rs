//! Where a server is: `tcp://HOST:PORT` or `unix:PATH`.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

/// The TCP port of the server when nothing else is said, as in the seed system.
pub const DEFAULT_TCP_PORT: u16 = 1986;

/// The file name of the default Unix socket.
pub const SOCKET_NAME: &str = "ipc.sock";

/// An address that a server listens on and a client connects to.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Address {
    /// A host and a port; port 0 lets the system choose when listening.
    Tcp {
        /// A host name or an IP address, an IPv6 one without its brackets.
        host: String,
        /// The port.
        port: u16,
    },
    /// The path of a Unix socket.
    Unix(PathBuf),
}

/// The text is not an address.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("'{0}' is not an address; write tcp://HOST:PORT or unix:PATH")]
pub struct InvalidAddress(String);

impl Address {
    /// Parses the seed system's form, `HOST:PORT`, as it stands in `ENV_SERVER_ADDRESS`.
    ///
    /// # Errors
    ///
    /// [`InvalidAddress`] when the text has another form.
    pub fn from_host_port(text: &str) -> Result<Self, InvalidAddress> {
        let invalid = || InvalidAddress(text.to_owned());
        let (host, port) = text.rsplit_once(':').ok_or_else(invalid)?;
        let bare = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        let host = bare.unwrap_or(host);
        if host.is_empty() || (bare.is_none() && host.contains(':')) {
            return Err(invalid());
        }
        let Ok(port) = port.parse() else {
            return Err(invalid());
        };
        Ok(Self::Tcp {
            host: host.to_owned(),
            port,
        })
    }
}

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let invalid = || InvalidAddress(text.to_owned());
        if let Some(rest) = text.strip_prefix("tcp://") {
            return Self::from_host_port(rest.strip_suffix('/').unwrap_or(rest))
                .map_err(|_short| invalid());
        }
        let path = text.strip_prefix("unix:").ok_or_else(invalid)?;
        // `unix:///run/ipc.sock` is how URL-minded people write `unix:/run/ipc.sock`.
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.is_empty() {
            return Err(invalid());
        }
        Ok(Self::Unix(path.into()))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "tcp://[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "tcp://{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// The path of the default Unix socket: `runtime_dir` is the value of `XDG_RUNTIME_DIR`; without
/// it the socket lives in a directory of the user's own below `temp_dir`.
///
/// Server and client both ask here, so that they meet.
#[must_use]
pub fn default_socket(runtime_dir: Option<&Path>, temp_dir: &Path, uid: u32) -> PathBuf {
    match runtime_dir {
        Some(dir) if dir.is_absolute() => dir.join(SOCKET_NAME),
        _ => temp_dir.join(format!("ipc-{uid}")).join(SOCKET_NAME),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_survives_the_way_to_text_and_back() {
        for text in [
            "tcp://127.0.0.1:1986",
            "tcp://[::1]:0",
            "tcp://localhost:80",
            "unix:/a b/c",
        ] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        assert_eq!("unix:///run/x".parse(), Ok(Address::Unix("/run/x".into())));
        assert_eq!(
            Address::from_host_port("h:1"),
            Ok(Address::Tcp {
                host: "h".into(),
                port: 1
            })
        );
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "127.0.0.1:1",
            "tcp://",
            "tcp://h",
            "tcp://:1",
            "tcp://h:65536",
            "unix:",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
        assert!(
            "tcp://::1:5".parse::<Address>().is_err(),
            "IPv6 needs its brackets"
        );
    }

    #[test]
    fn a_relative_runtime_directory_is_not_used() {
        let socket = default_socket(Some(Path::new("run")), Path::new("/tmp"), 7);
        assert_eq!(socket, Path::new("/tmp/ipc-7/ipc.sock"));
        let socket = default_socket(Some(Path::new("/run/user/7")), Path::new("/tmp"), 7);
        assert_eq!(socket, Path::new("/run/user/7/ipc.sock"));
    }
}
