//! The task of a client: one connection after another, and on each of them reading, writing,
//! expiring and restoring at once.
//!
//! Only this task touches the sockets. It ends when the client is closed, or when the connection
//! is lost and is not to be made again.

use std::{future::pending, panic::resume_unwind, sync::Arc, time::Duration};

use ipc_wire::Dialect;
use tokio::{task::JoinSet, time::Instant};

use crate::{
    Client, DisconnectReason,
    address::Target,
    builder::Config,
    connect, dispatch,
    greeting::Link,
    reader::MessageReader,
    restore, serving,
    shared::{EndGuard, Shared},
    writing::Writer,
};

/// How long closing waits for a server that does not read what was queued, or does not say that it
/// has.
pub(crate) const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// When the task gives up as well: later, for whoever waits for the end shall hear that it came too
/// late.
const GIVE_UP_AFTER: Duration = CLOSE_TIMEOUT.saturating_add(Duration::from_secs(1));

/// What the task of a client has of one connection.
struct Connection {
    incoming: MessageReader,
    writer: Writer,
    dialect: Dialect,
}

impl Connection {
    /// A connection stands, and may be written to.
    fn begin(end_guard: &Arc<EndGuard>, link: Link) -> Self {
        let Link {
            incoming,
            writer,
            greeting,
        } = link;
        let dialect = greeting.dialect;
        end_guard.0.begin(greeting);
        Self {
            incoming,
            writer: Writer::new(end_guard, writer, dialect),
            dialect,
        }
    }
}

/// Starts the task of a client whose first connection stands.
pub(crate) fn start(target: Target, config: Config, link: Link) -> Client {
    let shared = Shared::new(target, config, link.greeting.clone());
    // Made here, for a task that is dropped before it runs has to end the client as well.
    let end_guard = Arc::new(EndGuard(Arc::clone(&shared)));
    let connection = Connection::begin(&end_guard, link);
    let driver = tokio::spawn(drive(end_guard, connection));
    Client::new(shared, driver)
}

async fn drive(end_guard: Arc<EndGuard>, mut connection: Connection) {
    let shared = &end_guard.0;
    // Ended with this task.
    let mut serving = JoinSet::new();
    serving.spawn(serving::serve(Arc::clone(shared)));
    let mut attempt = 0;
    loop {
        let start = Instant::now();
        let reason = run(shared, connection, &mut serving).await;
        if shared.is_closing() {
            break;
        }
        if shared.config().reconnect.calm() <= start.elapsed() {
            attempt = 0;
        }
        let reconnected = tokio::select! {
            biased;
            () = shared.closing() => None,
            link = reconnect(shared, reason, &mut attempt) => link,
        };
        let Some(link) = reconnected else {
            break;
        };
        connection = Connection::begin(&end_guard, link);
    }
    shared.end(None);
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
        match connect::connect(shared.target(), shared.config()).await {
            Ok(link) => return Some(link),
            Err(error) => reason = DisconnectReason::Connect(error),
        }
    }
}

/// Serves one connection until it ends.
async fn run(
    shared: &Arc<Shared>,
    connection: Connection,
    serving: &mut JoinSet<()>,
) -> DisconnectReason {
    let Connection {
        incoming,
        writer,
        dialect,
    } = connection;
    let restored = restore::queue(shared);
    // Tasks of their own, so that the one wakes without the other and without what follows here.
    let mut halves = JoinSet::new();
    halves.spawn(dispatch::read(Arc::clone(shared), incoming, dialect));
    halves.spawn(writer.run());
    let closing_in_vain = async {
        shared.closing().await;
        tokio::time::sleep(GIVE_UP_AFTER).await;
    };
    let reason = tokio::select! {
        reason = first_end(&mut halves) => reason,
        () = closing_in_vain => DisconnectReason::ClosedByServer,
        // Only when the client is closed.
        () = first_end(serving) => DisconnectReason::ClosedByServer,
        reason = expire(shared) => reason,
        reason = restore::finish(shared, restored) => reason,
    };
    // What belongs to the next connection must not get into the hands of this one's.
    shared.lose();
    halves.shutdown().await;
    reason
}

/// The end of a task, whose panic becomes this one's.
async fn first_end<T: 'static>(tasks: &mut JoinSet<T>) -> T {
    match tasks.join_next().await {
        Some(Ok(output)) => output,
        Some(Err(error)) if error.is_panic() => resume_unwind(error.into_panic()),
        // The runtime is being shut down, and this task with it.
        Some(Err(_)) | None => pending().await,
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
