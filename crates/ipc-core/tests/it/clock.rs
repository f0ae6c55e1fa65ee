//! A clock that jumps, as it does for a machine that slept.

use crate::{call, caller_and_provider, codes, reply, taken_by};

const YEAR_MS: u64 = 365 * 24 * 60 * 60 * 1000;

#[test]
fn after_a_year_every_deadline_is_kept_once() {
    let mut world = caller_and_provider(true);
    world.send(
        "caller",
        r#"{"object":"mango","method":"m","timeout_ms":50,"id":1}"#,
    );
    world.send("caller", r#"{"list":["pear"],"timeout_ms":60,"id":2}"#);
    world.jump(YEAR_MS);
    let told = world.values_sent_to("caller");
    assert_eq!(codes(&told), ["timeout", "none"]);
    assert_eq!(told[1]["missing"][0], "pear");
    world.jump(YEAR_MS);
    assert!(world.sent_to("caller").is_empty());
    assert_eq!(world.broker.poll_timeout(), None);
}

#[test]
fn an_idle_connection_survives_it() {
    let mut world = caller_and_provider(true);
    world.jump(YEAR_MS);
    assert_eq!(
        (world.closed("caller"), world.closed("provider")),
        (None, None)
    );
    call(&mut world, "caller", "mango", 1);
    let (_, id) = taken_by(&mut world, "provider");
    reply(&mut world, "provider", id, "1");
    assert_eq!(world.sent_to("caller"), [r#"{"response":1,"id":1}"#]);
}

#[test]
fn a_timeout_of_more_than_a_year_is_none() {
    let mut world = caller_and_provider(true);
    for (id, ms) in [(1, YEAR_MS * 2), (2, u64::MAX)] {
        let text = format!(r#"{{"object":"mango","method":"m","timeout_ms":{ms},"id":{id}}}"#);
        world.send("caller", &text);
    }
    world.jump(YEAR_MS);
    world.jump(YEAR_MS);
    world.jump(YEAR_MS);
    assert!(world.sent_to("caller").is_empty());
    assert_eq!(world.stats().calls_open, 2);
}

#[test]
fn a_clock_that_stands_still_hurts_nobody() {
    let mut world = caller_and_provider(true);
    world.send(
        "caller",
        r#"{"object":"mango","method":"m","timeout_ms":50,"id":1}"#,
    );
    for _ in 0..3 {
        world.jump(0);
    }
    assert!(world.sent_to("caller").is_empty());
}

#[test]
fn timeouts_that_were_not_needed_do_not_pile_up() {
    let mut world = caller_and_provider(true);
    for n in 0..2000 {
        world.send(
            "caller",
            &format!(r#"{{"object":"mango","method":"m","param":{n},"timeout_ms":1000,"id":{n}}}"#),
        );
        let (_, id) = taken_by(&mut world, "provider");
        reply(&mut world, "provider", id, "0");
    }
    assert_eq!(world.broker.poll_timeout(), None);
    world.jump(YEAR_MS);
    assert_eq!(world.sent_to("caller").len(), 2000);
}
