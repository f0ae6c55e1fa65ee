//! Bytes that are no message: one clear error, nothing executed after them, nobody else touched.

use super::harness::{Peer, ServerProcess};

/// Sends bytes with a command behind them; the error's code.
fn send_bad(server: &ServerProcess, bytes: &[u8]) -> String {
    let mut peer = server.connect();
    let command: &[u8] = br#"{"reg_object":"smuggled"}"#;
    // The server may close before it has read everything.
    peer.try_send([bytes, command].concat()).ok();
    let answer = peer.receive();
    let code = answer["code"]
        .as_str()
        .unwrap_or_else(|| panic!("no code: {answer}"))
        .to_owned();
    assert!(
        answer["error"]
            .as_str()
            .is_some_and(|text| !text.contains('\n')),
        "{answer}"
    );
    assert_eq!(peer.next(), None, "the connection is closed: {answer}");
    code
}

#[test]
fn each_fault_is_answered_once_and_ends_only_its_own_connection() {
    let server = ServerProcess::start();
    let (mut provider, mut caller) = (server.hello("provider"), server.hello("caller"));
    provider.register("calc");
    let deep = "[".repeat(200_000);
    let deep = format!(r#"{{"response":{deep}"#);
    let cases: &[(&str, &[u8])] = &[
        ("malformed", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        (
            "malformed",
            b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}",
        ),
        ("malformed", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc"),
        ("malformed", b"\x00"),
        ("malformed", b"[]"),
        ("malformed", b"\"text\""),
        ("malformed", b"\xef\xbb\xbf{}"),
        ("malformed", b"{\"reg_object\":\"\xff\"}"),
        ("malformed", b"{\"response\":\"\xed\xa0\x80\"}"),
        ("malformed", b"{'reg_object':'a'}"),
        ("malformed", b"{\"reg_object\":\"a\",}"),
        ("malformed", b"{\"reg_object\":\"a\"]"),
        ("malformed", b"{\"response\":01}"),
        ("malformed", b"{\"response\":NaN}"),
        ("malformed", b"{\"response\":1}}"),
        ("malformed", b"\xff\xfe{\0\"\0"),
        ("malformed", b"{\0\"\0"),
        ("malformed", b"{\"reg_object\":\"a\",\"reg_object\":\"b\"}"),
        ("malformed", b"{\"reg_object\":\"a\",\"list\":[]}"),
        ("malformed", b"{\"object\":\"a\"}"),
        ("malformed", b"{\"response\":1,\"id\":[1.5]}"),
        ("too_deep", deep.as_bytes()),
    ];
    for (code, bytes) in cases {
        assert_eq!(
            send_bad(&server, bytes),
            *code,
            "{}",
            String::from_utf8_lossy(bytes)
        );
    }

    caller.send(r#"{"object":"calc","method":"m","id":1}"#);
    let call = provider.receive();
    provider.send(format!(r#"{{"response":1,"id":{}}}"#, call["id"]));
    assert_eq!(
        caller.receive()["response"],
        1,
        "the others have noticed nothing"
    );
    let objects = caller.ask(r#"{"object":"ipc","method":"objects","id":2}"#);
    assert_eq!(
        objects["response"]["objects"].as_array().map(Vec::len),
        Some(1),
        "nothing was smuggled in"
    );
}

#[test]
fn a_message_that_is_too_large_is_refused_as_soon_as_it_is() {
    let server = ServerProcess::start();
    let mut peer = server.connect();
    peer.send(r#"{"response":""#);
    let block = "x".repeat(1024 * 1024);
    for _ in 0..17 {
        peer.try_send(&block).ok();
    }
    assert_eq!(
        peer.receive()["code"],
        "too_large",
        "though its end never comes"
    );
    assert_eq!(peer.next(), None);
}

#[test]
fn a_message_at_the_limit_passes_and_one_byte_more_does_not() {
    let server = ServerProcess::start();
    let limit = 16 * 1024 * 1024;
    let frame = r#"{"event":"e","result":"","id":1}"#.len();
    let message = |n_bytes: usize| {
        format!(
            r#"{{"event":"e","result":"{}","id":1}}"#,
            "x".repeat(n_bytes - frame)
        )
    };
    assert_eq!(server.connect().ask(message(limit))["success"], "OK");
    let mut peer = server.connect();
    peer.try_send(message(limit + 1)).ok();
    assert_eq!(peer.receive()["code"], "too_large");
    assert_eq!(peer.next(), None);
}

#[test]
fn a_stream_that_ends_within_a_message_is_told_so() {
    let server = ServerProcess::start();
    let mut peer = server.connect();
    peer.send(r#"{"reg_object":"ca"#);
    peer.shut_down_write();
    assert_eq!(peer.receive()["code"], "malformed");
    assert_eq!(peer.next(), None);
}

#[test]
fn a_message_of_an_unknown_kind_is_declined_and_the_connection_lives() {
    let server = ServerProcess::start();
    let mut peer = server.connect();
    let answer = peer.ask(r#"{"greeting":"hello","id":7}"#);
    assert_eq!(
        (&answer["code"], &answer["id"]),
        (&"unsupported".into(), &7.into())
    );
    assert_eq!(peer.ask(r#"{"reg_object":"a"}"#)["success"], "OK");
}

#[test]
fn refused_requests_leave_the_connection_as_it_was() {
    let server = ServerProcess::start();
    let (mut holder, mut peer) = (server.hello("holder"), server.hello("peer"));
    holder.register("taken");
    let mut refused = |message: &str| {
        let answer = peer.ask(message);
        assert_eq!(answer["id"], 1, "{answer}");
        answer["code"].as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(refused(r#"{"reg_object":"","id":1}"#), "invalid_name");
    assert_eq!(refused(r#"{"reg_object":"a\nb","id":1}"#), "invalid_name");
    assert_eq!(refused(r#"{"reg_object":"\ud800","id":1}"#), "invalid_name");
    assert_eq!(refused(r#"{"reg_object":"ipc","id":1}"#), "denied");
    assert_eq!(refused(r#"{"reg_object":"taken","id":1}"#), "name_taken");
    assert_eq!(
        refused(r#"{"reg_object":"a","mode":"lazy","id":1}"#),
        "invalid_option"
    );
    assert_eq!(
        refused(r#"{"reg_object":"a","mode":7,"id":1}"#),
        "invalid_option"
    );
    assert_eq!(
        refused(r#"{"event":"ipc.mine","result":1,"id":1}"#),
        "denied"
    );
    assert_eq!(
        refused(r#"{"event_name":"a*","match":"pattern","id":1}"#),
        "invalid_name"
    );
    assert_eq!(
        refused(r#"{"object":"ipc","method":"dance","id":1}"#),
        "method_not_found"
    );
    let unregister = r#"{"object":"ipc","method":"unregister","param":{"object":"taken"},"id":1}"#;
    assert_eq!(refused(unregister), "not_owner");
    peer.register("fine");
}

#[test]
fn one_byte_at_a_time_is_only_slow() {
    let server = ServerProcess::start();
    let mut peer = server.connect();
    let message = "\t {\"reg_object\" : \"\\u0063alc\u{e4}\\\\\" ,\r\n \"id\":\"\\\"\"} \n";
    for byte in message.as_bytes() {
        peer.send([*byte]);
    }
    let answer = peer.receive();
    assert_eq!(
        (&answer["success"], &answer["id"]),
        (&"OK".into(), &"\"".into())
    );
}

#[test]
fn only_the_connection_that_a_call_was_sent_to_can_answer_it() {
    let server = ServerProcess::start();
    let (mut provider, mut caller) = (server.hello("provider"), server.hello("caller"));
    let mut forger = server.hello("forger");
    provider.register("calc");
    caller.send(r#"{"object":"calc","method":"m","id":1}"#);
    let call = provider.receive();
    forger.send(format!(r#"{{"response":"forged","id":{}}}"#, call["id"]));
    assert_eq!(forger.stats()["replies_dropped"], 1);
    provider.send(format!(r#"{{"response":"real","id":{}}}"#, call["id"]));
    assert_eq!(caller.receive()["response"], "real");
}

#[test]
fn a_connection_that_never_reads_its_error_is_dropped_all_the_same() {
    let server = ServerProcess::start();
    let mut watcher = server.hello("watcher");
    let peers: Vec<Peer> = (0..20)
        .map(|_| {
            let mut peer = server.connect();
            peer.send("nonsense");
            peer
        })
        .collect();
    watcher.wait_for_stat("faults", |n_faults| n_faults == 20);
    watcher.wait_for_stat("connections", |n_connections| n_connections == 1);
    drop(peers);
}
