//! Where a parameter may come from, and what becomes of it.

use std::fs;

use crate::tool::{Bus, run_with_input};

#[test]
fn pairs_become_an_object_of_json_values_and_strings() {
    let bus = Bus::start();
    let _echo = bus.serve("echo", &["--echo"]);
    let call = ["call", "echo", "m"];
    let pairs = [
        "a=1.10",
        "b=true",
        "c=[1]",
        "name=World",
        "zip=\"01\"",
        "a.b=x=y",
    ];
    assert_eq!(
        bus.print(&[&call[..], &pairs].concat()),
        "{\"a\":1.10,\"b\":true,\"c\":[1],\"name\":\"World\",\"zip\":\"01\",\"a.b\":\"x=y\"}\n"
    );
}

#[test]
fn numbers_below_zero_and_words_are_json() {
    let bus = Bus::start();
    let _echo = bus.serve("echo", &["--echo"]);
    for json in ["-5", "0", "true", "null", "\"a=b\"", "[]"] {
        assert_eq!(bus.print(&["call", "echo", "m", json]), format!("{json}\n"));
    }
}

#[test]
fn a_dash_is_standard_input() {
    let bus = Bus::start();
    let _echo = bus.serve("echo", &["--echo"]);
    let call = || bus.command(&["call", "echo", "m", "-"]);
    assert_eq!(run_with_input(call(), "{\"a\":1}\n").stdout, "{\"a\":1}\n");
    for (input, message) in [
        ("", "ipc: standard input is empty\n"),
        (
            "{\n\"a\":x}",
            "ipc: standard input is not JSON: expected value at line 2 column 5\n",
        ),
    ] {
        let ended = run_with_input(call(), input);
        assert_eq!((ended.code, ended.stderr.as_str()), (2, message));
    }
}

#[test]
fn an_at_sign_is_a_file() {
    let bus = Bus::start();
    let _echo = bus.serve("echo", &["--echo"]);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("param.json");
    fs::write(&path, "[1,2.50]\n").unwrap();
    let file = format!("@{}", path.display());
    assert_eq!(bus.print(&["call", "echo", "m", &file]), "[1,2.50]\n");
    fs::remove_file(&path).unwrap();
    let ended = bus.run(&["call", "echo", "m", &file]);
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.starts_with("ipc: cannot read "), "{ended:?}");
}

#[test]
fn events_take_their_values_the_same_ways() {
    let bus = Bus::start();
    let mut listener = bus.start_tool(&["listen", "e", "-n", "3"], "listening to e");
    bus.print(&["send", "e", "a=1"]);
    bus.print(&["send", "e"]);
    run_with_input(bus.command(&["send", "e", "-"]), "1.0");
    for result in ["{\"a\":1}", "null", "1.0"] {
        assert_eq!(
            listener.read_line(),
            format!("{{\"event\":\"e\",\"result\":{result}}}")
        );
    }
}
