//! Waiting for objects.

use ipc_testkit::World;

use crate::codes;

#[test]
fn in_the_seed_dialect_the_empty_answer_is_held_for_100_ms() {
    let mut world = World::new();
    world.connect("waiter");
    world.send("waiter", r#"{"list":["calc"]}"#);
    world.advance(99);
    assert!(world.writes_to("waiter").is_empty());
    world.advance(1);
    assert_eq!(world.writes_to("waiter"), [r#"{"list":[]}"#]);
}

#[test]
fn in_the_seed_dialect_the_answer_comes_as_soon_as_the_object() {
    let mut world = World::new();
    world.connect("waiter");
    world.connect("provider");
    world.send("waiter", r#"{"list":["calc","calc"]}"#);
    world.advance(50);
    world.register("provider", "calc");
    assert_eq!(world.writes_to("waiter"), [r#"{"list":["calc","calc"]}"#]);
    world.advance(1000);
    assert!(world.writes_to("waiter").is_empty());
}

#[test]
fn after_hello_a_wait_without_a_timeout_is_answered_at_once() {
    let mut world = World::new();
    world.hello("waiter");
    world.send("waiter", r#"{"list":["calc"],"id":3}"#);
    assert_eq!(world.sent_to("waiter"), [r#"{"list":[],"id":3}"#]);
}

#[test]
fn at_its_end_a_wait_tells_what_is_missing() {
    for says_hello in [true, false] {
        let mut world = World::new();
        if says_hello {
            world.hello("waiter");
        } else {
            world.connect("waiter");
        }
        world.connect("provider");
        world.register("provider", "calc");
        world.send(
            "waiter",
            r#"{"list":["log","calc","db"],"timeout_ms":300,"id":3}"#,
        );
        world.advance(299);
        assert!(world.sent_to("waiter").is_empty());
        world.advance(1);
        assert_eq!(
            world.sent_to("waiter"),
            [r#"{"list":[],"missing":["log","db"],"id":3}"#]
        );
    }
}

#[test]
fn a_timeout_of_nothing_is_answered_at_once() {
    let mut world = World::new();
    world.connect("waiter");
    world.send("waiter", r#"{"list":["calc"],"timeout_ms":0}"#);
    assert_eq!(
        world.sent_to("waiter"),
        [r#"{"list":[],"missing":["calc"]}"#]
    );
}

#[test]
fn all_objects_must_be_there_at_the_same_time() {
    let mut world = World::new();
    world.hello("waiter");
    world.hello("a");
    world.hello("b");
    world.send("waiter", r#"{"list":["a","b"],"timeout_ms":1000,"id":1}"#);
    world.register("a", "a");
    world.disconnect("a");
    world.register("b", "b");
    assert!(world.sent_to("waiter").is_empty());
    world.hello("a");
    world.register("a", "a");
    assert_eq!(world.sent_to("waiter"), [r#"{"list":["a","b"],"id":1}"#]);
}

#[test]
fn standing_by_is_not_providing() {
    let mut world = World::new();
    world.hello("waiter");
    world.hello("a");
    world.hello("b");
    world.register("a", "a");
    world.register_as("b", "a", "queue");
    world.disconnect("a");
    assert_eq!(
        world.ask("waiter", r#"{"list":["a","ipc"],"id":1}"#)["list"][1],
        "ipc",
        "the successor provides it, and the server is always there"
    );
}

#[test]
fn everyone_who_waits_is_answered_the_oldest_first() {
    let mut world = World::new();
    world.hello("waiter");
    world.connect("other");
    world.hello("provider");
    for id in [5, 1, 3] {
        world.send(
            "waiter",
            &format!(r#"{{"list":["a"],"timeout_ms":1000,"id":{id}}}"#),
        );
    }
    world.send("other", r#"{"list":["a"]}"#);
    world.register("provider", "a");
    let told = world.values_sent_to("waiter");
    let ids: Vec<_> = told
        .iter()
        .map(|answer| answer["id"].as_u64().unwrap())
        .collect();
    assert_eq!(ids, [5, 1, 3]);
    assert_eq!(world.sent_to("other"), [r#"{"list":["a"]}"#]);
}

#[test]
fn waits_that_end_together_are_answered_the_oldest_first() {
    let mut world = World::new();
    world.hello("waiter");
    world.send("waiter", r#"{"list":["a"],"timeout_ms":10,"id":1}"#);
    world.send("waiter", r#"{"list":["a"],"timeout_ms":100,"id":2}"#);
    world.advance(10);
    world.send("waiter", r#"{"list":["a"],"timeout_ms":90,"id":3}"#);
    world.sent_to("waiter");
    world.advance(90);
    let told = world.values_sent_to("waiter");
    let ids: Vec<_> = told
        .iter()
        .map(|answer| answer["id"].as_u64().unwrap())
        .collect();
    assert_eq!(ids, [2, 3]);
}

#[test]
fn seed_waits_are_answered_in_their_turn() {
    let mut world = World::new();
    world.connect("waiter");
    world.send("waiter", r#"{"list":["a"],"timeout_ms":1000}{"list":[]}"#);
    assert!(world.sent_to("waiter").is_empty());
    world.advance(1000);
    assert_eq!(
        world.writes_to("waiter"),
        [r#"{"list":[],"missing":["a"]}"#, r#"{"list":[]}"#]
    );
}

#[test]
fn a_wait_without_end_lasts_until_the_object_comes() {
    let mut world = World::new();
    world.hello("waiter");
    let forever = format!(r#"{{"list":["a"],"timeout_ms":{},"id":1}}"#, u64::MAX);
    world.send("waiter", &forever);
    world.jump(10 * 365 * 24 * 60 * 60 * 1000);
    assert!(world.sent_to("waiter").is_empty());
    world.hello("provider");
    world.register("provider", "a");
    assert_eq!(codes(&world.values_sent_to("waiter")), ["none"]);
}

#[test]
fn one_who_leaves_waits_no_longer() {
    let mut world = World::new();
    world.connect("waiter");
    world.send("waiter", r#"{"list":["a"]}"#);
    world.crash("waiter");
    assert_eq!(world.broker.poll_timeout(), None);
}
