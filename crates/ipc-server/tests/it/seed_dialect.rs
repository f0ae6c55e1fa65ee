//! Clients of the seed system work unmodified: they know no newline and no id, and take one
//! message for what arrives until a read is shorter than 4096 bytes.

use std::time::{Duration, Instant};

use super::harness::{ServerProcess, text_of};

#[test]
fn the_five_messages_are_answered_byte_for_byte() {
    let server = ServerProcess::start();
    let (mut provider, mut caller) = (server.connect(), server.connect());

    assert_eq!(
        provider.seed_ask(r#"{"reg_object":"calc"}"#),
        r#"{"success":"OK"}"#
    );
    assert_eq!(
        provider.seed_ask(r#"{"reg_object":"calc"}"#),
        r#"{"success":"OK"}"#
    );
    assert_eq!(
        caller.seed_ask(r#"{"list":["calc"]}"#),
        r#"{"list":["calc"]}"#
    );
    assert_eq!(
        caller.seed_ask(r#"{"list":["calc","log"]}"#),
        r#"{"list":[]}"#
    );

    caller.send(r#"{"object":"calc","method":"add","param":{"b":2,"a":1.50}}"#);
    let call = provider.seed_read();
    assert_eq!(
        call,
        br#"{"object":"calc","method":"add","param":{"b":2,"a":1.50}}"#
    );
    provider.send(r#"{"response": [3.0e0,"\u00e4"] }"#);
    assert_eq!(caller.seed_read(), br#"{"response":[3.0e0,"\u00e4"]}"#);

    caller.send(r#"{"object":"calc","method":"add"}"#);
    assert_eq!(provider.seed_read(), br#"{"object":"calc","method":"add"}"#);
    provider.send(r#"{"error":{"why":"none"}}"#);
    assert_eq!(caller.seed_read(), br#"{"error":{"why":"none"}}"#);

    let answer = caller.seed_ask(r#"{"object":"none","method":"add","param":null}"#);
    assert_eq!(
        answer,
        r#"{"error":"Object not found","code":"object_not_found"}"#
    );
}

#[test]
fn a_listener_gets_the_object_that_was_sent() {
    let server = ServerProcess::start();
    let (mut listener, mut publisher) = (server.connect(), server.connect());
    listener.send(r#"{"event_name":"temp"}"#);
    // `listen` has no answer; a later request's answer tells that it was handled.
    listener.seed_ask(r#"{"list":[]}"#);

    publisher.send(r#"{"event":"temp","result":21.5}"#);
    assert_eq!(listener.seed_read(), br#"{"event":"temp","result":21.5}"#);
}

#[test]
fn payloads_of_every_length_arrive_whole_in_both_directions() {
    let server = ServerProcess::start();
    let (mut provider, mut caller) = (server.connect(), server.connect());
    provider.seed_ask(r#"{"reg_object":"echo"}"#);

    let around = |multiple: usize| multiple - 60..multiple + 10;
    let short = 1..200;
    let blocks = [1, 2, 3, 4, 5, 8, 16, 17, 32, 48]
        .map(|n| around(n * 4096))
        .into_iter()
        .flatten();
    let long = (100_000..200_000)
        .step_by(7_919)
        .chain([65_483, 65_536, 131_072, 200_000]);
    for n_bytes in short.chain(blocks).chain(long) {
        // The shortest text has two bytes, for its quotes.
        let payload = if n_bytes == 1 {
            "7".to_owned()
        } else {
            text_of(n_bytes)
        };
        caller.send(format!(
            r#"{{"object":"echo","method":"m","param":{payload}}}"#
        ));
        let call = provider.seed_read();
        let expected = format!(r#"{{"object":"echo","method":"m","param":{payload}}}"#);
        assert_same(&call, &expected, n_bytes);
        provider.send(format!(r#"{{"response":{payload}}}"#));
        assert_same(
            &caller.seed_read(),
            &format!(r#"{{"response":{payload}}}"#),
            n_bytes,
        );
    }
}

#[test]
fn a_message_longer_than_the_socket_buffers_reaches_whole_whoever_reads_it_slowly() {
    let server = ServerProcess::start();
    let (mut listener, mut publisher) = (server.connect(), server.connect());
    listener.send(r#"{"event_name":"long"}"#);
    listener.seed_ask(r#"{"list":[]}"#);

    let event = format!(r#"{{"event":"long","result":{}}}"#, text_of(3 << 20));
    let mut n_judged = 0;
    for slowness in [0, 1, 3].into_iter().cycle().take(60) {
        publisher.send(&event);
        let started = Instant::now();
        let mut received = listener.seed_read_slowly(slowness);
        // When nothing more fits for 200 ms, TCP sends as much of a piece as does; a loaded
        // machine can be that slow.
        let was_slow = Duration::from_millis(150) < started.elapsed();
        while was_slow && received.len() < event.len() {
            received.extend(listener.seed_read());
        }
        assert_same(&received, &event, slowness);
        n_judged += usize::from(!was_slow);
        if n_judged == 9 {
            break;
        }
    }
}

/// The message, and a space behind it exactly when its length would be a multiple of 4096.
fn assert_same(received: &[u8], expected: &str, n_bytes: usize) {
    let padding = if expected.len().is_multiple_of(4096) {
        " "
    } else {
        ""
    };
    let is_same = received == format!("{expected}{padding}").as_bytes();
    assert!(
        is_same,
        "{n_bytes} bytes of payload: received {} bytes",
        received.len()
    );
}

#[test]
fn the_events_of_a_burst_leave_a_millisecond_apart() {
    let server = ServerProcess::start();
    let (mut listener, mut publisher) = (server.connect(), server.connect());
    listener.send(r#"{"event_name":"tick"}"#);
    listener.seed_ask(r#"{"list":[]}"#);

    let burst: String = (0..200)
        .map(|n| format!(r#"{{"event":"tick","result":{n}}}"#))
        .collect();
    let started = Instant::now();
    publisher.send(burst);
    // A listener that reads at once finds one at a time. This one may be slow itself, on a loaded
    // machine, and find several; but none can come before all those before it had their time.
    let mut n_next = 0;
    while n_next < 200 {
        let received = listener.seed_read();
        for value in serde_json::Deserializer::from_slice(&received).into_iter() {
            let value: serde_json::Value = value.unwrap();
            assert_eq!(value["result"], n_next);
            n_next += 1;
        }
        let last = n_next - 1;
        assert!(Duration::from_millis(last) <= started.elapsed(), "{last}");
    }
}

#[test]
fn requests_without_an_id_are_answered_in_their_order() {
    let server = ServerProcess::start();
    let (mut provider, mut caller) = (server.hello("provider"), server.connect());
    provider.register("slow");

    caller.send(r#"{"object":"slow","method":"m"}{"object":"none","method":"m"}{"list":["slow"]}"#);
    let call = provider.receive();
    // Only the last of the three answers is still missing, and nothing has overtaken it.
    provider.send(format!(r#"{{"response":"first","id":{}}}"#, call["id"]));
    assert_eq!(caller.receive()["response"], "first");
    assert_eq!(caller.receive()["code"], "object_not_found");
    assert_eq!(caller.receive()["list"][0], "slow");
}

#[test]
fn a_wait_that_is_not_fulfilled_is_held_a_moment_and_answered_at_once_when_it_is() {
    let server = ServerProcess::start();
    let (mut waiter, mut provider) = (server.connect(), server.connect());

    let started = Instant::now();
    assert_eq!(waiter.seed_ask(r#"{"list":["late"]}"#), r#"{"list":[]}"#);
    assert!(Duration::from_millis(95) <= started.elapsed());

    waiter.send(r#"{"list":["late"]}"#);
    provider.seed_ask(r#"{"reg_object":"late"}"#);
    let mut answer = waiter.receive();
    if answer["list"] == serde_json::json!([]) {
        // The machine was slow, and the moment over before the object was there.
        answer = waiter.ask(r#"{"list":["late"]}"#);
    }
    assert_eq!(answer["list"][0], "late");
}

#[test]
fn a_provider_is_sent_one_call_at_a_time_in_order() {
    let server = ServerProcess::start();
    let mut provider = server.connect();
    provider.seed_ask(r#"{"reg_object":"calc"}"#);
    let mut caller = server.hello("caller");
    for n in 0..20 {
        caller.send(format!(
            r#"{{"object":"calc","method":"m","param":{n},"id":{n}}}"#
        ));
    }
    for n in 0..20 {
        let call = String::from_utf8(provider.seed_read()).unwrap();
        assert_eq!(
            call,
            format!(r#"{{"object":"calc","method":"m","param":{n}}}"#)
        );
        provider.send(format!(r#"{{"response":{n}}}"#));
        let answer = caller.receive();
        assert_eq!(
            (answer["response"].as_u64(), answer["id"].as_u64()),
            (Some(n), Some(n))
        );
    }
}
