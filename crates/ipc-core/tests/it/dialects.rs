//! Hello: what it changes, and when it may be said.

use ipc_testkit::World;

use crate::{call_in_turn, codes};

const HELLO: &str = r#"{"object":"ipc","method":"hello","param":{"protocol":1},"id":0}"#;

#[test]
fn hello_is_answered_in_the_line_dialect() {
    let mut world = World::new();
    world.connect("peer");
    world.send("peer", HELLO);
    let written = world.writes_to("peer").concat();
    assert!(written.ends_with("},\"id\":0}\n"), "{written}");
    let answer: serde_json::Value = serde_json::from_str(&written).unwrap();
    assert_eq!(answer["response"]["protocol"], 1);
    assert_eq!(answer["response"]["server"], "ipc-server/test");
    assert_eq!(answer["response"]["client"], world.client("peer"));
    assert_eq!(
        answer["response"]["limits"]["message_bytes"],
        16 * 1024 * 1024
    );
}

#[test]
fn after_hello_messages_are_lines_and_share_a_write() {
    let mut world = World::new();
    world.hello("listener");
    world.connect("publisher");
    world.listen("listener", "e");
    world.writes_to("listener");
    world.send(
        "publisher",
        r#"{"event":"e","result":1}{"event":"e","result":2}"#,
    );
    assert_eq!(
        world.writes_to("listener"),
        ["{\"event\":\"e\",\"result\":1}\n{\"event\":\"e\",\"result\":2}\n"]
    );
}

#[test]
fn hello_without_param_or_id_is_taken() {
    let mut world = World::new();
    world.connect("peer");
    let answer = world.ask("peer", r#"{"object":"ipc","method":"hello"}"#);
    assert_eq!(answer["response"]["protocol"], 1);
    assert!(answer.get("id").is_none());
}

#[test]
fn another_protocol_is_unsupported_and_changes_nothing() {
    let mut world = World::new();
    world.connect("peer");
    let text = r#"{"object":"ipc","method":"hello","param":{"protocol":2}}"#;
    assert_eq!(codes(&[world.ask("peer", text)]), ["unsupported"]);
    world.send("peer", r#"{"reg_object":"a"}"#);
    assert_eq!(
        world.writes_to("peer").last().unwrap(),
        r#"{"success":"OK"}"#
    );
}

#[test]
fn hello_twice_is_denied() {
    let mut world = World::new();
    world.hello("peer");
    assert_eq!(codes(&[world.ask("peer", HELLO)]), ["denied"]);
}

#[test]
fn hello_under_an_invalid_name_is_refused_and_changes_nothing() {
    for name in [r#""""#, r#""a\nb""#, &format!("\"{}\"", "x".repeat(256))] {
        let mut world = World::new();
        world.connect("peer");
        let text = format!(
            r#"{{"object":"ipc","method":"hello","param":{{"protocol":1,"name":{name}}}}}"#
        );
        assert_eq!(codes(&[world.ask("peer", &text)]), ["invalid_name"]);
        assert_eq!(world.ask("peer", HELLO)["response"]["protocol"], 1);
    }
}

#[test]
fn hello_is_denied_to_a_provider_and_to_one_who_stands_by() {
    let mut world = World::new();
    world.connect("provider");
    world.connect("next");
    world.register("provider", "mango");
    world.register_as("next", "mango", "queue");
    for peer in ["provider", "next"] {
        assert_eq!(codes(&[world.ask(peer, HELLO)]), ["denied"]);
    }
}

#[test]
fn hello_is_denied_while_a_request_is_in_flight() {
    let mut world = World::new();
    world.connect("provider");
    world.register("provider", "mango");
    world.connect("caller");
    call_in_turn(&mut world, "caller", "mango", 1);
    assert_eq!(codes(&[world.ask("caller", HELLO)]), ["denied"]);
    world.connect("waiter");
    world.send("waiter", r#"{"list":["nobody"]}"#);
    assert_eq!(codes(&[world.ask("waiter", HELLO)]), ["denied"]);
}

/// Otherwise its answer, which carries no id, would be taken for that of no call.
#[test]
fn hello_is_denied_while_the_peer_owes_an_answer() {
    let mut world = World::new();
    world.connect("provider");
    world.register("provider", "mango");
    world.hello("caller");
    crate::call(&mut world, "caller", "mango", 1);
    crate::call(&mut world, "caller", "mango", 2);
    world.sent_to("provider");
    world.ask(
        "provider",
        r#"{"object":"ipc","method":"unregister","param":{"object":"mango"}}"#,
    );
    assert_eq!(codes(&[world.ask("provider", HELLO)]), ["denied"]);
    world.send("provider", r#"{"response":"one"}{"response":"two"}"#);
    assert_eq!(
        world.sent_to("caller"),
        [
            r#"{"response":"one","id":1}"#,
            r#"{"response":"two","id":2}"#
        ]
    );
}

#[test]
fn what_was_listened_to_before_hello_is_heard_after_it() {
    let mut world = World::new();
    world.connect("listener");
    world.connect("publisher");
    world.listen("listener", "e");
    world.ask("listener", HELLO);
    world.send("publisher", r#"{"event":"e","result":1}"#);
    assert_eq!(
        world.writes_to("listener").last().unwrap(),
        "{\"event\":\"e\",\"result\":1}\n"
    );
}

#[test]
fn notices_are_never_sent_in_the_seed_dialect() {
    let mut world = World::new();
    world.connect("provider");
    world.register("provider", "mango");
    world.hello("caller");
    crate::call(&mut world, "caller", "mango", 1);
    world.sent_to("provider");
    world.disconnect("caller");
    world.shut_down();
    assert!(world.sent_to("provider").is_empty());
}
