//! The processes that the commands run in, where there are neither process groups nor orphans that
//! somebody has to wait for.

use std::{
    io,
    process::{self, Stdio},
    sync::atomic::{AtomicBool, Ordering},
};

use tokio::{
    process::{ChildStderr, ChildStdin, ChildStdout, Command},
    sync::watch,
    task::AbortHandle,
};

use super::Exited;

/// Starts commands; they end with the process at the latest.
pub(super) struct Children {
    is_stopped: AtomicBool,
}

/// A command that runs. Dropping it kills the command unless it has ended.
pub(super) struct Child {
    pub(super) stdin: Option<ChildStdin>,
    pub(super) stdout: Option<ChildStdout>,
    pub(super) stderr: Option<ChildStderr>,
    pub(super) exit: Exited,
    /// Holds the process.
    waiting: AbortHandle,
}

impl Children {
    pub(super) const fn new() -> io::Result<Self> {
        Ok(Self {
            is_stopped: AtomicBool::new(false),
        })
    }

    /// Starts a command.
    pub(super) fn start(&self, command: process::Command) -> io::Result<Child> {
        if self.are_stopped() {
            return Err(io::Error::other("no more commands are started"));
        }
        let mut child = Command::from(command)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (ended, exit) = watch::channel(None);
        let waiting = tokio::spawn(async move {
            if let Ok(status) = child.wait().await {
                ended.send_replace(Some(status));
            }
        });
        Ok(Child {
            stdin,
            stdout,
            stderr,
            exit: Exited(exit),
            waiting: waiting.abort_handle(),
        })
    }

    /// Starts no more commands.
    pub(super) fn stop(&self) {
        self.is_stopped.store(true, Ordering::Relaxed);
    }

    /// Whether the commands were stopped.
    pub(super) fn are_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::Relaxed)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.waiting.abort();
    }
}
