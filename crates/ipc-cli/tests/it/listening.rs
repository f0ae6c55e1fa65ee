//! What `ipc listen` hears, and when it ends.

use std::{fs, sync::mpsc, time::Duration};

use crate::tool::{Bus, run};

#[test]
fn a_pattern_hears_what_matches_and_a_name_only_itself() {
    let bus = Bus::start();
    let patterns = ["listen", "--pattern", "sensor.*.temp", "log.>", "-n", "3"];
    let pattern = bus.start_tool(&patterns, "listening to sensor.*.temp, log.>");
    let name = ["listen", "--literal", "log.*", "-n", "1"];
    let name = bus.start_tool(&name, "listening to log.*");
    for event in [
        "sensor.a.temp",
        "sensor.a.b.temp",
        "log",
        "log.a",
        "log.a.b",
        "log.*",
    ] {
        bus.print(&["send", "--literal", event, "1"]);
    }
    let mut heard: Vec<String> = pattern.end().stdout.lines().map(str::to_owned).collect();
    heard.sort();
    let expected = ["log.a", "log.a.b", "sensor.a.temp"];
    assert_eq!(
        heard,
        expected.map(|event| format!("{{\"event\":\"{event}\",\"result\":1}}"))
    );
    assert_eq!(name.end().stdout, "{\"event\":\"log.*\",\"result\":1}\n");
}

#[test]
fn a_name_with_a_wildcard_is_a_pattern_unless_it_is_literal() {
    let bus = Bus::start();
    let args = ["listen", "temp", "room.*", "log.>", "-n", "3"];
    let listener = bus.start_tool(&args, "listening to temp, room.*, log.>");
    for event in ["room", "room.bath", "room.bath.temp", "log.a.b", "temp"] {
        bus.print(&["send", event]);
    }
    let heard = listener.end().stdout;
    let expected = ["room.bath", "log.a.b", "temp"];
    let expected = expected.map(|event| format!("{{\"event\":\"{event}\",\"result\":null}}\n"));
    assert_eq!(heard, expected.concat());
}

#[test]
fn a_pattern_that_a_shell_has_replaced_is_noted() {
    let bus = Bus::start();
    let directory = tempfile::tempdir().unwrap();
    for file in ["room.bath", "room.kitchen"] {
        fs::write(directory.path().join(file), "").unwrap();
    }
    let listen = |args: &[&str]| {
        let args = [&["listen", "--timeout", "1ms"], args].concat();
        let mut command = bus.command(&args);
        command.current_dir(directory.path());
        run(command).stderr
    };
    let expanded = ["room.bath", "room.kitchen"];
    assert_eq!(
        listen(&expanded),
        "'room.bath' and another argument are names of files here; if it was a pattern, quote it, for \
         a shell writes the names of the files in its place\nlistening to room.bath, room.kitchen\n"
    );
    assert!(listen(&["--pattern", "room.bath"]).contains("is the name of a file here"));
    assert!(listen(&["log."]).contains("quote it: 'log.>'"));
    assert_eq!(listen(&["room.bath"]), "listening to room.bath\n");
    assert_eq!(listen(&[&expanded[..], &["--quiet"]].concat()), "");
    let mut wait = bus.command(&["wait", "--timeout", "0", "room.bath", "room.kitchen"]);
    wait.current_dir(directory.path());
    let note = run(wait).stderr;
    assert!(
        note.starts_with("'room.bath' and another argument are names of files"),
        "{note}"
    );
    let literal = listen(&[&expanded[..], &["--literal"]].concat());
    assert_eq!(literal.lines().count(), 1, "{literal}");
}

#[test]
fn a_wildcard_of_another_system_is_refused_with_what_to_write() {
    let bus = Bus::start();
    for (name, instead) in [
        ("room*", "write 'room.*'"),
        ("room/#", "write 'room.>'"),
        ("room/+/temp", "write 'room.*.temp'"),
        ("#", "write '>'"),
        ("room.?", "is not a wildcard here"),
        ("log.>.x", "must be the last token"),
    ] {
        for args in [&["listen", name][..], &["listen", "--pattern", "ok", name]] {
            let ended = bus.run(args);
            assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{args:?}");
            let begin = format!("ipc: cannot listen to '{name}': ");
            assert!(ended.stderr.starts_with(&begin), "{ended:?}");
            assert!(ended.stderr.contains(instead), "{ended:?}");
            assert!(ended.stderr.contains("--literal"), "{ended:?}");
        }
        let args = ["listen", "--literal", name, "--timeout", "1ms"];
        let ended = bus.run(&args);
        assert_eq!(
            (ended.code, ended.stderr),
            (0, format!("listening to {name}\n"))
        );
    }
}

#[test]
fn what_looks_like_a_pattern_is_refused_where_there_are_none() {
    let bus = Bus::start();
    for args in [
        &["send", "room.*", "5"][..],
        &["send", "room.>", "--lines"],
        &["send", "room*"],
        &["send", "room/#"],
        &["call", "calc.*", "add"],
        &["wait", "log", "calc.>"],
        &["serve", "calc.*", "--echo"],
        &["describe", "*"],
        &["wait", "room/+/lamp"],
    ] {
        let ended = bus.run(args);
        assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{args:?}");
        assert!(ended.stderr.contains("looks like a pattern"), "{ended:?}");
        assert!(ended.stderr.contains("--literal"), "{ended:?}");
        assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
    }
}

#[test]
fn a_literal_name_may_look_like_a_pattern_everywhere() {
    let bus = Bus::start();
    let listen = ["listen", "--literal", "a.*", "-n", "1"];
    let listener = bus.start_tool(&listen, "listening to a.*");
    bus.print(&["send", "--literal", "a.b", "1"]);
    bus.print(&["send", "--literal", "a.*", "2"]);
    assert_eq!(listener.end().stdout, "{\"event\":\"a.*\",\"result\":2}\n");
    let _object = bus.serve("a.*", &["--echo", "--literal"]);
    assert_eq!(bus.print(&["wait", "--literal", "a.*"]), "");
    assert_eq!(bus.print(&["call", "--literal", "a.*", "m", "1"]), "1\n");
    bus.print(&["describe", "--literal", "a.*"]);
}

#[test]
fn an_event_that_several_patterns_match_is_printed_once() {
    let bus = Bus::start();
    let args = ["listen", "--pattern", "a.>", "a.*", "a.b", "-n", "2"];
    let listener = bus.start_tool(&args, "listening to a.>, a.*, a.b");
    bus.print(&["send", "a.b", "1"]);
    bus.print(&["send", "a.b", "2"]);
    let expected = "{\"event\":\"a.b\",\"result\":1}\n{\"event\":\"a.b\",\"result\":2}\n";
    assert_eq!(listener.end().stdout, expected);
}

#[test]
fn the_servers_own_events_can_be_heard() {
    let bus = Bus::start();
    let args = ["listen", "ipc.object.registered", "-n", "1"];
    let listener = bus.start_tool(&args, "listening to ipc.object.registered");
    let _calc = bus.serve("calc", &["--echo"]);
    let line: serde_json::Value = serde_json::from_str(&listener.end().stdout).unwrap();
    assert_eq!(line["result"]["object"], "calc");
}

#[test]
fn listening_for_a_time_ends_well() {
    let bus = Bus::start();
    let ended = bus.run(&["listen", "temp", "--timeout", "10ms", "--quiet"]);
    assert_eq!(
        (ended.code, ended.stdout.as_str(), ended.stderr.as_str()),
        (0, "", "")
    );
}

#[test]
fn a_server_that_stops_is_reported_and_waited_for() {
    let bus = Bus::start();
    let mut listener = bus.start_tool(&["listen", "temp"], "listening to temp");
    drop(bus);
    let note = listener.read_note();
    assert!(
        note.starts_with("ipc: the server") && note.ends_with("connecting again"),
        "{note}"
    );
}

/// The reader of the pipe pauses while more comes than the tool keeps.
#[test]
fn what_a_slow_reader_misses_is_counted() {
    const N_EVENTS: usize = 24;

    let bus = Bus::start();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mebibyte.json");
    fs::write(&path, format!("\"{}\"", "x".repeat(1 << 20))).unwrap();
    let file = format!("@{}", path.display());
    let mut listener = bus.start_tool(&["listen", "big"], "listening to big");
    for _ in 0..N_EVENTS {
        bus.print(&["send", "big", &file]);
    }

    let mut stdout = listener.stdout.take().unwrap();
    let (seen_end, end_seen) = mpsc::sync_channel(1);
    let reading = std::thread::spawn(move || {
        let mut n_big = 0;
        loop {
            let mut line = String::new();
            std::io::BufRead::read_line(&mut stdout, &mut line).unwrap();
            if line.contains("\"end\"") {
                seen_end.send(()).unwrap();
                return (n_big, stdout);
            }
            n_big += 1;
        }
    });
    // Those that end it may be missed, too.
    let mut n_ends = 0;
    while end_seen.recv_timeout(Duration::from_millis(50)).is_err() {
        bus.print(&["send", "big", "\"end\""]);
        n_ends += 1;
    }
    let (n_big, stdout) = reading.join().unwrap();
    listener.interrupt();
    let stderr = listener.end().stderr;
    drop(stdout);

    let missed = |line: &str| -> Option<usize> {
        let (number, rest) = line.strip_prefix("ipc: ")?.split_once(' ')?;
        rest.contains("of big ").then(|| number.parse().unwrap())
    };
    let n_missed: usize = stderr.lines().filter_map(missed).sum();
    assert!(0 < n_missed, "{stderr}");
    let n_known = n_big + n_missed;
    assert!(
        (N_EVENTS..N_EVENTS + n_ends).contains(&n_known),
        "{n_known} {n_ends} {stderr}"
    );
}
