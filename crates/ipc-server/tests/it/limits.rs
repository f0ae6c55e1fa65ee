//! Bounds hold, and the server lives on past each of them.

use std::io::Read;

use super::harness::{Peer, ServerProcess, text_of};

#[test]
#[cfg(unix)]
fn out_of_file_descriptors_existing_connections_go_on_and_accepting_resumes() {
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "ulimit -n 40; exec \"$0\" --listen tcp://127.0.0.1:0"]);
    command.arg(env!("CARGO_BIN_EXE_ipc-server"));
    let server = ServerProcess::start_with(&mut command, 1);
    let mut early = server.hello("early");

    let crowd: Vec<Peer> = (0..60).map(|_| server.connect()).collect();
    for _ in 0..100 {
        early.stats();
    }
    drop(crowd);
    let mut late = server.connect();
    assert_eq!(
        late.hello("late"),
        late.ask(CLIENTS)["response"]["clients"][1]["client"]
            .as_u64()
            .unwrap()
    );
}

#[test]
fn one_connection_too_many_is_told_why_and_there_is_room_again_when_one_leaves() {
    let mut command = ServerProcess::command();
    command.args(["--listen", "tcp://127.0.0.1:0", "--max-connections", "2"]);
    let server = ServerProcess::start_with(&mut command, 1);
    let (mut first, second) = (server.hello("first"), server.connect());
    first.wait_for_stat("connections", |n_connections| n_connections == 2);
    let mut third = server.connect();
    assert_eq!(third.receive()["code"], "busy");
    assert_eq!(third.next(), None);
    drop(second);
    first.wait_for_stat("connections", |n_connections| n_connections == 1);
    server.hello("another");
}

const CLIENTS: &str = r#"{"object":"ipc","method":"clients","id":"clients"}"#;

#[test]
fn names_subscriptions_and_requests_are_bounded_for_one_connection() {
    let server = ServerProcess::start();
    let mut peer = server.hello("greedy");
    for n in 0..256 {
        peer.register(&format!("object-{n}"));
    }
    assert_eq!(
        peer.ask(r#"{"reg_object":"one more","id":1}"#)["code"],
        "denied"
    );
    for n in 0..512 {
        peer.listen(&format!("event-{n}"));
    }
    assert_eq!(
        peer.ask(r#"{"event_name":"one more","id":1}"#)["code"],
        "denied"
    );

    let mut caller = server.hello("caller");
    let calls: String = (0..4097)
        .map(|n| format!("{{\"object\":\"object-0\",\"method\":\"m\",\"id\":{n}}}\n"))
        .collect();
    caller.send(calls);
    let refused = caller.receive();
    assert_eq!(
        (&refused["code"], &refused["id"]),
        (&"busy".into(), &4096.into())
    );
}

#[test]
fn unfinished_messages_of_many_connections_do_not_fill_the_memory() {
    let server = ServerProcess::start();
    let mut watcher = server.hello("watcher");
    let block = format!(r#"{{"response":"{}"#, "x".repeat(15_000_000));
    // 30 times 15 MB is more than the 256 MiB that unfinished messages may take.
    let mut peers: Vec<Peer> = (0..30).map(|_| server.connect()).collect();
    for peer in &mut peers {
        peer.try_send(&block).ok();
    }
    watcher.wait_for_stat("faults", |n_faults| 0 < n_faults);
    assert_eq!(
        server.connect().ask(r#"{"reg_object":"a"}"#)["success"],
        "OK"
    );
    #[cfg(target_os = "linux")]
    assert!(resident_bytes(&server) < 512 * 1024 * 1024);
}

/// The memory of a process that is in use, in bytes.
#[cfg(target_os = "linux")]
fn resident_bytes(server: &ServerProcess) -> u64 {
    let mut status = String::new();
    let path = format!("/proc/{}/status", server.child.id());
    std::fs::File::open(path)
        .unwrap()
        .read_to_string(&mut status)
        .unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

#[test]
#[cfg(target_os = "linux")]
fn idle_connections_take_little_memory() {
    let n_peers = if cfg!(feature = "slow-tests") {
        10_000
    } else {
        500
    };
    let mut command = ServerProcess::command();
    command.args([
        "--listen",
        "tcp://127.0.0.1:0",
        "--max-connections",
        "20000",
    ]);
    let server = ServerProcess::start_with(&mut command, 1);
    let mut watcher = server.hello("watcher");
    let before = resident_bytes(&server);
    let peers: Vec<Peer> = (0..n_peers)
        .map(|n| {
            let mut peer = server.connect();
            peer.hello(&format!("idle-{n}"));
            peer
        })
        .collect();
    watcher.stats();
    let each = (resident_bytes(&server) - before) / peers.len() as u64;
    assert!(each <= 1024, "{each} bytes for each idle connection");
}

#[test]
fn the_limits_of_one_connection_are_set_on_the_command_line() {
    let mut command = ServerProcess::command();
    command.args(["--listen", "tcp://127.0.0.1:0", "--max-objects", "2"]);
    command.args(["--max-subscriptions", "3", "--max-requests", "1"]);
    command.args(["--max-message-bytes", "5000", "--max-outbox-bytes", "70000"]);
    let server = ServerProcess::start_with(&mut command, 1);
    let mut peer = server.connect();
    let hello = r#"{"object":"ipc","method":"hello","param":{"protocol":1},"id":0}"#;
    assert_eq!(
        peer.ask(hello)["response"]["limits"],
        serde_json::json!({
            "message_bytes": 5000, "names": 2, "subscriptions": 3, "requests": 1,
            "outbox_bytes": 70000
        })
    );
    peer.register("a");
    peer.register("b");
    assert_eq!(peer.ask(r#"{"reg_object":"c","id":1}"#)["code"], "denied");
    for event in ["a", "b", "c"] {
        peer.listen(event);
    }
    assert_eq!(peer.ask(r#"{"event_name":"d","id":1}"#)["code"], "denied");
    let mut caller = server.hello("caller");
    caller.send(r#"{"object":"a","method":"m","id":1}"#);
    peer.receive();
    let refused = caller.ask(r#"{"object":"a","method":"m","id":2}"#);
    assert_eq!(refused["code"], "busy");
    let long = format!(r#"{{"object":"a","method":"m","param":{}}}"#, text_of(5000));
    assert_eq!(caller.ask(long)["code"], "too_large");
}
