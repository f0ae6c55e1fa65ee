//! A server that did not run for a while punishes nobody for it: a slow consumer is one whose
//! socket takes nothing when it is tried, again and again.

use ipc_core::CloseReason::SlowConsumer;
use ipc_testkit::World;

use crate::caller_and_provider;

const PING: &str = r#"{"object":"ipc","method":"ping"}"#;
const YEAR_MS: u64 = 365 * 24 * 60 * 60 * 1000;

/// A world with a peer for whom something waits that its socket does not take.
fn with_stalled_peer() -> World {
    let mut world = World::new();
    world.hello("peer");
    world.sent_to("peer");
    world.stop_reading("peer");
    world.send("peer", PING);
    world
}

#[test]
fn one_who_read_while_the_server_stood_still_is_no_slow_consumer() {
    for jump_ms in [10_000, 12_000, YEAR_MS] {
        let mut world = with_stalled_peer();
        world.read_unnoticed("peer", 1000);
        world.jump(jump_ms);
        assert_eq!(world.sent_to("peer"), [r#"{"response":{"pong":true}}"#]);
        world.advance(60_000);
        assert_eq!(world.closed("peer"), None);
    }
}

#[test]
fn the_time_that_the_server_stood_still_is_not_held_against_one_who_did_not_read_either() {
    let mut world = with_stalled_peer();
    for _ in 0..5 {
        world.jump(YEAR_MS);
        assert_eq!(world.closed("peer"), None, "the whole machine slept");
    }
    world.advance(4_999);
    assert_eq!(world.closed("peer"), None);
    world.advance(1);
    assert_eq!(world.closed("peer"), Some(SlowConsumer));
}

#[test]
fn one_who_reads_so_little_that_the_system_does_not_tell_is_no_slow_consumer() {
    let mut world = with_stalled_peer();
    for _ in 0..20 {
        world.advance(9_000);
        world.read_unnoticed("peer", 1);
    }
    assert_eq!(world.closed("peer"), None);
}

#[test]
fn any_byte_begins_the_time_anew() {
    let mut world = with_stalled_peer();
    world.advance(9_500);
    world.read_some("peer", 1);
    world.advance(9_999);
    assert_eq!(world.closed("peer"), None);
    world.advance(1);
    assert_eq!(world.closed("peer"), Some(SlowConsumer));
}

#[test]
fn a_limit_of_no_time_closes_at_the_first_try_in_vain() {
    let mut world = World::limited(|limits| limits.stall = std::time::Duration::ZERO);
    world.connect("peer");
    world.stop_reading("peer");
    world.send("peer", PING);
    world.advance(0);
    assert_eq!(world.closed("peer"), Some(SlowConsumer));
}

#[test]
fn what_arrived_in_time_counts_if_it_is_handed_over_before_the_time_is() {
    let mut world = caller_and_provider(true);
    world.send(
        "caller",
        r#"{"object":"mango","method":"m","param":1,"timeout_ms":3000,"id":1}"#,
    );
    let (_, id) = crate::taken_by(&mut world, "provider");
    world.now += std::time::Duration::from_millis(YEAR_MS);
    crate::reply(&mut world, "provider", id, "1");
    world.jump(0);
    assert_eq!(world.sent_to("caller"), [r#"{"response":1,"id":1}"#]);
}
