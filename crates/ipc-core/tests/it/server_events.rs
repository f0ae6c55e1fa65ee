//! What the server itself tells about objects and clients.

use ipc_testkit::World;
use serde_json::{Value, json};

use crate::codes;

fn watched() -> World {
    let mut world = World::new();
    world.hello("watcher");
    world.listen_to_pattern("watcher", "ipc.>");
    world.sent_to("watcher");
    world
}

fn seen(world: &mut World) -> Vec<(String, Value)> {
    let told = world.values_sent_to("watcher");
    told.into_iter()
        .map(|event| {
            (
                event["event"].as_str().unwrap().to_owned(),
                event["result"].clone(),
            )
        })
        .collect()
}

fn event(name: &str, result: Value) -> (String, Value) {
    (format!("ipc.{name}"), result)
}

#[test]
fn a_client_is_told_of_with_its_first_message_and_its_name() {
    let mut world = watched();
    world.connect("silent");
    world.connect("seed");
    world.send("seed", r#"{"list":[]}"#);
    world.hello("named");
    let (seed, named) = (world.client("seed"), world.client("named"));
    assert_eq!(
        seen(&mut world),
        [
            event("client.connected", json!({"client": seed, "name": null})),
            event(
                "client.connected",
                json!({"client": named, "name": "named"})
            ),
        ]
    );
    for name in ["silent", "seed", "named"] {
        world.disconnect(name);
    }
    assert_eq!(
        seen(&mut world),
        [
            event(
                "client.disconnected",
                json!({"client": seed, "name": null, "reason": "left"})
            ),
            event(
                "client.disconnected",
                json!({"client": named, "name": "named", "reason": "left"})
            ),
        ],
        "who never said anything is not told of"
    );
}

#[test]
fn the_reason_of_a_leaving_is_told() {
    let mut world = watched();
    for (name, reason) in [("a", "failed"), ("b", "fault"), ("c", "slow_consumer")] {
        world.hello(name);
        world.register(name, "mango");
        let client = world.client(name);
        seen(&mut world);
        match reason {
            "failed" => world.crash(name),
            "fault" => world.send(name, "nonsense"),
            _ => {
                world.stop_reading(name);
                world.send(name, r#"{"object":"ipc","method":"ping"}"#);
                world.advance(10_000);
            }
        }
        assert_eq!(
            seen(&mut world),
            [
                event(
                    "object.unregistered",
                    json!({"object": "mango", "client": client, "reason": reason})
                ),
                event(
                    "client.disconnected",
                    json!({"client": client, "name": name, "reason": reason})
                ),
            ]
        );
    }
}

#[test]
fn what_becomes_of_an_object_is_told() {
    let mut world = watched();
    world.hello("a");
    world.hello("b");
    world.hello("c");
    let [a, b, c] = ["a", "b", "c"].map(|name| world.client(name));
    seen(&mut world);
    let registered = |client| {
        event(
            "object.registered",
            json!({"object": "m", "client": client}),
        )
    };
    let unregistered = |client, reason| {
        let result = json!({"object": "m", "client": client, "reason": reason});
        event("object.unregistered", result)
    };

    world.register("a", "m");
    assert_eq!(seen(&mut world), [registered(a)]);
    world.register_as("b", "m", "replace");
    assert_eq!(
        seen(&mut world),
        [unregistered(a, "replaced"), registered(b)]
    );
    world.register_as("c", "m", "queue");
    assert_eq!(seen(&mut world), [], "standing by is not told");
    world.ask(
        "b",
        r#"{"object":"ipc","method":"unregister","param":{"object":"m"}}"#,
    );
    assert_eq!(
        seen(&mut world),
        [unregistered(b, "unregistered"), registered(c)]
    );
    world.half_close("c");
    assert_eq!(seen(&mut world)[0], unregistered(c, "left"));
}

#[test]
fn only_patterns_that_begin_with_ipc_match_the_servers_events() {
    let mut world = World::new();
    world.hello("provider");
    for (listener, pattern, hears) in [
        ("a", ">", false),
        ("b", "*.object.registered", false),
        ("c", "ipc.>", true),
        ("d", "ipc.*.registered", true),
        ("e", "ipc.object.registered", true),
        ("f", "ipc", false),
    ] {
        world.hello(listener);
        world.listen_to_pattern(listener, pattern);
        world.register("provider", &format!("object of {listener}"));
        assert_eq!(!world.sent_to(listener).is_empty(), hears, "{pattern}");
    }
    world.hello("g");
    world.listen("g", "ipc.object.registered");
    world.register("provider", "another");
    assert_eq!(world.sent_to("g").len(), 1, "and so does the name");
}

#[test]
fn seed_clients_hear_the_servers_events_too() {
    let mut world = World::new();
    world.connect("seed");
    world.listen("seed", "ipc.object.registered");
    world.register("seed", "mango");
    world.connect("provider");
    world.register("provider", "pear");
    let client = world.client("provider");
    assert_eq!(
        world.values_sent_to("seed"),
        [json!({"event": "ipc.object.registered", "result": {"object": "pear", "client": client}})]
    );
}

#[test]
fn nobody_else_may_send_them() {
    let mut world = watched();
    world.connect("liar");
    let answer = world.ask("liar", r#"{"event":"ipc.cancel","result":{"id":1}}"#);
    assert_eq!(codes(&[answer]), ["denied"]);
    assert_eq!(seen(&mut world).len(), 1, "only that the liar is there");
}
