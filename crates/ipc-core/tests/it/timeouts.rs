//! Calls that end before their answer: by time, by the caller's wish, by its leaving.

use crate::{call, caller_and_provider, codes, reply, taken_by};

const TIMED: &str = r#"{"object":"mango","method":"m","param":1,"timeout_ms":50,"id":1}"#;

fn cancel(id: &str) -> String {
    format!(r#"{{"object":"ipc","method":"cancel","param":{{"id":{id}}},"id":"c"}}"#)
}

#[test]
fn a_call_is_answered_when_its_time_is_over_and_not_before() {
    let mut world = caller_and_provider(true);
    world.send("caller", TIMED);
    let (_, id) = taken_by(&mut world, "provider");
    world.advance(49);
    assert!(world.sent_to("caller").is_empty());
    world.advance(1);
    let told = world.values_sent_to("caller");
    assert_eq!((codes(&told), &told[0]["id"]), (vec!["timeout"], &1.into()));
    let cancelled = format!(r#"{{"event":"ipc.cancel","result":{{"id":{id}}}}}"#);
    assert_eq!(world.sent_to("provider"), [cancelled]);
    assert_eq!(world.stats().calls_timed_out, 1);
}

#[test]
fn the_late_answer_is_dropped() {
    let mut world = caller_and_provider(true);
    world.send("caller", TIMED);
    let (_, id) = taken_by(&mut world, "provider");
    world.advance(50);
    world.sent_to("caller");
    reply(&mut world, "provider", id, "1");
    assert!(world.sent_to("caller").is_empty());
    assert_eq!(world.stats().replies_dropped, 1);
}

#[test]
fn an_answer_in_time_leaves_no_timeout_behind() {
    let mut world = caller_and_provider(true);
    world.send("caller", TIMED);
    let (_, id) = taken_by(&mut world, "provider");
    reply(&mut world, "provider", id, "1");
    world.sent_to("caller");
    world.send("caller", &TIMED.replace("50", "500"));
    world.advance(499);
    assert!(
        world.sent_to("caller").is_empty(),
        "the same id, another call"
    );
    world.advance(1);
    assert_eq!(codes(&world.values_sent_to("caller")), ["timeout"]);
}

#[test]
fn a_timeout_of_nothing_ends_with_the_next_turn_of_the_clock() {
    let mut world = caller_and_provider(true);
    world.send("caller", &TIMED.replace("50", "0"));
    assert_eq!(world.broker.poll_timeout(), Some(world.now));
    world.advance(0);
    assert_eq!(codes(&world.values_sent_to("caller")), ["timeout"]);
}

#[test]
fn a_call_without_a_timeout_has_none() {
    let mut world = caller_and_provider(true);
    call(&mut world, "caller", "mango", 1);
    assert_eq!(world.broker.poll_timeout(), None);
    world.jump(365 * 24 * 60 * 60 * 1000);
    assert!(world.sent_to("caller").is_empty());
}

#[test]
fn calls_time_out_in_the_order_of_their_deadlines() {
    let mut world = caller_and_provider(true);
    for (id, ms) in [(1, 300), (2, 100), (3, 200), (4, 100)] {
        let text = format!(r#"{{"object":"mango","method":"m","timeout_ms":{ms},"id":{id}}}"#);
        world.send("caller", &text);
    }
    world.jump(1000);
    let told = world.values_sent_to("caller");
    let ids: Vec<_> = told
        .iter()
        .map(|answer| answer["id"].as_u64().unwrap())
        .collect();
    assert_eq!(ids, [2, 4, 3, 1]);
}

#[test]
fn a_caller_cancels_its_call() {
    let mut world = caller_and_provider(true);
    call(&mut world, "caller", "mango", 1);
    let (_, id) = taken_by(&mut world, "provider");
    world.send("caller", &cancel("1"));
    let told = world.values_sent_to("caller");
    assert_eq!(
        (codes(&told), &told[0]["id"]),
        (vec!["cancelled", "none"], &1.into())
    );
    assert_eq!(told[1]["response"]["cancelled"], true);
    let cancelled = format!(r#"{{"event":"ipc.cancel","result":{{"id":{id}}}}}"#);
    assert_eq!(world.sent_to("provider"), [cancelled]);
    reply(&mut world, "provider", id, "1");
    assert!(world.sent_to("caller").is_empty());
    assert_eq!(world.stats().calls_cancelled, 1);
}

#[test]
fn cancelling_what_is_not_in_flight_says_so() {
    let mut world = caller_and_provider(true);
    call(&mut world, "caller", "mango", 1);
    for id in ["2", "\"1\"", "1.5", "-1", "1e1"] {
        let answer = world.ask("caller", &cancel(id));
        assert_eq!(answer["response"]["cancelled"], false, "{id}");
    }
    world.hello("other");
    assert_eq!(
        world.ask("other", &cancel("1"))["response"]["cancelled"],
        false
    );
    let no_id = r#"{"object":"ipc","method":"cancel"}"#;
    assert_eq!(codes(&[world.ask("caller", no_id)]), ["invalid_option"]);
    assert_eq!(world.stats().calls_open, 1);
}

#[test]
fn a_wait_can_be_cancelled() {
    let mut world = caller_and_provider(true);
    world.send("caller", r#"{"list":["pear"],"timeout_ms":1000,"id":"w"}"#);
    world.send("caller", &cancel("\"w\""));
    let told = world.values_sent_to("caller");
    assert_eq!(
        (codes(&told), &told[0]["id"]),
        (vec!["cancelled", "none"], &"w".into())
    );
    world.register("provider", "pear");
    world.advance(2000);
    assert!(world.sent_to("caller").is_empty());
}

#[test]
fn a_caller_that_leaves_cancels_its_calls() {
    let mut world = caller_and_provider(true);
    call(&mut world, "caller", "mango", 1);
    world.send("caller", TIMED.replace("\"id\":1", "\"id\":2").as_str());
    let told = world.values_sent_to("provider");
    world.disconnect("caller");
    let cancelled = world.values_sent_to("provider");
    assert_eq!(cancelled.len(), 2);
    for (call, notice) in told.iter().zip(&cancelled) {
        assert_eq!(notice["event"], "ipc.cancel");
        assert_eq!(notice["result"]["id"], call["id"]);
    }
    assert_eq!(world.stats().calls_cancelled, 2);
    assert_eq!(world.stats().calls_open, 0);
    world.advance(1000);
    assert_eq!(world.stats().calls_timed_out, 0);
}
