//! `cargo xtask demo`: the whole system at work, each part a process of its own.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, Command, Stdio},
};

use anyhow::{Context, bail};

use crate::process::{binary, cargo, output, root, run as run_command, say};

/// Builds everything, starts a server on a free port, and lets a provider, a listener, a caller
/// and a publisher talk through it.
pub(crate) fn run() -> anyhow::Result<()> {
    build()?;
    say("The server, on a port that is free:");
    let mut server = Started::start(
        Command::new(binary("ipc-server"))
            .args(["--listen", "tcp://127.0.0.1:0", "--log", "warn"])
            .stdout(Stdio::piped()),
    )?;
    let ready = server.first_line()?;
    say(&format!("$ ipc-server --listen tcp://127.0.0.1:0\n{ready}"));
    let address = ready
        .strip_prefix("listening on ")
        .context("the server is not ready")?;

    say("\nA second process provides the object greeter, with a line of shell:");
    let greet = r#"name=$(tr -d "\""); echo "Hello, $name!""#;
    let provider = Started::start(ipc(address).args(["serve", "greeter", "--exec", greet]))?;
    say(&format!("$ ipc serve greeter --exec '{greet}'"));
    show(
        ipc(address).args(["wait", "greeter", "--timeout", "30s"]),
        "ipc wait greeter",
    )?;

    say("\nA third process calls it:");
    show(
        ipc(address).args(["call", "greeter", "greet", "\"world\""]),
        "ipc call greeter greet '\"world\"'",
    )?;
    show(ipc(address).arg("list"), "ipc list")?;

    say("\nA fourth process listens, and a fifth sends it an event:");
    let mut listener = Started::start(
        ipc(address)
            .args(["listen", "room.*.temp", "-n", "1", "--timeout", "30s"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped()),
    )?;
    listener.first_error_line()?;
    show(
        ipc(address).args(["send", "room.kitchen.temp", "21.5"]),
        "ipc send room.kitchen.temp 21.5",
    )?;
    let event = listener.first_line()?;
    say(&format!("$ ipc listen 'room.*.temp' -n 1\n{event}"));
    if event != r#"{"event":"room.kitchen.temp","result":21.5}"# {
        bail!("the listener received something else");
    }
    drop(provider);
    say("\nAll of it worked. The same by hand: see the tour in README.md.");
    Ok(())
}

/// Writes the man pages and completions of `ipc`.
pub(crate) fn write_assets() -> anyhow::Result<()> {
    build()?;
    let directory = root().join("target/assets");
    std::fs::create_dir_all(&directory)?;
    run_command(Command::new(binary("ipc")).arg("man").arg(&directory))?;
    for (shell, file) in [("bash", "ipc.bash"), ("zsh", "_ipc"), ("fish", "ipc.fish")] {
        let completions = output(Command::new(binary("ipc")).args(["completions", shell]))?;
        std::fs::write(directory.join(file), completions)?;
    }
    say(&format!("written to {}", directory.display()));
    Ok(())
}

fn build() -> anyhow::Result<()> {
    run_command(cargo().args(["build", "--locked", "-p", "ipc-server", "-p", "ipc-cli"]))
}

/// The tool, talking to the demonstration's own server.
fn ipc(address: &str) -> Command {
    let mut command = Command::new(binary("ipc"));
    command.args(["--address", address]);
    command
}

fn show(command: &mut Command, as_typed: &str) -> anyhow::Result<()> {
    let printed = output(command)?;
    say(format!("$ {as_typed}\n{printed}").trim_end());
    Ok(())
}

/// A process of the demonstration, killed when it is over.
struct Started(Child);

impl Started {
    fn start(command: &mut Command) -> anyhow::Result<Self> {
        let started = command.stdin(Stdio::null()).spawn();
        Ok(Self(
            started.with_context(|| format!("cannot run {command:?}"))?,
        ))
    }

    fn first_line(&mut self) -> anyhow::Result<String> {
        first_line(
            self.0
                .stdout
                .take()
                .context("the output is not ours to read")?,
        )
    }

    fn first_error_line(&mut self) -> anyhow::Result<String> {
        first_line(
            self.0
                .stderr
                .take()
                .context("the errors are not ours to read")?,
        )
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn first_line(stream: impl Read) -> anyhow::Result<String> {
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}
