//! A time that is given on the command line is also the time in which the server may come.

use std::{io::Write, os::unix::net::UnixListener};

use tempfile::TempDir;

use crate::tool::{Tool, ipc, run};

/// An address at which nothing listens yet.
struct Place {
    directory: TempDir,
}

impl Place {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self) -> String {
        self.directory.path().join("ipc.sock").display().to_string()
    }

    fn address(&self) -> String {
        format!("unix:{}", self.path())
    }

    fn start_server(&self) -> ipc_server::Running {
        let builder = ipc_server::Server::builder().listen(self.address().parse().unwrap());
        builder.bind().unwrap().spawn().unwrap()
    }

    fn command(&self, args: &[&str]) -> std::process::Command {
        let mut command = ipc(args);
        command.env("IPC_ADDRESS", self.address());
        command
    }

    /// Starts the tool and waits until it says that it waits for the server.
    fn start_tool(&self, args: &[&str]) -> Tool {
        let mut tool = Tool::start(self.command(args));
        let note = format!("waiting for a server at {}", self.address());
        assert_eq!(tool.read_note(), note, "{args:?}");
        tool
    }
}

#[test]
fn every_command_with_a_time_waits_for_the_server() {
    let place = Place::new();
    let tools: Vec<_> = [
        &["wait", "ipc"][..],
        &["call", "ipc", "ping"],
        &["send", "e", "-s", "x"],
        &["list"],
        &["clients"],
        &["stats"],
        &["describe", "ipc"],
        &["ping", "-n", "1"],
    ]
    .map(|args| {
        (
            args,
            place.start_tool(&[args, &["--timeout", "60s"]].concat()),
        )
    })
    .into();
    let mut listener = place.start_tool(&["listen", "temp", "-n", "1", "--timeout", "60s"]);
    let _server = place.start_server();
    for (args, tool) in tools {
        let ended = tool.end();
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{args:?}");
    }
    assert_eq!(listener.read_note(), "listening to temp");
    assert_eq!(run(place.command(&["send", "temp", "1"])).code, 0);
    assert_eq!(listener.end().code, 0);
}

#[test]
fn without_a_time_a_missing_server_is_an_error_at_once() {
    let place = Place::new();
    for args in [
        &["wait", "o"][..],
        &["wait", "o", "--timeout", "0"],
        &["call", "o", "m"],
        &["list"],
        &["listen", "e"],
    ] {
        let ended = run(place.command(args));
        assert_eq!(ended.code, 6, "{args:?}");
        assert!(ended.stderr.starts_with("ipc: no server at"), "{ended:?}");
        assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
    }
}

#[test]
fn at_the_end_of_the_time_it_is_told_which_was_missing() {
    let place = Place::new();
    for args in [
        &["wait", "calc", "--timeout", "400ms"][..],
        &["call", "calc", "add", "--timeout", "400ms"],
        &["listen", "temp", "--timeout", "400ms"],
    ] {
        let ended = run(place.command(args));
        assert_eq!((ended.code, ended.stdout.as_str()), (6, ""), "{args:?}");
        let error = ended.stderr.lines().last().unwrap();
        assert!(error.starts_with("ipc: no server at"), "{ended:?}");
        let quiet = run(place.command(&[args, &["--quiet"]].concat()));
        assert_eq!(
            (quiet.code, quiet.stderr.lines().count()),
            (6, 1),
            "{quiet:?}"
        );
    }
    let waiting = place.start_tool(&["wait", "calc", "--timeout", "3s"]);
    let _server = place.start_server();
    let ended = waiting.end();
    let missing = "ipc: not registered in time: calc\n";
    assert_eq!((ended.code, ended.stderr.as_str()), (4, missing));
}

#[test]
fn a_server_that_stands_still_takes_no_more_than_the_time() {
    let place = Place::new();
    // The system accepts for it, and nobody answers.
    let _still = UnixListener::bind(place.path()).unwrap();
    let tools: Vec<_> = [
        &["listen", "e"][..],
        &["listen", "e", "-n", "1"],
        &["wait", "o"],
        &["call", "o", "m"],
        &["send", "e"],
        &["list"],
    ]
    .map(|args| Tool::start(place.command(&[args, &["--timeout", "2s"]].concat())))
    .into();
    let error = format!("ipc: {} did not answer within 2s\n", place.address());
    for tool in tools {
        let ended = tool.end();
        assert_eq!((ended.code, ended.stderr), (6, error.clone()));
    }
}

#[test]
fn a_listener_whose_server_stops_after_the_greeting_ends_in_time() {
    let place = Place::new();
    let server = UnixListener::bind(place.path()).unwrap();
    let mut patient = Tool::start(place.command(&["listen", "e"]));
    let (patiently, _) = server.accept().unwrap();
    let listening = Tool::start(place.command(&["listen", "e", "-n", "1", "--timeout", "2s"]));
    let (stream, _) = server.accept().unwrap();
    for stream in [&patiently, &stream] {
        let mut greetings =
            serde_json::Deserializer::from_reader(stream).into_iter::<serde_json::Value>();
        assert_eq!(greetings.next().unwrap().unwrap()["method"], "hello");
        let mut stream = stream;
        stream
            .write_all(b"{\"response\":{\"protocol\":1},\"id\":0}\n")
            .unwrap();
    }
    let ended = listening.end();
    let error = "ipc: cannot listen to e: no answer in time; the outcome is unknown\n";
    assert_eq!((ended.code, ended.stderr.as_str()), (4, error));
    // It has 30 s for the same answer.
    assert!(patient.child.try_wait().unwrap().is_none());
}

#[test]
fn the_server_and_the_answer_share_the_time() {
    let place = Place::new();
    let calling = place.start_tool(&["call", "calc", "add", "--timeout", "60s"]);
    let (stream, _) = UnixListener::bind(place.path()).unwrap().accept().unwrap();
    // The greeting has no end of line.
    let mut requests = serde_json::Deserializer::from_reader(&stream)
        .into_iter::<serde_json::Value>()
        .map(Result::unwrap);
    let answer = |answer: &str| (&stream).write_all(answer.as_bytes()).unwrap();
    assert_eq!(requests.next().unwrap()["method"], "hello");
    answer("{\"response\":{\"protocol\":1},\"id\":0}\n");
    let call = requests.next().unwrap();
    // It said that it waits after a part of the time had passed.
    let timeout = call["timeout_ms"].as_u64().unwrap();
    assert!(timeout < 59_800, "{call}");
    answer(&format!("{{\"response\":3,\"id\":{}}}\n", call["id"]));
    assert_eq!(calling.end().stdout, "3\n");
}

#[test]
fn an_interrupt_ends_the_waiting() {
    let place = Place::new();
    let waiting = place.start_tool(&["wait", "calc", "--timeout", "never"]);
    waiting.interrupt();
    let ended = waiting.end();
    assert_eq!(
        (ended.code, ended.stdout.as_str(), ended.stderr.as_str()),
        (130, "", "")
    );
}
