//! Every bound, at the limit and one past it.

use std::time::Duration;

use ipc_core::{Peer, Refusal};
use ipc_testkit::World;
use ipc_wire::Code;

use crate::{call, codes};

#[test]
fn names_of_one_connection() {
    let mut world = World::limited(|limits| limits.names = 2);
    world.connect("peer");
    world.connect("other");
    world.register("other", "c");
    world.register("peer", "a");
    world.register_as("peer", "c", "queue");
    let answer = world.ask("peer", r#"{"reg_object":"b"}"#);
    assert_eq!(codes(&[answer]), ["denied"]);
    world.register("peer", "a");
    world.ask(
        "peer",
        r#"{"object":"ipc","method":"unregister","param":{"object":"c"}}"#,
    );
    world.register("peer", "b");
}

#[test]
fn subscriptions_of_one_connection() {
    let mut world = World::limited(|limits| limits.subscriptions = 2);
    world.connect("peer");
    world.listen("peer", "a");
    world.listen_to_pattern("peer", "a");
    world.listen("peer", "a");
    assert!(
        world.sent_to("peer").is_empty(),
        "listening again counts once"
    );
    let answer = world.ask("peer", r#"{"event_name":"b","id":1}"#);
    assert_eq!(codes(&[answer]), ["denied"]);
    world.ask(
        "peer",
        r#"{"object":"ipc","method":"unlisten","param":{"event":"a"}}"#,
    );
    let answer = world.ask("peer", r#"{"event_name":"b","id":1}"#);
    assert_eq!(codes(&[answer]), ["none"]);
}

#[test]
fn requests_in_flight_of_one_connection() {
    let mut world = World::limited(|limits| limits.requests = 2);
    world.hello("provider");
    world.register("provider", "mango");
    world.hello("caller");
    call(&mut world, "caller", "mango", 1);
    world.send("caller", r#"{"list":["pear"],"timeout_ms":1000,"id":2}"#);
    assert!(world.sent_to("caller").is_empty());
    call(&mut world, "caller", "mango", 3);
    world.send("caller", r#"{"list":["pear"],"timeout_ms":1000,"id":4}"#);
    assert_eq!(codes(&world.values_sent_to("caller")), ["busy", "busy"]);
    assert_eq!(world.sent_to("provider").len(), 1, "nothing was sent");
    assert_eq!(
        world.ask("caller", r#"{"list":["mango"],"id":5}"#)["list"][0],
        "mango",
        "what is answered at once is not in flight"
    );
    world.advance(1000);
    world.sent_to("caller");
    call(&mut world, "caller", "mango", 6);
    assert!(world.sent_to("caller").is_empty());
}

#[test]
fn names_in_one_list() {
    let mut world = World::limited(|limits| limits.wait_names = 2);
    world.hello("peer");
    let answer = world.ask("peer", r#"{"list":["a","b"]}"#);
    assert_eq!(codes(&[answer]), ["none"]);
    let longest = format!(r#""{}""#, r"\u0061".repeat(255));
    let answer = world.ask("peer", &format!(r#"{{"list":[{longest}, {longest}]}}"#));
    assert_eq!(codes(&[answer]), ["none"]);
    let many = vec![r#""a""#; 100_000].join(",");
    for list in [r#""a","b","c""#, &many] {
        let answer = world.ask("peer", &format!(r#"{{"list":[{list}]}}"#));
        assert_eq!(codes(&[answer]), ["denied"]);
    }
}

#[test]
fn bytes_of_an_interface() {
    let mut world = World::limited(|limits| limits.interface_bytes = 10);
    world.connect("peer");
    let answer = world.ask("peer", r#"{"reg_object":"a","interface":{"a":12345}}"#);
    assert_eq!(codes(&[answer]), ["denied"]);
    let answer = world.ask("peer", r#"{"reg_object":"a","interface":{"a":1234}}"#);
    assert_eq!(answer["success"], "OK");
}

fn code(refused: Result<ipc_core::SessionId, Refusal>) -> Option<Code> {
    refused.err().map(|refusal| refusal.code)
}

#[test]
fn connections() {
    let mut world = World::limited(|limits| limits.connections = 2);
    world.connect("a");
    world.connect("b");
    assert_eq!(
        code(world.connect_as("c", Peer::default())),
        Some(Code::Busy)
    );
    world.disconnect("a");
    world.connect("c");
    assert_eq!(world.stats().connections_opened, 3);
    assert_eq!(world.stats().connections_closed, 1);
}

#[test]
fn connections_of_one_user() {
    let mut world = World::limited(|limits| limits.connections_per_user = 2);
    let user = |uid| Peer {
        uid: Some(uid),
        ..Peer::default()
    };
    world.connect_as("a", user(1)).unwrap();
    world.connect_as("b", user(1)).unwrap();
    assert_eq!(code(world.connect_as("c", user(1))), Some(Code::Busy));
    world.connect_as("d", user(2)).unwrap();
    world.connect("unknown");
    world.crash("a");
    world.connect_as("c", user(1)).unwrap();
    assert_eq!(code(world.connect_as("e", user(1))), Some(Code::Busy));
}

/// The size of the event that `publish` publishes, as a line.
const EVENT_BYTES: usize = "{\"event\":\"e\",\"result\":0}\n".len();

fn publish(world: &mut World) -> u64 {
    let answer = world.ask("publisher", r#"{"event":"e","result":0,"id":1}"#);
    answer["delivered"].as_u64().unwrap()
}

#[test]
fn bytes_queued_for_one_connection() {
    let mut world = World::limited(|limits| limits.outbox_bytes = 4 * EVENT_BYTES);
    world.connect("listener");
    world.send("listener", r#"{"object":"ipc","method":"hello"}"#);
    world.listen("listener", "e");
    world.connect("publisher");
    world.sent_to("listener");
    world.stop_reading("listener");
    for _ in 0..4 {
        assert_eq!(publish(&mut world), 1);
    }
    assert_eq!(world.queued_for("listener"), 4 * EVENT_BYTES);
    assert_eq!(publish(&mut world), 0, "one past the limit");
    world.read_on("listener");
    let told = world.values_sent_to("listener");
    assert_eq!(told.len(), 5);
    assert_eq!(told[4]["event"], "ipc.lost");
    assert_eq!(world.stats().events_dropped, 1);
}

#[test]
fn an_empty_queue_takes_a_message_of_any_size() {
    let mut world = World::limited(|limits| limits.outbox_bytes = 100);
    world.connect("listener");
    world.listen("listener", "e");
    world.stop_reading("listener");
    world.connect("publisher");
    let text = "x".repeat(1000);
    let large = format!(r#"{{"event":"e","result":"{text}","id":1}}"#);
    assert_eq!(world.ask("publisher", &large)["delivered"], 1);
    assert_eq!(world.ask("publisher", &large)["delivered"], 0);
}

#[test]
fn when_all_queues_are_too_long_the_longest_pays() {
    let mut world = World::limited(|limits| limits.queued_bytes = 10 * EVENT_BYTES);
    for name in ["hog", "modest"] {
        world.hello(name);
        world.listen(name, "e");
        world.sent_to(name);
    }
    world.connect("publisher");
    world.stop_reading("hog");
    // Without an id there is no answer, which would be queued too.
    let event = r#"{"event":"e","result":0}"#;
    for _ in 0..4 {
        world.send("publisher", event);
    }
    world.stop_reading("modest");
    for _ in 0..3 {
        world.send("publisher", event);
    }
    let queued = world.queued_for("hog") + world.queued_for("modest");
    assert_eq!(queued, 10 * EVENT_BYTES);
    assert_eq!((world.closed("hog"), world.closed("modest")), (None, None));
    world.send("publisher", event);
    assert_eq!(
        world.closed("hog"),
        Some(ipc_core::CloseReason::SlowConsumer)
    );
    assert_eq!(world.closed("modest"), None);
    assert_eq!(world.stats().slow_consumers, 1);
    world.read_on("modest");
    assert_eq!(world.sent_to("modest").len(), 8);
}

#[test]
fn limits_that_are_meant_as_none_can_be_as_large_as_their_types() {
    let mut world = World::limited(|limits| {
        let sizes = [
            &mut limits.connections,
            &mut limits.connections_per_user,
            &mut limits.names,
            &mut limits.subscriptions,
            &mut limits.requests,
            &mut limits.wait_names,
            &mut limits.interface_bytes,
            &mut limits.page_entries,
            &mut limits.page_bytes,
            &mut limits.entry_items,
            &mut limits.outbox_bytes,
            &mut limits.queued_bytes,
            &mut limits.lost_names,
        ];
        for size in sizes {
            *size = usize::MAX;
        }
        (limits.stall, limits.seed_wait, limits.drain) =
            (Duration::MAX, Duration::MAX, Duration::MAX);
    });
    world.hello("provider");
    world.register("provider", "mango");
    world.connect("seed");
    world.send("seed", r#"{"list":["pear"]}"#);
    world.stop_reading("provider");
    world.hello("caller");
    call(&mut world, "caller", "mango", 1);
    world.ask("caller", r#"{"object":"ipc","method":"objects","id":2}"#);
    world.advance(24 * 60 * 60 * 1000);
    assert_eq!(world.closed("provider"), None);
    world.register("caller", "pear");
    assert_eq!(world.sent_to("seed"), [r#"{"list":["pear"]}"#]);
    world.shut_down();
    world.advance(24 * 60 * 60 * 1000);
    assert!(
        world
            .sent_to("caller")
            .iter()
            .all(|said| !said.contains("error"))
    );
}

#[test]
fn a_page_has_an_entry_however_small_it_may_be() {
    let mut world = World::limited(|limits| (limits.page_entries, limits.page_bytes) = (0, 0));
    world.hello("provider");
    world.register("provider", "a");
    world.register("provider", "b");
    let page = world.ask("provider", r#"{"object":"ipc","method":"objects","id":1}"#);
    assert_eq!(page["response"]["objects"][0]["object"], "a");
    assert_eq!(page["response"]["next"], "a");
}
