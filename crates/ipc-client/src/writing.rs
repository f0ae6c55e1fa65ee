//! The sending side of a connection: one batch of what is queued after the other.

use std::{
    io, mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use ipc_wire::Dialect;
use tokio::io::{AsyncWrite, AsyncWriteExt};

use crate::{
    DisconnectReason,
    core::Link,
    shared::{EndGuard, Shared},
};

/// How long closing waits for the server to close as well, once everything is written: closing
/// with unread bytes in the socket could take back what the server has not read.
const LINGER: Duration = Duration::from_secs(1);

/// How long the reader has for what the server said before it closed, once nothing can be written
/// any more.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The pause after a message to a server of the seed system that has no answer: such a server
/// takes what one read returns for one message.
const SEED_PAUSE: Duration = Duration::from_millis(2);

/// Writes to one connection.
pub(crate) struct Writer {
    shared: Arc<Shared>,
    stream: Box<dyn AsyncWrite + Send + Unpin>,
    dialect: Dialect,
    /// What was taken from the outbox, and how much of it is written.
    batch: Vec<u8>,
    n_written: usize,
    /// It ended by itself, or with the connection.
    is_done: bool,
    /// Of the client's task, so that what is queued is still there when this is dropped.
    _end_guard: Arc<EndGuard>,
}

impl Writer {
    pub(crate) fn new(
        end_guard: &Arc<EndGuard>,
        stream: Box<dyn AsyncWrite + Send + Unpin>,
        dialect: Dialect,
    ) -> Self {
        Self {
            shared: Arc::clone(&end_guard.0),
            stream,
            dialect,
            batch: Vec::new(),
            n_written: 0,
            is_done: false,
            _end_guard: Arc::clone(end_guard),
        }
    }

    /// Writes until the client is closed, and then waits for the server to close as well.
    pub(crate) async fn run(mut self) -> DisconnectReason {
        let written = self.write_all().await;
        self.is_done = true;
        if let Err(error) = written {
            tokio::time::sleep(LAST_WORDS).await;
            return DisconnectReason::Io(Arc::new(error));
        }
        tokio::time::sleep(LINGER).await;
        DisconnectReason::ClosedByServer
    }

    /// Writes what is queued, as much at once as the dialect allows, until the client is closed.
    async fn write_all(&mut self) -> io::Result<()> {
        let shared = Arc::clone(&self.shared);
        loop {
            // Before the batch is taken, so that an answer cannot come too early for it.
            let answered = shared.answered.notified();
            if !self.take() {
                if shared.is_closing() {
                    return self.stream.shutdown().await;
                }
                shared.write.notified().await;
                // The tasks that are ready to run may have something to say as well: with one turn
                // of patience it goes out in the same write, a third of the writes with 16 callers.
                if shared.with_core(|core| core.outbox.is_patient()) {
                    tokio::task::yield_now().await;
                }
                continue;
            }
            while self.n_written < self.batch.len() {
                let n_written = self.stream.write(&self.batch[self.n_written..]).await?;
                self.note_written(n_written)?;
            }
            if self.dialect == Dialect::Seed {
                tokio::select! {
                    () = answered => {}
                    () = tokio::time::sleep(SEED_PAUSE) => {}
                }
            }
        }
    }

    /// Takes the next batch, when the last is written; whether there is one.
    fn take(&mut self) -> bool {
        self.batch.clear();
        self.n_written = 0;
        let batch = &mut self.batch;
        self.shared.with_core(|core| {
            let has_some = core.take_outbox(batch);
            core.is_writer_idle = !has_some;
            has_some
        })
    }

    fn note_written(&mut self, n_written: usize) -> io::Result<()> {
        if n_written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.n_written += n_written;
        Ok(())
    }

    /// Writes what the socket takes at this moment; whether that was all.
    fn write_now(&mut self) -> bool {
        let cx = &mut Context::from_waker(Waker::noop());
        while self.n_written < self.batch.len() {
            let stream = Pin::new(&mut self.stream);
            let written = match stream.poll_write(cx, &self.batch[self.n_written..]) {
                Poll::Ready(Ok(n_written)) => self.note_written(n_written),
                Poll::Ready(Err(error)) => Err(error),
                Poll::Pending => return false,
            };
            if written.is_err() {
                return false;
            }
        }
        true
    }
}

impl Drop for Writer {
    /// When the runtime ends, so does this task, wherever it was, perhaps before it ran at all.
    /// What is queued then still leaves if the socket has room for it: a program that ends right
    /// after it has sent something has done no more than that.
    fn drop(&mut self) {
        let is_standing = |shared: &Shared| {
            shared.with_core(|core| matches!(core.link, Link::Up | Link::Closing))
        };
        if mem::replace(&mut self.is_done, true) || !is_standing(&self.shared) {
            return;
        }
        // A server of the seed system would take two messages at once for one.
        while self.write_now() && self.dialect == Dialect::Lines && self.take() {}
    }
}
