//! After hello: one message a line, answers by id, over TCP and Unix sockets alike.

use super::harness::{ServerProcess, text_of};

#[test]
fn answers_come_in_any_order_by_their_ids() {
    let server = ServerProcess::start();
    let (mut provider, mut caller) = (server.hello("provider"), server.hello("caller"));
    provider.register("calc");

    caller.send(concat!(
        r#"{"object":"calc","method":"a","id":1}"#,
        "\n",
        r#"{"object":"calc","method":"b","id":"two"}"#,
        "\n",
    ));
    let (first, second) = (provider.receive(), provider.receive());
    assert_eq!(
        (&first["method"], &second["method"]),
        (&"a".into(), &"b".into())
    );
    provider.send(format!("{{\"response\":\"b\",\"id\":{}}}\n", second["id"]));
    provider.send(format!("{{\"error\":\"a\",\"id\":{}}}\n", first["id"]));

    let answer = caller.receive();
    assert_eq!(
        (&answer["response"], &answer["id"]),
        (&"b".into(), &"two".into())
    );
    let answer = caller.receive();
    assert_eq!((&answer["error"], &answer["id"]), (&"a".into(), &1.into()));
}

#[test]
fn events_are_counted_and_patterns_match() {
    let server = ServerProcess::start();
    let (mut listener, mut publisher) = (server.hello("listener"), server.hello("publisher"));
    let answer = listener.ask(r#"{"event_name":"room.*.temp","match":"pattern","id":1}"#);
    assert_eq!(answer["success"], "OK");
    listener.listen("room.a.temp");

    let answer = publisher.ask(r#"{"event":"room.a.temp","result":20,"id":2}"#);
    assert_eq!(answer["delivered"], 1, "one copy, whatever matches");
    let answer = publisher.ask(r#"{"event":"room.a","result":20,"id":3}"#);
    assert_eq!(answer["delivered"], 0);
    assert_eq!(listener.receive()["event"], "room.a.temp");
}

#[test]
fn a_call_that_is_not_answered_in_time_ends_with_timeout() {
    let server = ServerProcess::start();
    let (mut provider, mut caller) = (server.hello("provider"), server.hello("caller"));
    provider.register("slow");
    caller.send(r#"{"object":"slow","method":"m","timeout_ms":30,"id":1}"#);
    let call = provider.receive();
    assert_eq!(call["timeout_ms"], 30);
    assert_eq!(caller.receive()["code"], "timeout");
    let notice = provider.receive();
    assert_eq!(notice["event"], "ipc.cancel");
    assert_eq!(notice["result"]["id"], call["id"]);

    // The answer that comes too late goes nowhere, and the next call works.
    provider.send(format!(r#"{{"response":"late","id":{}}}"#, call["id"]));
    caller.send(r#"{"object":"slow","method":"m","id":2}"#);
    let call = provider.receive();
    provider.send(format!(r#"{{"response":"in time","id":{}}}"#, call["id"]));
    assert_eq!(caller.receive()["response"], "in time");
}

#[test]
#[cfg(unix)]
fn a_message_of_16_mib_passes_over_tcp_and_unix_sockets() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ipc.sock");
    for server in [ServerProcess::start(), ServerProcess::start_unix(&path)] {
        let (mut provider, mut caller) = (server.hello("provider"), server.hello("caller"));
        provider.register("echo");
        let payload = text_of(16 * 1024 * 1024 - 100);
        let message = format!(r#"{{"object":"echo","method":"m","param":{payload},"id":1}}"#);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let call = provider.receive();
                let (param, id) = (&call["param"], &call["id"]);
                provider.send(format!(r#"{{"response":{param},"id":{id}}}"#));
            });
            let answer = caller.ask(&message);
            assert_eq!(
                answer["response"].as_str().map(str::len),
                Some(payload.len() - 2)
            );
        });
    }
}

#[test]
fn a_peer_that_only_stops_sending_gets_its_answers() {
    let server = ServerProcess::start();
    for says_hello in [false, true] {
        let (mut provider, mut caller) = (server.hello("provider"), server.connect());
        if says_hello {
            caller.hello("caller");
        }
        let object = format!("slow-{says_hello}");
        provider.register(&object);
        caller.send(format!(r#"{{"object":"{object}","method":"m","id":1}}"#));
        caller.shut_down_write();
        let call = provider.receive();
        provider.send(format!(r#"{{"response":"there","id":{}}}"#, call["id"]));
        assert_eq!(caller.receive()["response"], "there");
        assert_eq!(caller.next(), None, "then the connection is closed");
    }
}
