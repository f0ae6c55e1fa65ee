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
fn an_unknown_mode_is_an_invalid_option() {
    let mut world = peers(&["a"]);
    assert_eq!(
        codes(&[world.ask("a", &register("mango", "greedy"))]),
        ["invalid_option"]
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

/// What becomes of whoever registers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Then {
    /// `OK`, and it provides the object, alone.
    Provides,
    /// `OK`, and it provides the object with those who did before.
    Shares,
    /// `OK`, and it stands by.
    StandsBy,
    /// `name_taken`, and nothing changes.
    Taken,
}

/// A peer and the mode in which it registered.
type Registered = (&'static str, &'static str);

const MODES: [&str; 4] = ["exclusive", "replace", "queue", "shared"];

/// What has happened before, as who registered in which mode, and what then becomes of `me` in
/// each of the [`MODES`]: the table of the protocol document.
const MATRIX: [(&[Registered], [Then; 4]); 9] = {
    use Then::{Provides, Shares, StandsBy, Taken};
    [
        (&[], [Provides, Provides, Provides, Provides]),
        (&[("a", "exclusive")], [Taken, Provides, StandsBy, Taken]),
        (&[("a", "shared")], [Taken, Provides, StandsBy, Shares]),
        (
            &[("a", "shared"), ("b", "shared")],
            [Taken, Taken, StandsBy, Shares],
        ),
        (&[("me", "exclusive")], [Provides; 4]),
        (&[("a", "shared"), ("me", "shared")], [Shares; 4]),
        (
            &[("a", "exclusive"), ("me", "queue")],
            [Taken, Provides, StandsBy, Taken],
        ),
        (
            &[("a", "shared"), ("me", "queue")],
            [Taken, Provides, StandsBy, Shares],
        ),
        (
            &[("a", "shared"), ("b", "shared"), ("me", "queue")],
            [Taken, Taken, StandsBy, Shares],
        ),
    ]
};

/// The names of those who provide the object, and of those who stand by.
fn roles(world: &mut World) -> [Vec<String>; 2] {
    let text = r#"{"object":"ipc","method":"objects","param":{},"id":"roles"}"#;
    let answer = world.ask("judge", text);
    let object = &answer["response"]["objects"][0];
    ["providers", "standby"].map(|role| {
        let peers = object[role].as_array().into_iter().flatten();
        let name_of = |client: u64| {
            let mut names = ["a", "b", "me", "later"]
                .into_iter()
                .filter(|name| world.is_open(name));
            names
                .find(|name| world.client(name) == client)
                .unwrap()
                .to_owned()
        };
        peers
            .map(|peer| name_of(peer["client"].as_u64().unwrap()))
            .collect()
    })
}

#[test]
fn whoever_registers_gets_ok_exactly_when_it_has_what_it_asked_for() {
    for (before, then) in MATRIX {
        for (mode, then) in MODES.into_iter().zip(then) {
            for says_hello in [true, false] {
                let case = format!("{mode} after {before:?}, hello {says_hello}");
                register_once_more(before, mode, then, says_hello, &case);
            }
        }
    }
}

fn register_once_more(before: &[Registered], mode: &str, then: Then, says_hello: bool, case: &str) {
    let mut world = peers(&["judge", "a", "b", "later"]);
    if says_hello {
        world.hello("me");
    } else {
        world.connect("me");
    }
    for (peer, mode) in before {
        world.register_as(peer, "mango", mode);
    }
    if !before.is_empty() {
        world.register_as("later", "mango", "queue");
    }
    let [providers, standby] = roles(&mut world);

    let answer = world.ask(
        "me",
        &format!(r#"{{"reg_object":"mango","mode":"{mode}"}}"#),
    );

    let is_refused = then == Then::Taken;
    let code = if is_refused { "name_taken" } else { "none" };
    assert_eq!(codes(std::slice::from_ref(&answer)), [code], "{case}");
    assert_eq!(answer["success"] == "OK", !is_refused, "{case}");
    let me = || "me".to_owned();
    let with_me = |mut peers: Vec<String>| {
        if !peers.contains(&me()) {
            peers.push(me());
        }
        peers
    };
    let others = |peers: Vec<String>| -> Vec<String> {
        peers.into_iter().filter(|peer| *peer != me()).collect()
    };
    let expected = match then {
        Then::Taken => [providers, standby],
        Then::Provides => [vec![me()], others(standby)],
        Then::Shares => [with_me(providers), others(standby)],
        Then::StandsBy => [providers, with_me(standby)],
    };
    assert_eq!(roles(&mut world), expected, "{case}");
}

#[test]
fn a_refused_standby_is_promoted_when_its_time_comes() {
    let mut world = peers(&["a", "b", "c", "caller"]);
    world.register("a", "mango");
    world.register_as("b", "mango", "queue");
    world.register_as("c", "mango", "queue");
    for mode in ["exclusive", "shared"] {
        let answer = world.ask("b", &register("mango", mode));
        assert_eq!(codes(std::slice::from_ref(&answer)), ["name_taken"]);
    }
    world.disconnect("a");
    assert_eq!(asked(&mut world, &["b", "c"]), ["b"], "it kept its place");
}

#[test]
fn one_who_stands_by_may_give_a_new_interface() {
    let mut world = peers(&["a", "b", "caller"]);
    world.register("a", "mango");
    let with = |mode: &str, doc: u8| {
        format!(r#"{{"reg_object":"mango","mode":"{mode}","interface":{{"doc":{doc}}},"id":0}}"#)
    };
    let doc = |world: &mut World| {
        let text = r#"{"object":"ipc","method":"describe","param":{"object":"mango"},"id":9}"#;
        world.ask("caller", text)["response"]["interface"]["doc"].clone()
    };
    world.ask("b", &with("queue", 1));
    world.ask("b", &with("queue", 2));
    let refused = world.ask("b", &with("exclusive", 3));
    assert_eq!(codes(std::slice::from_ref(&refused)), ["name_taken"]);
    world.disconnect("a");
    assert_eq!(doc(&mut world), 2, "what was refused is not kept");
    world.hello("c");
    world.ask("c", &with("queue", 4));
    world.register_as("c", "mango", "replace");
    assert_eq!(doc(&mut world), 4, "what it gave while it stood by");
}
