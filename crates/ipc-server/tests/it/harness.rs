//! A server process per test, and peers that speak bare bytes to it.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{Shutdown, TcpStream},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, value::RawValue};
#[cfg(unix)]
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM},
    flag::register_conditional_default,
};

/// How long anything may take before a test gives up: far beyond what a loaded machine needs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What a seed client reads at a time.
const SEED_READ_BYTES: usize = 4096;

/// Lets signals end the processes that tests start, even where whoever started the tests ignores
/// them, as a script does for what it starts with `&`: a handler becomes the default at `exec`.
#[cfg(unix)]
fn heed_signals() {
    use std::sync::{Arc, Once, atomic::AtomicBool};

    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for signal in [SIGHUP, SIGINT, SIGQUIT, SIGTERM] {
            let ends_tests_too = Arc::new(AtomicBool::new(true));
            register_conditional_default(signal, ends_tests_too).unwrap();
        }
    });
}

/// A running `ipc-server`, killed when dropped.
pub(crate) struct ServerProcess {
    pub(crate) child: Child,
    pub(crate) addresses: Vec<String>,
}

impl ServerProcess {
    /// A server on a free TCP port.
    pub(crate) fn start() -> Self {
        Self::start_with(Self::command().args(["--listen", "tcp://127.0.0.1:0"]), 1)
    }

    /// A server on a Unix socket.
    pub(crate) fn start_unix(path: &Path) -> Self {
        let address = format!("unix:{}", path.display());
        Self::start_with(Self::command().args(["--listen", &address]), 1)
    }

    /// The binary, with nothing of the tests' environment that it would heed.
    pub(crate) fn command() -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ipc-server"));
        for variable in [
            "ENV_SERVER_ADDRESS",
            "IPC_LOG",
            "RUST_LOG",
            "XDG_RUNTIME_DIR",
        ] {
            command.env_remove(variable);
        }
        command
    }

    /// Starts a command and waits until it listens on so many addresses.
    pub(crate) fn start_with(command: &mut Command, n_addresses: usize) -> Self {
        Self::start_logging_to(Stdio::null(), command, n_addresses)
    }

    /// The same, with a place for what it logs.
    pub(crate) fn start_logging_to(
        log: impl Into<Stdio>,
        command: &mut Command,
        n_addresses: usize,
    ) -> Self {
        #[cfg(unix)]
        heed_signals();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let addresses = (0..n_addresses)
            .map(|_| {
                let line = lines.next().expect("a line for each address").unwrap();
                line.strip_prefix("listening on ")
                    .expect("the line that tells")
                    .to_owned()
            })
            .collect();
        Self { child, addresses }
    }

    /// Runs a server that must not start; what it says.
    pub(crate) fn refusal(command: &mut Command) -> String {
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let addresses = Vec::new();
        let mut server = Self { child, addresses };
        assert_eq!(server.wait().code(), Some(1));
        let mut error = String::new();
        let mut stderr = server.child.stderr.take().unwrap();
        stderr.read_to_string(&mut error).unwrap();
        error
    }

    /// A connection to the first address.
    pub(crate) fn connect(&self) -> Peer {
        Peer::connect(&self.addresses[0])
    }

    /// A connection to the first address that has said hello.
    pub(crate) fn hello(&self, name: &str) -> Peer {
        let mut peer = self.connect();
        peer.hello(name);
        peer
    }

    #[cfg(unix)]
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        signal_process(&self.child, signal);
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        wait_for_exit(&mut self.child)
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[cfg(unix)]
pub(crate) fn signal_process(child: &Child, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(pid, signal).unwrap();
}

/// Waits for a process to end, but not for ever.
pub(crate) fn wait_for_exit(child: &mut Child) -> ExitStatus {
    wait_for("the end of the process", || child.try_wait().unwrap())
}

/// Looks until there is something to see, for what gives no sign when it happens.
pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(started.elapsed() < PATIENCE, "timed out waiting for {what}");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

trait Socket: Read + Write + Send {
    fn shut_down(&self, how: Shutdown) -> io::Result<()>;

    fn set_patience(&self, patience: Duration) -> io::Result<()>;
}

impl Socket for TcpStream {
    fn shut_down(&self, how: Shutdown) -> io::Result<()> {
        self.shutdown(how)
    }

    fn set_patience(&self, patience: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(patience))
    }
}

#[cfg(unix)]
impl Socket for std::os::unix::net::UnixStream {
    fn shut_down(&self, how: Shutdown) -> io::Result<()> {
        self.shutdown(how)
    }

    fn set_patience(&self, patience: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(patience))
    }
}

/// A connection of a test's own.
pub(crate) struct Peer {
    socket: Box<dyn Socket>,
    /// Received and not yet looked at.
    received: Vec<u8>,
}

impl Peer {
    pub(crate) fn connect(address: &str) -> Self {
        let socket: Box<dyn Socket> = if let Some(address) = address.strip_prefix("tcp://") {
            let socket = TcpStream::connect(address).unwrap();
            socket.set_nodelay(true).unwrap();
            socket.set_read_timeout(Some(PATIENCE)).unwrap();
            socket.set_write_timeout(Some(PATIENCE)).unwrap();
            Box::new(socket)
        } else {
            connect_unix(address.strip_prefix("unix:").unwrap())
        };
        Self {
            socket,
            received: Vec::new(),
        }
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.socket.write_all(bytes.as_ref()).unwrap();
    }

    /// Sends what the server may not want to read to the end.
    pub(crate) fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.socket.write_all(bytes.as_ref())
    }

    pub(crate) fn shut_down_write(&self) {
        self.socket.shut_down(Shutdown::Write).unwrap();
    }

    /// Reads once, as a seed client does: repeatedly 4096 bytes, until a read is shorter. What
    /// comes is one message, or the server has failed.
    pub(crate) fn seed_read(&mut self) -> Vec<u8> {
        self.seed_read_slowly(0)
    }

    /// As [`Peer::seed_read`], with some work between the reads: so many looks at each block.
    pub(crate) fn seed_read_slowly(&mut self, n_looks: usize) -> Vec<u8> {
        let mut message = Vec::new();
        let mut buffer = [0; SEED_READ_BYTES];
        loop {
            let n_bytes = self.socket.read(&mut buffer).unwrap();
            for _ in 0..n_looks {
                let block = std::hint::black_box(&buffer);
                std::hint::black_box(block.iter().map(|&byte| u64::from(byte)).sum::<u64>());
            }
            message.extend_from_slice(&buffer[..n_bytes]);
            if n_bytes < SEED_READ_BYTES {
                return message;
            }
        }
    }

    /// Sends a message and reads the answer, both as a seed client does.
    pub(crate) fn seed_ask(&mut self, message: impl AsRef<[u8]>) -> String {
        self.send(message);
        String::from_utf8(self.seed_read()).unwrap()
    }

    /// Takes what the sockets hold, for [`Peer::next`] to look at later, while the server stands
    /// still.
    pub(crate) fn read_what_is_there(&mut self) {
        self.socket
            .set_patience(Duration::from_millis(200))
            .unwrap();
        let mut buffer = [0; 64 * 1024];
        while let Ok(n_bytes @ 1..) = self.socket.read(&mut buffer) {
            self.received.extend_from_slice(&buffer[..n_bytes]);
        }
        self.socket.set_patience(PATIENCE).unwrap();
    }

    /// The text of the next message, wherever the stream is cut; `None` at its end.
    pub(crate) fn next_text(&mut self) -> Option<String> {
        loop {
            // A large message is only tried when its end may be there: not once a chunk.
            let is_short = self.received.len() < 256 * 1024;
            if is_short || self.received.trim_ascii_end().ends_with(b"}") {
                let mut texts =
                    serde_json::Deserializer::from_slice(&self.received).into_iter::<&RawValue>();
                if let Some(Ok(text)) = texts.next() {
                    let text = text.get().to_owned();
                    let n_bytes = texts.byte_offset();
                    self.received.drain(..n_bytes);
                    return Some(text);
                }
            }
            let mut buffer = [0; 64 * 1024];
            let n_bytes = match self.socket.read(&mut buffer) {
                Ok(n_bytes) => n_bytes,
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => 0,
                Err(error) => panic!("no message: {error}"),
            };
            if n_bytes == 0 {
                let rest = String::from_utf8_lossy(&self.received).into_owned();
                assert!(
                    rest.trim().is_empty(),
                    "the stream ends within a message: {rest}"
                );
                return None;
            }
            self.received.extend_from_slice(&buffer[..n_bytes]);
        }
    }

    /// The next message, wherever the stream is cut; `None` at its end.
    pub(crate) fn next(&mut self) -> Option<Value> {
        Some(serde_json::from_str(&self.next_text()?).unwrap())
    }

    pub(crate) fn receive(&mut self) -> Value {
        self.next().expect("a message before the end of the stream")
    }

    pub(crate) fn ask(&mut self, message: impl AsRef<[u8]>) -> Value {
        self.send(message);
        self.receive()
    }

    pub(crate) fn hello(&mut self, name: &str) -> u64 {
        let hello = format!(
            r#"{{"object":"ipc","method":"hello","param":{{"protocol":1,"name":"{name}"}},"id":0}}"#
        );
        let answer = self.ask(hello);
        answer["response"]["client"]
            .as_u64()
            .expect("a client number")
    }

    /// Registers an object; after hello.
    pub(crate) fn register(&mut self, object: &str) {
        let answer = self.ask(format!(r#"{{"reg_object":"{object}","id":"register"}}"#));
        assert_eq!(answer["success"], "OK", "{answer}");
    }

    /// Listens to an event; after hello.
    pub(crate) fn listen(&mut self, event: &str) {
        let answer = self.ask(format!(r#"{{"event_name":"{event}","id":"listen"}}"#));
        assert_eq!(answer["success"], "OK", "{answer}");
    }

    /// The server's counters.
    pub(crate) fn stats(&mut self) -> Value {
        self.ask(r#"{"object":"ipc","method":"stats","id":"stats"}"#)["response"].take()
    }

    /// Waits until one of the server's counters has a value.
    pub(crate) fn wait_for_stat(&mut self, name: &str, is_right: impl Fn(u64) -> bool) {
        let started = Instant::now();
        loop {
            let stats = self.stats();
            if is_right(stats[name].as_u64().unwrap()) {
                return;
            }
            assert!(
                started.elapsed() < PATIENCE,
                "{name} does not come right: {stats}"
            );
        }
    }
}

#[cfg(unix)]
fn connect_unix(path: &str) -> Box<dyn Socket> {
    let socket = std::os::unix::net::UnixStream::connect(path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.set_write_timeout(Some(PATIENCE)).unwrap();
    Box::new(socket)
}

#[cfg(not(unix))]
fn connect_unix(_path: &str) -> Box<dyn Socket> {
    panic!("this system has no Unix sockets")
}

/// Says that a test was not run, and why.
#[cfg(unix)]
#[expect(clippy::print_stderr, reason = "whoever reads a test's output is told")]
pub(crate) fn skip(why: &str) {
    eprintln!("skipped: {why}");
}

/// A text of JSON that is so many bytes long with its quotes.
pub(crate) fn text_of(n_bytes: usize) -> String {
    format!("\"{}\"", "x".repeat(n_bytes - 2))
}
