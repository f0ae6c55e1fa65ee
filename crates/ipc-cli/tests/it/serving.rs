//! `ipc serve`: objects without a program.

use std::{
    fs::File,
    io::Read,
    process::Command,
    time::{Duration, Instant},
};

use crate::tool::{Bus, Tool};

#[test]
fn a_command_gets_the_method_and_the_parameter() {
    let bus = Bus::start();
    let command = r#"read -r param; echo "$1 $IPC_METHOD $IPC_OBJECT $param""#;
    let _shell = bus.serve("shell", &["--exec", command]);
    let call = ["call", "shell", "say", "{\"a\": 1}"];
    assert_eq!(bus.print(&call), "\"say say shell {\\\"a\\\": 1}\"\n");
    assert_eq!(bus.print(&["call", "shell", "say"]), "\"say say shell \"\n");
}

#[test]
fn a_method_is_never_run_as_a_command() {
    let bus = Bus::start();
    let _shell = bus.serve("shell", &["--exec", r#"printf '%s' "$1""#]);
    let method = "$(echo 1); echo 'x' \"";
    let expected = serde_json::Value::from(method).to_string();
    assert_eq!(
        bus.print(&["call", "shell", method]),
        format!("{expected}\n")
    );
}

#[test]
fn what_a_command_prints_is_json_or_a_string() {
    let bus = Bus::start();
    let _cat = bus.serve(
        "cat",
        &["--exec", "if [ \"$1\" = json ]; then cat; else echo hi; fi"],
    );
    assert_eq!(bus.print(&["call", "cat", "json", "1.10"]), "1.10\n");
    assert_eq!(bus.print(&["call", "cat", "text", "1"]), "\"hi\"\n");
}

#[test]
fn a_reply_is_the_same_whatever_is_asked() {
    let bus = Bus::start();
    let _version = bus.serve("version", &["--reply", "{\"v\":1.0}"]);
    assert_eq!(
        bus.print(&["call", "version", "any", "x=1"]),
        "{\"v\":1.0}\n"
    );
    let ended = bus.run(&["serve", "o", "--reply", "{"]);
    assert_eq!(ended.code, 2, "{ended:?}");
}

#[test]
fn modes_share_a_name() {
    let bus = Bus::start();
    let _old = bus.serve("name", &["--reply", "1"]);
    let _new = bus.serve("name", &["--reply", "2", "--mode", "replace"]);
    assert_eq!(bus.print(&["call", "name", "m"]), "2\n");
    let _first = bus.serve("queue", &["--reply", "1", "--mode", "queue"]);
    let _second = bus.serve("queue", &["--reply", "2", "--mode", "queue"]);
    assert_eq!(bus.print(&["call", "queue", "m"]), "1\n");
}

#[test]
fn a_call_that_is_given_up_kills_the_command_and_what_it_started() {
    let bus = Bus::start();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("held");
    assert!(
        Command::new("mkfifo")
            .arg(&path)
            .status()
            .unwrap()
            .success()
    );
    // The shell stays, and its child holds the pipe open.
    let command = format!("sleep 60 > '{}'; true", path.display());
    let _slow = bus.serve("slow", &["--exec", &command]);
    let caller = Tool::start(bus.command(&["call", "slow", "m"]));
    let mut held = File::open(&path).unwrap();
    let start = Instant::now();
    drop(caller);
    held.read_to_end(&mut Vec::new()).unwrap();
    assert!(start.elapsed() < Duration::from_secs(30), "it was killed");
}

#[test]
fn a_command_that_takes_too_long_is_killed() {
    let bus = Bus::start();
    let _slow = bus.serve("slow", &["--exec", "sleep 60", "--timeout", "20ms"]);
    let ended = bus.run(&["call", "slow", "m"]);
    assert_eq!(
        (ended.code, ended.stderr.as_str()),
        (1, "ipc: slow.m: killed after 20ms\n")
    );
}

#[test]
fn no_more_commands_run_at_once_than_jobs() {
    let bus = Bus::start();
    let directory = tempfile::tempdir().unwrap();
    let lock = directory.path().join("lock");
    let command = format!("mkdir '{0}' && sleep 0.02 && rmdir '{0}'", lock.display());
    let _one = bus.serve("one", &["--exec", &command, "--jobs", "1"]);
    let start = |_| Tool::start(bus.command(&["call", "one", "m"]));
    let callers: Vec<_> = (0..5).map(start).collect();
    for caller in callers {
        let ended = caller.end();
        assert_eq!(ended.code, 0, "{ended:?}");
    }
}

#[test]
fn an_interrupt_gives_the_name_back() {
    let bus = Bus::start();
    let listen = ["listen", "ipc.object.unregistered", "-n", "1"];
    let observer = bus.start_tool(&listen, "listening to ipc.object.unregistered");
    let serving = bus.serve("calc", &["--echo"]);
    serving.interrupt();
    let ended = serving.end();
    assert_eq!((ended.code, ended.stderr.as_str()), (130, ""));
    let event: serde_json::Value = serde_json::from_str(&observer.end().stdout).unwrap();
    assert_eq!(event["result"]["reason"], "unregistered");
}
