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
fn a_url_or_a_sentence_with_an_equals_sign_is_no_pair() {
    let bus = Bus::start();
    for text in ["http://x/?a=1", "total = 5", "/srv?a=1"] {
        let ended = bus.run(&["call", "echo", "m", text]);
        let message = format!("ipc: '{text}' is neither JSON nor key=value (as text, write -s ");
        assert!(ended.stderr.starts_with(&message), "{}", ended.stderr);
        assert_eq!(ended.code, 2);
    }
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
        (
            "",
            "ipc: standard input is empty, which is not JSON (for no value, leave it out)\n",
        ),
        (
            "{\n\"a\":x}",
            "ipc: standard input is not JSON: expected value at line 2 column 5\n",
        ),
        (
            "hello\n",
            "ipc: standard input is not JSON: expected value at line 1 column 1 (as text, write \
             --string-file -)\n",
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
fn text_is_a_string_whatever_it_looks_like() {
    let bus = Bus::start();
    let _echo = bus.serve("echo", &["--echo"]);
    for text in ["hi", "", "007", "null", "a=b", "@x", "-", "--help", "[1]"] {
        let json = serde_json::Value::from(text).to_string();
        let printed = bus.print(&["call", "echo", "m", "-s", text]);
        assert_eq!(printed, format!("{json}\n"));
        let field = format!("k={text}");
        let printed = bus.print(&["call", "echo", "m", "a=1", "-f", &field]);
        assert_eq!(printed, format!("{{\"a\":1,\"k\":{json}}}\n"));
        let _said = bus.serve("said", &["-s", text]);
        assert_eq!(bus.print(&["call", "said", "m"]), format!("{json}\n"));
    }
}

#[test]
fn a_file_or_standard_input_may_be_text() {
    let bus = Bus::start();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("text");
    fs::write(&path, "one\r\n\"two\"\n").unwrap();
    let path = path.to_str().unwrap();
    let json = "\"one\\r\\n\\\"two\\\"\\n\"\n";
    let _echo = bus.serve("echo", &["--echo"]);
    let _said = bus.serve("said", &["--string-file", path]);
    assert_eq!(bus.print(&["call", "said", "m"]), json);
    let call = ["call", "echo", "m", "--string-file"];
    assert_eq!(bus.print(&[&call[..], &[path]].concat()), json);
    let stdin = bus.command(&[&call[..], &["-"]].concat());
    assert_eq!(run_with_input(stdin, "null").stdout, "\"null\"\n");
}

#[test]
fn an_at_sign_with_a_dash_is_standard_input_too() {
    let bus = Bus::start();
    let _echo = bus.serve("echo", &["--echo"]);
    let call = bus.command(&["call", "echo", "m", "@-"]);
    assert_eq!(run_with_input(call, "[1]\n").stdout, "[1]\n");
}

#[test]
fn what_cannot_be_read_is_named_with_what_to_do() {
    let bus = Bus::start();
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = directory.path().join(name);
        fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let missing = directory.path().join("missing").display().to_string();
    let empty = file("empty", b" \n");
    let latin = file("latin", b"\"\xe9\"");
    for (word, message) in [
        (
            "@".to_owned(),
            "a file name is missing after '@'".to_owned(),
        ),
        (
            format!("@{missing}"),
            format!("cannot read {missing}: No such file"),
        ),
        (
            format!("@{}", directory.path().display()),
            "it is a directory".to_owned(),
        ),
        (format!("@{empty}"), format!("{empty} is empty")),
        (format!("@{latin}"), format!("{latin} is not UTF-8")),
        (format!("@{latin}"), "iconv".to_owned()),
        (
            "@/dev/zero".to_owned(),
            "/dev/zero exceeds 16 MiB".to_owned(),
        ),
    ] {
        for args in [
            &["call", "o", "m", &word][..],
            &["send", "e", &word],
            &["serve", "o", "--reply", &word],
            &["serve", "o", "--echo", "--interface", &word],
        ] {
            let ended = bus.run(args);
            assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{args:?}");
            assert!(ended.stderr.contains(&message), "{args:?} {ended:?}");
            assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
        }
    }
}

#[test]
fn plain_text_is_refused_with_how_to_write_it_in_every_command() {
    let bus = Bus::start();
    let hint = "'hi' is neither JSON nor key=value (as text, write -s hi)\n";
    for args in [
        &["call", "o", "m", "hi"][..],
        &["send", "e", "hi"],
        &["serve", "o", "--reply", "hi"],
    ] {
        let ended = bus.run(args);
        assert_eq!(
            (ended.code, ended.stderr),
            (2, format!("ipc: {hint}")),
            "{args:?}"
        );
    }
    let ended = bus.run(&["serve", "o", "--echo", "--interface", "hi"]);
    let expected = "ipc: the interface is not JSON: expected value at line 1 column 1\n";
    assert_eq!((ended.code, ended.stderr.as_str()), (2, expected));
    let ended = bus.run(&["call", "o", "m", "1", "2"]);
    let hint = "ipc: there are 2 values, and one is sent; an array is written '[1,2]'\n";
    assert_eq!((ended.code, ended.stderr.as_str()), (2, hint));
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
