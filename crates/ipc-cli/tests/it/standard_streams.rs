//! Standard streams that do not block, are full, closed, or of a kind that nobody expects.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, ErrorKind, PipeReader, PipeWriter, Read, Write, pipe},
    os::{
        fd::OwnedFd,
        unix::{net::UnixStream, process::ExitStatusExt},
    },
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

use rustix::{
    fs::{OFlags, fcntl_getfl, fcntl_setfl},
    process::{Pid, Signal, kill_process},
};

use crate::tool::{Bus, Ended, Tool, after, ipc, run};

/// More than a pipe holds.
const LONG: usize = 300_000;

fn do_not_block(stream: &impl std::os::fd::AsFd) {
    let flags = fcntl_getfl(stream).unwrap();
    fcntl_setfl(stream, flags | OFlags::NONBLOCK).unwrap();
}

/// A pipe that does not block and takes no byte more, and how many it holds.
fn full_pipe() -> (PipeReader, PipeWriter, usize) {
    let (reader, mut writer) = pipe().unwrap();
    do_not_block(&writer);
    let mut n_bytes = 0;
    loop {
        match writer.write(&[b'.'; 4096]) {
            Ok(n_written) => n_bytes += n_written,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                return (reader, writer, n_bytes);
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// What comes through a full pipe once somebody reads it.
fn read_behind(mut reader: PipeReader, n_filled: usize) -> String {
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    text.split_off(n_filled)
}

/// Runs a command with both outputs full and non-blocking, which are read when a twin of it has
/// ended: by then it has tried to write.
fn run_beside_twin(command: impl Fn() -> Command) -> (Ended, Ended) {
    let (stdout, out, n_out) = full_pipe();
    let (stderr, err, n_err) = full_pipe();
    let mut slow = command();
    slow.stdout(out).stderr(err);
    let mut child = slow.spawn().unwrap();
    drop(slow);
    let twin = run(command());
    let errors = std::thread::spawn(move || read_behind(stderr, n_err));
    let printed = read_behind(stdout, n_out);
    let status = child.wait().unwrap();
    let ended = Ended {
        code: status.code().unwrap(),
        signal: None,
        stdout: printed,
        stderr: errors.join().unwrap(),
    };
    (ended, twin)
}

#[test]
fn outputs_that_do_not_block_get_all_that_others_get() {
    let bus = Bus::start();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("long.json");
    fs::write(&path, format!("\"{}\"", "x".repeat(LONG))).unwrap();
    let long = format!("@{}", path.display());
    let _echo = bus.serve("echo", &["--echo"]);
    let _fails = bus.serve("fails", &["--exec", "echo no >&2; exit 1"]);
    for args in [
        &["call", "echo", "m", &long][..],
        &["--text", "call", "echo", "m", &long],
        &["list"],
        &["--text", "list"],
        &["describe", "ipc"],
        &["send", "e", "1"],
        &["wait", "echo", "--json"],
        &["completions", "bash"],
        &["man"],
        &["--help"],
        &["call", "--help"],
        &["--version"],
        // What goes to standard error.
        &[],
        &["nonsense"],
        &["call", "fails", "m"],
        &["call", "nobody", "m", "--json"],
        &["wait", "nobody", "--timeout", "0"],
        &["list", "--address", "tcp://127.0.0.1:1"],
        &["listen", "e", "--timeout", "0.1"],
    ] {
        let (ended, twin) = run_beside_twin(|| bus.command(args));
        assert_eq!(
            (ended.code, ended.signal),
            (twin.code, twin.signal),
            "{args:?}"
        );
        assert!(ended.stdout == twin.stdout, "{args:?} lost output");
        assert_eq!(ended.stderr, twin.stderr, "{args:?}");
    }
}

#[test]
fn a_listener_loses_no_event_to_an_output_that_does_not_block() {
    const N_EVENTS: usize = 2000;

    let bus = Bus::start();
    let (reader, writer, n_filled) = full_pipe();
    let mut command = bus.command(&["listen", "e", "-n", &N_EVENTS.to_string()]);
    command.stdout(writer).stderr(Stdio::piped());
    let mut listener = command.spawn().unwrap();
    drop(command);
    let mut note = [0; 14];
    listener
        .stderr
        .as_mut()
        .unwrap()
        .read_exact(&mut note)
        .unwrap();
    assert_eq!(&note, b"listening to e");
    let client = bus.client();
    for n in 0..N_EVENTS {
        client.emit("e", &n).wait().unwrap();
    }
    let printed = read_behind(reader, n_filled);
    let expected: String = (0..N_EVENTS)
        .map(|n| format!("{{\"event\":\"e\",\"result\":{n}}}\n"))
        .collect();
    assert!(printed == expected, "{} lines", printed.lines().count());
    assert!(listener.wait().unwrap().success());
}

/// Another process that holds the same open file may do that at any time, and relies on it.
#[test]
fn an_output_that_stops_blocking_in_the_middle_of_a_line_gets_it_whole_and_stays_so() {
    let bus = Bus::start();
    let command = format!("head -c {LONG} /dev/zero | tr '\\0' x");
    let _long = bus.serve("long", &["--exec", &command]);
    let (mut reader, writer) = pipe().unwrap();
    let shared = writer.try_clone().unwrap();
    let mut calling = bus.command(&["call", "long", "m"]);
    calling.stdout(writer);
    let mut child = calling.spawn().unwrap();
    drop(calling);

    let mut beginning = vec![0; 1000];
    reader.read_exact(&mut beginning).unwrap();
    do_not_block(&shared);
    // Let alone the one that it waits in, no write blocks any more.
    let mut rest = vec![0; LONG + 3 - beginning.len()];
    reader.read_exact(&mut rest).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(rest.last(), Some(&b'\n'));
    assert!(fcntl_getfl(&shared).unwrap().contains(OFlags::NONBLOCK));
    drop(shared);
    assert_eq!(
        reader.read(&mut beginning).unwrap(),
        0,
        "nothing is printed twice"
    );
}

/// How long a process has computed, in the system's ticks.
#[cfg(target_os = "linux")]
fn ticks(child: &Child) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
    let (_, rest) = stat.rsplit_once(')').unwrap();
    let field = |n: usize| -> u64 { rest.split_whitespace().nth(n).unwrap().parse().unwrap() };
    field(11) + field(12)
}

#[cfg(target_os = "linux")]
#[test]
fn waiting_for_an_output_that_does_not_block_takes_no_time_of_the_processor() {
    let bus = Bus::start();
    let (reader, writer, n_filled) = full_pipe();
    let mut command = ipc(&["completions", "bash"]);
    command.stdout(writer);
    let mut child = command.spawn().unwrap();
    drop(command);
    // Work that takes the time of the measurement, whatever the machine does besides.
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_millis(700) {
        bus.print(&["ping", "-n", "1"]);
    }
    let n_ticks = ticks(&child);
    assert!(!read_behind(reader, n_filled).is_empty());
    assert!(child.wait().unwrap().success());
    // What it takes to print it where nobody has to wait, with much to spare.
    assert!(n_ticks < 15, "{n_ticks} ticks of 10 ms");
}

#[test]
fn an_input_that_does_not_block_is_read_to_its_end() {
    let bus = Bus::start();
    let _echo = bus.serve("echo", &["--echo"]);
    let mut listener = bus.start_tool(&["listen", "e", "-n", "1"], "listening to e");
    for (args, expected) in [
        (&["call", "echo", "m", "-"][..], "[1,2]\n"),
        (&["send", "e", "-"], "{\"delivered\":1}\n"),
    ] {
        let (reader, mut writer) = pipe().unwrap();
        do_not_block(&reader);
        let mut command = bus.command(args);
        command.stdin(reader);
        let tool = Tool::start(command);
        for half in ["[1,", "2]\n"] {
            // By when others have ended, it has looked for more in vain.
            bus.print(&["ping", "-n", "1"]);
            bus.print(&["ping", "-n", "1"]);
            writer.write_all(half.as_bytes()).unwrap();
        }
        drop(writer);
        let ended = tool.end();
        assert_eq!(
            (ended.code, ended.stdout.as_str(), ended.stderr.as_str()),
            (0, expected, "")
        );
    }
    assert_eq!(listener.read_line(), "{\"event\":\"e\",\"result\":[1,2]}");
}

#[test]
fn what_cannot_be_printed_is_a_failure_of_every_command() {
    let bus = Bus::start();
    let _echo = bus.serve("echo", &["--echo"]);
    let Ok(full) = File::create("/dev/full") else {
        eprintln!("skipped: there is no /dev/full");
        return;
    };
    for args in [
        &["call", "echo", "m"][..],
        &["list"],
        &["ping"],
        &["wait", "echo", "--json"],
        &["completions", "zsh"],
        &["man"],
        &["--help"],
        &["listen", "--help"],
        &["--version"],
    ] {
        let mut command = bus.command(args);
        command
            .stdout(full.try_clone().unwrap())
            .stderr(Stdio::piped());
        let ended = run_keeping_stdout(command);
        assert_eq!(ended.code, 7, "{args:?} {ended:?}");
        let message = "cannot write to standard output: ";
        assert!(ended.stderr.contains(message), "{args:?} {ended:?}");
        assert_eq!(ended.stderr.lines().count(), 1, "{args:?} {ended:?}");
    }
    let readable = File::open("/dev/null").unwrap();
    let mut command = bus.command(&["list"]);
    command.stdout(readable).stderr(Stdio::piped());
    assert_eq!(
        run_keeping_stdout(command).code,
        7,
        "it is open for reading only"
    );
}

fn run_keeping_stdout(mut command: Command) -> Ended {
    let output = command.spawn().unwrap().wait_with_output().unwrap();
    Ended {
        code: output.status.code().unwrap(),
        signal: None,
        stdout: String::new(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

#[test]
fn help_that_nobody_reads_to_its_end_is_no_failure() {
    for args in [
        &["--help"][..],
        &["man"],
        &["call", "--help"],
        &["--version"],
    ] {
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        let mut command = ipc(args);
        command.stdout(writer).stderr(Stdio::piped());
        let ended = run_keeping_stdout(command);
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{args:?}");
    }
}

/// The connection to the server must not take the place of a closed stream.
#[test]
fn closed_streams_change_nothing_but_that_nobody_sees_the_output() {
    let bus = Bus::start();
    let _echo = bus.serve("echo", &["--echo"]);
    for (streams, args, code) in [
        ("exec >&-", &["call", "echo", "m", "1"][..], 0),
        ("exec >&- 2>&- <&-", &["call", "echo", "m", "1"], 0),
        ("exec 2>&-", &["call", "nobody", "m"], 3),
        ("exec >&- 2>&- <&-", &["call", "nobody", "m"], 3),
        ("exec >&-", &["listen", "e", "--timeout", "10ms"], 0),
        ("exec <&-", &["call", "echo", "m", "-"], 2),
    ] {
        let ended = run(after(streams, &bus.command(args)));
        assert_eq!(
            (ended.code, ended.stdout.as_str()),
            (code, ""),
            "{streams} {args:?}"
        );
    }
}

#[test]
fn a_listener_ends_when_the_socket_that_it_prints_to_is_closed() {
    let bus = Bus::start();
    for is_anything_unread in [false, true] {
        let (ours, theirs) = UnixStream::pair().unwrap();
        if is_anything_unread {
            // The end is told otherwise then.
            (&ours).write_all(b"unread").unwrap();
            (&theirs).write_all(b"unread").unwrap();
        }
        let mut command = bus.command(&["listen", "e"]);
        command.stdout(OwnedFd::from(theirs)).stderr(Stdio::piped());
        let mut listener = command.spawn().unwrap();
        drop(command);
        let mut note = [0; 15];
        listener
            .stderr
            .as_mut()
            .unwrap()
            .read_exact(&mut note)
            .unwrap();
        assert_eq!(&note, b"listening to e\n");
        drop(ours);
        let output = listener.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    }
}

/// A pager that pauses, a terminal that is stopped, a supervisor that wanted the first line only.
#[test]
fn a_standard_error_that_nobody_reads_holds_up_no_call_and_no_signal() {
    let bus = Bus::start();
    let (mut reader, writer, n_filled) = full_pipe();
    let flags = fcntl_getfl(&writer).unwrap();
    fcntl_setfl(&writer, flags - OFlags::NONBLOCK).unwrap();
    let command = "[ $1 = quiet ] || echo $1 >&2; echo 1";
    let mut serving = bus.command(&["serve", "calc", "--exec", command]);
    serving.stdout(Stdio::null()).stderr(writer);
    let mut child = serving.spawn().unwrap();
    drop(serving);
    bus.print(&["wait", "calc"]);
    for method in ["loud", "quiet", "loud", "loud"] {
        assert_eq!(bus.print(&["call", "calc", method]), "1\n");
    }

    // Somebody reads again: nothing is lost from now on.
    let mut seen = vec![0; n_filled];
    reader.read_exact(&mut seen).unwrap();
    let mut lines = BufReader::new(reader).lines().map(Result::unwrap);
    assert_eq!(lines.next().unwrap(), "serving calc");
    let (line_read, read) = mpsc::channel();
    std::thread::spawn(move || lines.for_each(|line| drop(line_read.send(line))));
    let lost = loop {
        assert_eq!(bus.print(&["call", "calc", "heard"]), "1\n");
        if let Ok(line) = read.recv_timeout(Duration::from_millis(100)) {
            break line;
        }
    };
    let rest = "pieces of it are lost";
    assert!(lost.starts_with("ipc: ") && lost.ends_with(rest), "{lost}");
    assert_eq!(read.recv().unwrap(), "heard");

    let id = Pid::from_child(&child);
    kill_process(id, Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(15));
}

#[test]
fn a_signal_ends_a_provider_whose_standard_error_nobody_reads() {
    let bus = Bus::start();
    let (_reader, writer, _) = full_pipe();
    let mut serving = bus.command(&["serve", "calc", "--exec", "echo loud >&2; echo 1"]);
    serving.stdout(Stdio::null()).stderr(writer);
    let mut child = serving.spawn().unwrap();
    drop(serving);
    bus.print(&["wait", "calc"]);
    let caller = Tool::start(bus.command(&["call", "calc", "m"]));
    let id = Pid::from_child(&child);
    kill_process(id, Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(15));
    // It was answered before, or its provider left.
    let ended = caller.end();
    assert!([0, 3, 7].contains(&ended.code), "{ended:?}");
}

#[test]
fn a_listener_prints_events_although_nobody_reads_its_standard_error() {
    let bus = Bus::start();
    let (_reader, writer, _) = full_pipe();
    let mut command = bus.command(&["listen", "e", "-n", "1"]);
    command.stdout(Stdio::piped()).stderr(writer);
    let listener = command.spawn().unwrap();
    drop(command);
    let client = bus.client();
    while client.emit("e", &1).wait().unwrap() == 0 {}
    let output = listener.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(output.stdout, b"{\"event\":\"e\",\"result\":1}\n");
}

#[test]
fn a_standard_error_at_the_size_limit_of_files_does_not_end_a_provider() {
    let bus = Bus::start();
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("log").display().to_string();
    let serving = bus.command(&["serve", "calc", "--exec", "echo loud >&2; echo 1"]);
    let script = format!("ulimit -f 0; exec 2> {log}");
    let serving = Tool::start(after(&script, &serving));
    bus.print(&["wait", "calc"]);
    assert_eq!(bus.print(&["call", "calc", "m"]), "1\n");
    assert_eq!(fs::read(log).unwrap(), b"");
    serving.send(Signal::TERM);
    assert_eq!(serving.end().signal, Some(15));
}
