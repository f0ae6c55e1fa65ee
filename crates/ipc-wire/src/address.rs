//! Where a server is: `tcp://HOST:PORT` or `unix:PATH`, and the shorter forms that people write.
//!
//! Everything that takes an address reads it here, so that the server, the library and the tool
//! understand the same texts and say the same about those that are none.

mod parse;

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

/// The TCP port of the server when nothing else is said, as in the seed system.
pub const DEFAULT_TCP_PORT: u16 = 1986;

/// The file name of the default Unix socket.
pub const SOCKET_NAME: &str = "ipc.sock";

/// The longest path of a Unix socket, in bytes: what the system's address structure holds beside
/// the zero byte at its end.
pub const MAX_SOCKET_PATH_BYTES: usize = if cfg!(any(target_os = "linux", target_os = "android")) {
    107
} else {
    103
};

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

/// The text is not an address, or the address cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("'{}' is not an address{}{problem}", text.escape_debug(), problem.separator())]
pub struct InvalidAddress {
    text: String,
    problem: Problem,
}

/// What is wrong with an address, and what to write instead.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
enum Problem {
    #[error("the text is empty; {FORMS}")]
    Empty,
    #[error("write HOST:PORT")]
    NoPort,
    #[error("{FORMS} (if '{0}' is a host, tcp://{0}; if it is a file here, ./{0})")]
    Word(String),
    #[error("{FORMS} (if '{0}' is a port, 127.0.0.1:{0})")]
    Number(String),
    #[error("{FORMS}")]
    Form,
    #[error("'{0}://' is not understood; {FORMS}")]
    Scheme(String),
    #[error("two slashes follow 'tcp:'; write tcp://HOST:PORT")]
    Slashes,
    #[error("the host is missing; write 127.0.0.1{0} for this machine")]
    NoHost(String),
    #[error("'*' is not a host; write 0.0.0.0 to listen on all interfaces")]
    AnyHost,
    #[error("'{0}' cannot be part of a host's name")]
    HostCharacter(char),
    #[error("an IPv6 address stands in brackets; write {0}")]
    Brackets(String),
    #[error("'{0}' is not an IPv6 address, which is what brackets are for")]
    NotIpv6(String),
    #[error("an address ends with the port; leave out '{0}'")]
    Rest(String),
    #[error("the port is missing after the colon")]
    EmptyPort,
    #[error("'{0}' is not a port; write a number from 1 to 65535")]
    Port(String),
    #[error("port {0} is above 65535")]
    LargePort(String),
    #[error("port 0 lets a server choose; write the port that the server then listens on")]
    ZeroPort,
    #[error("the path is missing; write unix:PATH")]
    NoPath,
    #[error("the path names a directory; add the name of the socket")]
    Directory,
    #[error("after 'unix://' the path begins with '/'; write unix:///{0}, or unix:{0} here")]
    RelativeUrl(String),
    #[error("'~' is replaced only by a shell; write the path in full")]
    Home,
    #[error("sockets without a file are not supported; write a path (./{0} for a file here)")]
    Abstract(String),
    #[error("a path has no zero byte")]
    ZeroByte,
    #[error("the path of a socket may have {MAX_SOCKET_PATH_BYTES} bytes and this has {0}")]
    LongPath(usize),
}

/// What to write when nothing better can be said.
const FORMS: &str = "write tcp://HOST:PORT or unix:PATH";

impl Problem {
    /// What stands before it: the advice alone follows a semicolon.
    const fn separator(&self) -> &'static str {
        match self {
            Self::Form | Self::Word(_) | Self::Number(_) | Self::NoPort => "; ",
            _ => ": ",
        }
    }
}

impl InvalidAddress {
    fn new(text: &str, problem: Problem) -> Self {
        Self {
            text: text.to_owned(),
            problem,
        }
    }

    /// What is wrong and what to write instead, without the text itself.
    #[must_use]
    pub fn problem(&self) -> impl fmt::Display {
        &self.problem
    }
}

impl Address {
    /// Parses what stands in `ENV_SERVER_ADDRESS`: `HOST:PORT`, as in the seed system, or any
    /// other form of an address.
    ///
    /// # Errors
    ///
    /// [`InvalidAddress`] when the text has another form.
    pub fn from_host_port(text: &str) -> Result<Self, InvalidAddress> {
        text.parse().map_err(|invalid: InvalidAddress| {
            let problem = match invalid.problem {
                Problem::Word(_) | Problem::Number(_) | Problem::Form => Problem::NoPort,
                problem => problem,
            };
            InvalidAddress { problem, ..invalid }
        })
    }

    /// Checks that the system can have such an address: a path is not too long for a socket.
    ///
    /// What was parsed has passed this check.
    ///
    /// # Errors
    ///
    /// [`InvalidAddress`] says how long a path may be.
    pub fn check(&self) -> Result<(), InvalidAddress> {
        match self {
            Self::Unix(path) => {
                let n_bytes = path.as_os_str().len();
                if MAX_SOCKET_PATH_BYTES < n_bytes {
                    let problem = Problem::LongPath(n_bytes);
                    return Err(InvalidAddress::new(&self.to_string(), problem));
                }
                Ok(())
            }
            Self::Tcp { .. } => Ok(()),
        }
    }

    /// Checks that a client can connect there: [`check`](Self::check), and the port is not 0.
    ///
    /// # Errors
    ///
    /// [`InvalidAddress`] says what is wrong.
    pub fn check_for_client(&self) -> Result<(), InvalidAddress> {
        match self {
            Self::Tcp { port: 0, .. } => {
                Err(InvalidAddress::new(&self.to_string(), Problem::ZeroPort))
            }
            address => address.check(),
        }
    }
}

/// `tcp://HOST:PORT` and `unix:PATH`; `tcp://HOST` for port 1986; without a scheme, `HOST:PORT`,
/// an IP address, and a path that begins with `/`, `./` or `../`.
impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let address = parse::address(text.trim())
            .map_err(|problem| InvalidAddress::new(text.trim(), problem))?;
        address.check()?;
        Ok(address)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "tcp://[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "tcp://{host}:{port}"),
            // The two slashes of a URL come first, and the path keeps its own.
            Self::Unix(path) if path.to_string_lossy().starts_with("//") => {
                write!(f, "unix://{}", path.display())
            }
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
mod tests;
