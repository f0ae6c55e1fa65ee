//! Into a pipe and with `--json`, each command prints one JSON value a line, as it was sent.

use serde_json::Value;

use crate::tool::Bus;

/// The lines, each of them JSON; the same with and without `--json`.
#[track_caller]
fn lines(bus: &Bus, args: &[&str]) -> Vec<Value> {
    let parse = |stdout: String| -> Vec<Value> {
        let parse = |line| serde_json::from_str(line).unwrap();
        stdout.lines().map(parse).collect()
    };
    let piped = parse(bus.print(args));
    let wanted = parse(bus.print(&[args, &["--json"]].concat()));
    assert_eq!(piped.len(), wanted.len(), "{args:?}");
    wanted
}

#[test]
fn list_prints_a_line_for_each_object() {
    let bus = Bus::start();
    assert!(lines(&bus, &["list"]).is_empty());
    let _a = bus.serve("a", &["--echo"]);
    let _b = bus.serve("b", &["--echo", "--mode", "queue"]);
    let _second = bus.serve("b", &["--echo", "--mode", "queue"]);
    let objects = lines(&bus, &["list"]);
    assert_eq!(objects[0]["object"], "a");
    assert_eq!(objects[0]["providers"][0]["name"], "ipc serve");
    assert_eq!(objects[1]["mode"], "queue");
    assert_eq!(objects[1]["standby"].as_array().unwrap().len(), 1);
    assert_eq!(objects.len(), 2);
}

#[test]
fn call_prints_the_response_as_it_was_sent() {
    let bus = Bus::start();
    let _echo = bus.serve("echo", &["--echo"]);
    let json = r#"{"b":1.10,"a":[12345678901234567890123,"\u00e9"],"":null}"#;
    assert_eq!(bus.print(&["call", "echo", "m", json]), format!("{json}\n"));
    assert_eq!(
        bus.print(&["call", "echo", "m", json, "--json"]),
        format!("{json}\n")
    );
    assert_eq!(bus.print(&["call", "echo", "m"]), "null\n");
}

#[test]
fn a_response_that_was_written_on_several_lines_is_printed_on_one() {
    let bus = Bus::start();
    let _pretty = bus.serve(
        "pretty",
        &["--exec", r#"printf '{\n  "a b": [\n 1\n ]\n}'"#],
    );
    let printed = bus.print(&["call", "pretty", "m"]);
    assert_eq!(printed.lines().count(), 1, "{printed}");
    assert_eq!(
        serde_json::from_str::<Value>(&printed).unwrap()["a b"][0],
        1
    );
}

#[test]
fn send_tells_how_many_got_it() {
    let bus = Bus::start();
    assert_eq!(bus.print(&["send", "temp", "21.5"]), "{\"delivered\":0}\n");
    let listen = ["listen", "temp"];
    let _one = bus.start_tool(&listen, "listening to temp");
    let _two = bus.start_tool(&listen, "listening to temp");
    assert_eq!(bus.print(&["send", "temp"]), "{\"delivered\":2}\n");
}

#[test]
fn listen_prints_a_line_for_each_event() {
    let bus = Bus::start();
    for json in [&[][..], &["--json"]] {
        let args = [&["listen", "temp", "-n", "2"], json].concat();
        let listener = bus.start_tool(&args, "listening to temp");
        bus.print(&["send", "temp", "21.50"]);
        bus.print(&["send", "temp", "by=me"]);
        let expected = "{\"event\":\"temp\",\"result\":21.50}\n\
                        {\"event\":\"temp\",\"result\":{\"by\":\"me\"}}\n";
        assert_eq!(listener.end().stdout, expected);
    }
}

#[test]
fn wait_prints_the_names_only_when_told_to() {
    let bus = Bus::start();
    let _log = bus.serve("log", &["--echo"]);
    assert_eq!(bus.print(&["wait", "log"]), "");
    assert_eq!(bus.print(&["wait", "log", "--json"]), "[\"log\"]\n");
}

#[test]
fn describe_prints_the_object_and_its_interface() {
    let bus = Bus::start();
    let interface = r#"{"doc":"Adds.","methods":{"add":{"param":{"minimum":1.10}}}}"#;
    let _calc = bus.serve("calc", &["--echo", "--interface", interface]);
    let described = &lines(&bus, &["describe", "calc"])[0];
    assert_eq!(described["object"], "calc");
    assert_eq!(described["interface"]["doc"], "Adds.");
    let raw = bus.print(&["describe", "calc"]);
    assert!(raw.contains(interface), "{raw}");
    let server = &lines(&bus, &["describe", "ipc"])[0];
    assert!(server["interface"]["methods"]["ping"].is_object());
}

#[test]
fn clients_prints_a_line_for_each_connection() {
    let bus = Bus::start();
    let _calc = bus.serve("calc", &["--echo"]);
    let clients = lines(&bus, &["clients"]);
    assert!(clients.iter().any(|client| client["objects"][0] == "calc"));
    assert!(clients.iter().any(|client| client["name"] == "ipc clients"));
}

#[test]
fn stats_prints_one_object() {
    let bus = Bus::start();
    let stats = lines(&bus, &["stats"]);
    assert_eq!(stats.len(), 1);
    assert_eq!(stats[0]["objects"], 0);
}

#[test]
fn ping_prints_a_line_for_each_round_trip() {
    let bus = Bus::start();
    let pongs = lines(&bus, &["ping", "-n", "3"]);
    let numbers: Vec<_> = pongs
        .iter()
        .map(|pong| pong["seq"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, [1, 2, 3]);
    assert!(pongs.iter().all(|pong| 0.0 < pong["ms"].as_f64().unwrap()));
}

#[test]
fn text_for_people_can_be_had_in_a_pipe() {
    let bus = Bus::start();
    let _calc = bus.serve("calc", &["--echo"]);
    let text = bus.print(&["list", "--text"]);
    let rows: Vec<Vec<_>> = text
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(rows[0], ["OBJECT", "MODE", "PROVIDERS", "STANDBY"]);
    assert_eq!(rows[1][..2], ["calc", "exclusive"]);
    for args in [
        &["stats"][..],
        &["clients"],
        &["ping"],
        &["describe", "ipc"],
    ] {
        let text = bus.print(&[args, &["--text"]].concat());
        assert!(
            !text.contains(['{', '\x1b']) || args[0] == "describe",
            "{text}"
        );
        assert!(1 < text.lines().count(), "{text}");
    }
}
