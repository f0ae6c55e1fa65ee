//! Noticing that the reader of standard output has left.

use std::future::pending;

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

    let stdout = std::io::stdout();
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
