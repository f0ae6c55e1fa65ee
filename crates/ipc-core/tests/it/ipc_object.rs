//! The methods of the object `ipc`.

use ipc_core::Peer;
use ipc_testkit::World;
use serde_json::{Value, json};

use crate::{call, caller_and_provider, codes};

fn ask(world: &mut World, peer: &str, method: &str, param: Value) -> Value {
    let text = format!(r#"{{"object":"ipc","method":"{method}","param":{param},"id":"q"}}"#);
    world.ask(peer, &text)
}

#[test]
fn ping_is_answered_in_both_dialects() {
    let mut world = World::new();
    world.connect("seed");
    world.hello("peer");
    for peer in ["seed", "peer"] {
        let answer = world.ask(peer, r#"{"object":"ipc","method":"ping"}"#);
        assert_eq!(answer, json!({"response": {"pong": true}}));
    }
}

#[test]
fn an_unknown_method_is_not_found() {
    let mut world = World::new();
    world.connect("peer");
    for method in ["", "Ping", r"\ud800"] {
        let answer = ask(&mut world, "peer", method, json!({}));
        assert_eq!(codes(&[answer]), ["method_not_found"]);
    }
    for method in ["monitor", "kick"] {
        let answer = ask(&mut world, "peer", method, json!({}));
        assert_eq!(codes(&[answer]), ["unsupported"]);
    }
}

#[test]
fn a_wrong_parameter_is_told_and_does_nothing() {
    let mut world = caller_and_provider(true);
    for method in ["describe", "unregister", "unlisten", "cancel"] {
        for param in [
            json!({}),
            json!(null),
            json!([]),
            json!("mango"),
            json!({"object": null, "event": null, "id": null}),
            json!({"object": 1, "event": 1, "id": [1]}),
        ] {
            let answer = ask(&mut world, "provider", method, param);
            assert_eq!(codes(&[answer]), ["invalid_option"]);
        }
    }
    let answer = ask(&mut world, "caller", "objects", json!({}));
    assert_eq!(answer["response"]["objects"][0]["object"], "mango");
}

#[test]
fn objects_are_listed_by_name_with_who_has_them() {
    let mut world = World::new();
    for peer in ["a", "b", "c"] {
        world.hello(peer);
    }
    let [a, b, c] = ["a", "b", "c"].map(|peer| json!({"client": world.client(peer), "name": peer}));
    world.register_as("b", "z", "shared");
    world.register_as("a", "z", "shared");
    world.register("c", "m");
    world.register_as("a", "m", "queue");
    assert_eq!(
        ask(&mut world, "a", "objects", json!({}))["response"],
        json!({"objects": [
            {"object": "m", "mode": "exclusive", "providers": [c], "standby": [a]},
            {"object": "z", "mode": "shared", "providers": [b, a], "standby": []},
        ], "next": null})
    );
}

#[test]
fn describe_gives_the_interface_as_it_was_registered() {
    let mut world = World::new();
    world.hello("provider");
    world.send(
        "provider",
        "{\"reg_object\":\"m\",\"interface\":{ \"doc\" :\n1.0},\"id\":1}",
    );
    world.connect("seed");
    world.send(
        "seed",
        r#"{"object":"ipc","method":"describe","param":{"object":"m"}}"#,
    );
    let told = world.sent_to("seed");
    assert!(
        told[0].contains("\"interface\":{ \"doc\" :\n1.0}"),
        "{told:?}"
    );
    world.writes_to("provider");
    world.send(
        "provider",
        r#"{"object":"ipc","method":"describe","param":{"object":"m"}}"#,
    );
    let line = world.writes_to("provider").concat();
    assert!(line.contains("\"interface\":{ \"doc\" : 1.0}"), "{line}");
    world.register("provider", "plain");
    let answer = ask(&mut world, "seed", "describe", json!({"object": "plain"}));
    assert_eq!(answer["response"]["interface"], Value::Null);
    let answer = ask(&mut world, "seed", "describe", json!({"object": "nobody"}));
    assert_eq!(codes(&[answer]), ["object_not_found"]);
}

#[test]
fn the_interface_of_ipc_names_every_method_and_nothing_else() {
    let mut world = World::new();
    world.hello("peer");
    let answer = ask(&mut world, "peer", "describe", json!({"object": "ipc"}));
    let methods = answer["response"]["interface"]["methods"]
        .as_object()
        .unwrap();
    let expected = [
        "hello",
        "ping",
        "objects",
        "describe",
        "clients",
        "stats",
        "unregister",
        "unlisten",
        "cancel",
    ];
    for method in expected {
        assert!(methods.contains_key(method), "{method} is not described");
    }
    for method in methods.keys() {
        let answer = ask(&mut world, "peer", method, json!({}));
        assert_ne!(
            codes(&[answer]),
            ["method_not_found"],
            "{method} is described"
        );
    }
    let events = answer["response"]["interface"]["events"]
        .as_object()
        .unwrap();
    for event in [
        "ipc.object.registered",
        "ipc.object.unregistered",
        "ipc.client.connected",
        "ipc.client.disconnected",
        "ipc.cancel",
        "ipc.lost",
        "ipc.shutdown",
    ] {
        assert!(events.contains_key(event), "{event} is not described");
    }
}

#[test]
fn clients_are_listed_by_number() {
    let mut world = World::new();
    let peer = Peer {
        address: "unix:7".to_owned(),
        pid: Some(7),
        uid: Some(1000),
    };
    world.connect_as("seed", peer).unwrap();
    world.register("seed", "m");
    world.listen("seed", "e");
    world.hello("caller");
    call(&mut world, "caller", "m", 1);
    let answer = ask(&mut world, "caller", "clients", json!({}));
    let client = world.client("seed");
    assert_eq!(
        answer["response"]["clients"][0],
        json!({
            "client": client, "name": null, "dialect": "seed", "address": "unix:7", "pid": 7,
            "uid": 1000, "objects": ["m"], "subscriptions": 1, "calls_out": 0, "calls_in": 1,
            "queued_bytes": 0, "events_dropped": 0,
        })
    );
    assert_eq!(answer["response"]["clients"][1]["name"], "caller");
    assert_eq!(answer["response"]["clients"][1]["dialect"], "lines");
    assert_eq!(answer["response"]["clients"][1]["calls_out"], 1);
}

#[test]
fn unregister_gives_back_ones_own_objects_only() {
    let mut world = caller_and_provider(true);
    for object in ["mango", "nobody", "ipc"] {
        let answer = ask(
            &mut world,
            "caller",
            "unregister",
            json!({"object": object}),
        );
        assert_eq!(codes(&[answer]), ["not_owner"]);
    }
    let answer = ask(
        &mut world,
        "provider",
        "unregister",
        json!({"object": "mango"}),
    );
    assert_eq!(answer["response"]["object"], "mango");
    world.register("caller", "mango");
}

#[test]
fn stats_add_up() {
    let mut world = caller_and_provider(true);
    world.advance(3_500);
    for n in 1..=3 {
        call(&mut world, "caller", "mango", n);
    }
    let told = world.values_sent_to("provider");
    crate::reply(&mut world, "provider", told[0]["id"].as_u64().unwrap(), "1");
    world.ask("provider", r#"{"object":"nobody","method":"m"}"#);
    world.sent_to("caller");
    let shown = ask(&mut world, "caller", "stats", json!({}))["response"].clone();
    let expected = json!({
        "server": "ipc-server/test", "uptime_s": 3, "connections": 2, "objects": 1,
        "subscriptions": 0, "messages": 9, "connections_opened": 2, "connections_refused": 0,
        "connections_closed": 0,
        "faults": 0, "slow_consumers": 0, "refusals": 1, "calls_accepted": 3,
        "calls_answered": 1, "calls_open": 2, "calls_timed_out": 0, "calls_cancelled": 0,
        "replies_dropped": 0, "events": 3, "events_matched": 0, "events_queued": 0,
        "events_dropped": 0, "queued_bytes": 0,
    });
    assert_eq!(shown, expected);
}
