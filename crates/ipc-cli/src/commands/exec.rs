//! Answering calls by a shell command, for `ipc serve --exec`.
//!
//! The method reaches the command as an argument and in its environment, the parameter on its
//! standard input: nothing of what a caller says is ever part of the command's text.

use std::{
    io,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use ipc_client::{ObjectError, RawJson, Request};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    process::{Child, ChildStdin, Command},
};

use crate::output::Output;

/// The most that a command may print: the server takes no larger message.
const MAX_OUTPUT_BYTES: usize = 16 * 1024 * 1024;

/// How much of the end of standard error is kept to find its last line.
const ERROR_TAIL_BYTES: usize = 4096;

/// A shell command that answers calls.
pub(super) struct Exec {
    command: String,
    timeout: Option<Duration>,
}

/// What a command left behind.
struct Ended {
    status: ExitStatus,
    stdout: Vec<u8>,
    error_tail: Vec<u8>,
}

impl Exec {
    pub(super) const fn new(command: String, timeout: Option<Duration>) -> Self {
        Self { command, timeout }
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
        let ended = ended.map_err(|error| ObjectError::text(format!("cannot run: {error}")))?;
        ended.into_response()
    }

    async fn run_to_end(&self, request: &Request, output: &Output) -> io::Result<Ended> {
        let mut child = Running(self.shell(request).spawn()?);
        let stdin = child.0.stdin.take();
        let stdout = child.0.stdout.take();
        let stderr = child.0.stderr.take();
        let param = request.raw_param().cloned();
        let (written, stdout, error_tail) = tokio::join!(
            write_param(stdin, param),
            read_output(stdout),
            pass_errors_on(stderr, output),
        );
        written?;
        let (stdout, error_tail) = (stdout?, error_tail?);
        let status = child.0.wait().await?;
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
        // A group of its own, so that all that it starts can be killed with it.
        #[cfg(unix)]
        command.process_group(0);
        command
            .env("IPC_METHOD", request.method())
            .env("IPC_OBJECT", request.object())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }
}

/// A command that runs; its end, if it comes early, is the end of all that it started.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // None once it has ended: then the number may be somebody else's.
        #[cfg(unix)]
        if let Some(id) = self.0.id()
            && let Ok(id) = i32::try_from(id)
            && let Some(group) = rustix::process::Pid::from_raw(id)
        {
            // It fails when all of them have ended just now.
            rustix::process::kill_process_group(group, rustix::process::Signal::KILL).ok();
        }
    }
}

/// Writes the parameter with a line break, so that `read` in a shell takes it, too.
async fn write_param(stdin: Option<ChildStdin>, param: Option<RawJson>) -> io::Result<()> {
    let (Some(mut stdin), Some(param)) = (stdin, param) else {
        return Ok(());
    };
    let line = format!("{param}\n");
    match stdin.write_all(line.as_bytes()).await {
        // A command need not read what it is told.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

async fn read_output(stdout: Option<impl AsyncRead + Unpin>) -> io::Result<Vec<u8>> {
    let mut output = Vec::new();
    if let Some(stdout) = stdout {
        stdout
            .take(MAX_OUTPUT_BYTES as u64 + 1)
            .read_to_end(&mut output)
            .await?;
    }
    if MAX_OUTPUT_BYTES < output.len() {
        return Err(io::Error::other("it printed more than 16 MiB"));
    }
    Ok(output)
}

/// Lets the command's errors be seen where the server of the object runs, and keeps their end.
async fn pass_errors_on(
    stderr: Option<impl AsyncRead + Unpin>,
    output: &Output,
) -> io::Result<Vec<u8>> {
    let mut tail = Vec::new();
    let Some(mut stderr) = stderr else {
        return Ok(tail);
    };
    let mut chunk = vec![0; ERROR_TAIL_BYTES];
    loop {
        let n_bytes = stderr.read(&mut chunk).await?;
        if n_bytes == 0 {
            return Ok(tail);
        }
        output.pass_on(&chunk[..n_bytes]);
        tail.extend_from_slice(&chunk[..n_bytes]);
        tail.drain(..tail.len().saturating_sub(ERROR_TAIL_BYTES));
    }
}

impl Ended {
    fn into_response(self) -> Result<RawJson, ObjectError> {
        if !self.status.success() {
            let words = last_line(&self.error_tail);
            return Err(ObjectError::text(
                words.unwrap_or_else(|| self.status.to_string()),
            ));
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
