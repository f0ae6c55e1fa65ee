//! The task of a client: one connection after another, and on each of them reading, writing,
//! expiring and restoring at once.
//!
//! Only this task touches the sockets. It ends when the client is closed, or when the connection
//! is lost and is not to be made again.

use std::{future::pending, panic::resume_unwind, sync::Arc, time::Duration};

use ipc_wire::{Address, Dialect};
use tokio::{
    io::{AsyncWrite, AsyncWriteExt},
    task::JoinSet,
    time::Instant,
};

use crate::{
    Client, DisconnectReason,
    builder::Config,
    connect::{self, Link},
    dispatch, restore, serving,
    shared::{EndGuard, Shared},
};

/// How long closing waits for a server that does not read what was queued.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long closing waits for the server to close as well, once everything is written: closing
/// with unread bytes in the socket could take back what the server has not read.
const LINGER: Duration = Duration::from_secs(1);

/// The pause after a message to a server of the seed system that has no answer: such a server
/// takes what one read returns for one message.
const SEED_PAUSE: Duration = Duration::from_millis(2);

/// Starts the task of a client whose first connection stands.
pub(crate) fn start(address: Address, config: Config, link: Link) -> Client {
    let shared = Arc::new(Shared::new(address, config, link.greeting.clone()));
    shared.begin(link.greeting.clone());
    let driver = tokio::spawn(drive(Arc::clone(&shared), link));
    Client::new(shared, driver)
}

async fn drive(shared: Arc<Shared>, mut link: Link) {
    let _end_guard = EndGuard(Arc::clone(&shared));
    // Ended with this task.
    let mut serving = JoinSet::new();
    serving.spawn(serving::serve(Arc::clone(&shared)));
    let mut attempt = 0;
    loop {
        let start = Instant::now();
        let reason = run(&shared, link).await;
        shared.lose();
        if shared.is_closing() {
            return;
        }
        if shared.config().reconnect.calm() <= start.elapsed() {
            attempt = 0;
        }
        let reconnected = tokio::select! {
            link = reconnect(&shared, reason, &mut attempt) => link,
            () = shared.closing() => None,
        };
        let Some(next) = reconnected else {
            return;
        };
        link = next;
        shared.begin(link.greeting.clone());
    }
}

/// Tries until a connection stands; `None` when it is not to be tried.
async fn reconnect(
    shared: &Shared,
    mut reason: DisconnectReason,
    attempt: &mut u32,
) -> Option<Link> {
    loop {
        let Some(delay) = shared.config().reconnect.delay(*attempt) else {
            shared.end(Some(reason));
            return None;
        };
        shared.set_disconnected(reason);
        *attempt = attempt.saturating_add(1);
        tokio::time::sleep(delay).await;
        match connect::connect(shared.address(), shared.config()).await {
            Ok(link) => return Some(link),
            Err(error) => reason = DisconnectReason::Connect(error),
        }
    }
}

/// Serves one connection until it ends.
async fn run(shared: &Arc<Shared>, link: Link) -> DisconnectReason {
    let Link {
        incoming,
        writer,
        greeting,
    } = link;
    let restored = restore::queue(shared);
    // Tasks of their own, so that the one wakes without the other and without what follows here.
    let mut halves = JoinSet::new();
    halves.spawn(dispatch::read(
        Arc::clone(shared),
        incoming,
        greeting.dialect,
    ));
    halves.spawn(write(Arc::clone(shared), writer, greeting.dialect));
    let closing_in_vain = async {
        shared.closing().await;
        tokio::time::sleep(CLOSE_TIMEOUT).await;
        DisconnectReason::ClosedByServer
    };
    let reason = tokio::select! {
        reason = first_end(&mut halves) => reason,
        reason = closing_in_vain => reason,
        reason = expire(shared) => reason,
        reason = restore::finish(shared, restored) => reason,
    };
    // What belongs to the next connection must not get into the hands of this one's.
    halves.shutdown().await;
    reason
}

async fn first_end(halves: &mut JoinSet<DisconnectReason>) -> DisconnectReason {
    match halves.join_next().await {
        Some(Ok(reason)) => reason,
        Some(Err(error)) if error.is_panic() => resume_unwind(error.into_panic()),
        // The runtime is being shut down, and this task with it.
        Some(Err(_)) | None => pending().await,
    }
}

/// Writes until the client is closed, and then waits for the server to close as well.
async fn write(
    shared: Arc<Shared>,
    writer: Box<dyn AsyncWrite + Send + Unpin>,
    dialect: Dialect,
) -> DisconnectReason {
    if let Err(error) = write_all(&shared, writer, dialect).await {
        return DisconnectReason::Io(Arc::new(error));
    }
    tokio::time::sleep(LINGER).await;
    DisconnectReason::ClosedByServer
}

/// Writes what is queued, as much at once as the dialect allows, until the client is closed.
async fn write_all(
    shared: &Shared,
    mut writer: Box<dyn AsyncWrite + Send + Unpin>,
    dialect: Dialect,
) -> std::io::Result<()> {
    let mut buffer = Vec::new();
    loop {
        // Before the buffer is taken, so that an answer cannot come too early for it.
        let answered = shared.answered.notified();
        let has_some = shared.with_core(|core| {
            let was_full = core.outbox.is_full();
            let has_some = core.outbox.take(&mut buffer);
            core.effects.unblock |= was_full && has_some;
            core.is_writer_idle = !has_some;
            has_some
        });
        if !has_some {
            if shared.is_closing() {
                return writer.shutdown().await;
            }
            shared.write.notified().await;
            // The tasks that are ready to run may have something to say as well: with one turn
            // of patience it goes out in the same write, a third of the writes with 16 callers.
            if shared.with_core(|core| core.outbox.is_patient()) {
                tokio::task::yield_now().await;
            }
            continue;
        }
        writer.write_all(&buffer).await?;
        buffer.clear();
        if dialect == Dialect::Seed {
            tokio::select! {
                () = answered => {}
                () = tokio::time::sleep(SEED_PAUSE) => {}
            }
        }
    }
}

/// Ends requests whose time has passed.
async fn expire(shared: &Shared) -> DisconnectReason {
    loop {
        let nearer = shared.deadline.notified();
        match shared.with_core(|core| core.pending.earliest()) {
            None => nearer.await,
            Some(earliest) => tokio::select! {
                () = tokio::time::sleep_until(earliest) => shared.expire(),
                () = nearer => {}
            },
        }
    }
}
