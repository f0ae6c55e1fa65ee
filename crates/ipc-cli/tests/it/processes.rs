//! Processes beside the tool: what holds a pipe, children, containers.

use std::{
    fs::{self, File},
    io::{Read, Write},
    process::{Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::tool::Tool;

/// A named pipe: opening it waits for the other side.
pub(crate) struct Fifo {
    directory: tempfile::TempDir,
}

impl Fifo {
    pub(crate) fn new() -> Self {
        let fifo = Self {
            directory: tempfile::tempdir().unwrap(),
        };
        let made = Command::new("mkfifo").arg(fifo.path()).status().unwrap();
        assert!(made.success());
        fifo
    }

    pub(crate) fn path(&self) -> String {
        self.directory.path().join("fifo").display().to_string()
    }

    /// A command that holds it open until it is killed with its children, or else says so.
    pub(crate) fn hold(&self) -> String {
        format!("{{ sleep 20; echo late; }} > {}", self.path())
    }

    /// Waits until somebody opens it for writing.
    pub(crate) fn open(&self) -> Held {
        Held(File::open(self.path()).unwrap())
    }

    /// Waits until somebody opens it for reading, and says a line.
    pub(crate) fn tell(&self, line: &str) {
        let mut file = File::options().write(true).open(self.path()).unwrap();
        writeln!(file, "{line}").unwrap();
    }
}

/// What a process holds open that is to end.
pub(crate) struct Held(File);

impl Held {
    pub(crate) fn wait_for_the_end(mut self) -> String {
        let mut text = String::new();
        self.0.read_to_string(&mut text).unwrap();
        text
    }
}

/// Sends a signal to the child of a process that has one.
pub(crate) fn kill_child(parent: &Tool, signal: Signal) {
    kill_process(child(parent), signal).unwrap();
}

/// The child of a process that has one.
pub(crate) fn child(parent: &Tool) -> Pid {
    let id = parent.child.id();
    let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap();
    Pid::from_raw(children.trim().parse().unwrap()).unwrap()
}

/// Starts a command as the first process of a PID namespace of its own, where that is permitted.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
pub(crate) fn container(tool: &Command) -> Option<Tool> {
    let unshare = |program: &std::ffi::OsStr| {
        let mut command = Command::new("unshare");
        command
            .args(["--pid", "--fork", "--kill-child"])
            .arg(program);
        command.stdin(Stdio::null());
        command
    };
    if !unshare("true".as_ref())
        .output()
        .is_ok_and(|output| output.status.success())
    {
        eprintln!("skipped: 'unshare --pid' is not permitted here");
        return None;
    }
    let mut command = unshare(tool.get_program());
    command.args(tool.get_args());
    for (variable, value) in tool.get_envs() {
        if let Some(value) = value {
            command.env(variable, value);
        }
    }
    Some(Tool::start(command))
}
