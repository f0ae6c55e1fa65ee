//! What ends a command that would go on for ever: signals, and the reader of its output leaving.

use std::{future::pending, io};

/// The signals that ask a process to end.
#[derive(Debug)]
pub(crate) struct Signals {
    #[cfg(unix)]
    signals: [tokio::signal::unix::Signal; 2],
}

#[cfg(unix)]
impl Signals {
    /// From now on these signals are noted instead of ending the process. SIGHUP is not one of
    /// them: it ends the process as ever, unless `nohup` has it ignored.
    pub(crate) fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};

        Ok(Self {
            signals: [
                signal(SignalKind::interrupt())?,
                signal(SignalKind::terminate())?,
            ],
        })
    }

    /// Waits for one of the signals.
    pub(crate) async fn recv(&mut self) {
        let [interrupt, terminate] = &mut self.signals;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
impl Signals {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {})
    }

    /// Waits for Ctrl-C.
    pub(crate) async fn recv(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            pending().await
        }
    }
}

/// Waits until nobody can read standard output any more, which a pipe tells even while nothing is
/// written to it. Never ends for files.
pub(crate) async fn reader_left() {
    #[cfg(unix)]
    if tokio::task::spawn_blocking(poll_for_the_end)
        .await
        .is_ok_and(|has_left| has_left)
    {
        return;
    }
    pending().await
}

/// Blocks its thread, if need be until the end of the process.
#[cfg(unix)]
fn poll_for_the_end() -> bool {
    use rustix::event::{PollFd, PollFlags, poll};

    let stdout = io::stdout();
    // Nothing is asked for: errors and hang-ups are told in any case.
    let mut watched = [PollFd::new(&stdout, PollFlags::empty())];
    loop {
        match poll(&mut watched, None) {
            Ok(n_ready) => return 0 < n_ready,
            Err(rustix::io::Errno::INTR) => {}
            Err(_cannot_be_watched) => return false,
        }
    }
}
