//! Answering calls by a shell command, for `ipc serve --exec`.
//!
//! The method reaches the command as an argument and in its environment, the parameter on its
//! standard input: nothing of what a caller says is ever part of the command's text.
//!
//! A call is answered when the command ends, with what it had printed by then. What it left running
//! in the background is left alone: nobody waits for it, reads what it prints later, or kills it.

#[cfg_attr(not(unix), path = "exec/children_elsewhere.rs")]
mod children;
mod pipe;

use std::{
    future::pending,
    io,
    process::{Command, ExitStatus},
    time::Duration,
};

use ipc_client::{ObjectError, RawJson, Request};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};

use self::{children::Children, pipe::Exited};
use crate::output::Output;

/// The most that a command may print: the server takes no larger message.
const MAX_OUTPUT_BYTES: usize = 16 * 1024 * 1024;

/// How much of the end of standard error is kept to find its last line.
const ERROR_TAIL_BYTES: usize = 4096;

/// How much is read at once.
const CHUNK_BYTES: usize = 16 * 1024;

/// A shell command that answers calls.
pub(super) struct Exec {
    command: String,
    timeout: Option<Duration>,
    children: Children,
}

/// What a command left behind.
struct Ended {
    status: ExitStatus,
    stdout: Vec<u8>,
    error_tail: Vec<u8>,
}

impl Exec {
    /// Gets ready to run the command; it wants a runtime around it.
    pub(super) fn new(command: String, timeout: Option<Duration>) -> io::Result<Self> {
        Ok(Self {
            command,
            timeout,
            children: Children::new()?,
        })
    }

    /// Kills the commands that run with all that they started, and runs none any more. Their calls
    /// are not answered: the server tells the callers that the provider left.
    pub(super) fn stop(&self) {
        self.children.stop();
    }

    /// Runs the command for a call. Dropping the future kills it with all that it started.
    pub(super) async fn run(
        &self,
        request: &Request,
        output: &Output,
    ) -> Result<RawJson, ObjectError> {
        let running = self.run_to_end(request, output);
        let ended = match self.timeout {
            None => running.await,
            Some(timeout) => match tokio::time::timeout(timeout, running).await {
                Ok(ended) => ended,
                Err(_elapsed) => {
                    return Err(ObjectError::text(format!("killed after {timeout:?}")));
                }
            },
        };
        if self.children.are_stopped() {
            return pending().await;
        }
        let ended = ended.map_err(|error| ObjectError::text(format!("cannot run: {error}")))?;
        ended.into_response()
    }

    async fn run_to_end(&self, request: &Request, output: &Output) -> io::Result<Ended> {
        let mut child = self.children.start(self.shell(request))?;
        let mut exit = child.exit.clone();
        let ((), stdout, error_tail, status) = tokio::try_join!(
            write_param(child.stdin.take(), request.raw_param(), exit.clone()),
            read_output(child.stdout.take(), exit.clone()),
            pass_errors_on(child.stderr.take(), exit.clone(), output),
            exit.wait(),
        )?;
        Ok(Ended {
            status,
            stdout,
            error_tail,
        })
    }

    fn shell(&self, request: &Request) -> Command {
        let mut command;
        if cfg!(windows) {
            command = Command::new("cmd");
            command.arg("/C").arg(&self.command);
        } else {
            command = Command::new("sh");
            command
                .arg("-c")
                .arg(&self.command)
                .arg("sh")
                .arg(request.method());
        }
        command
            .env("IPC_METHOD", request.method())
            .env("IPC_OBJECT", request.object());
        command
    }
}

/// Writes the parameter with a line break, so that `read` in a shell takes it, too.
async fn write_param(
    stdin: Option<ChildStdin>,
    param: Option<&RawJson>,
    exit: Exited,
) -> io::Result<()> {
    match (stdin, param) {
        (Some(stdin), Some(param)) => {
            pipe::write(stdin, format!("{param}\n").as_bytes(), exit).await
        }
        _ => Ok(()),
    }
}

async fn read_output(stdout: Option<ChildStdout>, exit: Exited) -> io::Result<Vec<u8>> {
    let mut printed = Vec::new();
    let Some(stdout) = stdout else {
        return Ok(printed);
    };
    let mut stdout = pipe::Printed::new(stdout, exit);
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let n_bytes = stdout.read(&mut chunk).await?;
        if n_bytes == 0 {
            return Ok(printed);
        }
        printed.extend_from_slice(&chunk[..n_bytes]);
        if MAX_OUTPUT_BYTES < printed.len() {
            return Err(io::Error::other("it printed more than 16 MiB"));
        }
    }
}

/// Lets the command's errors be seen where the server of the object runs, and keeps their end.
async fn pass_errors_on(
    stderr: Option<ChildStderr>,
    exit: Exited,
    output: &Output,
) -> io::Result<Vec<u8>> {
    let mut tail = Vec::new();
    let Some(stderr) = stderr else {
        return Ok(tail);
    };
    let mut stderr = pipe::Printed::new(stderr, exit);
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let n_bytes = stderr.read(&mut chunk).await?;
        if n_bytes == 0 {
            return Ok(tail);
        }
        let bytes = chunk[..n_bytes].to_vec();
        tail.extend_from_slice(&bytes);
        tail.drain(..tail.len().saturating_sub(ERROR_TAIL_BYTES));
        output
            .without_blocking(move |output| output.pass_on(&bytes))
            .await;
    }
}

impl Ended {
    fn into_response(self) -> Result<RawJson, ObjectError> {
        if !self.status.success() {
            return Err(ObjectError::text(self.failure()));
        }
        let Ok(text) = String::from_utf8(self.stdout) else {
            return Err(ObjectError::text("the command's output is not UTF-8"));
        };
        let words = text.trim_end_matches(['\n', '\r']);
        match RawJson::from_text(words.trim()) {
            Ok(json) => Ok(json),
            Err(_not_json) => RawJson::new(words).map_err(ObjectError::text),
        }
    }

    /// The command's last words. A signal is named besides: it is not what the command wanted to say.
    fn failure(&self) -> String {
        match last_line(&self.error_tail) {
            None => self.status.to_string(),
            Some(words) if self.status.code().is_some() => words,
            Some(words) => format!("{words} ({})", self.status),
        }
    }
}

/// The last line that says something.
fn last_line(text: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(text);
    let line = text.lines().map(str::trim).rfind(|line| !line.is_empty())?;
    Some(line.to_owned())
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    fn answer(code: i32, stdout: &str, stderr: &str) -> Result<String, String> {
        let ended = Ended {
            status: ExitStatus::from_raw(code << 8),
            stdout: stdout.into(),
            error_tail: stderr.into(),
        };
        match ended.into_response() {
            Ok(json) => Ok(json.to_string()),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn output_is_json_or_a_string_without_the_line_breaks_at_its_end() {
        for (stdout, response) in [
            ("3\n", "3"),
            ("{\"a\": 1.10}\n", "{\"a\": 1.10}"),
            ("hello world\n", "\"hello world\""),
            ("two\nlines\n\n", "\"two\\nlines\""),
            ("  indented\n", "\"  indented\""),
            ("", "\"\""),
            ("1 2\n", "\"1 2\""),
        ] {
            assert_eq!(answer(0, stdout, "").unwrap(), response);
        }
    }

    #[test]
    fn a_failure_is_the_last_line_of_standard_error_or_the_status() {
        assert_eq!(
            answer(3, "1", "first\nlast words \n\n").unwrap_err(),
            "\"last words\""
        );
        assert_eq!(answer(3, "1", "").unwrap_err(), "\"exit status: 3\"");
    }
}
