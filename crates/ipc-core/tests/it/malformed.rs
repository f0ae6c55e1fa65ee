//! Bytes that are no message: one error, then the end.

use ipc_core::CloseReason;
use ipc_testkit::World;

use crate::{call, caller_and_provider, codes};

#[test]
fn one_error_and_then_the_connection_is_closed() {
    let deep = format!(r#"{{"event":"e","result":{}"#, "[".repeat(200));
    for (bytes, code) in [
        ("nonsense", "malformed"),
        ("[]", "malformed"),
        (r#"{"reg_object":"a","list":[]}"#, "malformed"),
        (r#"{"object":"a"}"#, "malformed"),
        (r#"{"reg_object":"a","reg_object":"b"}"#, "malformed"),
        (r#"{"response":1,"id":[1]}"#, "malformed"),
        (r#"{"object":null,"method":"m"}"#, "malformed"),
        ("\u{feff}{}", "malformed"),
        (deep.as_str(), "too_deep"),
    ] {
        for says_hello in [true, false] {
            let mut world = World::new();
            if says_hello {
                world.hello("peer");
            } else {
                world.connect("peer");
            }
            world.sent_to("peer");
            world.send("peer", bytes);
            assert_eq!(codes(&world.values_sent_to("peer")), [code], "{bytes}");
            assert_eq!(world.closed("peer"), Some(CloseReason::Fault));
            assert_eq!(world.stats().faults, 1);
        }
    }
}

#[test]
fn nothing_that_follows_is_done() {
    let mut world = World::new();
    world.connect("peer");
    world.send(
        "peer",
        "{\"reg_object\":\"good\"}POST / \n\n{\"reg_object\":\"evil\"}",
    );
    world.send("peer", r#"{"reg_object":"evil"}"#);
    let told = world.values_sent_to("peer");
    assert_eq!(codes(&told), ["none", "malformed"]);
    world.connect("judge");
    let answer = world.ask("judge", r#"{"object":"ipc","method":"objects"}"#);
    assert_eq!(answer["response"]["objects"].as_array().unwrap().len(), 0);
}

#[test]
fn what_came_before_is_not_undone_for_others() {
    let mut world = World::new();
    world.connect("listener");
    world.listen("listener", "e");
    world.connect("peer");
    world.send("peer", r#"{"event":"e","result":1}}"#);
    assert_eq!(world.sent_to("listener"), [r#"{"event":"e","result":1}"#]);
    assert_eq!(world.closed("peer"), Some(CloseReason::Fault));
}

#[test]
fn the_providers_callers_are_answered_and_its_own_calls_cancelled() {
    let mut world = caller_and_provider(true);
    world.register("caller", "pear");
    call(&mut world, "caller", "mango", 1);
    call(&mut world, "provider", "pear", 2);
    world.sent_to("caller");
    world.send("provider", "}");
    let told = world.values_sent_to("caller");
    assert_eq!(codes(&told), ["provider_gone", "none"]);
    assert_eq!(told[1]["event"], "ipc.cancel");
}

#[test]
fn the_error_comes_even_while_answers_are_owed_in_turn() {
    let mut world = caller_and_provider(true);
    world.connect("peer");
    crate::call_in_turn(&mut world, "peer", "mango", 1);
    world.send("peer", "nonsense");
    assert_eq!(codes(&world.values_sent_to("peer")), ["malformed"]);
    assert_eq!(world.stats().calls_open, 0);
}

#[test]
fn an_error_that_does_not_fit_is_not_waited_for() {
    let mut world = World::limited(|limits| limits.outbox_bytes = 100);
    world.hello("peer");
    world.stop_reading("peer");
    world.send("peer", r#"{"object":"ipc","method":"ping"}"#);
    world.send("peer", r#"{"object":"ipc","method":"ping"}"#);
    world.send("peer", "nonsense");
    assert!(world.closed("peer").is_some());
    assert_eq!(world.stats().queued_bytes, 0);
}
