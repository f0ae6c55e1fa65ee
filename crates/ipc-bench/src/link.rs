//! Addresses, and a connection while it is set up: blocking, one exchange after the other.

use std::{
    fmt,
    io::{self, Read, Write},
    net::{AddrParseError, SocketAddr, TcpStream},
    os::unix::net::UnixStream,
    path::PathBuf,
    str::FromStr,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};

use crate::dialect::{Dialect, Frame};

/// How long a broker may take for one step of setting up.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long to wait before trying again whether a broker listens.
const RETRY: Duration = Duration::from_millis(10);

/// Where a broker listens.
#[derive(Clone, Debug)]
pub(crate) enum Address {
    /// On the loopback interface.
    Tcp(SocketAddr),
    /// At a path.
    Unix(PathBuf),
}

impl Address {
    /// A TCP port of this machine that nobody uses at the moment.
    pub(crate) fn free_port() -> anyhow::Result<Self> {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).context("no port is free")?;
        Ok(Self::Tcp(listener.local_addr()?))
    }

    /// The port, or 0 for a path.
    pub(crate) fn port(&self) -> u16 {
        match self {
            Self::Tcp(address) => address.port(),
            Self::Unix(_) => 0,
        }
    }

    /// Waits until somebody listens here.
    pub(crate) fn wait(&self) -> anyhow::Result<()> {
        let start = Instant::now();
        loop {
            match Link::connect(self) {
                Ok(_) => return Ok(()),
                Err(error) if PATIENCE < start.elapsed() => return Err(error),
                Err(_) => std::thread::park_timeout(RETRY),
            }
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "tcp://{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl FromStr for Address {
    type Err = AddrParseError;

    fn from_str(text: &str) -> Result<Self, AddrParseError> {
        match text.strip_prefix("unix:") {
            Some(path) => Ok(Self::Unix(path.into())),
            None => text.trim_start_matches("tcp://").parse().map(Self::Tcp),
        }
    }
}

/// A socket of either kind, blocking.
#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// A blocking connection, and what it has received and not yet used.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) socket: Socket,
    input: Vec<u8>,
}

impl Link {
    pub(crate) fn connect(address: &Address) -> anyhow::Result<Self> {
        let context = || format!("cannot connect to {address}");
        let socket = match address {
            Address::Tcp(address) => {
                let stream = TcpStream::connect(address).with_context(context)?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                Socket::Tcp(stream)
            }
            Address::Unix(path) => {
                let stream = UnixStream::connect(path).with_context(context)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                Socket::Unix(stream)
            }
        };
        let input = Vec::new();
        Ok(Self { socket, input })
    }

    pub(crate) fn say(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        match &mut self.socket {
            Socket::Tcp(stream) => stream.write_all(bytes),
            Socket::Unix(stream) => stream.write_all(bytes),
        }
        .context("the broker does not take what it is sent")
    }

    /// The next bytes up to and with the end of a line.
    pub(crate) fn line(&mut self) -> anyhow::Result<Vec<u8>> {
        loop {
            if let Some(end) = memchr::memchr(b'\n', &self.input) {
                return Ok(self.take(end + 1));
            }
            self.read()?;
        }
    }

    /// The next so many bytes.
    pub(crate) fn bytes(&mut self, n_bytes: usize) -> anyhow::Result<Vec<u8>> {
        while self.input.len() < n_bytes {
            self.read()?;
        }
        Ok(self.take(n_bytes))
    }

    /// The next message, and what it is.
    pub(crate) fn frame(&mut self, dialect: &dyn Dialect) -> anyhow::Result<(Vec<u8>, Frame)> {
        let mut searched = 0;
        loop {
            if let Some((n_bytes, frame)) = dialect.next(&self.input, &mut searched)? {
                return Ok((self.take(n_bytes), frame));
            }
            self.read()?;
        }
    }

    /// The socket, and what it has received that nobody asked for.
    pub(crate) fn into_parts(self) -> (Socket, Vec<u8>) {
        (self.socket, self.input)
    }

    fn take(&mut self, n_bytes: usize) -> Vec<u8> {
        self.input.drain(..n_bytes).collect()
    }

    fn read(&mut self) -> anyhow::Result<()> {
        let mut chunk = [0; 16 * 1024];
        let n_read = match &mut self.socket {
            Socket::Tcp(stream) => stream.read(&mut chunk),
            Socket::Unix(stream) => stream.read(&mut chunk),
        };
        match n_read {
            Ok(0) => bail!("the broker closed the connection"),
            Ok(n_read) => self.input.extend_from_slice(&chunk[..n_read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error).context("the broker does not answer"),
        }
        Ok(())
    }
}
