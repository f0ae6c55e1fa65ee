//! Standard output and standard error, each written by a thread of its own.
//!
//! Their readers may be slow, stuck or gone, and a disk may be full. None of that may block the
//! server or end it, so only these threads write to them. Lines that do not fit the queue are lost;
//! a line in their place says how many.
//!
//! `tracing-appender` does most of this, but it bounds its queue in lines instead of bytes, drops a
//! line that could not be written without counting it, and can panic at exit when standard output
//! is closed.

use std::{
    io::{self, Write},
    mem,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use tracing_subscriber::fmt::{
    format::Writer,
    time::{FormatTime, SystemTime},
};

/// Bytes that may wait to be written: some ten thousand lines of the log.
const QUEUE_BYTES: usize = 1024 * 1024;

/// Memory that a queue keeps after it was written.
const KEPT_BYTES: usize = 64 * 1024;

/// Bytes written at a time. A pipe takes this many as a unit (`PIPE_BUF` on Linux), so lines of
/// processes that share a pipe do not mix.
const PIECE_BYTES: usize = 4096;

/// How long to wait after an error before writing again; doubled up to the longest.
const FIRST_RETRY: Duration = Duration::from_millis(100);
const LONGEST_RETRY: Duration = Duration::from_secs(5);

/// How long the process waits at its end until the queues are written.
const FLUSH_TIME: Duration = Duration::from_millis(500);

/// Both streams. Dropping this waits until the queues are written, for at most [`FLUSH_TIME`].
#[derive(Debug)]
pub(crate) struct Outputs {
    pub(crate) stdout: Output,
    pub(crate) stderr: Output,
}

impl Outputs {
    /// Starts the threads.
    ///
    /// # Errors
    ///
    /// When the system cannot start a thread.
    pub(crate) fn open() -> io::Result<Self> {
        #[cfg(unix)]
        let stderr = unix::Unbuffered(io::stderr());
        #[cfg(not(unix))]
        let stderr = io::stderr();
        Ok(Self {
            stdout: Output::start("standard output", stdout())?,
            stderr: Output::start("standard error", stderr)?,
        })
    }
}

impl Drop for Outputs {
    fn drop(&mut self) {
        let deadline = Instant::now() + FLUSH_TIME;
        self.stdout.close();
        self.stderr.close();
        self.stdout.wait_until_written(deadline);
        self.stderr.wait_until_written(deadline);
    }
}

/// Writes a text to standard output, however long that takes.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut stdout = stdout();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

fn stdout() -> impl Write + Send {
    #[cfg(unix)]
    return unix::Unbuffered(io::stdout());
    #[cfg(not(unix))]
    return io::stdout();
}

/// The queue of one stream; clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    /// Whole lines.
    lines: Vec<u8>,
    /// Lines lost after those.
    n_lost: u64,
    /// Nothing more comes.
    is_closing: bool,
    /// The thread has ended.
    is_done: bool,
}

impl Queue {
    const fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.n_lost == 0
    }
}

impl Output {
    fn start(name: &'static str, stream: impl Write + Send + 'static) -> io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let output = Self {
            shared: Arc::clone(&shared),
        };
        // Never joined: a reader that does not read may block it.
        thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || shared.write_all(name, stream))?;
        Ok(output)
    }

    /// Queues a line that ends with a line break. Never blocks; without room the line is lost.
    pub(crate) fn push(&self, line: &[u8]) {
        let mut queue = self.shared.lock();
        let was_empty = queue.is_empty();
        // Once a line is lost, so are all until the loss is reported, which keeps its place exact.
        if 0 < queue.n_lost || QUEUE_BYTES < queue.lines.len() + line.len() {
            queue.n_lost += 1;
        } else {
            queue.lines.extend_from_slice(line);
        }
        drop(queue);
        // Otherwise the thread was already woken and has yet to look.
        if was_empty {
            self.shared.changed.notify_all();
        }
    }

    fn close(&self) {
        self.shared.lock().is_closing = true;
        self.shared.changed.notify_all();
    }

    fn wait_until_written(&self, deadline: Instant) {
        let mut queue = self.shared.lock();
        while !queue.is_done {
            let rest = deadline.saturating_duration_since(Instant::now());
            if rest.is_zero() {
                return;
            }
            queue = self.shared.wait(queue, rest);
        }
    }
}

/// Takes a line with each write, which is how `tracing_subscriber` writes.
impl Write for Output {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, queue: MutexGuard<'a, Queue>, time: Duration) -> MutexGuard<'a, Queue> {
        let waited = self.changed.wait_timeout(queue, time);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Writes the queue until it is closed: the thread's body.
    fn write_all(&self, name: &str, mut stream: impl Write) {
        let mut lines = Vec::new();
        while self.take(&mut lines) && self.write_lines(name, &mut stream, &lines) {}
        self.lock().is_done = true;
        self.changed.notify_all();
    }

    /// Waits for lines and takes them all; returns `false` when the queue is closed and empty.
    fn take(&self, lines: &mut Vec<u8>) -> bool {
        lines.clear();
        lines.shrink_to(KEPT_BYTES);
        let mut queue = self.lock();
        while queue.is_empty() {
            if queue.is_closing {
                return false;
            }
            let waited = self.changed.wait(queue);
            queue = waited.unwrap_or_else(PoisonError::into_inner);
        }
        mem::swap(lines, &mut queue.lines);
        let n_lost = mem::take(&mut queue.n_lost);
        drop(queue);
        if 0 < n_lost {
            lines.extend_from_slice(loss(n_lost).as_bytes());
        }
        true
    }

    /// Writes lines, however long it takes. After an error it resumes where it stopped, so no line
    /// is torn. Returns `false` on an error after the queue was closed.
    fn write_lines(&self, name: &str, stream: &mut impl Write, lines: &[u8]) -> bool {
        let mut lines = lines;
        let mut retry = FIRST_RETRY;
        while !lines.is_empty() {
            let error = match stream.write(first_piece(lines)).and_then(|n_bytes| {
                stream.flush()?;
                Ok(n_bytes)
            }) {
                Ok(0) => io::ErrorKind::WriteZero.into(),
                Ok(n_bytes) => {
                    lines = &lines[n_bytes..];
                    retry = FIRST_RETRY;
                    continue;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => error,
            };
            if !self.pause(retry) {
                return false;
            }
            if retry == FIRST_RETRY && error.kind() != io::ErrorKind::WouldBlock {
                tracing::warn!(%error, "cannot write to {name}");
            }
            retry = (retry * 2).min(LONGEST_RETRY);
        }
        true
    }

    /// Waits for some time; returns `false` as soon as the queue is closed.
    fn pause(&self, time: Duration) -> bool {
        let until = Instant::now() + time;
        let mut queue = self.lock();
        while !queue.is_closing {
            let rest = until.saturating_duration_since(Instant::now());
            if rest.is_zero() {
                return true;
            }
            queue = self.wait(queue, rest);
        }
        false
    }
}

/// Returns the whole lines to write at a time, or a single longer one.
fn first_piece(lines: &[u8]) -> &[u8] {
    let is_break = |&byte: &u8| byte == b'\n';
    let in_piece = &lines[..lines.len().min(PIECE_BYTES)];
    let last_break = in_piece.iter().rposition(is_break);
    let end = last_break.or_else(|| lines.iter().position(is_break));
    &lines[..end.map_or(lines.len(), |end| end + 1)]
}

/// Returns the line that reports lost ones, formatted like the rest of the log.
fn loss(n_lost: u64) -> String {
    let mut line = String::new();
    // Without the time, the line still says what was lost.
    SystemTime.format_time(&mut Writer::new(&mut line)).ok();
    line + &format!(
        "  WARN ipc_server: {n_lost} log lines lost: standard error was not read or could not be written\n"
    )
}

#[cfg(unix)]
mod unix {
    //! The bare stream: the standard library's buffers, and hides that a stream is closed.

    use std::{
        io::{self, Write},
        os::fd::AsFd,
    };

    use rustix::{
        event::{PollFd, PollFlags, poll},
        io::{Errno, retry_on_intr},
    };

    pub(super) struct Unbuffered<S>(pub(super) S);

    impl<S: AsFd> Write for Unbuffered<S> {
        /// Writes once. Waits for a non-blocking stream too: another process that shares it may have
        /// made it so.
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut written = rustix::io::write(&self.0, bytes);
            while written == Err(Errno::AGAIN) {
                let mut stream = [PollFd::new(&self.0, PollFlags::OUT)];
                retry_on_intr(|| poll(&mut stream, None))?;
                written = rustix::io::write(&self.0, bytes);
            }
            Ok(written?)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests;
