//! Which answer belongs to which request.

use ipc_testkit::World;

use crate::{call, call_in_turn, caller_and_provider, codes, reply};

/// Two calls without an id are in flight; the provider's ids of them.
fn two_in_turn(caller_says_hello: bool) -> (World, [u64; 2]) {
    let mut world = World::new();
    world.hello("provider");
    world.register("provider", "mango");
    if caller_says_hello {
        world.hello("caller");
    } else {
        world.connect("caller");
    }
    call_in_turn(&mut world, "caller", "mango", 1);
    call_in_turn(&mut world, "caller", "mango", 2);
    let told = world.values_sent_to("provider");
    let ids = [0, 1].map(|n: usize| told[n]["id"].as_u64().unwrap());
    (world, ids)
}

#[test]
fn answers_without_an_id_keep_the_order_of_the_requests() {
    for says_hello in [false, true] {
        let (mut world, [one, two]) = two_in_turn(says_hello);
        reply(&mut world, "provider", two, "\"two\"");
        assert!(world.sent_to("caller").is_empty());
        reply(&mut world, "provider", one, "\"one\"");
        assert_eq!(
            world.sent_to("caller"),
            [r#"{"response":"one"}"#, r#"{"response":"two"}"#]
        );
        assert_eq!(world.stats().queued_bytes, 0);
    }
}

#[test]
fn the_servers_own_answers_wait_for_their_turn_too() {
    let (mut world, [one, two]) = two_in_turn(false);
    world.send(
        "caller",
        r#"{"list":[]}{"reg_object":"a"}{"object":"no","method":"m"}"#,
    );
    reply(&mut world, "provider", two, "2");
    assert!(world.sent_to("caller").is_empty());
    reply(&mut world, "provider", one, "1");
    assert_eq!(
        world.writes_to("caller"),
        [
            r#"{"response":1}"#,
            r#"{"response":2}"#,
            r#"{"list":[]}"#,
            r#"{"success":"OK"}"#,
            r#"{"error":"Object not found","code":"object_not_found"}"#,
        ]
    );
}

#[test]
fn what_is_answered_by_nothing_holds_nobody_up() {
    let (mut world, [one, two]) = two_in_turn(false);
    world.send(
        "caller",
        r#"{"event_name":"e"}{"event":"e","result":7}{"list":[]}"#,
    );
    assert_eq!(world.sent_to("caller"), [r#"{"event":"e","result":7}"#]);
    reply(&mut world, "provider", one, "1");
    reply(&mut world, "provider", two, "2");
    assert_eq!(
        world.sent_to("caller"),
        [r#"{"response":1}"#, r#"{"response":2}"#, r#"{"list":[]}"#]
    );
}

#[test]
fn answers_with_an_id_come_in_any_order() {
    let mut world = caller_and_provider(true);
    call(&mut world, "caller", "mango", 1);
    call(&mut world, "caller", "mango", 2);
    let told = world.values_sent_to("provider");
    reply(&mut world, "provider", told[1]["id"].as_u64().unwrap(), "2");
    assert_eq!(world.sent_to("caller"), [r#"{"response":2,"id":2}"#]);
    reply(&mut world, "provider", told[0]["id"].as_u64().unwrap(), "1");
    assert_eq!(world.sent_to("caller"), [r#"{"response":1,"id":1}"#]);
}

#[test]
fn an_id_overtakes_those_who_wait_for_their_turn() {
    let (mut world, _) = two_in_turn(false);
    world.send("caller", r#"{"list":[],"id":"x"}"#);
    assert_eq!(world.sent_to("caller"), [r#"{"list":[],"id":"x"}"#]);
}

#[test]
fn every_kind_of_request_with_an_id_is_answered_with_it() {
    let mut world = World::new();
    world.connect("peer");
    let id = r#""a\u0062 \"c""#;
    let stream = [
        format!(r#"{{"id":{id},"reg_object":"a"}}"#),
        format!(r#"{{"id":{id},"list":["a"]}}"#),
        format!(r#"{{"id":{id},"event_name":"e"}}"#),
        format!(r#"{{"id":{id},"event":"f","result":0}}"#),
        format!(r#"{{"id":{id},"object":"ipc","method":"ping"}}"#),
    ];
    world.send("peer", &stream.concat());
    let expected = [
        format!(r#"{{"success":"OK","id":{id}}}"#),
        format!(r#"{{"list":["a"],"id":{id}}}"#),
        format!(r#"{{"success":"OK","id":{id}}}"#),
        format!(r#"{{"success":"OK","delivered":0,"id":{id}}}"#),
        format!(r#"{{"response":{{"pong":true}},"id":{id}}}"#),
    ];
    assert_eq!(world.sent_to("peer"), expected);
}

#[test]
fn a_duplicate_id_is_refused_and_leaves_the_first_in_flight() {
    let mut world = caller_and_provider(true);
    world.listen("provider", "e");
    call(&mut world, "caller", "mango", 7);
    let (_, id) = crate::taken_by(&mut world, "provider");
    for again in [
        r#"{"object":"mango","method":"m","id":7}"#,
        r#"{"object":"ipc","method":"ping","id":7}"#,
        r#"{"reg_object":"a","id":7}"#,
        r#"{"list":[],"id":7}"#,
        r#"{"event_name":"e","id":7}"#,
        r#"{"event":"e","result":1,"id":7}"#,
    ] {
        let answer = world.ask("caller", again);
        assert_eq!(
            (codes(std::slice::from_ref(&answer)), &answer["id"]),
            (vec!["duplicate_id"], &7.into())
        );
    }
    assert!(world.sent_to("provider").is_empty(), "nothing was done");
    reply(&mut world, "provider", id, "\"first\"");
    assert_eq!(world.sent_to("caller"), [r#"{"response":"first","id":7}"#]);
}

#[test]
fn an_id_is_free_again_when_it_was_answered() {
    let mut world = caller_and_provider(true);
    for n in 0..3 {
        call(&mut world, "caller", "mango", 7);
        let (_, id) = crate::taken_by(&mut world, "provider");
        reply(&mut world, "provider", id, &n.to_string());
        assert_eq!(
            world.sent_to("caller"),
            [format!(r#"{{"response":{n},"id":7}}"#)]
        );
    }
}

#[test]
fn a_wait_occupies_its_id_as_a_call_does() {
    let mut world = World::new();
    world.hello("peer");
    world.send("peer", r#"{"list":["a"],"timeout_ms":1000,"id":1}"#);
    let answer = world.ask("peer", r#"{"list":["a"],"timeout_ms":1000,"id":1}"#);
    assert_eq!(codes(&[answer]), ["duplicate_id"]);
    world.advance(1000);
    assert_eq!(
        world.sent_to("peer"),
        [r#"{"list":[],"missing":["a"],"id":1}"#]
    );
}

#[test]
fn two_connections_may_use_the_same_id() {
    let mut world = caller_and_provider(true);
    world.hello("other");
    call(&mut world, "caller", "mango", 1);
    call(&mut world, "other", "mango", 1);
    let told = world.values_sent_to("provider");
    assert_ne!(told[0]["id"], told[1]["id"]);
    reply(
        &mut world,
        "provider",
        told[1]["id"].as_u64().unwrap(),
        "\"other\"",
    );
    assert_eq!(world.sent_to("other"), [r#"{"response":"other","id":1}"#]);
    assert!(world.sent_to("caller").is_empty());
}
