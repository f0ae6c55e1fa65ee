//! Events: who hears what, and how often.

use ipc_testkit::World;

use crate::codes;

fn publish(world: &mut World, event: &str) -> u64 {
    let text = format!(r#"{{"event":"{event}","result":null,"id":1}}"#);
    world.ask("publisher", &text)["delivered"].as_u64().unwrap()
}

fn world(listeners: &[&str]) -> World {
    let mut world = World::new();
    world.connect("publisher");
    for listener in listeners {
        world.hello(listener);
    }
    world
}

#[test]
fn a_name_is_literal() {
    let mut world = world(&["a"]);
    for name in ["*", ">", "a.*", "a.>"] {
        world.listen("a", name);
    }
    assert_eq!(publish(&mut world, "a.b"), 0);
    assert_eq!(publish(&mut world, "a.*"), 1);
    assert_eq!(publish(&mut world, ">"), 1);
}

#[test]
fn a_pattern_matches_token_by_token() {
    let cases = [
        ("a.*", "a.b", 1),
        ("a.*", "a", 0),
        ("a.*", "a.b.c", 0),
        ("a.>", "a.b.c", 1),
        ("a.>", "a", 0),
        ("*.b", "a.b", 1),
        ("*.b", ".b", 1),
        (">", "anything at all", 1),
        ("a", "a", 1),
        ("a.*", "a.", 1),
        ("a.>", "a.", 1),
        ("a..b", "a..b", 1),
        ("a..b", "a.b", 0),
        ("a.*.b", "a..b", 1),
    ];
    for (pattern, event, n_delivered) in cases {
        let mut world = world(&["a"]);
        world.listen_to_pattern("a", pattern);
        assert_eq!(publish(&mut world, event), n_delivered, "{pattern} {event}");
    }
}

#[test]
fn whatever_matches_one_copy_comes() {
    let mut world = world(&["a", "b"]);
    world.listen("a", "x.y");
    world.listen("a", "x.y");
    for pattern in ["x.y", "x.*", "*.y", "x.>", ">", "*.*"] {
        world.listen_to_pattern("a", pattern);
    }
    world.listen_to_pattern("b", "x.>");
    assert_eq!(publish(&mut world, "x.y"), 2);
    assert_eq!(world.sent_to("a"), [r#"{"event":"x.y","result":null}"#]);
    assert_eq!(world.sent_to("b"), [r#"{"event":"x.y","result":null}"#]);
    assert_eq!(world.stats().events_matched, 2);
}

#[test]
fn a_publisher_that_listens_hears_itself() {
    let mut world = World::new();
    world.connect("peer");
    world.listen("peer", "e");
    world.send("peer", r#"{"event":"e","result":1,"id":1}"#);
    assert_eq!(
        world.sent_to("peer"),
        [
            r#"{"event":"e","result":1}"#,
            r#"{"success":"OK","delivered":1,"id":1}"#
        ]
    );
}

#[test]
fn whoever_stops_listening_hears_no_more() {
    let mut world = world(&["a"]);
    world.listen("a", "e.f");
    world.listen_to_pattern("a", "e.*");
    let unlisten =
        |param: &str| format!(r#"{{"object":"ipc","method":"unlisten","param":{param},"id":1}}"#);
    let answer = world.ask("a", &unlisten(r#"{"event":"e.f"}"#));
    assert_eq!(answer["response"]["event"], "e.f");
    assert_eq!(
        publish(&mut world, "e.f"),
        1,
        "the pattern is another subscription"
    );
    world.sent_to("a");
    let answer = world.ask("a", &unlisten(r#"{"event":"e.f"}"#));
    assert_eq!(codes(&[answer]), ["not_owner"]);
    world.ask("a", &unlisten(r#"{"event":"e.*","match":"pattern"}"#));
    assert_eq!(publish(&mut world, "e.f"), 0);
    assert!(world.sent_to("a").is_empty());
}

#[test]
fn whoever_left_hears_no_more() {
    let mut world = world(&["a", "b"]);
    world.listen("a", "e");
    world.listen_to_pattern("b", "e");
    world.crash("a");
    assert_eq!(publish(&mut world, "e"), 1);
    world.crash("b");
    assert_eq!(publish(&mut world, "e"), 0);
}

#[test]
fn all_listeners_see_the_events_of_a_name_in_one_order() {
    let mut world = world(&["a", "b"]);
    world.connect("seed");
    world.hello("rival");
    world.listen_to_pattern("a", "e");
    world.stop_reading("a");
    world.listen("b", "e");
    world.listen("seed", "e");
    for n in 0..20 {
        let publisher = if n % 3 == 0 { "rival" } else { "publisher" };
        world.send(publisher, &format!(r#"{{"event":"e","result":{n}}}"#));
    }
    world.read_on("a");
    let seen = world.sent_to("a");
    assert_eq!(seen.len(), 20);
    assert_eq!(world.sent_to("b"), seen);
    assert_eq!(world.sent_to("seed"), seen);
}

#[test]
fn retained_events_are_refused_for_none_are_kept() {
    let mut world = world(&["a"]);
    world.listen("a", "e");
    let answer = world.ask("publisher", r#"{"event":"e","result":1,"retain":true}"#);
    assert_eq!(codes(&[answer]), ["unsupported"]);
    assert!(world.sent_to("a").is_empty());
}

#[test]
fn an_events_id_is_its_publishers_own_affair() {
    let mut world = world(&["a"]);
    world.listen("a", "e");
    world.send(
        "publisher",
        r#"{"id":"secret","result":[1, 2],"event":"e","extra":1}"#,
    );
    assert_eq!(world.sent_to("a"), [r#"{"event":"e","result":[1, 2]}"#]);
}

#[test]
fn events_and_calls_that_come_together_keep_their_order() {
    let mut world = world(&["a", "b"]);
    world.listen("a", "x");
    world.listen("b", "x");
    world.register("a", "mango");
    world.send(
        "publisher",
        r#"{"event":"x","result":1}{"object":"mango","method":"m"}{"event":"x","result":2}"#,
    );
    let keys: Vec<_> = world.sent_to("a");
    assert!(keys[0].contains(r#""result":1"#), "{keys:?}");
    assert!(keys[1].contains(r#""method":"m""#), "{keys:?}");
    assert!(keys[2].contains(r#""result":2"#), "{keys:?}");
    assert_eq!(world.sent_to("b").len(), 2);
}

#[test]
fn of_events_that_come_together_everyone_hears_its_own() {
    let mut world = world(&["a", "b", "c", "d"]);
    for (listener, events) in [("a", "x"), ("b", "x"), ("c", "y"), ("d", "xy")] {
        for event in events.split("").filter(|event| !event.is_empty()) {
            world.listen(listener, event);
        }
    }
    let events = ["x", "y", "y", "x", "x", "y"].iter().zip(1..);
    let text: String = events
        .map(|(event, n)| format!(r#"{{"event":"{event}","result":{n}}}"#))
        .collect();
    world.send("publisher", &text);
    for (listener, expected) in [
        ("a", vec![1, 4, 5]),
        ("b", vec![1, 4, 5]),
        ("c", vec![2, 3, 6]),
        ("d", vec![1, 2, 3, 4, 5, 6]),
    ] {
        let heard: Vec<_> = world
            .values_sent_to(listener)
            .iter()
            .map(|event| event["result"].as_u64().unwrap())
            .collect();
        assert_eq!(heard, expected, "{listener}");
    }
}
