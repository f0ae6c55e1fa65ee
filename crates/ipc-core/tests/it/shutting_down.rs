//! The server stops: nothing new, and nobody who is owed an answer goes without.

use ipc_core::Peer;
use ipc_testkit::World;
use ipc_wire::Code;

use crate::{call, caller_and_provider, codes, reply, taken_by};

#[test]
fn clients_are_told_how_long_they_have() {
    let mut world = caller_and_provider(false);
    world.sent_to("provider");
    world.shut_down();
    world.shut_down();
    assert_eq!(
        world.sent_to("caller"),
        [r#"{"event":"ipc.shutdown","result":{"grace_ms":10000}}"#]
    );
    assert!(
        world.sent_to("provider").is_empty(),
        "in the seed dialect there are no notices"
    );
}

#[test]
fn nothing_new_is_taken() {
    let mut world = caller_and_provider(true);
    world.shut_down();
    world.sent_to("caller");
    for text in [
        r#"{"object":"mango","method":"m"}"#,
        r#"{"reg_object":"pear"}"#,
        r#"{"list":["pear"],"timeout_ms":1000}"#,
        r#"{"list":["pear"]}"#,
    ] {
        assert_eq!(
            codes(&[world.ask("caller", text)]),
            ["shutting_down"],
            "{text}"
        );
    }
    let refused = world.connect_as("late", Peer::default()).unwrap_err();
    assert_eq!(refused.code, Code::ShuttingDown);
}

#[test]
fn waits_are_refused() {
    let mut world = World::new();
    world.connect("waiter");
    world.hello("other");
    world.send("waiter", r#"{"list":["a"]}"#);
    world.send("other", r#"{"list":["a"],"timeout_ms":1000,"id":1}"#);
    world.shut_down();
    assert_eq!(codes(&world.values_sent_to("waiter")), ["shutting_down"]);
    assert_eq!(world.values_sent_to("other")[1]["code"], "shutting_down");
}

#[test]
fn calls_in_flight_are_finished() {
    let mut world = caller_and_provider(true);
    call(&mut world, "caller", "mango", 1);
    let (_, id) = taken_by(&mut world, "provider");
    world.shut_down();
    assert!(!world.broker.is_drained());
    world.sent_to("caller");
    world.advance(9_999);
    reply(&mut world, "provider", id, "1");
    assert_eq!(world.sent_to("caller"), [r#"{"response":1,"id":1}"#]);
    assert!(world.broker.is_drained());
}

#[test]
fn queued_calls_are_finished_too() {
    let mut world = caller_and_provider(false);
    call(&mut world, "caller", "mango", 1);
    call(&mut world, "caller", "mango", 2);
    world.shut_down();
    world.sent_to("caller");
    world.send("provider", r#"{"response":1}{"response":2}"#);
    assert_eq!(world.sent_to("caller").len(), 2);
    assert!(world.broker.is_drained());
}

#[test]
fn at_the_end_of_the_drain_the_rest_is_answered() {
    for says_hello in [true, false] {
        let mut world = caller_and_provider(says_hello);
        for n in 1..=3 {
            call(&mut world, "caller", "mango", n);
        }
        world.shut_down();
        world.sent_to("caller");
        world.advance(9_999);
        assert!(world.sent_to("caller").is_empty());
        world.advance(1);
        assert_eq!(codes(&world.values_sent_to("caller")), ["shutting_down"; 3]);
        assert!(world.broker.is_drained());
        assert_eq!(world.broker.drain_deadline(), Some(world.now));
    }
}

#[test]
fn a_server_that_does_not_stop_is_not_drained() {
    let world = World::new();
    assert!(!world.broker.is_drained());
    assert_eq!(world.broker.drain_deadline(), None);
}
