//! The tool as a process, and a server for it.

use std::{
    io::{BufRead, BufReader, Read, Write},
    os::unix::process::ExitStatusExt,
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio},
    sync::{Arc, Once, atomic::AtomicBool},
};

use ipc_client::blocking::Client;
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM},
    flag::register_conditional_default,
};

/// A server of its own for each test.
pub(crate) struct Bus {
    running: ipc_server::Running,
}

impl Bus {
    pub(crate) fn start() -> Self {
        let server = ipc_server::Server::builder()
            .listen("tcp://127.0.0.1:0".parse().unwrap())
            .bind()
            .unwrap();
        Self {
            running: server.spawn().unwrap(),
        }
    }

    pub(crate) fn address(&self) -> String {
        self.running.addresses()[0].to_string()
    }

    /// The tool, told where this server is.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = ipc(args);
        command.env("IPC_ADDRESS", self.address());
        command
    }

    /// A client that costs no process for each request.
    pub(crate) fn client(&self) -> Client {
        let builder = ipc_client::Client::builder().address(self.address().parse().unwrap());
        builder.connect_blocking().unwrap()
    }

    /// Runs the tool to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Ended {
        run(self.command(args))
    }

    /// Runs the tool to its end, which must be a good one; what it printed.
    pub(crate) fn print(&self, args: &[&str]) -> String {
        let ended = self.run(args);
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{args:?}");
        ended.stdout
    }

    /// Starts the tool and waits until it says that it is ready.
    pub(crate) fn start_tool(&self, args: &[&str], ready: &str) -> Tool {
        let mut tool = Tool::start(self.command(args));
        assert_eq!(tool.read_note(), ready);
        tool
    }

    /// Starts `ipc serve` and waits until the object can be called.
    pub(crate) fn serve(&self, object: &str, how: &[&str]) -> Tool {
        let args = [&["serve", object], how].concat();
        self.start_tool(&args, &format!("serving {object}"))
    }
}

/// Lets signals end the processes that tests start, even where whoever started the tests ignores
/// them, as a script does for what it starts with `&`: a handler becomes the default at `exec`.
pub(crate) fn heed_signals() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for signal in [SIGHUP, SIGINT, SIGQUIT, SIGTERM] {
            let ends_tests_too = Arc::new(AtomicBool::new(true));
            register_conditional_default(signal, ends_tests_too).unwrap();
        }
    });
}

/// The tool without anything from the environment that it looks at.
pub(crate) fn ipc(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ipc"));
    command.args(args).stdin(Stdio::null());
    for variable in ["IPC_ADDRESS", "ENV_SERVER_ADDRESS", "NO_COLOR", "COLUMNS"] {
        command.env_remove(variable);
    }
    command.env("TERM", "xterm-256color");
    command
}

/// How a process ended, and what it said.
#[derive(Debug)]
pub(crate) struct Ended {
    /// As a shell has it: 128 and the signal's number for one that was ended by a signal.
    pub(crate) code: i32,
    /// What ended it, unless it ended by itself.
    pub(crate) signal: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    fn new(status: ExitStatus, stdout: String, stderr: String) -> Self {
        let signal = status.signal();
        Self {
            code: status.code().or(signal.map(|signal| 128 + signal)).unwrap(),
            signal,
            stdout,
            stderr,
        }
    }
}

pub(crate) fn run(mut command: Command) -> Ended {
    let output = command.output().unwrap();
    Ended::new(
        output.status,
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

/// The tool, started with `exec` by a shell that has run some lines before.
pub(crate) fn after(script: &str, tool: &Command) -> Command {
    after_in("sh", script, tool)
}

/// The tool, started with `exec` by this shell.
pub(crate) fn after_in(shell: &str, script: &str, tool: &Command) -> Command {
    let mut shell = Command::new(shell);
    shell
        .arg("-c")
        .arg(format!("{script}\nexec \"$0\" \"$@\""))
        .arg(tool.get_program())
        .args(tool.get_args())
        .stdin(Stdio::null());
    for (variable, value) in tool.get_envs() {
        match value {
            Some(value) => shell.env(variable, value),
            None => shell.env_remove(variable),
        };
    }
    shell
}

pub(crate) fn run_with_input(mut command: Command, input: &str) -> Ended {
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut tool = Tool::start(command);
    let mut stdin: ChildStdin = tool.child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    tool.end()
}

/// The tool while it runs; it is killed when this is dropped.
pub(crate) struct Tool {
    pub(crate) child: Child,
    pub(crate) stdout: Option<BufReader<ChildStdout>>,
    stderr: BufReader<ChildStderr>,
}

impl Tool {
    pub(crate) fn start(mut command: Command) -> Self {
        heed_signals();
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        Self {
            stdout: child.stdout.take().map(BufReader::new),
            stderr: BufReader::new(child.stderr.take().unwrap()),
            child,
        }
    }

    /// The next line on standard error.
    pub(crate) fn read_note(&mut self) -> String {
        read_line(&mut self.stderr)
    }

    /// The next line on standard output.
    pub(crate) fn read_line(&mut self) -> String {
        read_line(self.stdout.as_mut().unwrap())
    }

    pub(crate) fn send(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    pub(crate) fn interrupt(&self) {
        self.send(Signal::INT);
    }

    /// Waits for the end; what was not read yet.
    pub(crate) fn end(mut self) -> Ended {
        let mut stdout = String::new();
        if let Some(reader) = &mut self.stdout {
            reader.read_to_string(&mut stdout).unwrap();
        }
        let mut stderr = String::new();
        self.stderr.read_to_string(&mut stderr).unwrap();
        let status = self.child.wait().unwrap();
        Ended::new(status, stdout, stderr)
    }
}

impl Drop for Tool {
    fn drop(&mut self) {
        // Both fail where it has ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn read_line(reader: &mut impl BufRead) -> String {
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    line.trim_end_matches('\n').to_owned()
}
