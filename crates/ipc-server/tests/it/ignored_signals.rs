//! Signals that were ignored when the server started, and signals that never end it.
#![cfg(target_os = "linux")]

use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};

use super::harness::{Peer, ServerProcess};

/// A server that was started while these signals were ignored, as `nohup` and `&` in a script do.
fn start_ignoring(signals: &str) -> ServerProcess {
    let mut command = Command::new("sh");
    command.arg("-c");
    command.arg(format!(
        "trap '' {signals}; exec \"$0\" --listen tcp://127.0.0.1:0"
    ));
    command.arg(env!("CARGO_BIN_EXE_ipc-server"));
    ServerProcess::start_with(&mut command, 1)
}

/// Sends signals that change nothing, then one that stops the server cleanly.
///
/// A call is in flight meanwhile, so a server that obeyed an early signal would go on, and take the
/// last for its second, which ends it at once with another code.
fn only_the_last_stops_it(mut server: ServerProcess, unheeded: &[Signal], last: Signal) {
    let pid = Pid::from_child(&server.child);
    check(&server.addresses[0], pid, unheeded, last);
    assert_eq!(server.wait().code(), Some(0));
}

fn check(address: &str, pid: Pid, unheeded: &[Signal], last: Signal) {
    let (mut provider, mut caller) = (Peer::connect(address), Peer::connect(address));
    provider.hello("provider");
    provider.register("slow");
    caller.hello("caller");
    caller.send(r#"{"object":"slow","method":"m","id":1}"#);
    let call = provider.receive();
    for &signal in unheeded {
        kill_process(pid, signal).unwrap();
    }
    kill_process(pid, last).unwrap();
    assert_eq!(caller.receive()["event"], "ipc.shutdown");
    provider.send(format!(r#"{{"response":"done","id":{}}}"#, call["id"]));
    assert_eq!(caller.receive()["response"], "done");
}

#[test]
fn a_hangup_that_was_ignored_stays_ignored() {
    only_the_last_stops_it(start_ignoring("HUP"), &[Signal::HUP], Signal::TERM);
    only_the_last_stops_it(start_ignoring("HUP"), &[Signal::HUP], Signal::INT);
}

#[test]
fn an_interrupt_that_was_ignored_stays_ignored() {
    only_the_last_stops_it(start_ignoring("INT"), &[Signal::INT], Signal::TERM);
    only_the_last_stops_it(start_ignoring("INT"), &[Signal::INT], Signal::HUP);
}

#[test]
fn a_server_in_the_background_of_a_script_outlives_ctrl_c() {
    // A shell without job control ignores SIGINT for what it starts with `&`.
    let script = r#""$0" --listen tcp://127.0.0.1:0 & echo "listening on $!"; wait $!"#;
    let mut command = Command::new("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_ipc-server")]);
    let mut shell = ServerProcess::start_with(&mut command, 2);
    // The two lines come in any order.
    shell.addresses.sort();
    let pid = Pid::from_raw(shell.addresses[0].parse().unwrap()).unwrap();
    check(&shell.addresses[1], pid, &[Signal::INT], Signal::TERM);
    assert_eq!(shell.wait().code(), Some(0));
}

#[test]
fn sigterm_stops_the_server_even_if_it_was_ignored() {
    only_the_last_stops_it(
        start_ignoring("TERM HUP INT"),
        &[Signal::HUP, Signal::INT],
        Signal::TERM,
    );
}

/// A server that was started while these signals were blocked, as threads of some supervisors are.
fn start_blocking(signals: &str) -> ServerProcess {
    let mut command = Command::new("env");
    command.arg(format!("--block-signal={signals}"));
    command.arg(env!("CARGO_BIN_EXE_ipc-server"));
    command.args(["--listen", "tcp://127.0.0.1:0"]);
    ServerProcess::start_with(&mut command, 1)
}

#[test]
fn sigterm_stops_the_server_even_if_it_was_blocked() {
    only_the_last_stops_it(start_blocking("TERM"), &[], Signal::TERM);
    only_the_last_stops_it(
        start_blocking("TERM,HUP,INT"),
        &[Signal::HUP, Signal::INT],
        Signal::TERM,
    );
}

#[test]
fn a_hangup_that_was_not_ignored_stops_the_server() {
    only_the_last_stops_it(ServerProcess::start(), &[], Signal::HUP);
}

#[test]
fn a_broken_pipe_or_a_file_at_its_size_limit_does_not_end_the_server() {
    only_the_last_stops_it(
        ServerProcess::start(),
        &[Signal::PIPE, Signal::XFSZ],
        Signal::TERM,
    );
}
