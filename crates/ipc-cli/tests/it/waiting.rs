//! `ipc wait`: until all objects are there.

use crate::tool::{Bus, Tool};

#[test]
fn it_ends_when_the_last_object_is_registered() {
    let bus = Bus::start();
    let observed = ["listen", "ipc.client.connected", "-n", "1"];
    let observer = bus.start_tool(&observed, "listening to ipc.client.connected");
    let waiting = Tool::start(bus.command(&["wait", "a", "b", "--timeout", "60s"]));
    assert!(observer.end().stdout.contains("ipc wait"));
    let _a = bus.serve("a", &["--echo"]);
    let _b = bus.serve("b", &["--echo"]);
    let ended = waiting.end();
    assert_eq!(
        (ended.code, ended.stdout.as_str(), ended.stderr.as_str()),
        (0, "", "")
    );
}

#[test]
fn nothing_left_to_wait_for_is_no_waiting() {
    let bus = Bus::start();
    let _a = bus.serve("a", &["--echo"]);
    assert_eq!(bus.print(&["wait", "a", "--timeout", "0"]), "");
}

#[test]
fn somebody_who_watches_is_told_what_is_missing() {
    use crate::colors_and_terminals::Terminal;

    let bus = Bus::start();
    let terminal = Terminal::open();
    let mut command = bus.command(&["wait", "a", "b", "--timeout", "60s"]);
    command.stderr(terminal.stdio());
    let mut child = command.spawn().unwrap();
    drop(command);
    let _a = bus.serve("a", &["--echo"]);
    let mut reader = terminal.into_reader();
    assert_eq!(reader.read_line_with("b"), "waiting for b …");
    let _b = bus.serve("b", &["--echo"]);
    assert!(child.wait().unwrap().success());
}
