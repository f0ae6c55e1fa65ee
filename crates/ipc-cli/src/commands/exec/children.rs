//! The processes that the commands run in.
//!
//! Every child of this process is waited for in one place. Some were never started here: whoever
//! started `ipc` with `exec` may have left children to it, and the first process of a container
//! gets those that lost their parent. Waiting for any child, and looking up whether it runs a
//! command, leaves no zombie of theirs and takes no status from a command.

use std::{
    collections::HashMap,
    io,
    os::unix::process::{CommandExt, ExitStatusExt},
    process::{self, ExitStatus, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use nix::sys::signal::{SIGCHLD, SigSet};
use rustix::process::{Pid, Signal, WaitOptions, kill_process_group, wait};
use tokio::{
    process::{ChildStderr, ChildStdin, ChildStdout},
    signal::unix::{self, SignalKind},
    sync::watch,
    task::AbortHandle,
};

use super::Exited;

/// Starts commands and waits for them.
pub(super) struct Children {
    table: Arc<Table>,
    reaper: AbortHandle,
}

/// The commands that run. Its lock is held while one is started, killed or waited for, so a number
/// in it always belongs to the command: no other process gets it before it is waited for.
#[derive(Default)]
struct Table {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    running: HashMap<Pid, watch::Sender<Option<ExitStatus>>>,
    is_stopped: bool,
}

/// A command that runs. Dropping it kills the command with all that it started, unless it has
/// ended.
pub(super) struct Child {
    pub(super) stdin: Option<ChildStdin>,
    pub(super) stdout: Option<ChildStdout>,
    pub(super) stderr: Option<ChildStderr>,
    pub(super) exit: Exited,
    _group: Group,
}

impl Children {
    /// Gets ready to start commands. It wants a runtime around it.
    pub(super) fn new() -> io::Result<Self> {
        // Before anything is started: as long as SIGCHLD is ignored, which is inherited, the system
        // throws the statuses of children away.
        let mut ended = unix::signal(SignalKind::child())?;
        // Being blocked is inherited too. That one thread takes the signal is enough.
        SigSet::from(SIGCHLD).thread_unblock()?;
        let table = Arc::new(Table::default());
        let reaper = tokio::spawn({
            let table = Arc::clone(&table);
            async move {
                loop {
                    table.reap();
                    if ended.recv().await.is_none() {
                        return;
                    }
                }
            }
        });
        Ok(Self {
            table,
            reaper: reaper.abort_handle(),
        })
    }

    /// Starts a command in a process group of its own.
    pub(super) fn start(&self, mut command: process::Command) -> io::Result<Child> {
        let (ended, exit) = watch::channel(None);
        let (mut child, group) = {
            let mut state = self.table.lock();
            if state.is_stopped {
                return Err(io::Error::other("no more commands are started"));
            }
            let child = command
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .process_group(0)
                .spawn()?;
            let id = Pid::from_child(&child);
            state.running.insert(id, ended);
            let table = Arc::clone(&self.table);
            (child, Group { id, table })
        };
        Ok(Child {
            stdin: child.stdin.take().map(ChildStdin::from_std).transpose()?,
            stdout: child.stdout.take().map(ChildStdout::from_std).transpose()?,
            stderr: child.stderr.take().map(ChildStderr::from_std).transpose()?,
            exit: Exited(exit),
            _group: group,
        })
    }

    /// Kills the commands that run with all that they started; no others are started.
    pub(super) fn stop(&self) {
        let mut state = self.table.lock();
        state.is_stopped = true;
        for &id in state.running.keys() {
            kill(id);
        }
    }

    /// Whether the commands were stopped.
    pub(super) fn are_stopped(&self) -> bool {
        self.table.lock().is_stopped
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        self.reaper.abort();
    }
}

impl Table {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the status of every child that has ended.
    fn reap(&self) {
        let mut state = self.lock();
        // The error is that there are no children.
        while let Ok(Some((id, status))) = wait(WaitOptions::NOHANG) {
            if let Some(ended) = state.running.remove(&id) {
                ended.send_replace(Some(ExitStatus::from_raw(status.as_raw())));
            }
        }
    }
}

/// The process group of a command.
struct Group {
    id: Pid,
    table: Arc<Table>,
}

impl Drop for Group {
    fn drop(&mut self) {
        let state = self.table.lock();
        if state.running.contains_key(&self.id) {
            kill(self.id);
        }
    }
}

fn kill(group: Pid) {
    // It fails when all of them have ended just now.
    kill_process_group(group, Signal::KILL).ok();
}
