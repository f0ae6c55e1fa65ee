//! When the reader of the output leaves, nothing is said.

use std::{
    io::Read,
    os::unix::process::ExitStatusExt,
    process::{Command, Stdio},
};

use crate::tool::{Bus, run, run_with_input};

#[test]
fn a_reader_that_has_enough_is_no_failure() {
    let bus = Bus::start();
    let _objects: Vec<_> = ["a", "b", "c"]
        .map(|name| bus.serve(name, &["--echo"]))
        .into();
    let mut shell = Command::new("sh");
    shell
        .arg("-c")
        .arg(r#"{ "$0" list; echo "code $?" >&2; } | head -n 1"#)
        .arg(env!("CARGO_BIN_EXE_ipc"))
        .env("IPC_ADDRESS", bus.address())
        .stdin(Stdio::null());
    let ended = run(shell);
    assert!(ended.stdout.starts_with("{\"mode\"") || ended.stdout.contains("\"object\":\"a\""));
    assert_eq!(
        (ended.stdout.lines().count(), ended.stderr.as_str()),
        (1, "code 0\n")
    );
}

#[test]
fn a_listener_ends_as_soon_as_its_reader_has_left() {
    let bus = Bus::start();
    let mut listener = bus.start_tool(&["listen", "temp"], "listening to temp");
    bus.print(&["send", "temp", "1"]);
    listener.read_line();
    // No event comes any more: it must not take one to notice.
    drop(listener.stdout.take());
    let ended = listener.end();
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
}

#[test]
fn output_that_nobody_reads_from_the_start_is_no_failure() {
    let bus = Bus::start();
    let _echo = bus.serve("echo", &["--echo"]);
    for args in [
        &["call", "echo", "m"][..],
        &["ping"],
        &["stats"],
        &["completions", "bash"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = bus.command(args);
        command.stdout(writer).stderr(Stdio::piped());
        let output = command.spawn().unwrap().wait_with_output().unwrap();
        assert!(output.status.success(), "{args:?}");
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "", "{args:?}");
    }
}

#[test]
fn an_interrupt_ends_a_listener_whose_reader_pauses() {
    let bus = Bus::start();
    let mut listener = bus.start_tool(&["listen", "big"], "listening to big");
    let json = format!("\"{}\"", "x".repeat(1 << 20));
    run_with_input(bus.command(&["send", "big", "-"]), &json);
    // The pipe is full, and the rest of the line waits for its reader.
    let mut beginning = [0; 16];
    listener
        .stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut beginning)
        .unwrap();
    listener.interrupt();
    assert_eq!(listener.child.wait().unwrap().signal(), Some(2));
}

#[test]
fn output_that_cannot_be_written_is_a_failure() {
    let bus = Bus::start();
    let Ok(full) = std::fs::File::create("/dev/full") else {
        return; // only Linux has it
    };
    let mut command = bus.command(&["stats"]);
    command.stdout(full).stderr(Stdio::piped());
    let output = command.spawn().unwrap().wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(7));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(
        stderr.starts_with("ipc: cannot write to standard output: "),
        "{stderr}"
    );
}
