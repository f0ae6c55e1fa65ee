//! Standard output and standard error can be anything: the server neither waits for them nor ends
//! because of them.
#![cfg(unix)]

use std::{
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, ErrorKind, PipeReader, PipeWriter, Read, Write, pipe},
    os::{
        fd::AsFd,
        unix::{fs::OpenOptionsExt, net::UnixStream},
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use rustix::{
    fs::{CWD, FileType, Mode, OFlags, fcntl_getfl, fcntl_setfl, mknodat},
    process::Signal,
};
use tempfile::TempDir;

use super::harness::{PATIENCE, Peer, ServerProcess, wait_for_exit};

/// Makes the log a line for each message, and nothing else.
const LOG_MESSAGES: &str = "off,ipc_server::hub::reading=trace";

/// A directory with room for a socket.
struct Place {
    _directory: TempDir,
    socket: PathBuf,
    address: String,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("ipc.sock");
        Self {
            address: format!("unix:{}", socket.display()),
            socket,
            _directory: directory,
        }
    }

    /// Starts a server with these streams, and waits until it can be reached.
    fn start(
        &self,
        arguments: &[&str],
        stdout: impl Into<Stdio>,
        stderr: impl Into<Stdio>,
    ) -> ServerProcess {
        let mut command = ServerProcess::command();
        command.args(["--listen", &self.address]).args(arguments);
        self.spawn(command.stdin(Stdio::null()).stdout(stdout).stderr(stderr))
    }

    /// Starts a command that becomes a server at this place.
    fn spawn(&self, command: &mut Command) -> ServerProcess {
        let mut child = command.spawn().unwrap();
        let started = Instant::now();
        while UnixStream::connect(&self.socket).is_err() {
            let ended = child.try_wait().unwrap();
            assert!(ended.is_none(), "the server ends: {ended:?}");
            assert!(started.elapsed() < PATIENCE, "the server does not listen");
            std::thread::park_timeout(Duration::from_millis(2));
        }
        ServerProcess {
            child,
            addresses: vec![self.address.clone()],
        }
    }
}

/// A pipe that nobody reads any more.
fn closed() -> PipeWriter {
    pipe().unwrap().1
}

/// A disk without room.
fn full_disk() -> File {
    OpenOptions::new().write(true).open("/dev/full").unwrap()
}

fn set_blocking(stream: impl AsFd, is_blocking: bool) {
    let flags = fcntl_getfl(&stream).unwrap();
    let flags = if is_blocking {
        flags - OFlags::NONBLOCK
    } else {
        flags | OFlags::NONBLOCK
    };
    fcntl_setfl(&stream, flags).unwrap();
}

/// A pipe that is full; its reader does not read.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = pipe().unwrap();
    set_blocking(&writer, false);
    // Byte by byte at last: there may be room for one where there is none for a block.
    for block in [&[b'\n'; 4096][..], b"\n"] {
        let full = loop {
            if let Err(error) = writer.write(block) {
                break error;
            }
        };
        assert_eq!(full.kind(), ErrorKind::WouldBlock);
    }
    set_blocking(&writer, true);
    (reader, writer)
}

/// Has the server log a line for each of so many messages, and one more that it answers.
fn log_messages(peer: &mut Peer, n_messages: usize) {
    let messages = "{\"event\":\"e\",\"result\":1}\n".repeat(n_messages);
    peer.send(messages);
    peer.stats();
}

fn stop(mut server: ServerProcess) {
    server.signal(Signal::TERM);
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_server_whose_log_cannot_be_written_goes_on() {
    let (_reader, full) = full_pipe();
    for stderr in [
        Stdio::from(closed()),
        Stdio::from(full_disk()),
        Stdio::from(full),
    ] {
        let place = Place::new();
        let arguments = ["--max-connections", "2", "--log", "trace"];
        let server = place.start(&arguments, Stdio::null(), stderr);
        let mut client = server.hello("client");
        client.wait_for_stat("connections", |n_connections| n_connections == 1);
        let _second = server.connect();
        client.wait_for_stat("connections", |n_connections| n_connections == 2);
        for _ in 0..3 {
            assert_eq!(server.connect().receive()["code"], "busy");
        }
        log_messages(&mut client, 1000);
        stop(server);
    }
}

#[test]
fn a_server_whose_log_nobody_reads_answers_and_later_says_how_much_was_lost() {
    // More than the pipe and the queue hold together.
    const N_MESSAGES: usize = 40_000;

    let (place, (reader, writer)) = (Place::new(), pipe().unwrap());
    let server = place.start(&["--log", LOG_MESSAGES], Stdio::null(), writer);
    let mut client = server.hello("client");
    log_messages(&mut client, N_MESSAGES);

    let (mut n_lines, mut n_lost, mut n_losses) = (0, 0, 0);
    let mut server = Some(server);
    let mut lines = BufReader::new(reader);
    let mut line = String::new();
    while 0 < lines.read_line(&mut line).unwrap() {
        if let Some((before, _)) = line.split_once(" log lines lost") {
            let (_, number) = before.rsplit_once(' ').unwrap();
            n_lost += number.parse::<usize>().unwrap();
            n_losses += 1;
            if let Some(server) = server.take() {
                stop(server);
            }
        } else {
            let is_whole = line.starts_with("20") && line.ends_with(": message client=2\n");
            assert!(is_whole, "{line:?}");
            n_lines += 1;
        }
        line.clear();
    }
    assert_eq!(n_losses, 1);
    // Hello and the question for the counters are messages too.
    assert_eq!(n_lines + n_lost, N_MESSAGES + 2);
}

#[test]
fn a_server_whose_log_nobody_reads_stops_when_told() {
    let (place, (_reader, writer)) = (Place::new(), pipe().unwrap());
    let server = place.start(&["--log", LOG_MESSAGES], Stdio::null(), writer);
    log_messages(&mut server.hello("client"), 5000);
    stop(server);
}

#[test]
fn nothing_is_lost_of_a_log_that_does_not_block() {
    // More than the pipe holds, less than the queue.
    const N_MESSAGES: usize = 4000;

    let (place, (reader, writer)) = (Place::new(), pipe().unwrap());
    set_blocking(&writer, false);
    let server = place.start(&["--log", LOG_MESSAGES], Stdio::null(), writer);
    log_messages(&mut server.hello("client"), N_MESSAGES);
    let mut lines = BufReader::new(reader).lines();
    for n in 0..N_MESSAGES + 2 {
        let line = lines.next().unwrap().unwrap();
        assert!(line.ends_with(": message client=2"), "line {n}: {line}");
    }
    stop(server);
    assert!(lines.next().is_none());
}

#[test]
fn a_log_file_that_may_not_grow_does_not_end_the_server() {
    let place = Place::new();
    let log = place.socket.with_extension("log");
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -f 1; exec \"$0\" \"$@\" 2>\"$LOG\""]);
    command.arg(env!("CARGO_BIN_EXE_ipc-server"));
    command.args(["--log", LOG_MESSAGES, "--listen", &place.address]);
    let server = place.spawn(command.env("LOG", &log).stdout(Stdio::null()));
    log_messages(&mut server.hello("client"), 100);
    stop(server);
    let n_bytes = std::fs::metadata(log).unwrap().len();
    assert!([512, 1024].contains(&n_bytes), "{n_bytes} bytes");
}

#[test]
fn a_server_starts_whatever_its_standard_output_is() {
    let (_reader, full) = full_pipe();
    for stdout in [
        Stdio::from(closed()),
        Stdio::from(full_disk()),
        Stdio::from(full),
    ] {
        let place = Place::new();
        let server = place.start(&[], stdout, Stdio::null());
        server.hello("client").stats();
        stop(server);
    }
}

#[test]
fn a_supervisor_may_read_the_first_line_and_leave() {
    for _ in 0..10 {
        let (place, (reader, writer)) = (Place::new(), pipe().unwrap());
        let arguments = ["--listen", "tcp://127.0.0.1:0"].repeat(8);
        let mut command = ServerProcess::command();
        command.args(["--listen", &place.address]).args(arguments);
        command.stdout(writer).stderr(Stdio::null());
        let child = command.spawn().unwrap();
        drop(command);
        let mut line = String::new();
        BufReader::with_capacity(1, reader)
            .read_line(&mut line)
            .unwrap();
        assert_eq!(line, format!("listening on {}\n", place.address));
        let addresses = vec![place.address.clone()];
        let server = ServerProcess { child, addresses };
        server.hello("client").stats();
        stop(server);
    }
}

#[test]
fn the_log_says_when_standard_output_cannot_be_written() {
    let (place, (reader, writer)) = (Place::new(), pipe().unwrap());
    let server = place.start(&[], full_disk(), writer);
    let mut line = String::new();
    BufReader::new(reader).read_line(&mut line).unwrap();
    assert!(
        line.contains("WARN ipc_server::output: cannot write to standard output error="),
        "{line}"
    );
    stop(server);
}

#[test]
fn a_server_that_cannot_start_ends_though_nobody_reads_why() {
    for (argument, code) in [("--listen=unix:/nowhere/ipc.sock", 1), ("--unknown", 2)] {
        let (_reader, full) = full_pipe();
        for stderr in [
            Stdio::from(closed()),
            Stdio::from(full_disk()),
            Stdio::from(full),
        ] {
            let mut command = ServerProcess::command();
            command.arg(argument).stdout(Stdio::null()).stderr(stderr);
            let mut child = command.spawn().unwrap();
            assert_eq!(wait_for_exit(&mut child).code(), Some(code));
        }
    }
}

#[test]
fn a_log_goes_on_when_it_is_read_again() {
    // More than the queue holds.
    const N_MESSAGES: usize = 40_000;

    let place = Place::new();
    let log = place.socket.with_extension("log");
    mknodat(CWD, &log, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let first_reader = OpenOptions::new()
        .read(true)
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
        .open(&log)
        .unwrap();
    let writer = OpenOptions::new().write(true).open(&log).unwrap();
    let server = place.start(&["--log", LOG_MESSAGES], Stdio::null(), writer);
    let mut client = Peer::connect(&place.address);
    drop(first_reader);
    log_messages(&mut client, N_MESSAGES);

    let mut lines = BufReader::new(File::open(&log).unwrap()).lines();
    let loss = lines.find(|line| line.as_ref().unwrap().contains(" log lines lost"));
    assert!(loss.is_some(), "the loss is not reported");
    log_messages(&mut client, 1);
    for _ in 0..2 {
        let line = lines.next().unwrap().unwrap();
        assert!(line.ends_with(": message client=2"), "{line}");
    }
    stop(server);
    assert!(lines.next().is_none());
}

#[test]
fn a_wrong_argument_is_explained() {
    let output = ServerProcess::command().arg("--lisen").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.starts_with("error: unexpected argument '--lisen' found\n"));
    assert!(
        text.contains("--listen") && text.ends_with(".\n"),
        "{text:?}"
    );
}

#[test]
fn help_that_nobody_reads_is_no_failure() {
    for argument in ["--help", "--version"] {
        let mut command = ServerProcess::command();
        let output = command.arg(argument).stdout(closed()).output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    }
}

#[test]
fn help_that_cannot_be_written_is_a_failure() {
    let mut command = ServerProcess::command();
    let output = command.arg("--help").stdout(full_disk()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    let expected = "ipc-server: cannot write to standard output: ";
    assert!(text.starts_with(expected), "{text:?}");
}

#[test]
fn help_waits_for_its_reader_where_standard_output_does_not_block() {
    let help = ServerProcess::command().arg("--help").output().unwrap();
    let (mut reader, full) = full_pipe();
    set_blocking(&full, false);
    let mut command = ServerProcess::command();
    let mut child = command.arg("--help").stdout(full).spawn().unwrap();
    // It holds the other end of the pipe, too.
    drop(command);
    // One that did not wait would end by itself, sooner or later.
    for _ in 0..100 {
        assert_eq!(child.try_wait().unwrap(), None);
        std::thread::park_timeout(Duration::from_millis(2));
    }
    let mut read = Vec::new();
    reader.read_to_end(&mut read).unwrap();
    assert!(read.ends_with(&help.stdout));
    assert_eq!(wait_for_exit(&mut child).code(), Some(0));
}

#[test]
#[cfg(target_os = "linux")]
fn no_socket_takes_the_place_of_a_stream_that_was_closed() {
    let place = Place::new();
    let mut command = Command::new("sh");
    command.args(["-c", "exec \"$0\" \"$@\" 0<&- 1>&- 2>&-"]);
    command.arg(env!("CARGO_BIN_EXE_ipc-server"));
    command.args(["--log", "trace", "--listen", &place.address]);
    let server = place.spawn(&mut command);
    let mut client = server.hello("client");
    log_messages(&mut client, 100);
    for fd in 0..3 {
        let path = format!("/proc/{}/fd/{fd}", server.child.id());
        assert_eq!(std::fs::read_link(path).unwrap(), Path::new("/dev/null"));
    }
    stop(server);
    let mut rest = String::new();
    while let Some(message) = client.next_text() {
        rest += &message;
    }
    assert!(rest.contains("ipc.shutdown"), "{rest}");
}
