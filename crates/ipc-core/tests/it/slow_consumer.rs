//! Peers that do not read.

use ipc_core::CloseReason::SlowConsumer;
use ipc_testkit::World;

use crate::{call, caller_and_provider, codes, reply, taken_by};

const PING: &str = r#"{"object":"ipc","method":"ping"}"#;

#[test]
fn a_caller_whose_reply_does_not_fit_is_closed() {
    let mut world = World::limited(|limits| limits.outbox_bytes = 200);
    world.hello("provider");
    world.register("provider", "mango");
    world.connect("caller");
    world.stop_reading("caller");
    for n in 1..=3 {
        call(&mut world, "caller", "mango", n);
        let (_, id) = taken_by(&mut world, "provider");
        let response = format!("\"{}\"", "x".repeat(75));
        reply(&mut world, "provider", id, &response);
        assert_eq!(world.closed("caller").is_some(), n == 3);
    }
    assert_eq!(world.closed("caller"), Some(SlowConsumer));
    assert_eq!(world.stats().slow_consumers, 1);
    assert_eq!(world.stats().queued_bytes, 0, "nothing is kept for it");
}

#[test]
fn a_caller_whose_held_answers_do_not_fit_is_closed() {
    let mut world = World::limited(|limits| limits.outbox_bytes = 200);
    world.hello("provider");
    world.register("provider", "mango");
    world.connect("caller");
    crate::call_in_turn(&mut world, "caller", "mango", 1);
    for _ in 0..100 {
        world.send("caller", PING);
    }
    assert_eq!(world.closed("caller"), Some(SlowConsumer));
    assert_eq!(world.stats().calls_open, 0);
}

#[test]
fn the_first_answer_that_is_held_may_have_any_size() {
    let mut world = World::limited(|limits| limits.outbox_bytes = 200);
    world.hello("provider");
    world.register("provider", "mango");
    world.connect("caller");
    crate::call_in_turn(&mut world, "caller", "mango", 1);
    crate::call_in_turn(&mut world, "caller", "mango", 2);
    let told = world.values_sent_to("provider");
    let large = format!("\"{}\"", "x".repeat(1000));
    reply(
        &mut world,
        "provider",
        told[1]["id"].as_u64().unwrap(),
        &large,
    );
    assert_eq!(
        world.closed("caller"),
        None,
        "it reads, and nothing else waits for it"
    );
    reply(&mut world, "provider", told[0]["id"].as_u64().unwrap(), "1");
    assert_eq!(world.sent_to("caller").len(), 2);
}

#[test]
fn ten_seconds_without_progress_close() {
    for hello in [true, false] {
        let mut world = World::new();
        if hello {
            world.hello("peer");
        } else {
            world.connect("peer");
        }
        world.stop_reading("peer");
        world.send("peer", PING);
        world.advance(9_999);
        assert_eq!(world.closed("peer"), None);
        world.advance(1);
        assert_eq!(world.closed("peer"), Some(SlowConsumer));
    }
}

#[test]
fn a_peer_that_reads_slowly_is_not_closed() {
    let mut world = World::new();
    world.hello("peer");
    world.sent_to("peer");
    world.stop_reading("peer");
    for _ in 0..10 {
        world.send("peer", PING);
    }
    for _ in 0..100 {
        world.advance(9_999);
        world.read_some("peer", 1);
    }
    assert_eq!(world.closed("peer"), None);
    world.advance(9_999);
    world.read_on("peer");
    world.jump(1_000_000);
    assert_eq!(
        world.closed("peer"),
        None,
        "who has nothing to read is not slow"
    );
    assert_eq!(world.sent_to("peer").len(), 10);
}

#[test]
fn what_comes_while_it_stalls_is_no_progress() {
    let mut world = World::new();
    world.hello("peer");
    world.stop_reading("peer");
    for _ in 0..10 {
        world.send("peer", PING);
        world.advance(1000);
    }
    assert_eq!(world.closed("peer"), Some(SlowConsumer));
}

#[test]
fn a_stall_is_counted_anew_after_each() {
    let mut world = World::new();
    world.hello("peer");
    for _ in 0..3 {
        world.stop_reading("peer");
        world.send("peer", PING);
        world.advance(6_000);
        world.read_on("peer");
        world.advance(6_000);
    }
    assert_eq!(world.closed("peer"), None);
}

#[test]
fn a_provider_that_does_not_read_is_busy_and_nothing_is_half_sent() {
    let mut world = World::limited(|limits| limits.outbox_bytes = 500);
    world.hello("provider");
    world.register("provider", "mango");
    world.connect("caller");
    world.stop_reading("provider");
    let mut n_sent = 0;
    loop {
        call(&mut world, "caller", "mango", n_sent);
        if !world.values_sent_to("caller").is_empty() {
            break;
        }
        n_sent += 1;
    }
    assert_eq!(world.stats().calls_open, n_sent);
    world.read_on("provider");
    assert_eq!(world.sent_to("provider").len() as u64, n_sent);
    call(&mut world, "caller", "mango", n_sent);
    assert!(
        world.sent_to("caller").is_empty(),
        "the refused id is free again"
    );
}

#[test]
fn the_calls_of_a_provider_that_is_closed_are_answered() {
    let mut world = caller_and_provider(true);
    world.stop_reading("provider");
    call(&mut world, "caller", "mango", 1);
    world.advance(10_000);
    assert_eq!(world.closed("provider"), Some(SlowConsumer));
    assert_eq!(codes(&world.values_sent_to("caller")), ["provider_gone"]);
}

#[test]
fn events_of_a_caller_that_is_closed_for_its_reply_are_not_kept() {
    let mut world = World::limited(|limits| limits.outbox_bytes = 200);
    world.hello("provider");
    world.register("provider", "mango");
    for listener in ["caller", "other"] {
        world.hello(listener);
        world.listen(listener, "x");
    }
    call(&mut world, "caller", "mango", 1);
    let (_, id) = taken_by(&mut world, "provider");
    let text = "x".repeat(100);
    world.send(
        "provider",
        &format!(r#"{{"event":"x","result":"{text}"}}{{"response":"{text}","id":{id}}}"#),
    );
    assert_eq!(world.closed("caller"), Some(SlowConsumer));
    assert_eq!(world.sent_to("other").len(), 1);
    assert_eq!(world.stats().queued_bytes, 0);
}
