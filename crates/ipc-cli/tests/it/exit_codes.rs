//! Every exit code, and the one line on standard error that goes with it.

use std::{io::Write, net::TcpListener, thread};

use crate::tool::{Bus, ipc, run};

#[track_caller]
fn fails(bus: &Bus, args: &[&str], code: i32, message: &str) {
    let ended = bus.run(args);
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (code, ""),
        "{args:?} {ended:?}"
    );
    assert_eq!(ended.stderr, format!("ipc: {message}\n"), "{args:?}");
}

#[test]
fn the_providers_error_is_1_and_is_shown() {
    let bus = Bus::start();
    let _calc = bus.serve("calc", &["--exec", "echo division by zero >&2; false"]);
    fails(
        &bus,
        &["call", "calc", "divide"],
        1,
        "calc.divide: division by zero",
    );
}

#[test]
fn a_method_that_the_provider_does_not_know_is_1() {
    let bus = Bus::start();
    let ended = bus.run(&["call", "ipc", "nonsense"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(
        ended.stderr.contains("has no method 'nonsense'"),
        "{ended:?}"
    );
}

#[test]
fn a_command_line_without_sense_is_2() {
    let bus = Bus::start();
    for args in [
        &["call"][..],
        &["nonsense"],
        &["call", "o", "m", "--timeout", "0"],
        &["--address", "localhost", "list"],
        &["serve", "o"],
    ] {
        assert_eq!(bus.run(args).code, 2, "{args:?}");
    }
    fails(
        &bus,
        &["call", "o", "m", "{\"a\":}"],
        2,
        "the argument is not JSON: expected value at line 1 column 6",
    );
    assert_eq!(bus.run(&["call", "", "m"]).code, 2, "an empty name");
    assert_eq!(
        bus.run(&["listen", "--pattern", "a.>.b"]).code,
        2,
        "no pattern"
    );
}

#[test]
fn a_variable_that_holds_no_address_is_2() {
    let mut command = ipc(&["list"]);
    command.env("IPC_ADDRESS", "localhost:http");
    let ended = run(command);
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.stderr.contains("IPC_ADDRESS"), "{ended:?}");
    assert!(ended.stderr.contains("'http' is not a port"), "{ended:?}");
}

#[test]
fn an_object_that_is_not_registered_is_3() {
    let bus = Bus::start();
    fails(
        &bus,
        &["call", "calc", "add"],
        3,
        "calc.add: object 'calc' is not registered",
    );
    fails(
        &bus,
        &["describe", "calc"],
        3,
        "object 'calc' is not registered",
    );
}

#[test]
fn time_that_passed_is_4() {
    let bus = Bus::start();
    let _slow = bus.serve("slow", &["--exec", "sleep 60"]);
    fails(
        &bus,
        &["call", "slow", "m", "--timeout", "50ms"],
        4,
        "slow.m: the call's time passed; the outcome is unknown",
    );
    fails(
        &bus,
        &["wait", "slow", "calc", "log", "--timeout", "0"],
        4,
        "not registered in time: calc, log",
    );
    let listen = ["listen", "temp", "-n", "2", "--timeout", "10ms", "--quiet"];
    fails(&bus, &listen, 4, "0 of 2 events came in time");
}

#[test]
fn what_is_denied_is_5() {
    let bus = Bus::start();
    for args in [
        &["serve", "ipc", "--echo"][..],
        &["send", "ipc.nonsense", "1"],
    ] {
        let ended = bus.run(args);
        assert_eq!(ended.code, 5, "{ended:?}");
        assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
    }
}

#[test]
fn no_server_is_6_and_says_what_to_do() {
    let port = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let address = format!("tcp://127.0.0.1:{port}");
    for args in [
        &["list"][..],
        &["call", "o", "m"],
        &["send", "e"],
        &["listen", "e"],
        &["wait", "o"],
        &["serve", "o", "--echo"],
        &["describe", "o"],
        &["clients"],
        &["stats"],
        &["ping"],
    ] {
        let mut command = ipc(args);
        command.args(["--address", &address]);
        let ended = run(command);
        assert_eq!((ended.code, ended.stdout.as_str()), (6, ""), "{args:?}");
        let begin = format!("ipc: no server at {address}: ");
        assert!(ended.stderr.starts_with(&begin), "{ended:?}");
        assert!(
            ended.stderr.contains("start one with 'ipc-server"),
            "{ended:?}"
        );
        assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
    }
}

#[test]
fn any_other_refusal_is_7() {
    let bus = Bus::start();
    let _calc = bus.serve("calc", &["--echo"]);
    let ended = bus.run(&["serve", "calc", "--echo"]);
    assert_eq!(ended.code, 7, "{ended:?}");
    assert!(ended.stderr.contains("--mode replace"), "{ended:?}");
}

#[test]
fn a_provider_that_leaves_during_the_call_is_7() {
    let bus = Bus::start();
    let provider = bus.serve("calc", &["--exec", "kill -9 $PPID"]);
    let ended = bus.run(&["call", "calc", "add"]);
    assert_eq!(ended.code, 7, "{ended:?}");
    assert!(ended.stderr.contains("left before answering"), "{ended:?}");
    drop(provider);
}

#[test]
fn with_json_a_command_line_without_sense_is_an_object_and_help_is_text() {
    for args in [
        &["--json", "lst"][..],
        &["lst", "--json"],
        &["--json"],
        &["call", "--json"],
        &["call", "o", "m", "--json", "--timeout", "soon"],
        &["list", "--json", "--text"],
        &["completions", "cmd", "--json"],
    ] {
        let ended = run(ipc(args));
        assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{args:?}");
        let error: serde_json::Value = serde_json::from_str(&ended.stderr).unwrap();
        assert_eq!(error["exit"], 2, "{args:?}");
        assert!(!error["error"].as_str().unwrap().contains('\n'), "{error}");
    }
    for args in [
        &["--json", "--help"][..],
        &["call", "--json", "-h"],
        &["--json", "--version"],
    ] {
        let ended = run(ipc(args));
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{args:?}");
        assert!(ended.stdout.contains("ipc "), "{ended:?}");
    }
}

#[test]
fn with_json_an_error_is_an_object() {
    let bus = Bus::start();
    let _calc = bus.serve("calc", &["--exec", "echo no >&2; exit 1"]);
    for (args, line) in [
        (&["call", "calc", "m"][..], r#"{"error":"no","exit":1}"#),
        (
            &["call", "nope", "m"],
            r#"{"error":"nope.m: object 'nope' is not registered","code":"object_not_found","exit":3}"#,
        ),
        (
            &["wait", "nope", "--timeout", "0"],
            r#"{"error":"not registered in time: nope","code":"timeout","exit":4}"#,
        ),
        (&["call", "o", "m", "x"], ""),
    ] {
        let ended = bus.run(&[args, &["--json"]].concat());
        assert_eq!(ended.stdout, "");
        if line.is_empty() {
            assert!(
                ended.stderr.starts_with("{\"error\":\"'x' is neither"),
                "{ended:?}"
            );
        } else {
            assert_eq!(ended.stderr, format!("{line}\n"));
        }
    }
}

/// Answers each of so many connections with some bytes, without reading, and closes it; or sends
/// them again and again until the client closes. The bytes that each took are returned.
fn scripted(script: &'static [(&'static str, bool)]) -> (String, thread::JoinHandle<Vec<usize>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tcp://{}", listener.local_addr().unwrap());
    let serving = thread::spawn(move || {
        let mut counts = Vec::new();
        for (bytes, is_endless) in script {
            let (mut stream, _) = listener.accept().unwrap();
            let hello = "{\"response\":{\"protocol\":1,\"limits\":{\"message_bytes\":\
                         4611686018427387904}},\"id\":0}\n";
            let mut n_bytes = 0;
            if *is_endless {
                stream.write_all(hello.as_bytes()).unwrap();
                stream.write_all(b"{\"response\":\"").unwrap();
                let bytes = bytes.repeat(64 * 1024);
                while n_bytes < 256 * 1024 * 1024 && stream.write_all(bytes.as_bytes()).is_ok() {
                    n_bytes += bytes.len();
                }
            } else {
                stream.write_all(bytes.as_bytes()).unwrap();
            }
            counts.push(n_bytes);
        }
        counts
    });
    (address, serving)
}

#[test]
fn whoever_is_refused_at_the_door_is_told_why() {
    let busy = "{\"error\":\"the server is full\",\"code\":\"busy\"}\n";
    let script = vec![(busy, false); 4].leak();
    let (address, serving) = scripted(script);
    for args in [
        &["list"][..],
        &["call", "o", "m"],
        &["send", "e", "1"],
        &["listen", "e"],
    ] {
        let mut command = ipc(args);
        command.args(["--address", &address]);
        let ended = run(command);
        assert_eq!(ended.code, 7, "{ended:?}");
        assert_eq!(
            ended.stderr,
            "ipc: refused by the server: the server is full\n"
        );
    }
    serving.join().unwrap();
}

#[test]
fn a_server_that_sends_without_end_is_left() {
    let (address, serving) = scripted(&[("x", true)]);
    let ended = run(ipc(&["call", "o", "m", "--address", &address]));
    let n_bytes = serving.join().unwrap()[0];
    // A message of the largest size, and what the sockets hold.
    assert!(n_bytes < 64 * 1024 * 1024, "{n_bytes}");
    assert_eq!((ended.code, ended.stdout.as_str()), (6, ""), "{ended:?}");
    assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
    assert!(
        ended
            .stderr
            .contains("o.m: the server broke the protocol: a message may have"),
        "{ended:?}"
    );
}

#[test]
fn port_0_is_no_address_of_a_server() {
    let ended = run(ipc(&["list", "--address", "127.0.0.1:0"]));
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(
        ended.stderr.contains("port 0 lets a server choose"),
        "{ended:?}"
    );
}
