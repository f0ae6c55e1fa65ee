//! What `ipc listen` hears, and when it ends.

use std::{fs, sync::mpsc, time::Duration};

use crate::tool::Bus;

#[test]
fn a_pattern_hears_what_matches_and_a_name_only_itself() {
    let bus = Bus::start();
    let patterns = ["listen", "--pattern", "sensor.*.temp", "log.>", "-n", "3"];
    let pattern = bus.start_tool(&patterns, "listening to sensor.*.temp, log.>");
    let name = bus.start_tool(&["listen", "log.*", "-n", "1"], "listening to log.*");
    for event in [
        "sensor.a.temp",
        "sensor.a.b.temp",
        "log",
        "log.a",
        "log.a.b",
        "log.*",
    ] {
        bus.print(&["send", event, "1"]);
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
