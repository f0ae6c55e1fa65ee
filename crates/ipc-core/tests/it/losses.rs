//! What a slow listener misses is counted and told.

use ipc_testkit::World;
use serde_json::{Value, json};

const LIMIT: usize = 600;

fn world(lost_names: usize) -> World {
    let mut world = World::limited(|limits| {
        limits.outbox_bytes = LIMIT;
        limits.lost_names = lost_names;
    });
    world.connect("listener");
    world.send("listener", r#"{"object":"ipc","method":"hello"}"#);
    world.listen_to_pattern("listener", ">");
    world.sent_to("listener");
    world.stop_reading("listener");
    world.connect("publisher");
    world
}

fn publish(world: &mut World, event: &str, n: usize) -> bool {
    let answer = world.ask(
        "publisher",
        &format!(r#"{{"event":"{event}","result":{n},"id":1}}"#),
    );
    answer["delivered"] == 1
}

/// Publishes until the listener's queue is full; how many it took.
fn fill(world: &mut World) -> usize {
    (0..).find(|&n| !publish(world, "fill", n)).unwrap()
}

fn lost(event: &str, count: usize) -> Value {
    json!({"event": "ipc.lost", "result": {"event": event, "count": count}})
}

#[test]
fn the_count_is_exact_and_told_before_later_events() {
    let mut world = world(8);
    let n_taken = fill(&mut world);
    for n in 0..9 {
        assert!(!publish(&mut world, "fill", n));
    }
    for n in 0..3 {
        assert!(!publish(&mut world, "other", n));
    }
    world.read_on("listener");
    assert!(publish(&mut world, "fill", 99));
    let told = world.values_sent_to("listener");
    assert_eq!(
        told[n_taken..n_taken + 2],
        [lost("fill", 10), lost("other", 3)]
    );
    assert_eq!(told[n_taken + 2], json!({"event": "fill", "result": 99}));
    assert_eq!(told.len(), n_taken + 3);
    assert_eq!(world.stats().events_dropped, 13);
    assert_eq!(world.stats().events_queued, n_taken as u64 + 1);
}

#[test]
fn the_loss_is_told_when_half_of_the_queue_is_read() {
    let mut world = world(8);
    fill(&mut world);
    let queued = world.queued_for("listener");
    world.read_some("listener", queued - LIMIT / 2 - 1);
    assert_eq!(world.queued_for("listener"), LIMIT / 2 + 1);
    world.read_some("listener", 1);
    let notice = "{\"event\":\"ipc.lost\",\"result\":{\"count\":1,\"event\":\"fill\"}}\n".len();
    assert_eq!(world.queued_for("listener"), LIMIT / 2 + notice);
}

#[test]
fn an_event_that_would_overtake_the_notice_is_lost_too() {
    let mut world = world(8);
    let n_taken = fill(&mut world);
    // Room for a small event, but not for the notice before it.
    world.read_some("listener", 40);
    assert!(!publish(&mut world, "s", 0));
    world.read_on("listener");
    let told = world.values_sent_to("listener");
    assert_eq!(told[n_taken..], [lost("fill", 1), lost("s", 1)]);
}

#[test]
fn events_that_are_lost_one_after_another_leave_the_room_that_is_left_to_answers() {
    let mut world = world(8);
    assert!(publish(&mut world, "fill", 0));
    let queued = world.queued_for("listener");
    let large = "x".repeat(LIMIT - queued);
    let large = format!(r#"{{"event":"large","result":"{large}","id":1}}"#);
    for _ in 0..20 {
        assert_eq!(world.ask("publisher", &large)["delivered"], 0);
    }
    assert_eq!(world.queued_for("listener"), queued);
    world.send("listener", r#"{"object":"ipc","method":"ping","id":1}"#);
    assert_eq!(world.closed("listener"), None);
    assert!(publish(&mut world, "fill", 1));
    world.read_on("listener");
    let told = world.values_sent_to("listener");
    assert_eq!(
        told,
        [
            json!({"event": "fill", "result": 0}),
            json!({"response": {"pong": true}, "id": 1}),
            lost("large", 20),
            json!({"event": "fill", "result": 1}),
        ]
    );
}

#[test]
fn beyond_the_limit_of_names_losses_are_told_together() {
    let mut world = world(2);
    let n_taken = fill(&mut world);
    for event in ["b", "c", "d", "b", "fill", "c"] {
        assert!(!publish(&mut world, event, 0));
    }
    world.read_on("listener");
    let told = world.values_sent_to("listener");
    assert_eq!(
        told[n_taken..],
        [lost("fill", 2), lost("b", 2), lost(">", 3)],
        "names that are counted already go on being counted"
    );
}

#[test]
fn a_seed_listener_is_not_told_but_its_losses_are_counted() {
    let mut world = World::limited(|limits| limits.outbox_bytes = LIMIT);
    world.connect("listener");
    world.listen("listener", "fill");
    world.stop_reading("listener");
    world.connect("publisher");
    let n_taken = fill(&mut world);
    world.read_on("listener");
    assert!(publish(&mut world, "fill", 99));
    assert_eq!(world.sent_to("listener").len(), n_taken + 1);
    assert_eq!(world.stats().events_dropped, 1);
    let clients = world.ask("publisher", r#"{"object":"ipc","method":"clients"}"#);
    assert_eq!(clients["response"]["clients"][0]["events_dropped"], 1);
}

#[test]
fn one_slow_listener_costs_the_others_nothing() {
    let mut world = world(8);
    world.hello("quick");
    world.listen("quick", "e");
    for n in 0..200 {
        publish(&mut world, "e", n);
    }
    assert_eq!(world.sent_to("quick").len(), 200);
    assert_eq!(world.closed("listener"), None);
}
