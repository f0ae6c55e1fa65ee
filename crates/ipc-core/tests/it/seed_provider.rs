//! A provider in the seed dialect: one call at a time, in order.

use ipc_testkit::World;

use crate::{call, caller_and_provider, codes};

fn params(world: &mut World) -> Vec<u64> {
    let told = world.values_sent_to("provider");
    told.iter()
        .map(|call| call["param"].as_u64().unwrap())
        .collect()
}

#[test]
fn the_next_call_is_sent_when_the_one_before_is_answered() {
    let mut world = caller_and_provider(false);
    world.hello("other");
    call(&mut world, "caller", "mango", 1);
    call(&mut world, "other", "mango", 2);
    call(&mut world, "caller", "mango", 3);
    for n in 1..=3 {
        assert_eq!(params(&mut world), [n]);
        world.send("provider", &format!(r#"{{"response":{n}}}"#));
    }
    assert_eq!(
        world.sent_to("caller"),
        [r#"{"response":1,"id":1}"#, r#"{"response":3,"id":3}"#]
    );
    assert_eq!(world.sent_to("other"), [r#"{"response":2,"id":2}"#]);
    assert!(params(&mut world).is_empty());
}

#[test]
fn calls_to_all_its_objects_share_one_queue() {
    let mut world = caller_and_provider(false);
    world.register("provider", "pear");
    call(&mut world, "caller", "mango", 1);
    call(&mut world, "caller", "pear", 2);
    assert_eq!(params(&mut world), [1]);
    world.send("provider", r#"{"error":"no"}"#);
    assert_eq!(params(&mut world), [2]);
}

#[test]
fn an_id_in_its_answer_is_of_no_account() {
    let mut world = caller_and_provider(false);
    call(&mut world, "caller", "mango", 1);
    world.send("provider", r#"{"response":1,"id":"whatever"}"#);
    assert_eq!(world.sent_to("caller"), [r#"{"response":1,"id":1}"#]);
}

#[test]
fn the_late_answer_of_a_call_that_timed_out_is_consumed() {
    let mut world = caller_and_provider(false);
    world.send(
        "caller",
        r#"{"object":"mango","method":"m","param":1,"timeout_ms":50,"id":1}"#,
    );
    call(&mut world, "caller", "mango", 2);
    world.advance(50);
    assert_eq!(codes(&world.values_sent_to("caller")), ["timeout"]);
    assert_eq!(
        params(&mut world),
        [1],
        "the second waits for the late answer"
    );
    world.send("provider", r#"{"response":"late"}"#);
    assert_eq!(world.stats().replies_dropped, 1);
    assert_eq!(params(&mut world), [2]);
    world.send("provider", r#"{"response":"two"}"#);
    assert_eq!(world.sent_to("caller"), [r#"{"response":"two","id":2}"#]);
}

#[test]
fn the_late_answer_of_a_caller_that_left_is_consumed() {
    let mut world = caller_and_provider(false);
    world.connect("other");
    crate::call_in_turn(&mut world, "other", "mango", 1);
    call(&mut world, "caller", "mango", 2);
    world.crash("other");
    world.send("provider", r#"{"response":"one"}"#);
    world.send("provider", r#"{"response":"two"}"#);
    assert_eq!(world.sent_to("caller"), [r#"{"response":"two","id":2}"#]);
}

#[test]
fn a_queued_call_that_ends_is_never_sent() {
    let mut world = caller_and_provider(false);
    call(&mut world, "caller", "mango", 1);
    world.send(
        "caller",
        r#"{"object":"mango","method":"m","param":2,"timeout_ms":50,"id":2}"#,
    );
    call(&mut world, "caller", "mango", 3);
    call(&mut world, "caller", "mango", 4);
    world.advance(50);
    world.send(
        "caller",
        r#"{"object":"ipc","method":"cancel","param":{"id":3}}"#,
    );
    assert_eq!(params(&mut world), [1]);
    world.send("provider", r#"{"response":1}"#);
    assert_eq!(params(&mut world), [4]);
    world.send("provider", r#"{"response":4}"#);
    assert_eq!(world.stats().calls_open, 0);
    assert_eq!(world.stats().queued_bytes, 0);
}

#[test]
fn its_queue_is_bounded_and_a_call_beyond_it_is_refused() {
    let call_bytes = r#"{"object":"mango","method":"m","param":1}"#.len();
    let mut world = World::limited(|limits| limits.outbox_bytes = 3 * call_bytes);
    world.connect("provider");
    world.register("provider", "mango");
    world.connect("caller");
    for n in 1..=4 {
        call(&mut world, "caller", "mango", n);
    }
    assert!(
        world.sent_to("caller").is_empty(),
        "one is served and three wait"
    );
    call(&mut world, "caller", "mango", 5);
    assert_eq!(codes(&world.values_sent_to("caller")), ["busy"]);
    for n in 1..=4 {
        assert_eq!(params(&mut world), [n], "nothing of the fifth was sent");
        world.send("provider", r#"{"response":0}"#);
    }
    assert!(params(&mut world).is_empty());
}

#[test]
fn an_empty_queue_takes_a_call_of_any_size() {
    let mut world = World::limited(|limits| limits.outbox_bytes = 1000);
    world.connect("provider");
    world.register("provider", "mango");
    world.hello("caller");
    call(&mut world, "caller", "mango", 1);
    let large = "x".repeat(2000);
    world.send(
        "caller",
        &format!(r#"{{"object":"mango","method":"m","param":"{large}","id":2}}"#),
    );
    assert!(
        world.sent_to("caller").is_empty(),
        "it waits and is not refused"
    );
    world.sent_to("provider");
    world.send("provider", r#"{"response":1}"#);
    assert!(world.sent_to("provider")[0].contains(&large));
}

#[test]
fn what_it_says_unasked_is_dropped() {
    let mut world = caller_and_provider(false);
    world.send("provider", r#"{"response":"early"}"#);
    call(&mut world, "caller", "mango", 1);
    assert_eq!(params(&mut world), [1]);
    assert!(world.sent_to("caller").is_empty());
    assert_eq!(world.stats().replies_dropped, 1);
}
