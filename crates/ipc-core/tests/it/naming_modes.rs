//! Who provides an object when several want to.

use ipc_testkit::World;

use crate::{call, codes, taken_by};

fn peers(names: &[&str]) -> World {
    let mut world = World::new();
    for name in names {
        world.hello(name);
    }
    world
}

fn register(object: &str, mode: &str) -> String {
    format!(r#"{{"reg_object":"{object}","mode":"{mode}","id":0}}"#)
}

/// Who of the peers is sent the next call.
fn asked(world: &mut World, peers: &[&str]) -> Vec<String> {
    call(world, "caller", "mango", 1);
    world.send(
        "caller",
        r#"{"object":"ipc","method":"cancel","param":{"id":1}}"#,
    );
    let mut asked = Vec::new();
    for peer in peers {
        if world
            .values_sent_to(peer)
            .iter()
            .any(|told| told["object"] == "mango")
        {
            asked.push((*peer).to_owned());
        }
    }
    asked
}

#[test]
fn a_second_exclusive_provider_is_refused_and_told_who_has_the_name() {
    let mut world = peers(&["a", "b"]);
    world.register("a", "mango");
    for mode in ["exclusive", "shared"] {
        let answer = world.ask("b", &register("mango", mode));
        assert_eq!(codes(std::slice::from_ref(&answer)), ["name_taken"]);
        let holder = format!("client {} ", world.client("a"));
        assert!(answer["error"].as_str().unwrap().starts_with(&holder));
    }
}

#[test]
fn registering_ones_own_name_again_is_ok() {
    let mut world = peers(&["a", "caller"]);
    world.listen_to_pattern("caller", "ipc.object.>");
    for mode in ["exclusive", "queue", "shared", "replace"] {
        world.register_as("a", "mango", mode);
    }
    assert_eq!(world.sent_to("caller").len(), 1, "it was registered once");
    assert_eq!(asked(&mut world, &["a"]), ["a"]);
    world.sent_to("caller");
    world.disconnect("a");
    assert_eq!(world.sent_to("caller").len(), 1, "and given back once");
}

#[test]
fn a_replacement_takes_the_name_and_the_old_one_finishes_its_calls() {
    let mut world = peers(&["a", "b", "caller"]);
    world.register("a", "mango");
    call(&mut world, "caller", "mango", 7);
    let (_, id) = taken_by(&mut world, "a");
    world.register_as("b", "mango", "replace");
    assert_eq!(asked(&mut world, &["a", "b"]), ["b"]);
    world.sent_to("caller");
    crate::reply(&mut world, "a", id, "7");
    assert_eq!(world.sent_to("caller"), [r#"{"response":7,"id":7}"#]);
    world.disconnect("a");
    assert_eq!(
        asked(&mut world, &["b"]),
        ["b"],
        "the name is not the old one's any more"
    );
}

#[test]
fn several_providers_are_not_replaced() {
    let mut world = peers(&["a", "b", "c"]);
    world.register_as("a", "mango", "shared");
    world.register_as("b", "mango", "shared");
    assert_eq!(
        codes(&[world.ask("c", &register("mango", "replace"))]),
        ["name_taken"]
    );
}

#[test]
fn those_who_stand_by_are_promoted_in_order() {
    let mut world = peers(&["a", "b", "c", "caller"]);
    let all = ["a", "b", "c"];
    for peer in all {
        world.register_as(peer, "mango", "queue");
    }
    assert_eq!(asked(&mut world, &all), ["a"]);
    world.disconnect("a");
    assert_eq!(asked(&mut world, &["b", "c"]), ["b"]);
    let text = r#"{"object":"ipc","method":"unregister","param":{"object":"mango"}}"#;
    world.ask("b", text);
    assert_eq!(asked(&mut world, &["b", "c"]), ["c"]);
    assert_eq!(codes(&[world.ask("b", text)]), ["not_owner"]);
}

#[test]
fn one_who_stands_by_may_give_up() {
    let mut world = peers(&["a", "b", "c", "caller"]);
    world.register("a", "mango");
    world.register_as("b", "mango", "queue");
    world.register_as("c", "mango", "queue");
    world.disconnect("b");
    world.disconnect("a");
    assert_eq!(asked(&mut world, &["c"]), ["c"]);
}

#[test]
fn calls_are_spread_over_all_who_share_a_name() {
    let mut world = peers(&["a", "b", "c", "caller"]);
    let all = ["a", "b", "c"];
    for peer in all {
        world.register_as(peer, "mango", "shared");
    }
    let mut seen: Vec<_> = (0..6).flat_map(|_| asked(&mut world, &all)).collect();
    assert_eq!(seen[..3], seen[3..], "in turn");
    seen.truncate(3);
    seen.sort();
    assert_eq!(seen, all);
}

#[test]
fn a_shared_name_lives_as_long_as_one_of_them() {
    let mut world = peers(&["a", "b", "caller"]);
    world.register_as("a", "mango", "shared");
    world.register_as("b", "mango", "shared");
    world.disconnect("a");
    assert_eq!(asked(&mut world, &["b"]), ["b"]);
    assert_eq!(asked(&mut world, &["b"]), ["b"]);
    world.disconnect("b");
    call(&mut world, "caller", "mango", 9);
    assert_eq!(
        world.values_sent_to("caller").last().unwrap()["code"],
        "object_not_found"
    );
}

#[test]
fn a_busy_provider_of_a_shared_name_is_skipped() {
    let mut world = World::limited(|limits| limits.outbox_bytes = 600);
    for peer in ["a", "b", "caller"] {
        world.hello(peer);
    }
    world.register_as("a", "mango", "shared");
    world.register_as("b", "mango", "shared");
    world.stop_reading("a");
    for n in 0..40 {
        call(&mut world, "caller", "mango", n);
        let told = world.values_sent_to("b");
        for call in told {
            crate::reply(&mut world, "b", call["id"].as_u64().unwrap(), "0");
        }
    }
    let told = world.values_sent_to("caller");
    assert_eq!(codes(&told), vec!["none"; told.len()], "nobody was refused");
    assert!(20 < told.len());
    world.stop_reading("b");
    for n in 40..80 {
        call(&mut world, "caller", "mango", n);
    }
    assert_eq!(
        world.values_sent_to("caller").last().unwrap()["code"],
        "busy"
    );
}

#[test]
fn an_unknown_mode_is_unsupported() {
    let mut world = peers(&["a"]);
    assert_eq!(
        codes(&[world.ask("a", &register("mango", "greedy"))]),
        ["unsupported"]
    );
}

#[test]
fn registering_ones_own_name_in_another_mode_changes_it() {
    let mut world = peers(&["a", "b", "caller"]);
    world.register("a", "mango");
    let refused = world.ask("b", &register("mango", "shared"));
    assert_eq!(codes(std::slice::from_ref(&refused)), ["name_taken"]);
    world.register_as("a", "mango", "shared");
    world.register_as("b", "mango", "shared");
    let both = [
        asked(&mut world, &["a", "b"]),
        asked(&mut world, &["a", "b"]),
    ];
    assert!(both.contains(&vec!["a".to_owned()]) && both.contains(&vec!["b".to_owned()]));
}

#[test]
fn one_who_stands_by_may_take_the_name_over() {
    let mut world = peers(&["a", "b", "caller"]);
    world.register("a", "mango");
    world.register_as("b", "mango", "queue");
    world.register_as("b", "mango", "replace");
    assert_eq!(asked(&mut world, &["a", "b"]), ["b"]);
    world.sent_to("caller");
    world.disconnect("b");
    let answer = world.ask("caller", r#"{"object":"mango","method":"m","id":2}"#);
    assert_eq!(codes(std::slice::from_ref(&answer)), ["object_not_found"]);
}
