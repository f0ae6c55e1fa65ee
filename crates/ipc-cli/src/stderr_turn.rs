//! Writing to standard error from where nothing may block.
//!
//! Whoever reads it may pause: a pager, a stopped terminal, a supervisor that only wanted the first
//! line. One thread at most waits for the reader, the others for their turn, and all of them not
//! for long: a note is worth less than the work that it is about.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Duration,
};

use tokio::{
    sync::{Mutex, MutexGuard},
    task::spawn_blocking,
    time::timeout,
};

/// A reader that takes nothing for so long is taken for one that does not read. Slow ones, and busy
/// machines, are quicker.
const PATIENCE: Duration = Duration::from_secs(1);

static TURN: Mutex<()> = Mutex::const_new(());

/// Whether the last one waited in vain. Then nobody waits until that one has been read.
static IS_STUCK: AtomicBool = AtomicBool::new(false);

static N_LOST: AtomicU64 = AtomicU64::new(0);

/// Lets `write` write in a thread of its own, which is told how many could not since the last one.
pub(crate) async fn take(write: impl FnOnce(u64) + Send + 'static) {
    let Some(turn) = turn().await else {
        N_LOST.fetch_add(1, Ordering::Relaxed);
        return;
    };
    let writing = spawn_blocking(move || {
        write(N_LOST.swap(0, Ordering::Relaxed));
        IS_STUCK.store(false, Ordering::Relaxed);
        drop(turn);
    });
    if timeout(PATIENCE, writing).await.is_err() {
        // Unless it is done by now: then it holds no turn.
        IS_STUCK.store(TURN.try_lock().is_err(), Ordering::Relaxed);
    }
}

async fn turn() -> Option<MutexGuard<'static, ()>> {
    if IS_STUCK.load(Ordering::Relaxed) {
        return TURN.try_lock().ok();
    }
    timeout(PATIENCE, TURN.lock()).await.ok()
}
