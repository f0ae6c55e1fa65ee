//! The process: what it prints, how it stops, what it says when it cannot start.
#![cfg(unix)]

use std::process::Stdio;

use rustix::process::Signal;

use super::harness::{ServerProcess, signal_process, wait_for_exit};

/// Runs a server that must fail to start; what it says.
fn failing(arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let mut command = ServerProcess::command();
    let output = command
        .args(arguments)
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(output.stdout.is_empty());
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn an_address_that_is_taken_is_one_clear_line() {
    let server = ServerProcess::start();
    let address = &server.addresses[0];
    let error = failing(&["--listen", address], &[]);
    let expected =
        format!("ipc-server: cannot listen on {address}: another process is listening there\n");
    assert_eq!(error, expected);
}

#[test]
fn an_address_that_is_none_is_refused() {
    assert!(
        failing(&["--listen", "localhost"], &[]).contains("write tcp://HOST:PORT or unix:PATH")
    );
    let error = failing(&[], &[("ENV_SERVER_ADDRESS", "nowhere")]);
    assert_eq!(
        error,
        "ipc-server: ENV_SERVER_ADDRESS is \"nowhere\"; write HOST:PORT\n"
    );
    for (arguments, variables) in [
        (&["--listen", "localhost:80000"][..], &[][..]),
        (&[], &[("ENV_SERVER_ADDRESS", "localhost:80000")]),
    ] {
        let error = failing(arguments, variables);
        assert!(error.contains("port 80000 is above 65535"), "{error}");
    }
}

#[test]
fn an_address_may_be_written_without_its_scheme() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.sock");
    let path = path.to_str().unwrap();
    let mut command = ServerProcess::command();
    command.args(["--listen", "127.0.0.1:0", "--listen", path]);
    let server = ServerProcess::start_with(&mut command, 2);
    assert!(server.addresses[0].starts_with("tcp://127.0.0.1:"));
    assert_eq!(server.addresses[1], format!("unix:{path}"));
}

#[test]
fn the_seed_systems_variable_says_where_to_listen() {
    let mut command = ServerProcess::command();
    command.env("ENV_SERVER_ADDRESS", "127.0.0.1:0");
    let server = ServerProcess::start_with(&mut command, 1);
    assert!(server.addresses[0].starts_with("tcp://127.0.0.1:"));
    assert_eq!(
        server.connect().ask(r#"{"reg_object":"a"}"#)["success"],
        "OK"
    );
}

#[test]
fn several_addresses_are_listened_on_and_their_clients_meet() {
    let directory = tempfile::tempdir().unwrap();
    let path = format!("unix:{}", directory.path().join("ipc.sock").display());
    let mut command = ServerProcess::command();
    command.args(["--listen", "tcp://127.0.0.1:0", "--listen", &path]);
    let server = ServerProcess::start_with(&mut command, 2);
    assert_eq!(server.addresses[1], path);
    let mut provider = super::harness::Peer::connect(&server.addresses[0]);
    provider.hello("provider");
    provider.register("calc");
    let mut waiter = super::harness::Peer::connect(&server.addresses[1]);
    assert_eq!(waiter.ask(r#"{"list":["calc"]}"#)["list"][0], "calc");
}

#[test]
fn both_signals_stop_it_cleanly() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut server = ServerProcess::start();
        let mut client = server.hello("client");
        server.signal(signal);
        assert_eq!(client.receive()["event"], "ipc.shutdown");
        assert_eq!(client.next(), None);
        assert_eq!(server.wait().code(), Some(0));
    }
}

#[test]
fn a_call_in_flight_is_finished_before_the_server_stops() {
    let mut server = ServerProcess::start();
    let (mut provider, mut caller) = (server.hello("provider"), server.hello("caller"));
    provider.register("calc");
    caller.send(r#"{"object":"calc","method":"m","id":1}"#);
    let call = provider.receive();
    server.signal(Signal::TERM);
    assert_eq!(caller.receive()["event"], "ipc.shutdown");
    let refused = caller.ask(r#"{"object":"calc","method":"m","id":2}"#);
    assert_eq!(refused["code"], "shutting_down");
    provider.send(format!(r#"{{"response":"done","id":{}}}"#, call["id"]));
    assert_eq!(caller.receive()["response"], "done");
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_second_signal_stops_it_at_once() {
    let mut server = ServerProcess::start();
    let (mut provider, mut caller) = (server.hello("provider"), server.hello("caller"));
    provider.register("never");
    caller.send(r#"{"object":"never","method":"m","id":1}"#);
    provider.receive();
    server.signal(Signal::TERM);
    assert_eq!(caller.receive()["event"], "ipc.shutdown");
    server.signal(Signal::TERM);
    assert_eq!(server.wait().code(), Some(1));
    assert_eq!(caller.next(), None);
}

#[test]
fn a_log_level_that_is_none_is_refused_with_those_that_are() {
    let listen = &["--listen", "tcp://127.0.0.1:0"];
    for level in ["verbose", "inf", "debug,hyper", "ipc_server=dbug"] {
        let levels = "is not a log level; --log and IPC_LOG take error, warn, info, debug, trace, \
                      off, or a filter such as warn,ipc_server::hub=debug";
        let option = failing(&[listen, &["--log", level][..]].concat(), &[]);
        assert!(option.contains(levels), "{option}");
        let variable = failing(listen, &[("IPC_LOG", level)]);
        assert!(variable.contains(levels), "{variable}");
    }
    let shared = failing(listen, &[("RUST_LOG", "ipc_server=dbug")]);
    assert!(
        shared.starts_with("ipc-server: RUST_LOG: 'dbug' in"),
        "{shared}"
    );
}

/// What a server logs from its start to a signal that stops it.
fn logged(arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let mut child = ServerProcess::command()
        .args(["--listen", "tcp://127.0.0.1:0"])
        .args(arguments)
        .envs(variables.iter().copied())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = std::io::BufReader::new(child.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut stdout, &mut String::new()).unwrap();
    signal_process(&child, Signal::TERM);
    let mut log = String::new();
    std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut log).unwrap();
    assert_eq!(wait_for_exit(&mut child).code(), Some(0));
    log
}

#[test]
fn a_filter_only_silences_what_it_names() {
    for (arguments, variables) in [
        (&[][..], &[][..]),
        (&[], &[("RUST_LOG", "my_app=debug,hyper")]),
        (&[], &[("RUST_LOG", "verbose")]),
        (&[], &[("IPC_LOG", "")]),
        (
            &["--log", "Info"],
            &[("IPC_LOG", "error"), ("RUST_LOG", "off")],
        ),
        (&["--log", "ipc_server::no_such_part=off"], &[]),
    ] {
        let log = logged(arguments, variables);
        assert!(
            log.contains("stopping"),
            "{arguments:?} {variables:?} {log}"
        );
    }
    for (arguments, variables) in [
        (&["--log", "ERROR"][..], &[][..]),
        (&["--log", "off"], &[]),
        (&["--log", "ipc_server=warn"], &[]),
        (&[], &[("IPC_LOG", "warn")]),
        (&[], &[("RUST_LOG", "error,hyper=debug")]),
    ] {
        let log = logged(arguments, variables);
        assert_eq!(log, "", "{arguments:?} {variables:?}");
    }
}

#[test]
fn logs_go_to_standard_error_and_escape_what_peers_chose() {
    let mut command = ServerProcess::command();
    command.args(["--listen", "tcp://127.0.0.1:0", "--log", "trace"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut stdout = std::io::BufReader::new(child.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut stdout, &mut line).unwrap();
    let address = line.trim().strip_prefix("listening on ").unwrap();
    let mut peer = super::harness::Peer::connect(address);
    peer.send("{\"reg_object\":\"secret-\\u001b[31m\"}\u{1b}[31m");
    while peer.next().is_some() {}
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), Signal::TERM).unwrap();
    let mut log = String::new();
    std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut log).unwrap();
    assert_eq!(wait_for_exit(&mut child).code(), Some(0));
    assert!(log.contains("broken stream"), "{log}");
    assert!(!log.contains('\u{1b}'), "{log:?}");
    assert!(
        !log.contains("secret"),
        "payloads and names stay out of the log: {log}"
    );
}
