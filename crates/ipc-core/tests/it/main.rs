//! What the broker promises, one module for each property.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says which seed to look at again"
)]

mod answers;
mod calls;
mod clock;
mod dialects;
mod events;
mod foreign_forms;
mod half_close;
mod ipc_object;
mod last_words;
mod listing;
mod losses;
mod malformed;
mod names;
mod naming_modes;
mod pauses;
mod payloads;
mod provider_gone;
mod quotas;
mod seed_forms;
mod seed_provider;
mod server_events;
mod shutting_down;
mod simulation;
mod slow_consumer;
mod timeouts;
mod waiting;

use ipc_testkit::World;
use serde_json::Value;

/// Calls `object` with a number that tells the call, under that number as its id.
fn call(world: &mut World, caller: &str, object: &str, n: u64) {
    let text = format!(r#"{{"object":"{object}","method":"m","param":{n},"id":{n}}}"#);
    world.send(caller, &text);
}

/// Calls `object` with a number that tells the call, and no id.
fn call_in_turn(world: &mut World, caller: &str, object: &str, n: u64) {
    world.send(
        caller,
        &format!(r#"{{"object":"{object}","method":"m","param":{n}}}"#),
    );
}

/// The one call that the provider was sent, with the id that the server gave it.
fn taken_by(world: &mut World, provider: &str) -> (u64, u64) {
    let told = world.values_sent_to(provider);
    assert_eq!(told.len(), 1, "{told:?}");
    (
        told[0]["param"].as_u64().unwrap(),
        told[0]["id"].as_u64().unwrap(),
    )
}

/// The provider answers a call by the server's id.
fn reply(world: &mut World, provider: &str, id: u64, response: &str) {
    world.send(provider, &format!(r#"{{"response":{response},"id":{id}}}"#));
}

fn codes(values: &[Value]) -> Vec<&str> {
    values
        .iter()
        .map(|value| value["code"].as_str().unwrap_or("none"))
        .collect()
}

/// A caller that said hello and a provider that registered `mango`, in this dialect.
fn caller_and_provider(provider_says_hello: bool) -> World {
    let mut world = World::new();
    world.hello("caller");
    if provider_says_hello {
        world.hello("provider");
    } else {
        world.connect("provider");
    }
    world.register("provider", "mango");
    world
}
