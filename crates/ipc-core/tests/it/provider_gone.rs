//! A provider that leaves owes nobody anything.

use crate::{call, caller_and_provider, codes, taken_by};

#[test]
fn all_its_open_calls_are_answered() {
    let mut world = caller_and_provider(true);
    world.hello("other");
    call(&mut world, "caller", "mango", 1);
    call(&mut world, "other", "mango", 1);
    call(&mut world, "caller", "mango", 2);
    world.crash("provider");
    assert_eq!(codes(&world.values_sent_to("caller")), ["provider_gone"; 2]);
    assert_eq!(codes(&world.values_sent_to("other")), ["provider_gone"]);
}

#[test]
fn so_are_the_calls_that_were_queued_for_it() {
    let mut world = caller_and_provider(false);
    for n in 1..=3 {
        call(&mut world, "caller", "mango", n);
    }
    world.crash("provider");
    let told = world.values_sent_to("caller");
    let ids: Vec<_> = told
        .iter()
        .map(|answer| answer["id"].as_u64().unwrap())
        .collect();
    assert_eq!(
        (codes(&told), ids),
        (vec!["provider_gone"; 3], vec![1, 2, 3])
    );
    assert_eq!(world.stats().queued_bytes, 0);
}

#[test]
fn the_answers_come_before_the_name_is_free() {
    let mut world = caller_and_provider(true);
    world.listen_to_pattern("caller", "ipc.object.>");
    call(&mut world, "caller", "mango", 1);
    world.disconnect("provider");
    let told = world.values_sent_to("caller");
    assert_eq!(told[0]["code"], "provider_gone");
    assert_eq!(told[1]["event"], "ipc.object.unregistered");
    call(&mut world, "caller", "mango", 2);
    assert_eq!(codes(&world.values_sent_to("caller")), ["object_not_found"]);
}

#[test]
fn the_successor_gets_new_calls_and_not_the_old() {
    let mut world = caller_and_provider(true);
    world.hello("next");
    world.register_as("next", "mango", "queue");
    call(&mut world, "caller", "mango", 1);
    world.crash("provider");
    assert_eq!(codes(&world.values_sent_to("caller")), ["provider_gone"]);
    assert!(world.sent_to("next").is_empty());
    call(&mut world, "caller", "mango", 2);
    assert_eq!(taken_by(&mut world, "next").0, 2);
}

#[test]
fn a_provider_that_only_gives_the_name_back_still_answers() {
    for says_hello in [true, false] {
        let mut world = caller_and_provider(says_hello);
        call(&mut world, "caller", "mango", 1);
        let id = world.values_sent_to("provider")[0]["id"]
            .as_u64()
            .unwrap_or(0);
        world.ask(
            "provider",
            r#"{"object":"ipc","method":"unregister","param":{"object":"mango"}}"#,
        );
        assert!(world.sent_to("caller").is_empty());
        crate::reply(&mut world, "provider", id, "1");
        assert_eq!(world.sent_to("caller"), [r#"{"response":1,"id":1}"#]);
    }
}

#[test]
fn a_session_number_used_again_by_the_table_is_another_session() {
    let mut world = caller_and_provider(true);
    call(&mut world, "caller", "mango", 1);
    let (_, id) = taken_by(&mut world, "provider");
    let (slot, client) = (world.session("provider").slot(), world.client("provider"));
    world.crash("provider");
    world.sent_to("caller");
    world.hello("newcomer");
    assert_eq!(world.session("newcomer").slot(), slot);
    assert_ne!(world.client("newcomer"), client);
    crate::reply(&mut world, "newcomer", id, "\"stolen\"");
    assert!(world.sent_to("caller").is_empty());
}
