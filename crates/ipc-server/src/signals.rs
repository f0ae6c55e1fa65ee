//! What signals do to the process.

use anyhow::Context;
use ipc_server::Stopper;

/// Blocks SIGTTOU and unblocks SIGTERM, for this thread and those that it starts from now on.
///
/// Where SIGTTOU is blocked, a terminal after `stty tostop` takes what the background writes;
/// otherwise the first line of the log would stop the process. SIGTERM may come blocked from a
/// supervisor, whose own threads block it.
#[cfg(unix)]
pub(crate) fn set_mask() {
    use nix::sys::signal::{SigSet, Signal};

    let set = SigSet::from_iter;
    // Neither fails for a signal that exists.
    set([Signal::SIGTTOU]).thread_block().ok();
    set([Signal::SIGTERM]).thread_unblock().ok();
}

#[cfg(not(unix))]
pub(crate) const fn set_mask() {}

/// Lets SIGTERM, SIGINT and SIGHUP stop the server cleanly, and a second one end it at once.
///
/// SIGINT and SIGHUP stay ignored if the process was started so: `nohup` ignores SIGHUP, and a
/// shell without job control ignores SIGINT for what it starts in the background. They also stay
/// blocked if they were. SIGTERM always stops the server, because it is how supervisors ask.
#[cfg(unix)]
pub(crate) fn stop_on_signals(stopper: Stopper) -> anyhow::Result<()> {
    use signal_hook::{
        consts::{SIGHUP, SIGINT, SIGTERM},
        iterator::Signals,
    };

    let ignored = ignored_signals();
    let is_ignored = |signal: i32| ignored & (1 << (signal - 1)) != 0;
    let kept = [SIGINT, SIGHUP]
        .into_iter()
        .filter(|&signal| !is_ignored(signal));
    let handle = || -> std::io::Result<()> {
        let mut signals = Signals::new(kept.chain([SIGTERM]))?;
        let thread = std::thread::Builder::new().name("signals".to_owned());
        thread.spawn(move || {
            let mut is_stopping = false;
            for _signal in signals.forever() {
                if is_stopping {
                    std::process::exit(1);
                }
                is_stopping = true;
                stopper.stop();
            }
        })?;
        Ok(())
    };
    handle().context("cannot handle signals")
}

/// Returns the signals that this process ignores, one bit each, beginning with signal 1.
///
/// Only Linux has a safe way to find out; elsewhere, and without `/proc`, none counts as ignored.
#[cfg(unix)]
fn ignored_signals() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.unwrap_or(0)
}

/// Lets Ctrl-C stop the server cleanly, and a second one end it at once.
#[cfg(not(unix))]
pub(crate) fn stop_on_signals(stopper: Stopper) -> anyhow::Result<()> {
    use std::sync::atomic::{AtomicBool, Ordering};

    let is_stopping = AtomicBool::new(false);
    ctrlc::set_handler(move || {
        if is_stopping.swap(true, Ordering::Relaxed) {
            std::process::exit(1);
        }
        stopper.stop();
    })
    .context("cannot handle signals")
}

/// Makes writing to a file at its size limit an error instead of the end of the process.
#[cfg(unix)]
pub(crate) fn outlive_file_size_limit() {
    use signal_hook::{consts::SIGXFSZ, flag};

    // Any handler will do; nobody reads the flag.
    if let Err(error) = flag::register(SIGXFSZ, std::sync::Arc::default()) {
        tracing::warn!(%error, "a log file at its size limit will end the server");
    }
}

#[cfg(not(unix))]
pub(crate) const fn outlive_file_size_limit() {}
