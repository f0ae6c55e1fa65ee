//! A peer that sends nothing more but still reads, as `echo … | nc` does.

use ipc_core::CloseReason;
use ipc_testkit::World;

use crate::{call, call_in_turn, caller_and_provider, codes, reply, taken_by};

#[test]
fn its_answers_are_delivered_and_then_it_is_closed() {
    for says_hello in [true, false] {
        let mut world = World::new();
        world.hello("provider");
        world.register("provider", "mango");
        if says_hello {
            world.hello("caller");
        } else {
            world.connect("caller");
        }
        world.sent_to("caller");
        call_in_turn(&mut world, "caller", "mango", 1);
        call_in_turn(&mut world, "caller", "mango", 2);
        world.half_close("caller");
        for call in world.values_sent_to("provider") {
            assert_eq!(world.closed("caller"), None);
            reply(&mut world, "provider", call["id"].as_u64().unwrap(), "0");
        }
        assert_eq!(world.sent_to("caller"), [r#"{"response":0}"#; 2]);
        assert_eq!(world.closed("caller"), Some(CloseReason::Left));
    }
}

#[test]
fn one_who_is_owed_nothing_is_closed_at_once() {
    let mut world = World::new();
    world.connect("peer");
    world.send("peer", r#"{"object":"ipc","method":"ping"}"#);
    world.half_close("peer");
    assert_eq!(world.closed("peer"), Some(CloseReason::Left));
    assert_eq!(world.sent_to("peer").len(), 1);
}

#[test]
fn it_is_closed_only_when_it_has_read_everything() {
    let mut world = World::new();
    world.connect("peer");
    world.stop_reading("peer");
    world.send("peer", r#"{"object":"ipc","method":"ping"}"#);
    world.half_close("peer");
    assert_eq!(world.closed("peer"), None);
    world.read_some("peer", 10);
    assert_eq!(world.closed("peer"), None);
    world.read_on("peer");
    assert_eq!(world.closed("peer"), Some(CloseReason::Left));
    assert_eq!(world.sent_to("peer"), [r#"{"response":{"pong":true}}"#]);
}

#[test]
fn one_who_does_not_read_either_is_closed_in_the_end() {
    let mut world = World::new();
    world.connect("peer");
    world.stop_reading("peer");
    world.send("peer", r#"{"object":"ipc","method":"ping"}"#);
    world.half_close("peer");
    world.advance(10_000);
    assert_eq!(world.closed("peer"), Some(CloseReason::SlowConsumer));
}

#[test]
fn its_objects_are_free_and_its_callers_are_answered() {
    let mut world = caller_and_provider(true);
    world.hello("other");
    world.register("other", "pear");
    call(&mut world, "caller", "mango", 1);
    taken_by(&mut world, "provider");
    call(&mut world, "provider", "pear", 2);
    world.half_close("provider");
    assert_eq!(codes(&world.values_sent_to("caller")), ["provider_gone"]);
    assert_eq!(
        world.closed("provider"),
        None,
        "it is owed an answer itself"
    );
    world.register("caller", "mango");
    let (_, id) = taken_by(&mut world, "other");
    reply(&mut world, "other", id, "2");
    assert_eq!(world.sent_to("provider"), [r#"{"response":2,"id":2}"#]);
    assert_eq!(world.closed("provider"), Some(CloseReason::Left));
}

#[test]
fn a_wait_is_answered_too() {
    let mut world = World::new();
    world.connect("waiter");
    world.send("waiter", r#"{"list":["a"]}"#);
    world.half_close("waiter");
    assert_eq!(world.closed("waiter"), None);
    world.advance(100);
    assert_eq!(world.sent_to("waiter"), [r#"{"list":[]}"#]);
    assert_eq!(world.closed("waiter"), Some(CloseReason::Left));
}

#[test]
fn after_hello_white_space_tells_whether_anybody_is_there() {
    let mut world = caller_and_provider(true);
    call(&mut world, "caller", "mango", 1);
    world.writes_to("caller");
    world.half_close("caller");
    assert_eq!(world.writes_to("caller"), [" "]);
}

#[test]
fn it_hears_no_more_events() {
    let mut world = caller_and_provider(true);
    world.listen("caller", "e");
    call(&mut world, "caller", "mango", 1);
    world.half_close("caller");
    world.connect("publisher");
    let answer = world.ask("publisher", r#"{"event":"e","result":1,"id":1}"#);
    assert_eq!(answer["delivered"], 0);
}

#[test]
fn ending_within_a_message_is_a_fault() {
    let mut world = World::new();
    world.connect("peer");
    world.send("peer", r#"{"object":"ip"#);
    world.half_close("peer");
    assert_eq!(codes(&world.values_sent_to("peer")), ["malformed"]);
    assert_eq!(world.closed("peer"), Some(CloseReason::Fault));
}
