//! A server of the 2024 seed system, which knows no hello and no object `ipc`.

use std::{
    io::{Read, Write},
    net::TcpListener,
    thread::JoinHandle,
};

use serde_json::Value;

use crate::tool::{ipc, run, run_with_input};

/// Answers one connection as the seed server does: it knows the object `calc` and no other.
fn start() -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tcp://{}", listener.local_addr().unwrap());
    let serving = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut buffer = [0; 4096];
        while let Ok(n_bytes @ 1..) = stream.read(&mut buffer) {
            let message = String::from_utf8_lossy(&buffer[..n_bytes]).into_owned();
            let answer = if message.contains("\"calc\"") {
                "{\"response\":3}"
            } else {
                "{\"error\":\"Object not found\"}"
            };
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    (address, serving)
}

#[test]
fn what_it_does_not_know_is_said_clearly() {
    for (args, method) in [
        (&["list"][..], "objects"),
        (&["clients"], "clients"),
        (&["stats"], "stats"),
        (&["describe", "calc"], "describe"),
    ] {
        let (address, serving) = start();
        let mut command = ipc(args);
        command.args(["--address", &address]);
        let ended = run(command);
        serving.join().unwrap();
        assert_eq!((ended.code, ended.stdout.as_str()), (7, ""), "{ended:?}");
        let expected = format!(
            "ipc: {address} does not know '{method}': the server is too old for this request\n"
        );
        assert_eq!(ended.stderr, expected);
    }
}

#[test]
fn calls_work() {
    for (object, code, stdout) in [("calc", 0, "3\n"), ("log", 3, "")] {
        let (address, serving) = start();
        let ended = run(ipc(&["call", object, "add", "1", "--address", &address]));
        serving.join().unwrap();
        assert_eq!(
            (ended.code, ended.stdout.as_str()),
            (code, stdout),
            "{ended:?}"
        );
    }
}

/// It confirms no event, and each is written a moment after the one before: it takes longer to
/// write these than a client waits for when it is closed.
#[test]
fn all_lines_are_written_before_the_sum_is_printed() {
    const N_LINES: u64 = 2600;

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tcp://{}", listener.local_addr().unwrap());
    let serving = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut hello = [0; 4096];
        assert_ne!(stream.read(&mut hello).unwrap(), 0);
        stream
            .write_all(b"{\"error\":\"Object not found\"}")
            .unwrap();
        let events = serde_json::Deserializer::from_reader(stream).into_iter::<Value>();
        let numbers = events.map_while(|event| event.ok()?["result"].as_u64());
        numbers.collect::<Vec<_>>()
    });
    let lines: String = (0..N_LINES).map(|n| format!("{n}\n")).collect();
    let send = ipc(&["send", "e", "--lines", "--address", &address]);
    let ended = run_with_input(send, &lines);
    let received = serving.join().unwrap();
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    assert_eq!(ended.stdout, "{\"sent\":2600,\"delivered\":null}\n");
    assert_eq!(received, (0..N_LINES).collect::<Vec<_>>());
}
