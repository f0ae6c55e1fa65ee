//! The sending side of a connection: one batch of what is queued after the other.

use std::{io, sync::Arc, time::Duration};

use ipc_wire::Dialect;
use tokio::io::{AsyncWrite, AsyncWriteExt};

use crate::{DisconnectReason, shared::Shared};

/// How long closing waits for the server to close as well, once everything is written: closing
/// with unread bytes in the socket could take back what the server has not read.
const LINGER: Duration = Duration::from_secs(1);

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
}

impl Writer {
    pub(crate) fn new(
        shared: &Arc<Shared>,
        stream: Box<dyn AsyncWrite + Send + Unpin>,
        dialect: Dialect,
    ) -> Self {
        Self {
            shared: Arc::clone(shared),
            stream,
            dialect,
            batch: Vec::new(),
            n_written: 0,
        }
    }

    /// Writes until the client is closed, and then waits for the server to close as well.
    pub(crate) async fn run(mut self) -> DisconnectReason {
        let written = self.write_all().await;
        if let Err(error) = written {
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
}
