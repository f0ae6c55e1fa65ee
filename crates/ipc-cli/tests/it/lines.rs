//! `ipc send --lines`: an event for each line of standard input.

use std::{
    io::Write,
    process::{ChildStdin, Stdio},
};

use crate::tool::{Bus, Tool, run_with_input};

/// Starts the tool with a standard input to write to.
fn start(bus: &Bus, args: &[&str]) -> (Tool, ChildStdin) {
    let mut command = bus.command(args);
    command.stdin(Stdio::piped());
    let mut tool = Tool::start(command);
    let stdin = tool.child.stdin.take().unwrap();
    (tool, stdin)
}

fn heard(results: &[&str]) -> String {
    let line = |result| format!("{{\"event\":\"e\",\"result\":{result}}}\n");
    results.iter().map(line).collect()
}

#[test]
fn each_line_is_an_event_and_blank_lines_are_none() {
    let bus = Bus::start();
    let listener = bus.start_tool(&["listen", "e", "-n", "3"], "listening to e");
    let send = bus.command(&["send", "e", "--lines"]);
    let ended = run_with_input(send, "1.0\r\n\n{\"a\": null}\n  \n\"last\"");
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    assert_eq!(ended.stdout, "{\"sent\":3,\"delivered\":3}\n");
    assert_eq!(
        listener.end().stdout,
        heard(&["1.0", "{\"a\": null}", "\"last\""])
    );
}

#[test]
fn lines_of_text_are_strings_without_their_ends() {
    let bus = Bus::start();
    let listener = bus.start_tool(&["listen", "e", "-n", "3"], "listening to e");
    let send = bus.command(&["send", "e", "--string-lines", "--text"]);
    let ended = run_with_input(send, "null\r\n\n it's \"é\"\n  ");
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    assert_eq!(ended.stdout, "3 events sent; 3 deliveries\n");
    let expected = ["\"null\"", "\" it's \\\"é\\\"\"", "\"  \""];
    assert_eq!(listener.end().stdout, heard(&expected));
}

#[test]
fn a_line_is_sent_when_it_comes() {
    let bus = Bus::start();
    let mut listener = bus.start_tool(&["listen", "e"], "listening to e");
    let (sender, mut stdin) = start(&bus, &["send", "e", "--lines"]);
    for n in 0..3 {
        writeln!(stdin, "{n}").unwrap();
        assert_eq!(
            format!("{}\n", listener.read_line()),
            heard(&[&n.to_string()])
        );
    }
    drop(stdin);
    assert_eq!(sender.end().stdout, "{\"sent\":3,\"delivered\":3}\n");
}

#[test]
fn many_lines_keep_their_order() {
    const N_LINES: usize = 20_000;

    let bus = Bus::start();
    let count = N_LINES.to_string();
    let mut listener = bus.start_tool(&["listen", "e", "-n", &count], "listening to e");
    let mut stdout = listener.stdout.take().unwrap();
    let reading = std::thread::spawn(move || {
        let mut text = String::new();
        std::io::Read::read_to_string(&mut stdout, &mut text).unwrap();
        text
    });
    let lines: String = (0..N_LINES).map(|n| format!("{n}\n")).collect();
    let ended = run_with_input(bus.command(&["send", "e", "--lines"]), &lines);
    let sum = format!("{{\"sent\":{N_LINES},\"delivered\":{N_LINES}}}\n");
    assert_eq!((ended.code, ended.stdout), (0, sum), "{}", ended.stderr);
    let expected: String = (0..N_LINES).map(|n| heard(&[&n.to_string()])).collect();
    assert!(reading.join().unwrap() == expected);
}

#[test]
fn no_lines_are_no_events() {
    let bus = Bus::start();
    let ended = run_with_input(bus.command(&["send", "e", "--lines"]), "\n \n");
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (0, "{\"sent\":0,\"delivered\":0}\n")
    );
}

#[test]
fn the_first_line_that_is_not_json_ends_it_and_is_named() {
    let bus = Bus::start();
    let listener = bus.start_tool(&["listen", "e", "-n", "3"], "listening to e");
    let send = || bus.command(&["send", "e", "--lines"]);
    let ended = run_with_input(send(), "1\n\n2\nhello\n3\n");
    assert_eq!((ended.code, ended.stdout.as_str()), (2, ""));
    assert_eq!(
        ended.stderr,
        "ipc: stopped after 2 events: line 4 is not JSON: expected value at column 1 (for lines of \
         text, write --string-lines)\n"
    );
    assert_eq!(run_with_input(send(), "4\n").code, 0);
    assert_eq!(listener.end().stdout, heard(&["1", "2", "4"]));
}

#[test]
fn a_line_that_the_server_does_not_take_is_named() {
    let bus = Bus::start();
    let send = bus.command(&["send", "ipc.nonsense", "--lines"]);
    let ended = run_with_input(send, "1\n2\n");
    assert_eq!((ended.code, ended.stdout.as_str()), (5, ""), "{ended:?}");
    assert!(
        ended.stderr.starts_with("ipc: stopped after 0 events"),
        "{ended:?}"
    );
    assert!(ended.stderr.contains("line 1: "), "{ended:?}");
}

#[test]
fn a_line_without_end_is_refused() {
    let bus = Bus::start();
    let mut command = bus.command(&["send", "e", "--lines"]);
    command.stdin(std::fs::File::open("/dev/zero").unwrap());
    let ended = crate::tool::run(command);
    assert_eq!(ended.code, 2, "{ended:?}");
    let expected = "ipc: stopped after 0 events: line 1 exceeds 16 MiB\n";
    assert_eq!(ended.stderr, expected);
}

#[test]
fn a_server_that_stops_between_two_lines_ends_it_and_says_how_many_were_sent() {
    let bus = Bus::start();
    let listener = bus.start_tool(&["listen", "e", "-n", "2"], "listening to e");
    let (sender, mut stdin) = start(&bus, &["send", "e", "--lines"]);
    stdin.write_all(b"1\n2\n").unwrap();
    assert_eq!(listener.end().stdout, heard(&["1", "2"]));
    drop(bus);
    // The input stays open: it must not take another line to notice.
    let ended = sender.end();
    drop(stdin);
    assert_eq!((ended.code, ended.stdout.as_str()), (6, ""), "{ended:?}");
    assert!(
        ended.stderr.starts_with("ipc: stopped after 2 events: "),
        "{ended:?}"
    );
}
